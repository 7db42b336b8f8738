"""What ledgers are held against: the shares of a grid by quadrature, apart from the library's own.

The posterior of a mixture in closed form, expectations on a mesh of points about each component,
integrals over gaps by Gauss and Legendre, and the least path tried one by one.
"""

import itertools

import numpy as np
import torch

import girsanov as gv
from girsanov.moments import moments_from_covariance
from girsanov.sampling.registry import SAMPLERS

HEAVY = gv.GaussianMixture([0.98, 0.02], [[0.0], [10.0]], [0.01, 0.01])
SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5], [3.0]], [0.04, 0.15])
ROUND = gv.Gaussian([1.0], [[0.5]])
RANGES = {"heavy": (HEAVY, 0.002, 300.0), "skewed": (SKEWED, 0.01, 100.0),
          "gaussian": (ROUND, 0.02, 100.0)}  # fmt: skip
PIECES, NODES = 4, 6  # of each gap, in log-SNR


class Scaled(gv.ExactDenoiser):
    """c m + b, which an audit does not know."""

    exact = False

    def __init__(self, law, scale=1.0, shift=0.0):
        super().__init__(law)
        self.scale, self.shift = scale, shift
        self.moments = moments_from_covariance(law.mean, law.covariance())

    def __call__(self, x, snr, label=None):
        return self.scale * self.law.denoise(x, snr) + self.shift


class Truth:
    """E[r r^T], E[n . r] and E[x0 . r] of a denoiser on a law, at any SNR."""

    def __init__(self, denoiser, law):
        self.denoiser, self.law, d = denoiser, law, law.dimension
        gaussian = isinstance(law, gv.Gaussian)
        self.weights = np.ones(1) if gaussian else np.asarray(law.weights)
        self.means = np.reshape(law.mean if gaussian else law.means, (-1, d))
        given = law.covariance()[None] if gaussian else np.asarray(law.covariances)
        full = given.ndim == 3
        self.spreads = given if full else np.stack([np.diag(np.full(d, v)) for v in given])
        if gaussian and isinstance(denoiser, gv.ExactDenoiser):  # exact for what is quadratic
            z, w = np.polynomial.hermite_e.hermegauss(5)
        else:
            z = np.linspace(-8, 8, 641 if d == 1 else 121)
            w = np.exp(-(z**2) / 2)
        self.z = np.array(list(itertools.product(z, repeat=d)))
        w = np.prod(list(itertools.product(w / w.sum(), repeat=d)), axis=1)
        self.z, self.w = self.z[w > 1e-16], w[w > 1e-16]
        self.cache = {}

    def at(self, s):
        """Return C [d, d], E[n . r], E[x0 . r] at SNR s."""
        if s not in self.cache:
            self.cache[s] = self._at(s)
        return self.cache[s]

    def _at(self, s):
        d, eye, total, noise, state = self.law.dimension, np.eye(self.law.dimension), 0.0, 0.0, 0.0
        seen = [v + eye / s for v in self.spreads]
        for k, weight in enumerate(self.weights):
            x = self.means[k] + self.z @ np.linalg.cholesky(seen[k]).T
            logs, guess = [], []
            for w, mean, v, both in zip(self.weights, self.means, self.spreads, seen, strict=True):
                off = x - mean
                inner = np.linalg.solve(both, off.T).T
                logs.append(np.log(w) - ((off * inner).sum(1) + np.linalg.slogdet(both)[1]) / 2)
                guess.append(mean + inner @ v)
            logs = np.array(logs)
            p = np.exp(logs - logs.max(0))
            p, guess = p / p.sum(0), np.array(guess)  # [k, n], [k, n, d]
            m = np.einsum("kn,knd->nd", p, guess)
            own = np.array([v - v @ np.linalg.solve(b, v) for v, b in zip(self.spreads, seen,
                                                                       strict=True)])  # fmt: skip
            cov = np.einsum("kn,kij->nij", p, own)
            cov += np.einsum("kn,kni,knj->nij", p, guess - m, guess - m)
            with torch.inference_mode():
                found = self.denoiser(torch.tensor(x).to(self.denoiser.dtype), float(s))
            off, w = m - found.double().numpy(), weight * self.w
            trace = np.einsum("nii->n", cov)
            total = total + np.einsum("n,nij->ij", w, cov + off[:, :, None] * off[:, None])
            noise += w @ (trace + ((m - x) * off).sum(1))
            state += w @ (trace + (m * off).sum(1))
        assert total.shape == (d, d)
        return total, noise, state

    def half_integral(self, s, t):
        """Return 1/2 int tr C from s to t; s may be 0, where the mean is the best guess."""
        edges = np.geomspace(max(s, 1e-4 * t), t, PIECES + 1 if s else 40)
        x, w = np.polynomial.legendre.leggauss(NODES)
        value = 0.0
        for a, b in itertools.pairwise(np.log(edges)):
            at = np.exp((a + b) / 2 + (b - a) / 2 * x)
            value += (b - a) / 4 * w @ [u * np.trace(self.at(u)[0]) for u in at]
        return value + (0.0 if s else edges[0] * np.trace(self.at(edges[0])[0]) / 2)


