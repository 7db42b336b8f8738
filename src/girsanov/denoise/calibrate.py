"""A denoiser corrected by a calibration: equation (1) of calibration.py, in one call of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import require
from .._files import sha256_of
from .base import Denoiser, process_of
from .calibration import RAW
from .calibration import Calibration as Calibration
from .calibration import calibration_from_tensors as calibration_from_tensors

if TYPE_CHECKING:
    from .._typing import Tensor


class CalibratedDenoiser:
    """The prediction (1) of a denoiser m: what it is given, in one call of m.

    denoiser: m; calibration: the weights. Everything but the prediction and the fingerprint is
    the denoiser's own.
    """

    exact = False

    def __init__(self, denoiser: Denoiser, calibration: Calibration) -> None:
        d, own = calibration.moments.basis.dimension, int(np.prod(denoiser.shape))
        require(d == own, "calibration", f"must be of {own} dimensions, as the model is", d)
        scalar = process_of(denoiser) == "vp"
        require(scalar, "calibration", "is for models of x alone", process_of(denoiser))
        self.denoiser, self.calibration = denoiser, calibration
        self.shape, self.dtype, self.device = denoiser.shape, denoiser.dtype, denoiser.device
        self.classes, self.snr_range = denoiser.classes, denoiser.snr_range
        self.fingerprint = sha256_of("calibrated", denoiser.fingerprint, calibration.fingerprint)

    def __getattr__(self, name: str) -> Any:
        """Return what else the denoiser knows: its units, its labels, its training."""
        if name == "denoiser":  # not there yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.denoiser, name)

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m' [B, *shape] for x [B, *shape], snr (float or [B]) and label [B] or None."""
        m = self.denoiser(x, snr, label)
        levels = torch.as_tensor(snr, dtype=torch.float64).reshape(-1).cpu().numpy()
        weights = self.calibration.at(levels)
        if (weights == np.reshape(RAW, (3, 1))).all():
            return m
        a, w, c = torch.as_tensor(weights, dtype=m.dtype, device=m.device).unbind(dim=1)
        basis = self.calibration.moments.basis
        mean = torch.tensor(self.calibration.moments.mean).to(m)
        of_m, of_x = (basis.to_coordinates(v.reshape(len(m), -1) - mean) for v in (m, x.to(m)))
        return (mean + basis.from_coordinates(a * of_m + w * of_x + c)).reshape(m.shape)
