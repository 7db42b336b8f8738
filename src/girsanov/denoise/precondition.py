r"""Preconditioning: what surrounds a network so that it starts as a good denoiser.

Linear, in an orthonormal basis with data variances v_j (c = U^T (x - mean), s the SNR):

    m_j = mean_j + skip_j c_j + out_j F_j(in c, log s),                                    (1)
    skip_j = s v_j / (1 + s v_j),   out_j = sqrt(v_j / (1 + s v_j)).                       (2)

With the principal variances (``wiener``), F = 0 is the Wiener filter, the best linear denoiser
at every level, and the network is shown its estimate in units of each coordinate's deviation,
in_j = skip_j / sqrt(v_j): a coordinate lost in noise fades out, and cannot be learnt by heart.
With one variance for all (``edm``), (2) and in = sqrt(s / (1 + s v)) are those of Karras et al.
(2022). The image network predicts v of x_t = alpha x, alpha^2 = s / (1 + s) (Salimans and Ho,
2022):

    m = alpha x_t - sigma v.                                                               (3)

Around a network with convolutions (``residual``) the Wiener filter of (2) is the first guess too,
and the network corrects it place by place, in units of the filter's own error:

    m = w + r(s) F([alpha x, w], log s),   w = U (mean + skip c),   r^2 = mean_j out_j^2,  (4)

where it is shown x as noisy as it is, and the filter's estimate beside it.

Of a model of x given y the moments are those of what y does not say of x. Where y is not told (a
row of NaN) x varies by what y explains as well, and v_j in (2) is the sum of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from .._checks import require_choice
from .._typing import Array, Tensor
from ..basis import coordinate_basis
from .parametrise import to_x0
from .unet import scheduler_log_snr

if TYPE_CHECKING:
    from ..moments import Moments

KNOWN = 256  # levels
Call = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # (input, level [B] or [1], label)


class Preconditioning(Protocol):
    """A network's surroundings; `kind` names them in the file, `dtype` is the network's."""

    kind: str

    def denoise(self, network: Call, x: Tensor, snr: Tensor, label: Tensor | None) -> Tensor:
        """Return m [B, *shape] for x [B, *shape], snr [B] or [1] float64, label [B] or None."""
        ...


class LevelCache:
    """What a network is surrounded by at levels met before: samplers meet the same ones again.

    On a GPU a dozen small kernels and copies for every call would else be made anew.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[object, ...], tuple[Tensor, ...]] = {}

    def __call__(
        self, snr: Tensor, x: Tensor, make: Callable[[Tensor, Tensor], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        """Return make(snr, x), which depends on the type, place and number of axes of x alone."""
        if len(snr) > 1 or snr.device.type != "cpu":
            return make(snr, x)
        key = (float(snr), x.dtype, x.device, x.ndim)
        if key not in self.kept:
            if len(self.kept) >= KNOWN:
                self.kept.clear()
            with torch.inference_mode(False):  # else it could not be differentiated through again
                self.kept[key] = make(snr.clone(), x)
        return self.kept[key]


class LinearPreconditioning:
    """Equations (1) and (2).

    kind: ``wiener`` (principal variances) or ``edm`` (their mean); log_range: levels outside
    it are told to the network as the nearest end; explained: by y, of each coordinate of the
    moments' basis [d], None of a model that is told no y.
    """

    def __init__(
        self, kind: str, moments: Moments, log_range: tuple[float, float], dtype: torch.dtype,
        explained: Array | None = None,
    ) -> None:  # fmt: skip
        self.kind = require_choice("preconditioning", kind, ("wiener", "edm"))
        self.log_range, self.dtype = log_range, dtype
        d = len(moments.mean)
        self.basis = moments.basis if kind == "wiener" else coordinate_basis(d)
        self.variances = torch.from_numpy(working_variances(moments, kind))
        self.mean = torch.from_numpy(moments.mean)
        self.levels_met = LevelCache()
        self.untold: LinearPreconditioning | None = None
        if explained is not None:
            wider = replace(moments, variances=moments.variances + explained)
            self.untold = LinearPreconditioning(kind, wider, log_range, dtype)

    def at(self, snr: Tensor, x: Tensor, y: Tensor | None) -> tuple[Tensor, ...]:
        """Return the mean, the factors of every row, and the level that the network is told."""
        parts = self.levels_met(snr, x, self._around)
        if self.untold is None:
            return parts
        others = self.untold.at(snr, x, None)
        if y is None:
            return others
        hidden = y.isnan().any(dim=1, keepdim=True).to(x.device)
        factors = zip(others[1:4], parts[1:4], strict=True)
        return (parts[0], *(torch.where(hidden, a, b) for a, b in factors), parts[4])

    def denoise(self, network: Call, x: Tensor, snr: Tensor, label: Tensor | None) -> Tensor:
        """Return equation (1)."""
        mean, skip, out, inward, level = self.at(snr, x, label)
        c = self.basis.to_coordinates(x.flatten(1) - mean)
        f = network((inward * c).to(self.dtype), level, label)
        m = mean + self.basis.from_coordinates(torch.addcmul(skip * c, out, f))
        return m.reshape(x.shape)

    def _around(self, snr: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """Return the mean, the factors and the level that the network is told."""
        # of many levels it is quicker there than on its way there
        parts = (self.mean, *self.factors(snr if len(snr) == 1 else snr.to(x.device)))
        level = snr.log().clamp(*self.log_range).to(x.device, self.dtype)
        return (*(f.to(x) for f in parts), level)

    def factors(self, snr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return skip, out and in, each float64 [B, d]."""
        s, v = snr.double().reshape(-1, 1), self.variances.to(snr.device)
        rest = 1 / (1 + s * v)
        inward = s * v.sqrt() * rest if self.kind == "wiener" else (s * rest).sqrt()
        return s * v * rest, (v * rest).sqrt(), inward


class ResidualPreconditioning(LinearPreconditioning):
    """Equation (4); `kind` is ``residual``, the other arguments are those of the base."""

    def __init__(
        self, moments: Moments, log_range: tuple[float, float], dtype: torch.dtype,
        explained: Array | None = None,
    ) -> None:  # fmt: skip
        super().__init__("wiener", moments, log_range, dtype, explained)
        self.kind = "residual"

    def denoise(self, network: Call, x: Tensor, snr: Tensor, label: Tensor | None) -> Tensor:
        """Return equation (4)."""
        mean, skip, out, _, level = self.at(snr, x, label)
        c = self.basis.to_coordinates(x.flatten(1) - mean)
        w = (mean + self.basis.from_coordinates(skip * c)).reshape(x.shape)
        s = snr.to(x.device).reshape(-1, *[1] * (x.ndim - 1))
        alpha = (s / (1 + s)).sqrt().to(x)
        f = network(torch.cat([alpha * x, w], 1).to(self.dtype), level, label)
        r = out.square().mean(1).sqrt().reshape(-1, *alpha.shape[1:])
        return torch.addcmul(w, r, f.to(x))


def working_variances(moments: Moments, kind: str) -> Array:
    """Return the variances [d] of equation (2).

    A direction in which n examples do not vary gets V / (d n): the next example may.
    """
    typical = moments.variance / len(moments.mean)
    if kind == "edm":
        return np.full(len(moments.mean), typical)
    floor = typical / moments.count if moments.count else 0.0
    return np.maximum(moments.variances, floor)


class VPreconditioning:
    """Equation (3), with timesteps interpolated in log s between the scheduler's levels."""

    kind = "v"

    def __init__(self, scheduler: Any, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.log_snrs = scheduler_log_snr(scheduler)[::-1].copy()  # increasing
        self.last = len(self.log_snrs) - 1
        self.levels_met = LevelCache()

    def denoise(self, network: Call, x: Tensor, snr: Tensor, label: Tensor | None) -> Tensor:
        """Return equation (3)."""
        alpha, sigma, level = self.levels_met(snr, x, self._around)
        x_t = alpha * x
        v = network(x_t.to(self.dtype), level.expand(len(x)), label).to(x.dtype)
        return to_x0("v", v, x_t, alpha, sigma)

    def _around(self, snr: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """Return alpha, sigma and the timestep that the network is told."""
        s = snr.double().reshape(-1, *[1] * (x.ndim - 1))
        timestep = torch.from_numpy(self.timestep(snr.double().cpu().numpy()))
        alpha, sigma = (s / (1 + s)).sqrt(), (1 / (1 + s)).sqrt()
        return alpha.to(x), sigma.to(x), timestep.to(x.device, self.dtype)

    def timestep(self, snr: Array) -> Array:
        """Return the fractional timestep of each SNR; the ends serve all beyond them."""
        where = np.interp(np.log(snr), self.log_snrs, np.arange(self.last + 1.0))
        return np.asarray(self.last - where)


def log_range(range_: tuple[float, float]) -> tuple[float, float]:
    """Return the logarithms of both ends of an SNR range."""
    return math.log(range_[0]), math.log(range_[1])
