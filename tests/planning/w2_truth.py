"""What W2's upper end is held against: laws on which a denoiser is rarely wrong, and the truth.

The unit of length is the noise level at which the sampler stops. All laws are mixtures along one
direction of R^d, round in the others, so that E|x0 - m|^2 is an integral over a line and W2 of
the denoised law is one over quantiles. Neither shares code with the library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import norm

import girsanov as gv
from girsanov.moments import moments_from_covariance

POINTS, REACH = 6001, 11.0  # of the integral about each component; its standard deviations
LEVELS = np.geomspace(1e-3, 1.0, 5)


@dataclass(frozen=True)
class Line:
    """A mixture along a line.

    weights, means, deviations: of its components; dimension: with `spread` as the deviation in
    all other directions; off: where the network's threshold lies instead of 0; blind: the network
    knows the first component alone.
    """

    name: str
    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    dimension: int = 1
    off: float = 0.0
    blind: bool = False

    @property
    def axis(self) -> np.ndarray:
        """The direction [d]."""
        raw = np.cos(1.0 + np.arange(self.dimension))
        return raw / np.linalg.norm(raw)

    def law(self) -> gv.GaussianMixture:
        """The law, round about each mean."""
        means = np.outer(self.means, self.axis)
        return gv.GaussianMixture(self.weights, means, np.square(self.deviations))

    def denoiser(self) -> gv.ExactDenoiser:
        """What is audited."""
        if not self.off and not self.blind:
            return gv.ExactDenoiser(self.law())
        return Wrong(self)

    def guess(self, x: np.ndarray) -> np.ndarray:
        """What it says of x [n] on the line, at noise level 1."""
        known = slice(1) if self.blind else slice(None)
        w, m, v = np.array(self.weights), np.array(self.means), np.square(self.deviations)
        x = (x - self.off)[:, None]
        logs = (np.log(w) - np.log(v + 1) / 2 - (x - m) ** 2 / (v + 1) / 2)[:, known]
        own = (m + v / (v + 1) * (x - m))[:, known]
        return (np.exp(logs - logsumexp(logs, axis=1, keepdims=True)) * own).sum(axis=1)

    def error(self) -> float:
        """E|x0 - m(x_s)|^2 at noise level 1, by the trapezium rule about each component."""
        total, z = 0.0, np.linspace(-REACH, REACH, POINTS)
        for w, m, sd in zip(self.weights, self.means, self.deviations, strict=True):
            v = sd**2
            x = m + math.sqrt(v + 1) * z
            off = m + v / (v + 1) * (x - m) - self.guess(x)
            beside = (self.dimension - 1) * v / (v + 1)  # in the other directions: all alike
            p = norm.pdf(z)
            total += w * (v / (v + 1) + beside + np.trapezoid(off**2 * p, z))
        return float(total)

    def w2(self) -> float:
        """W2 of the law of m(x_s) from the data on the line: int |m(x) - Q(F(x))|^2 p(x) dx."""
        w, m, sd = (np.array(v) for v in (self.weights, self.means, self.deviations))
        wide = np.sqrt(sd**2 + 1)
        z = np.linspace(-REACH, REACH, POINTS)
        x = np.unique(np.concatenate([a + b * z for a, b in zip(m, wide, strict=True)]))
        p, share = norm.pdf(x[:, None], m, wide) @ w, norm.cdf(x[:, None], m, wide) @ w
        return math.sqrt(np.trapezoid((self.guess(x) - self._quantile(share)) ** 2 * p, x))

    def _quantile(self, share: np.ndarray) -> np.ndarray:
        """The data's quantiles, by looking them up; of points, by their order."""
        w, m, sd = (np.array(v) for v in (self.weights, self.means, self.deviations))
        if not sd.any():
            order = np.argsort(m)
            return m[order][np.minimum(np.searchsorted(np.cumsum(w[order]), share), len(m) - 1)]
        z = np.linspace(-REACH, REACH, POINTS)
        y = np.unique(np.concatenate([a + b * z for a, b in zip(m, sd, strict=True)]))
        return np.interp(share, norm.cdf(y[:, None], m, sd) @ w, y)


class Wrong(gv.ExactDenoiser):
    """A network in error, which an audit does not know."""

    exact = False

    def __init__(self, line: Line) -> None:
        law = line.law()
        super().__init__(law)
        self.moments = moments_from_covariance(law.mean, law.covariance())
        self.line, known = line, slice(1) if line.blind else slice(None)
        self.knows = gv.GaussianMixture(
            np.array(law.weights)[known] / np.array(law.weights)[known].sum(),
            np.array(law.means)[known], np.array(law.covariances)[known],
        )  # fmt: skip
        self.towards = torch.tensor(line.off * line.axis)

    def __call__(self, x, snr, label=None):
        """Return what the law that it knows says of x moved by `off` noise levels."""
        size = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1) ** -0.5
        return self.knows.denoise(x - size * self.towards, snr)


ATOM = (0.0, 0.0)
HALF = (0.5, 0.5)
LAWS = (
    Line("two atoms, 6 apart", HALF, (-3, 3), ATOM),
    Line("two atoms, 8 apart", HALF, (-4, 4), ATOM),
    Line("two atoms, 10 apart", HALF, (-5, 5), ATOM),
    Line("two atoms, 95 and 5 %, 7 apart", (0.95, 0.05), (0, 7), ATOM),
    Line("three atoms, 70, 25 and 5 %", (0.7, 0.25, 0.05), (0, 7, 16), (0, 0, 0)),
    Line("near atoms and a far one", (0.45, 0.45, 0.1), (-1, 1, 9), (0, 0, 0)),
    Line("rare mode, 1 %, 12 away", (0.99, 0.01), (0, 12), (1, 1)),
    Line("rare mode, .3 %, 12 away", (0.997, 0.003), (0, 12), (1, 1)),
    Line("wide component, 2 %", (0.98, 0.02), (0, 0), (0.3, 15)),
    Line("wide component, .5 %", (0.995, 0.005), (0, 0), (0.3, 30)),
    Line("heavy tails", (0.9, 0.08, 0.018, 0.002), (0, 0, 0, 0), (0.3, 1, 4, 20)),
    Line("threshold off by 1, 8 apart", HALF, (-4, 4), ATOM, off=1.0),
    Line("threshold off by .5, 8 apart", HALF, (-4, 4), ATOM, off=0.5),
    Line("threshold off by 1, 10 apart", HALF, (-5, 5), ATOM, off=1.0),
    Line("blind to a mode of 1 %, 9 away", (0.99, 0.01), (0, 9), (1, 1), blind=True),
    Line("two clusters of 16 numbers, 8 apart", HALF, (-4, 4), (0.2, 0.2), 16),
    Line("the same, threshold off by 1", HALF, (-4, 4), (0, 0), 16, off=1.0),
)
BLIND = (Line("blind to a mode of .3 %, 30 away", (0.997, 0.003), (0, 30), (1, 1), blind=True),)


def audited(line: Line, examples: int, seed: int, *, of_data: bool) -> gv.Audit:
    """Return an audit of few examples: drawn by the law, or a data set whose law is not known."""
    law = line.law()
    if of_data:
        data = gv.load_data(law.sample(examples, seed=10_000 + seed).numpy())
        return gv.audit(line.denoiser(), data, levels=LEVELS, seed=seed)
    return gv.audit(line.denoiser(), law, levels=LEVELS, examples=examples, seed=seed)
