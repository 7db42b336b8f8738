r"""How rough a denoiser is in the noise level: jitter, where the best one hardly changes.

Of one noisy example x the answer m(x, e^u) is taken at five levels u = log sigma, `h` apart. Its
second differences at twice the spacing, less four times those at the spacing, are

    D = m_-2 - 4 m_-1 + 6 m_0 - 4 m_1 + m_2:                                              (1)

nothing is left of what is smooth (it is h^4 m'''' to first order, and second differences alone
are h^2 m''), and of jitter that is another at every level 70 times its variance, the sum of the
squared weights. Of a sine of frequency w it is, over phases, 256 sin(w h / 2)^8 times the
variance, whose mean is 70 over h that differ from example to example by whole periods, or many.
So

    jitter = E|D|^2 / (70 d sigma^2)                                                      (2)

is the variance of the jitter in units of sigma^2 per coordinate, for whatever turns faster than
about h. Samplers of second order compare answers at nearby levels and take jitter for a slope:
their error stops falling where their steps become as short as the jitter is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import require, require_number
from ..denoise.base import Denoiser, per_call, with_phase_noise
from ..montecarlo import Estimate, mean_estimate
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .._typing import Array, Tensor

FOURTH = (1.0, -4.0, 6.0, -4.0, 1.0)  # of equation (1)
CALL = 512  # examples in one network call, at most


def roughness(
    denoiser: Denoiser, x0: Tensor, snrs: Array, *,
    label: Tensor | None = None, spacing: float = 0.05, seed: int = 0,
) -> Estimate:  # fmt: skip
    """Return equation (2) at each of `snrs` [K], with a standard error over examples.

    x0: examples [n, *shape], each noised once a level; label: theirs, for a model with classes;
    spacing: the mean h in log sigma, which should be comparable with the period of the fastest
    jitter that is looked for; seed: of the noise. Every example has a spacing of its own, between
    half and three halves of this one, and a middle level of its own within one of the level's.
    """
    require(len(x0) > 1, "x0", "must hold at least 2 examples", len(x0))
    require_number("spacing", spacing, above=0.0)
    levels = -np.log(np.asarray(snrs, dtype=np.float64)).reshape(-1) / 2
    size = per_call(denoiser, CALL)
    source = NoiseSource(seed, "roughness")
    rows = [slice(a, a + size) for a in range(0, len(x0), size)]
    jitter = [
        [_jitter(denoiser, x0, label, part, (source, k, u, spacing)) for part in rows]
        for k, u in enumerate(levels)
    ]
    return mean_estimate(np.stack([np.concatenate(level) for level in jitter], axis=1))


def _jitter(
    denoiser: Denoiser, x0: Tensor, label: Tensor | None, rows: slice,
    where: tuple[NoiseSource, int, float, float],
) -> Array:  # fmt: skip
    """Return |D|^2 / (70 d sigma^2) of these examples at level number k, [n]."""
    source, k, u, spacing = where
    x = x0[rows].double()
    widths, shifts = (
        NoiseSource(source.seed, f"roughness {use}").uniform(k, rows.start, len(x))
        for use in ("spacing", "middle")
    )
    h, middle = spacing * (0.5 + widths), u + spacing * (2 * shifts - 1)
    z = source.normal(k, rows.start, len(x), x[0].numel()).reshape(x.shape).double()
    sigma = torch.from_numpy(np.exp(middle)).reshape(-1, *[1] * (x.ndim - 1))
    noisy = (x + sigma * z).to(denoiser.device, denoiser.dtype)
    beside = NoiseSource(source.seed, "roughness complement")
    noisy = with_phase_noise(denoiser, noisy, beside, k, rows.start)
    labels = None if label is None else label[rows].to(denoiser.device)
    d = torch.zeros_like(x)
    for j, weight in enumerate(FOURTH):
        snr = torch.from_numpy(np.exp(-2 * (middle + (j - 2) * h)))
        d += weight * denoiser(noisy, snr, labels).cpu().double()
    total = 70 * math.prod(x.shape[1:]) * np.exp(2 * u)
    return np.asarray(d.flatten(1).square().sum(dim=1).numpy() / total)
