r"""A mixture on a line, by quadrature: equation (4) of `mixture.py` averaged, and the information.

With J the component that x_0 is of, p_j = w_j N(x; mu_j, l_j + v) and r_j = p_j / sum p_i,

    E tr Cov = sum_j w_j t_j + int sum_j p_j (m_j(x) - m(x))^2 dx,                        (1)
    I(x_0; x) = sum_j w_j/2 log(1 + s l_j) + int sum_j p_j log(r_j / w_j) dx,             (2)

the last being I(J; x), an integral of what is nowhere negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .quadrature import LEAST_NATS, integrals

if TYPE_CHECKING:
    from .._typing import Array

REACH = np.array([0.0, 1.5, 3.0, 6.0, 10.0, 15.0])  # beyond 15 is less than exp(-112)
VANISHES_AT = 39.0  # exp(-39^2 / 2) is zero in float64
PAIRS = 2**14  # places x components that are looked at together


class Line(NamedTuple):
    """The components of a 1-D mixture, each [k]; weights are positive."""

    weights: Array
    means: Array
    variances: Array

    @property
    def variance(self) -> float:
        """The variance of the mixture."""
        away = self.means - self.weights @ self.means
        return float(self.weights @ (self.variances + away**2))

    def known(self, levels: Array) -> tuple[Array, Array]:
        """Return (1) and (2) at `levels`, [K] each."""
        gain = levels[:, None] * self.variances
        own = (self.variances / (1 + gain)) @ self.weights
        inner = np.log1p(gain) @ self.weights / 2
        noise = 1 / levels
        values = integrals(
            lambda x, of: self._density(x, noise[of]),
            [self._edges(float(v)) for v in noise],
            np.stack([own, inner + LEAST_NATS]),
        )
        return own + values[0], inner + np.maximum(values[1], 0.0)

    def _edges(self, noise: float) -> Array:
        scale = np.sqrt(self.variances + noise)
        order = np.sort(self.means)
        near = self.means + np.concatenate([-REACH, REACH])[:, None] * scale
        # Halfway between neighbours the posterior changes sides, however far both are.
        edges = np.concatenate([near.ravel(), (order[1:] + order[:-1]) / 2])
        cell = scale.min() / 2
        return np.asarray(np.unique(np.round(edges / cell)) * cell)

    def _density(self, x: Array, noise: Array) -> Array:
        size = max(512, PAIRS // len(self.means))
        rows = [slice(a, a + size) for a in range(0, len(x), size)]
        return np.concatenate([self._near(x[part], noise[part]) for part in rows], axis=1)

    def _near(self, x: Array, noise: Array) -> Array:
        reach = VANISHES_AT * np.sqrt(self.variances + noise.max())
        seen: NDArray[np.bool_] = (self.means + reach >= x.min()) & (self.means - reach <= x.max())
        w, mu, own = self.weights[seen], self.means[seen], self.variances[seen]
        away, wide = x[:, None] - mu, own + noise[:, None]
        log = -(away**2) / (2 * wide) - np.log(2 * np.pi * wide) / 2
        p = w * np.exp(log)  # [n, k]
        mass = p.sum(axis=1, keepdims=True)
        guess = mu + own / wide * away
        # From the likeliest guess, so that a posterior on one component is exactly a zero.
        guess -= np.take_along_axis(guess, p.argmax(axis=1, keepdims=True), axis=1)
        mean = (p * guess).sum(axis=1, keepdims=True) / np.where(mass > 0, mass, 1.0)
        whole = mass[:, 0]
        entropy = (p * log).sum(axis=1) - whole * np.log(np.where(whole > 0, whole, 1.0))
        return np.stack([(p * (guess - mean) ** 2).sum(axis=1), entropy])
