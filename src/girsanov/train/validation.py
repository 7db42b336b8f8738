r"""The held-out ledger of a denoiser, on the same noise every time it is measured.

On increasing levels l_1..l_K of log s with trapezium weights t_k,

    L_i = 1/2 sum_k t_k s_k |x_i - m(x_i + z_ik / sqrt(s_k), s_k)|^2,                     (1)

in nats, an estimate of 1/2 int M ds for each example i; its mean and standard error are over
examples. The noise z_ik is fixed by the seed, so that two measurements differ by the model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..denoise.base import Denoiser, per_call, with_phase_noise
from ..montecarlo import Estimate, mean_estimate, trapezium
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .._typing import Array, Tensor

CALL = 512  # examples in one network call, at most


def squared_errors(
    denoiser: Denoiser, x0: Tensor, label: Tensor | None, log_snrs: Array, *,
    seed: int, basis: Any = None,
) -> Array:  # fmt: skip
    """Return squared errors of `x0` [n, *shape]: [n, K], or [n, K, d] in a `basis`."""
    source = NoiseSource(seed, "validation")
    size = per_call(denoiser, CALL)
    levels = [
        torch.cat([
            _errors(denoiser, x0, label, slice(a, a + size), (source, k, level), basis)
            for a in range(0, len(x0), size)
        ])
        for k, level in enumerate(log_snrs)
    ]  # fmt: skip
    return np.asarray(torch.stack(levels, dim=1).numpy())


def _errors(
    denoiser: Denoiser, x0: Tensor, label: Tensor | None, rows: slice,
    noise: tuple[NoiseSource, int, float], basis: Any,
) -> Tensor:  # fmt: skip
    source, k, level = noise
    x = x0[rows]
    z = source.normal(k, rows.start, len(x), x[0].numel()).reshape(x.shape)
    noisy = (x + math.exp(-level / 2) * z).to(denoiser.device, denoiser.dtype)
    beside = NoiseSource(source.seed, "validation complement")
    noisy = with_phase_noise(denoiser, noisy, beside, k, rows.start)
    labels = None if label is None else label[rows].to(denoiser.device)
    r = (denoiser(noisy, math.exp(level), labels).cpu() - x).flatten(1).double()
    return r.square().sum(dim=1) if basis is None else basis.to_coordinates(r).square()


def score_error_nats(errors: Array, log_snrs: Array) -> Estimate:
    """Return equation (1) in nats from errors [n, K]."""
    return mean_estimate(errors @ (trapezium(log_snrs) * np.exp(log_snrs)) / 2)
