r"""Path KLs of samplers on laws of `sweep_laws.py`, from entropies and Fisher informations alone.

On SNR levels the true kernel from s to s' is p'(x') N(x; x', walk)/p(x), walk = 1/s - 1/s', so

    KL = sum H(s) - H(s') - d/2 log(2 pi e walk) + d/2 log(2 pi c^2)
             + [d r walk + (1 - r)^2 (M + eps^2)]/(2 c^2),            r = s/s',               (1)

for a guess whose root mean square error is eps more and a kernel of variance c^2. The score at an
Ornstein-Uhlenbeck time u is the mean of that at t < u, times e^(u - t), and dH/dt = I - d (de
Bruijn). So with the score frozen, and 1 + c times what it should be,

    KL = int I - sum [2 (1 - e^-h) - h] I(u) + c^2 h I(u) + 2 c (h - 1 + e^-h) I(u),
         int I = H(T) - H(t_0) + d (T - t_0),                                               (2)

and with score + x frozen, whose mean square is FI = -dKL(q_t | N(0, I))/dt,

    KL = KL_t0 - KL_T - sum [2 (e^h - 1) - h] FI(u) + c^2 h FI(u) - 2 c (e^h - 1 - h) FI(u).   (3)

In critically damped Langevin a state tells of x0 along one direction of phase space: whitened by
a state's covariance given x0, the score's mean square there is that of a noised line. With
E = e^(A r), J_u = E S S^T and drift 4 score_v,

    KL = 2 sum int J_vv(t) + J_vv(u) - 2 (E^T J_u)_vv + c^2 J_vv(u)
             - 2 c [(E^T J_u)_vv - J_vv(u)] dt.                                             (4)
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm
from sweep_laws import Line, Noised, Plane, Product, Truth, legendre, twice

Law = Line | Product | Plane
DRIFT = np.array([[0.0, -1.0], [1.0, -2.0]])  # dX = -V dt, dV = (X - 2V) dt + 2 dB


def start_kl(law: Law, snr: float) -> Truth:
    """KL of the noised law from N(mean, 1/s)."""
    d = law.dimension

    def whole(which: int) -> tuple[float, float]:
        entropy = law.at(1 / snr, which).entropy
        other = (d * math.log(2 * math.pi / snr) + snr * law.variance + d) / 2
        return other - entropy, abs(entropy) + d * abs(math.log(snr)) + snr * law.variance

    return twice(whole)


def chain_kl(law: Law, levels: np.ndarray, sampler: str, eps2: np.ndarray | float = 0.0) -> Truth:
    """Equation (1), without the start."""
    d, s, r = law.dimension, levels[:-1], levels[:-1] / levels[1:]
    delta = np.diff(levels)
    walk = delta / s / levels[1:]

    def whole(which: int) -> tuple[float, float]:
        entropy, m, _ = np.array([law.at(1 / x, which) for x in levels]).T
        kept = {"ddpm": 0.0, "analytic-dpm": m[:-1] / d, "ddpm-halfway": 1 / (2 * s)}[sampler]
        grown = delta * kept
        more = (r * d + (1 - r) ** 2 * (m[:-1] + eps2) / walk) / (r * (1 + grown))
        cells = -np.diff(entropy) + d / 2 * (np.log(r * (1 + grown)) - 1) + more / 2
        sizes = np.abs(entropy).sum() * 2 + np.abs(more).sum() + d * np.abs(np.log(r)).sum()
        return float(cells.sum()), float(sizes)

    return twice(whole)


def told(law: Law, snr: float) -> Truth:
    """I(X; X + z/sqrt(s)) in nats."""
    d = law.dimension

    def whole(which: int) -> tuple[float, float]:
        entropy = law.at(1 / snr, which).entropy
        noise = d / 2 * (math.log(2 * math.pi / snr) + 1)
        return entropy - noise, abs(entropy) + abs(noise)

    return twice(whole)


def ou(law: Law, time: float, which: int = 0) -> Noised:
    """Entropy and Fisher information of the law after an Ornstein-Uhlenbeck time."""
    found = law.at(math.expm1(2 * time), which)
    return Noised(found.entropy - law.dimension * time, 0.0, found.fisher * math.exp(2 * time))


def gamma_kl(law: Law, time: float) -> Truth:
    """KL(q_t | N(0, I))."""

    def whole(which: int) -> tuple[float, float]:
        entropy = ou(law, time, which).entropy
        other = (law.dimension * math.log(2 * math.pi) + moment_at(law, time)) / 2
        return other - entropy, abs(entropy) + abs(other)

    return twice(whole)


def moment_at(law: Law, time: float) -> float:
    """E|X_t|^2."""
    return math.exp(-2 * time) * law.second_moment - math.expm1(-2 * time) * law.dimension


def relative_fisher(law: Law, time: float) -> Truth:
    """E|score + x|^2 = I - 2d + E|X_t|^2."""
    size = moment_at(law, time)
    return twice(lambda which: (
        ou(law, time, which).fisher - 2 * law.dimension + size,
        ou(law, time, which).fisher + size))  # fmt: skip


def frozen_kl(law: Law, times: np.ndarray, *, relative: bool, wrong: float = 0.0) -> Truth:
    """Equation (2) or (3); wrong: c."""
    d, h = law.dimension, np.diff(times)
    back, ahead = -np.expm1(-h), np.expm1(h)
    second = np.array([moment_at(law, t) for t in times])

    def whole(which: int) -> tuple[float, float]:
        entropy, _, fisher = np.array([ou(law, t, which) for t in times]).T
        i = fisher[1:]
        if relative:
            spent = (second[0] - second[-1]) / 2 + entropy[-1] - entropy[0]
            i = i - 2 * d + second[1:]
            kept = 2 * ahead - h - wrong**2 * h + 2 * wrong * (ahead - h)
        else:
            spent = entropy[-1] - entropy[0] + d * (times[-1] - times[0])
            kept = 2 * back - h - wrong**2 * h - 2 * wrong * (h - back)
        size = np.abs(entropy).sum() + (2 * h * (1 + wrong**2)) @ (fisher[1:] + second[1:])
        return float(spent - kept @ i), float(size + abs(second[0]) + d * times[-1])

    return twice(whole)


@dataclass(frozen=True)
class Phase:
    """Second moments of the score of critically damped Langevin on a line or product."""

    law: Law

    def given(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return how x0 moves a state, the root of its covariance, and the whitened direction."""
        # by van Loan: the covariance of a state given (x0, v0), then v0 is standard normal
        big = np.zeros((4, 4))
        big[:2, :2], big[:2, 2:], big[2:, 2:] = -DRIFT, [[0, 0], [0, 4]], DRIFT.T
        power = expm(big * time)
        moved = power[2:, 2:].T
        cov = moved @ power[:2, 2:] + np.outer(moved[:, 1], moved[:, 1])
        root = np.linalg.cholesky((cov + cov.T) / 2)
        a = np.linalg.solve(root, moved[:, 0])
        reach = float(np.linalg.norm(a))
        return moved[:, 0], root, a / reach, reach

    def start_kl(self, time: float) -> Truth:
        """KL of a state from N(0, I)."""
        d = self.law.dimension
        moved, root, _, reach = self.given(time)
        size = self.law.second_moment * float(moved @ moved) + d * float((root**2).sum())

        def whole(which: int) -> tuple[float, float]:
            entropy = self.law.at(1 / reach**2, which).entropy + d * math.log(reach)
            own = math.log(2 * math.pi)
            entropy += d * float(np.log(np.diag(root)).sum()) + d / 2 * (own + 1)
            other = d * own + size / 2
            return other - entropy, abs(entropy) + other

        return twice(whole)

    def moments(self, time: float, which: int) -> np.ndarray:
        """J = E S S^T [2, 2]; what knows x0 is one whitened direction."""
        _, root, along, reach = self.given(time)
        across = np.array([-along[1], along[0]])
        d = self.law.dimension
        # the noised line reach (x0 + z/reach): its Fisher information is that over reach^2
        known = self.law.at(1 / reach**2, which).fisher / reach**2
        inner = known * np.outer(along, along) + d * np.outer(across, across)
        pulled = np.linalg.inv(root)
        return pulled.T @ inner @ pulled

    def path_kl(self, steps: int, time: float, wrong: float = 0.0) -> Truth:
        """Equation (4) for equal steps of an exact start."""
        h = time / steps

        def whole(which: int) -> tuple[float, float]:
            at, weight = legendre((10, 7)[which])
            spent = size = 0.0
            for j in range(steps):
                u = (j + 1) * h
                frozen = self.moments(u, which)
                # near the data the score changes within a step: panels that shrink towards it
                cuts = np.geomspace(1e-7, 1, 24) if j == 0 else np.linspace(0, 1, 3)
                ends = j * h + h * np.concatenate([[0.0], cuts] if j == 0 else [cuts])
                for low, high in itertools.pairwise(ends):
                    t = low + (high - low) * (1 + at) / 2
                    dt = weight * (high - low) / 2
                    for x, dx in zip(t, dt, strict=True):
                        own = self.moments(max(x, 1e-9 * h), which)[1, 1]
                        cross = (expm(DRIFT * (u - x)).T @ frozen)[1, 1]
                        off = wrong**2 * frozen[1, 1] - 2 * wrong * (cross - frozen[1, 1])
                        spent += 2 * dx * (own + frozen[1, 1] - 2 * cross + off)
                        size += 2 * dx * (own + frozen[1, 1])
            return spent, size

        return twice(whole)
