r"""Samples given a linear measurement, beside DPS, PGDM and MMPS, on mixtures of known posterior.

    nice -n 10 .venv/bin/python benchmarks/inverse.py                  8 laws, some minutes
    .venv/bin/python benchmarks/inverse.py --laws 2 --calls 16         fewer

Laws are mixtures of Gaussians, off-centre, in 2 to 8 dimensions, with their exact denoisers; of
each a mask, a blur, block means and a dense matrix measure q numbers of a draw, with noise tau.
The posterior is a mixture too. Printed is the sliced W2 (128 directions) of 2,000 samples to 2,000
draws of the posterior, in units of the posterior's own deviation, the mean over laws and operators
with the standard error over laws; "posterior" is that of two sets of exact draws.

    girsanov    a plan of analytic-dpm (pca covariance) and `gv.Observation`
    DPS         Chung et al., 2022 (arXiv 2209.14687), Algorithm 1
    PGDM        Song et al., 2023 (openreview 9_gsMA8MRKQ), r^2 = sigma^2/(1 + sigma^2)
    MMPS        Rozet et al., 2024 (arXiv 2405.13712), solved exactly, not by a few iterations

MMPS is a denoiser, which takes the place of the prediction in the whole step; the other two add
their guidance to the next state. The others run on the ancestral sampler (eta = 1) at levels
uniform in log-SNR over the plan's own range; DPS has the best of five guidance strengths by the
truth, which no user knows. Each of their calls is differentiated, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import girsanov as gv

SHAPES = ((2, 3), (4, 3), (6, 4), (8, 5))  # d, Gaussians
SAMPLES, DIRECTIONS = 2000, 128
TAU = 0.2
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)  # zeta of DPS
WAYS = ("girsanov", "DPS", "PGDM", "MMPS", "posterior")


@dataclass(frozen=True)
class Mixture:
    """sum_k w_k N(m_k, C_k): weights [K], means [K, d], covariances [K, d, d]."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @classmethod
    def drawn(cls, d: int, kinds: int, seed: int) -> Mixture:
        rng = np.random.default_rng(seed)
        roots = rng.normal(size=(kinds, d, d)) / np.sqrt(d)
        covariances = 0.3 * roots @ roots.transpose(0, 2, 1) + 0.02 * np.eye(d)
        weights = rng.dirichlet(np.full(kinds, 3.0))
        return cls(weights, 1.5 * rng.normal(size=(kinds, d)) + 1, covariances)

    def given(self, a: np.ndarray, y: np.ndarray, tau: float) -> Mixture:
        """The posterior of x given y = A x + tau xi."""
        logs, means, covariances = [], [], []
        for w, m, c in zip(self.weights, self.means, self.covariances, strict=True):
            s = a @ c @ a.T + tau**2 * np.eye(len(a))
            gain, off = c @ a.T @ np.linalg.inv(s), y - a @ m
            logs.append(
                np.log(w) - off @ np.linalg.solve(s, off) / 2 - np.linalg.slogdet(s)[1] / 2
            )
            means.append(m + gain @ off)
            covariances.append(c - gain @ a @ c)
        w = np.exp(np.array(logs) - max(logs))
        return Mixture(w / w.sum(), np.array(means), np.array(covariances))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        kind = rng.choice(len(self.weights), n, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)
        z = rng.normal(size=(n, self.means.shape[1]))
        return self.means[kind] + np.einsum("nij,nj->ni", roots[kind], z)

    @property
    def deviation(self) -> float:
        """The root of the mean variance of a coordinate."""
        centre = self.weights @ self.means
        own = np.einsum("k,kii->", self.weights, self.covariances)
        return float(
            np.sqrt((own + self.weights @ ((self.means - centre) ** 2).sum(1)) / len(centre))
        )

    def denoise(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """E[x0 | x0 + sigma z = x], differentiable."""
        d = x.shape[1]
        logs, means = [], []
        for w, m, c in zip(self.weights, self.means, self.covariances, strict=True):
            noisy = torch.tensor(c + sigma**2 * np.eye(d))
            off = x - torch.tensor(m)
            solved = torch.linalg.solve(noisy, off.T).T
            logs.append(np.log(w) - (off * solved).sum(1) / 2 - torch.logdet(noisy) / 2)
            means.append(torch.tensor(m) + solved @ torch.tensor(c))
        share = torch.softmax(torch.stack(logs), 0)
        return (share[..., None] * torch.stack(means)).sum(0)


def operators(d: int, seed: int) -> dict[str, np.ndarray]:
    """Each A [q, d]."""
    rng = np.random.default_rng(seed)
    half = max(1, d // 2)
    near = np.exp(-0.5 * (np.subtract.outer(np.arange(d), np.arange(d)) / 0.8) ** 2)
    return {
        "mask": np.eye(d)[np.sort(rng.permutation(d)[:half])],
        "blur": near / near.sum(1, keepdims=True),
        "means": np.kron(np.eye(half), np.full((1, d // half), half / d)),
        "dense": rng.normal(size=(half, d)) / np.sqrt(d),
    }


Guided = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


def ancestral(
    law: Mixture,
    levels: np.ndarray,
    seed: int,
    guided: Guided,
    whole: bool = False,
) -> np.ndarray:
    """DDPM in VP coordinates X = alpha x at these SNRs, with `guided` added to each next state.

    guided(X, x_hat, alpha): of the state, with its graph, and its prediction; whole: it is added
    to the prediction; the last prediction is returned as it is, guided.
    """
    torch.manual_seed(seed)
    alpha = np.sqrt(levels / (1 + levels))
    sigma = np.sqrt(1 / (1 + levels))
    x = torch.randn(SAMPLES, law.means.shape[1], dtype=torch.float64)
    for k in range(len(levels)):
        x = x.detach().requires_grad_()
        hat = law.denoise(x / alpha[k], float(sigma[k] / alpha[k]))
        last = k == len(levels) - 1
        a, s = (1.0, 0.0) if last else (alpha[k + 1], sigma[k + 1])
        keep = (alpha[k] / a * s / sigma[k]) ** 2  # 1 - tau of the step
        nxt = a * hat + s * np.sqrt(keep) / sigma[k] * (x - alpha[k] * hat)
        nxt = nxt + s * np.sqrt(1 - keep) * torch.randn_like(x)
        weight = a - s * np.sqrt(keep) / sigma[k] * alpha[k] if whole else a
        x = (nxt + weight * guided(x, hat, float(alpha[k]))).detach()
    return x.numpy()


def dps(a: torch.Tensor, y: torch.Tensor, zeta: float) -> Guided:
    def step(x: torch.Tensor, hat: torch.Tensor, alpha: float) -> torch.Tensor:
        norm = (y - hat @ a.T).norm(dim=1).sum()
        return -zeta * torch.autograd.grad(norm, x)[0]

    return step


def pgdm(a: torch.Tensor, y: torch.Tensor, tau: float) -> Guided:
    def step(x: torch.Tensor, hat: torch.Tensor, alpha: float) -> torch.Tensor:
        r2 = 1 - alpha**2  # sigma^2/(1 + sigma^2) of sigma = sigma_t/alpha_t
        noisy = r2 * a @ a.T + tau**2 * torch.eye(len(a), dtype=a.dtype)
        pull = r2 * torch.linalg.solve(noisy, (y - hat @ a.T).T).T @ a
        return alpha * torch.autograd.grad(hat, x, pull.detach())[0]

    return step


def mmps(a: torch.Tensor, y: torch.Tensor, tau: float) -> Guided:
    def step(x: torch.Tensor, hat: torch.Tensor, alpha: float) -> torch.Tensor:
        gamma = (1 - alpha**2) / alpha
        rows = [torch.autograd.grad(hat[:, i].sum(), x, retain_graph=True)[0]
                for i in range(hat.shape[1])]  # fmt: skip
        cov = gamma * torch.stack(rows, 1)  # [n, d, d]
        noisy = a @ cov @ a.T + tau**2 * torch.eye(len(a), dtype=a.dtype)
        weights = torch.linalg.solve(noisy, y - hat @ a.T)
        return torch.einsum("nij,nj->ni", cov @ a.T, weights)

    return step


def sliced_w2(x: np.ndarray, y: np.ndarray, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(x.shape[1], DIRECTIONS))
    u /= np.linalg.norm(u, axis=0)
    return float(np.sqrt(np.mean((np.sort(x @ u, 0) - np.sort(y @ u, 0)) ** 2)))


def run(d: int, kinds: int, seed: int, calls: list[int]) -> dict[tuple[str, int, str], float]:
    """Sliced W2 by way, calls and operator, over the posterior's deviation."""
    law = Mixture.drawn(d, kinds, seed)
    ours = gv.ExactDenoiser(gv.GaussianMixture(law.weights, law.means, law.covariances))
    audit = gv.audit(ours, ours.law, levels=25, flow=0, examples=2000)
    plans = {n: audit.plan(steps=n, sampler="analytic-dpm") for n in calls}
    rng, out = np.random.default_rng(seed + 1), {}
    for name, a in operators(d, seed).items():
        y = a @ law.sample(1, rng)[0] + TAU * rng.normal(size=len(a))
        posterior = law.given(a, y, TAU)
        truth, again = (posterior.sample(SAMPLES, rng) for _ in range(2))
        ta, ty = torch.tensor(a), torch.tensor(y)

        def far(x: np.ndarray, truth=truth, scale=posterior.deviation) -> float:
            return sliced_w2(x, truth) / scale

        for n, plan in plans.items():
            levels = np.geomspace(plan.levels[0], plan.levels[-1], n)
            seen = gv.Observation(a, TAU, y)
            out["girsanov", n, name] = far(
                gv.sample(ours, plan, SAMPLES, observed=seen, seed=seed)
            )
            out["DPS", n, name] = min(
                far(ancestral(law, levels, seed, dps(ta, ty, z))) for z in STRENGTHS
            )
            out["PGDM", n, name] = far(ancestral(law, levels, seed, pgdm(ta, ty, TAU)))
            out["MMPS", n, name] = far(ancestral(law, levels, seed, mmps(ta, ty, TAU), True))
            out["posterior", n, name] = far(again)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--laws", type=int, default=8)
    parser.add_argument("--calls", type=int, nargs="+", default=[16, 32, 64])
    asked = parser.parse_args()
    rows = []
    for seed in range(asked.laws):
        rows.append(run(*SHAPES[seed % len(SHAPES)], seed, asked.calls))
        print(f"law {seed}", flush=True)
    for names in (
        ("mask",),
        ("blur",),
        ("means",),
        ("dense",),
        ("mask", "blur", "means", "dense"),
    ):
        print(f"\n{', '.join(names)}\n| calls | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}")
        for n in asked.calls:
            cells = []
            for way in WAYS:
                each = np.array([np.mean([row[way, n, name] for name in names]) for row in rows])
                cells.append(f"{each.mean():.3f} ± {each.std(ddof=1) / np.sqrt(len(each)):.3f}")
            print(f"| {n} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