def true_shares(truth, audit, plan):
    """Init and discretisation of a plan with the variances it has, for this truth."""
    return true_parts(truth, audit, plan)[:2]


def true_parts(truth, audit, plan):
    """Init, discretisation, R and what the start costs, in nats.

    R: the least that this denoiser can cost down to the plan's end.
    """
    law, d, levels = truth.law, truth.law.dimension, plan.levels
    first, last = levels[0], levels[-1]
    moments = audit.frame.moments
    axes = moments.basis.to_coordinates(torch.eye(d, dtype=torch.float64)).numpy()
    off = law.mean - np.asarray(moments.mean)
    spread = axes.T @ (law.covariance() + np.outer(off, off)) @ axes  # about the mean it starts at

    def spectrum(s):
        error = truth.at(s)[0]
        match plan.covariance:
            case "scalar":
                return np.full(d, np.trace(error) / d)
            case "pca":
                return np.diag(axes.T @ error @ axes)
            case "coordinate":
                return np.diag(error)
            case _:
                return np.linalg.eigvalsh(error)

    def cell(s, t, variances=None, errors=None):
        if plan.sampler != "analytic-dpm" and variances is None:
            error, noise, state = truth.at(s)
            traces = np.array([np.trace(error), noise, state])
            rule = SAMPLERS[plan.sampler].step_kl["vp"]
            return float(rule(np.array(s), np.array(t), traces, d, np.array(law.second_moment)))
        errors = spectrum(s) if errors is None else errors
        v = errors if variances is None else variances
        gain = 1 + (t - s) * v
        return float((np.log(gain) + (t - s) * (errors - v) / gain).sum() / 2)

    def begun(s):
        match plan.start:
            case "gaussian":
                return cell(0.0, s, np.asarray(moments.variances), np.diag(spread))
            case "mean":
                return s * np.trace(spread) / 2
            case _:
                return (s / (1 + s) * (law.second_moment - d) + d * np.log1p(s)) / 2

    def own(k, s, t):  # the cell as the plan has it
        if plan.sampler != "analytic-dpm":
            return cell(s, t)
        v = np.broadcast_to(np.asarray(plan.variances[k], dtype=np.float64), d)
        if not plan.axes:
            return cell(s, t, v, np.diag(truth.at(s)[0]))
        basis = plan.axes[k if len(plan.axes) > 1 else 0]
        turn = basis.to_coordinates(torch.eye(d, dtype=torch.float64)).numpy()
        return cell(s, t, v, np.diag(turn.T @ truth.at(s)[0] @ turn))

    def least(a, b):
        stops = np.unique(np.concatenate([[a, b], audit.levels, levels]))
        stops = stops[(stops >= a) & (stops <= b)]
        stops = stops[np.append(np.diff(stops) > 1e-9 * stops[1:], True)] if a else stops
        cost = np.full(len(stops), np.inf)
        cost[0] = 0.0
        for j in range(1, len(stops)):
            tries = [cost[j - 1] + truth.half_integral(stops[j - 1], stops[j])]
            if not audit.facts.exact:
                for i in range(j):
                    step = begun(stops[j]) if stops[i] == 0 else cell(stops[i], stops[j])
                    tries.append(cost[i] + step)
            cost[j] = min(tries)
        return cost[-1]

    spent = sum(own(k, s, t) for k, (s, t) in enumerate(itertools.pairwise(levels)))
    before, after = least(0.0, first), least(first, last)
    return begun(first) - before, spent - after, before + after, begun(first)
