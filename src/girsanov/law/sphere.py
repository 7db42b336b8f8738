r"""The uniform law on a sphere: the circle in two dimensions, any number of them above.

X_0 = c + R w, w uniform on the unit sphere of R^d. At noise variance v = 1/s, x = c + r u with
|u| = 1, the posterior of w is von Mises' and Fisher's, proportional to exp(k u.w), k = R r / v:

    m(x, s) = c + R A u,    A = I_{d/2}(k) / I_{d/2-1}(k),                                (1)
    tr Cov(X_0 | x) = R^2 (1 - A^2),                                                      (2)
    log p_s(x) = -d/2 log(2 pi v) - (r - R)^2 / 2v + L - k                (bessel.py),    (3)
    M(s) = R^2 E (1 - A^2),                                                               (4)
    I(X_0; x) = E (k A - L),                                                              (5)

the last two integrals over the radius r alone, whose density is |S^{d-1}| r^{d-1} p_s; by symmetry
all coordinates share M alike.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import require, require_number
from .._files import sha256_of
from ..noise import NoiseSource
from .base import LAW_FORMAT, SIZE_LIMIT, Law, as_array
from .bessel import Tilt, tilt
from .known import KnownErrors
from .quadrature import LEAST_NATS, integrals

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor

SHARPEST = 1e100  # s R^2, beyond which squares overflow
REACH = 12.0  # noise levels from its middle that the radius is followed to


class Sphere(Law):
    """The uniform law on the sphere of `radius` R > 0 about `centre` c [d], (1) to (4).

    d >= 2; it has no density without noise. Raises InputError for a radius that is not positive.
    """

    def __init__(self, centre: Any, radius: float = 1.0) -> None:
        self.mean = as_array("centre", centre)
        require(self.mean.ndim == 1, "centre", "must have shape [d]", self.mean.shape)
        remedy = "In one dimension use Points"
        require(len(self.mean) > 1, "centre", "must have two numbers or more", 1, remedy)
        self.radius = require_number("radius", radius, above=0.0)
        require(self.radius <= SIZE_LIMIT, "radius", f"must be at most {SIZE_LIMIT:g}", radius)
        self.dimension = len(self.mean)
        self.variance = self.radius**2
        self.has_density = False
        self.fingerprint = sha256_of("law sphere", self.mean, np.array([self.radius]))

    def to_json(self) -> Json:
        """Return the law as the content of a law.json file."""
        fields = {"centre": self.mean.tolist(), "radius": self.radius}
        return {"format": LAW_FORMAT, "law": "sphere", **fields}

    def _sample(self, count: int, seed: int, first: int) -> Tensor:
        z = NoiseSource(seed, "law").normal(1, first, count, self.dimension).double()
        w: Tensor = z / z.norm(dim=1, keepdim=True)
        return w * self.radius + z.new_tensor(self.mean)

    def _covariance(self) -> Array:
        return np.eye(self.dimension) * self.variance / self.dimension

    def _log_prob(self, x: Tensor, noise: float) -> Tensor:
        away = x - x.new_tensor(self.mean)
        r2 = away.square().sum(dim=1)
        return self._log_density(r2, self._tilt(r2, noise), noise)

    def _log_density(self, r2: Tensor, tilted: Tilt, noise: float | Tensor) -> Tensor:
        r = r2.clamp_min(1e-300).sqrt()
        scale = self.dimension / 2 * torch.as_tensor(2 * math.pi * noise, dtype=r.dtype).log()
        return tilted.log - (r - self.radius).square() / (2 * noise) - scale

    def _posterior(self, x: Tensor, noise: float, spread: bool) -> tuple[Tensor, Tensor]:
        centre = x.new_tensor(self.mean)
        away = x - centre
        tilted = self._tilt(away.square().sum(dim=1), noise)
        mean = centre + self.variance / noise * tilted.gain[:, None] * away
        return mean, self._spread(tilted)

    def _spread(self, tilted: Tilt) -> Tensor:
        return self.variance * tilted.lost * (2 - tilted.lost)

    def _tilt(self, r2: Tensor, noise: float) -> Tilt:
        sharp = self.variance / noise
        require(sharp <= SHARPEST, *self._too_sharp(1 / noise))
        return tilt(sharp / noise * r2, self.dimension)

    def _too_sharp(self, snr: float) -> tuple[str, str, float]:
        return "snr", f"must be at most {SHARPEST:g} / radius^2", snr

    def _known(self, levels: Array) -> KnownErrors:
        d, noise = self.dimension, 1 / levels
        require(bool(levels[-1] * self.variance <= SHARPEST), *self._too_sharp(levels[-1]))
        surface = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)

        def rule(r: Array, of: NDArray[np.int64]) -> Array:
            at, v = (torch.from_numpy(np.asarray(x)).double() for x in (r, noise[of]))
            k2 = self.variance / v.square() * at.square()
            tilted = tilt(k2, d)
            log = self._log_density(at**2, tilted, v) + surface + (d - 1) * at.log()
            information = -k2.sqrt() * tilted.lost - tilted.log  # k A - L
            return np.asarray(
                (log.exp() * torch.stack([self._spread(tilted), information])).numpy()
            )

        baseline = np.stack([np.zeros(len(levels)), np.full(len(levels), LEAST_NATS)])
        values = integrals(rule, [self._edges(float(v)) for v in noise], baseline)
        own = np.full(d, self.variance / d)
        return KnownErrors(None, own, np.repeat(values[0][:, None] / d, d, axis=1), values[1])

    def _edges(self, noise: float) -> Array:
        middle = math.hypot(self.radius, math.sqrt((self.dimension - 1) * noise))
        edges = middle + math.sqrt(noise) * np.linspace(-REACH, REACH, 25)
        return np.unique(edges.clip(min=0.0))
