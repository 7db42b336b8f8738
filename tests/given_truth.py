r"""Laws of pairs (x, y) whose x | y is known: exact denoisers, and truths by other ways.

    y ~ N(0, I_p),    x | y ~ sum_k w_k(y) N(A y + m_k, C_k),   w = softmax(B y + b),        (1)

a linear Gaussian pair for one k. With noise, x_s | y is (1) with C_k + I/s, so the denoiser and
all densities are in closed form. `off` draws from another law on purpose: x | y about its mean
with c times its deviations. Two moons (Greenberg, Nonnenmacher and Macke, 2019) have a posterior
that is drawn from exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

import girsanov as gv

TIMES = (1e-3, 100.0)  # noise levels that the exact networks are asked at


@dataclass(frozen=True)
class Pairs:
    """Equation (1). lines: A [d, p]; means: m [K, d]; covariances: C [K, d, d]; odds: B [K, p];
    bias: b [K]; off: c."""

    lines: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    odds: np.ndarray
    bias: np.ndarray
    off: float = 1.0

    @classmethod
    def drawn(cls, d: int, p: int, kinds: int, seed: int) -> Pairs:
        """A random law, skewed and off-centre."""
        rng = np.random.default_rng(seed)
        roots = rng.normal(size=(kinds, d, d)) / np.sqrt(d)
        covariances = 0.15 * roots @ roots.transpose(0, 2, 1) + 0.05 * np.eye(d)
        return cls(
            rng.normal(size=(d, p)) / np.sqrt(p), 0.9 * rng.normal(size=(kinds, d)) + 0.7,
            covariances, rng.normal(size=(kinds, p)), rng.normal(size=kinds) / 2,
        )  # fmt: skip

    @property
    def dimension(self) -> int:
        return self.lines.shape[0]

    def wrong(self, off: float) -> Pairs:
        return replace(self, off=off)

    def weights(self, y: np.ndarray) -> np.ndarray:
        z = y @ self.odds.T + self.bias
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)

    def sample(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw x [n, d] and y [n, p]."""
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(n, self.lines.shape[1]))
        edges = self.weights(y).cumsum(axis=1)
        kind = (rng.random(n)[:, None] > edges[:, :-1]).sum(axis=1)
        roots = np.linalg.cholesky(self.covariances)
        z = rng.normal(size=(n, self.dimension))
        return y @ self.lines.T + self.means[kind] + np.einsum("nij,nj->ni", roots[kind], z), y

    def moments(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means [n, K, d] and covariances [K, d, d] of the components, off or not."""
        w = self.weights(y)
        means = (y @ self.lines.T)[:, None] + self.means
        centre = np.einsum("nk,nkd->nd", w, means)[:, None]
        return centre + self.off * (means - centre), self.off**2 * self.covariances

    def log_parts(self, x: np.ndarray, y: np.ndarray, snr: float) -> np.ndarray:
        """log w_k(y) N(x; mean_k, C_k + I/s), [n, K]; snr inf: without noise."""
        means, covariances = self.moments(y)
        noisy = covariances + np.eye(self.dimension) / snr
        off = x[:, None] - means
        solved = np.einsum("kij,nkj->nki", np.linalg.inv(noisy), off)
        size = np.linalg.slogdet(noisy)[1] + self.dimension * np.log(2 * np.pi)
        square = (off * solved).sum(axis=2)
        return np.log(self.weights(y)) - (square + size) / 2

    def log_density(self, x: np.ndarray, y: np.ndarray, snr: float = np.inf) -> np.ndarray:
        return np.logaddexp.reduce(self.log_parts(x, y, snr), axis=1)

    def denoised(self, x: np.ndarray, y: np.ndarray, snr: float) -> np.ndarray:
        """E[x0 | x_s = x, y]."""
        means, covariances = self.moments(y)
        gain = covariances @ np.linalg.inv(covariances + np.eye(self.dimension) / snr)
        guesses = means + np.einsum("kij,nkj->nki", gain, x[:, None] - means)
        log = self.log_parts(x, y, snr)
        w = np.exp(log - np.logaddexp.reduce(log, axis=1)[:, None])
        return np.einsum("nk,nkd->nd", w, guesses)

    def network(self, x_t: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The exact denoiser as a network that is called as network(x_t, t, y)."""
        x, told = x_t.double().numpy(), y.double().numpy()
        out = np.empty_like(x)
        levels, at = np.unique(t.double().numpy(), return_inverse=True)
        for k, sigma in enumerate(levels.tolist()):  # audits ask between levels too
            rows = at == k
            out[rows] = self.denoised(x[rows], told[rows], sigma**-2)
        return torch.from_numpy(out)

    def model(self, train: gv.Dataset, times: tuple[float, float] = TIMES) -> gv.WrappedDenoiser:
        """The exact denoiser in the rows' own units, whose start is learnt of `train`."""
        kept = [self.lines, self.means, self.covariances, self.odds, self.bias, np.array(self.off)]
        weights = {str(k): torch.from_numpy(np.atleast_1d(v)) for k, v in enumerate(kept)}
        return gv.wrap(
            self.network, (self.dimension,), times=times, train=train, units=(0.0, 1.0),
            given=self.lines.shape[1], weights=weights,
        )  # fmt: skip

    def data(self, n: int, seed: int) -> gv.Dataset:
        x, y = self.sample(n, seed)
        return gv.load_data(x, given=y)

    def information(self, snr: float, n: int, seed: int) -> tuple[float, float]:
        """1/2 int_0^s M ds = E log p(x_s | x, y) - log p(x_s | y), with its standard error."""
        rng = np.random.default_rng(seed + 1)
        x, y = self.sample(n, seed)
        z = rng.normal(size=x.shape)
        own = -(z**2).sum(axis=1) / 2 + self.dimension * np.log(snr / (2 * np.pi)) / 2
        nats = own - self.log_density(x + z / np.sqrt(snr), y, snr)
        return float(nats.mean()), float(nats.std() / np.sqrt(n))

    def mse(self, snr: float, n: int, seed: int) -> tuple[float, float]:
        """M(s) = E |x0 - m(x_s, s, y)|^2 with its standard error."""
        rng = np.random.default_rng(seed + 2)
        x, y = self.sample(n, seed)
        seen = x + rng.normal(size=x.shape) / np.sqrt(snr)
        square = ((x - self.denoised(seen, y, snr)) ** 2).sum(axis=1)
        return float(square.mean()), float(square.std() / np.sqrt(n))


def two_moons(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw parameters theta [n, 2], uniform on [-1, 1]^2, and what is seen of them [n, 2]."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform(-1, 1, size=(n, 2))
    seen = crescent(rng, n) + _folded(theta)
    return theta, seen


def crescent(rng: np.random.Generator, n: int) -> np.ndarray:
    angle, radius = rng.uniform(-np.pi / 2, np.pi / 2, n), rng.normal(0.1, 0.01, n)
    return np.stack([radius * np.cos(angle) + 0.25, radius * np.sin(angle)], axis=1)


def _folded(theta: np.ndarray) -> np.ndarray:
    total, apart = theta.sum(axis=1), theta[:, 1] - theta[:, 0]
    return np.stack([-np.abs(total), apart], axis=1) / np.sqrt(2)


def two_moons_posterior(seen: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw theta [n, 2] given what was seen [2]: solve for it, and keep what the prior allows."""
    rng, kept = np.random.default_rng(seed), np.empty((0, 2))
    while len(kept) < n:
        size, apart = ((seen - crescent(rng, 4 * n)) * np.sqrt(2)).T
        total = -size * rng.choice([-1.0, 1.0], 4 * n)
        theta = np.stack([total - apart, total + apart], axis=1) / 2
        good = (size <= 0) & (np.abs(theta) <= 1).all(axis=1)
        kept = np.concatenate([kept, theta[good]])
    return kept[:n]
