r"""The curve of a mixture on a line, by quadrature: equation (4) of `mixture.py` averaged,

E tr Cov = sum_j w_j t_j + int sum_j w_j N(x; mu_j, l_j + v) (m_j(x) - m(x))^2 dx.    (1)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._typing import Array
from .base import integrate


class Line(NamedTuple):
    """The components of a 1-D mixture, each [k], for the integral of equation (1)."""

    weights: Array
    means: Array
    variances: Array

    def between(self, noise: float, own: float) -> float:
        """Return the integral; `own` is the sum before it, which sets the precision asked."""
        scale = np.sqrt(self.variances + noise)
        order = np.sort(self.means)
        reach = np.array([0.0, 1.5, 3.0, 6.0, 10.0, 15.0])  # beyond 15 is less than exp(-112)
        near = self.means + np.concatenate([-reach, reach])[:, None] * scale
        # Halfway between neighbours the posterior changes sides, however far both are.
        edges = np.concatenate([near.ravel(), (order[1:] + order[:-1]) / 2])
        cell = scale.min() / 2
        return integrate(
            lambda x: self._density(x, noise), np.unique(np.round(edges / cell)) * cell, own
        )

    def _density(self, x: Array, noise: float) -> Array:
        return np.concatenate(
            [self._near(part, noise) for part in np.split(x, range(512, len(x), 512))]
        )

    def _near(self, x: Array, noise: float) -> Array:
        wide = self.variances + noise
        reach = 39 * np.sqrt(wide)  # exp(-39^2 / 2) is zero in float64
        seen = (self.means + reach >= x.min()) & (self.means - reach <= x.max())
        w, mu, wide = self.weights[seen], self.means[seen], wide[seen]
        away = x[:, None] - mu
        p = w / np.sqrt(2 * np.pi * wide) * np.exp(-(away**2) / (2 * wide))  # [n, k]
        guess = mu + self.variances[seen] / wide * away
        # From the likeliest guess, so that a posterior on one component is exactly a zero.
        guess -= np.take_along_axis(guess, p.argmax(axis=1, keepdims=True), axis=1)
        mass = p.sum(axis=1)
        mean = (p * guess).sum(axis=1) / np.where(mass > 0, mass, 1.0)
        return np.asarray((p * (guess - mean[:, None]) ** 2).sum(axis=1))
