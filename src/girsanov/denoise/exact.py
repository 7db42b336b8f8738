"""The exact denoiser of a law: what no network can beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .._checks import require
from ..data.standardise import unchanged

if TYPE_CHECKING:
    from .._typing import Tensor
    from ..law.base import Law


class ExactDenoiser:
    r"""The posterior mean m(x, s) = E[X0 | X0 + z/sqrt(s) = x] of a known `law`."""

    exact = True
    classes = 0

    def __init__(self, law: Law, dtype: torch.dtype = torch.float64) -> None:
        self.law = law
        d = law.dimension
        self.shape: tuple[int, ...] = (d,)
        # a law speaks in its own units, so nothing is shifted or scaled
        self.standardisation = unchanged(d)
        self.dtype = dtype
        self.device = torch.device("cpu")
        self.fingerprint = law.fingerprint
        scale = law.variance / law.dimension or 1.0  # per coordinate; a point mass has no scale
        self.snr_range = (1e-3 / scale, 1e4 / scale)

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m(x, snr) [B, d]; a law has no labels."""
        require(label is None, "label", "must be None: an exact denoiser has no classes", label)
        return self.law.denoise(x, snr)
