"""What a certificate is held against: true path and output KLs of laws, found in other ways."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import stats

import girsanov as gv
from girsanov.audited import Audit
from girsanov.error_curve.bands import Bands
from girsanov.error_curve.exact import exact_curve
from girsanov.error_curve.frame import make_frame
from girsanov.measuring.facts import AuditFacts
from girsanov.moments import moments_from_covariance
from girsanov.paper.output_law import gaussian_output, line_output


def random_law(rng, most=10):
    """A Gaussian with any mean and covariance in up to `most` dimensions, or a 1-D mixture."""
    if rng.random() < 0.5:
        d = int(rng.integers(1, most + 1))
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        return gv.Gaussian(rng.normal(0, 2, d), (turn * 10 ** rng.uniform(-2, 1, d)) @ turn.T)
    k = int(rng.integers(2, 4))
    return gv.GaussianMixture(
        rng.dirichlet(np.ones(k)), rng.normal(0, 1.5, (k, 1)), 10 ** rng.uniform(-1.5, 0, k)
    )


def random_grid(levels, rng):
    """At least two of the levels."""
    count = int(rng.integers(2, min(len(levels), 24) + 1))
    return np.sort(rng.choice(levels, count, replace=False))


def exact_audit(law, levels):
    """An audit whose curve is the law's own, in one band of all coordinates."""
    d = law.dimension
    moments = moments_from_covariance(law.mean, law.variance / d * np.eye(d))
    one = Bands(np.zeros(d, dtype=np.int64))
    frame = replace(make_frame(moments, (d,)), bands=one, probe_bands=one)
    facts = AuditFacts(
        girsanov="", model=law.fingerprint, data=law.fingerprint, data_name="", shape=(d,),
        exact=True, examples=0, draws=0, seed=0, calls=0, moments_from="law", trajectories=0,
        levels_between=0, training_examples=0, diameter=0.0, seconds=0.0, rows=law.fingerprint,
        scale=1.0,
    )  # fmt: skip
    return Audit(exact_curve(law, levels), frame, None, facts)


def half_information(law, snr):
    """1/2 int_0^s M = I(X0; X0 + z/sqrt(s)) in nats."""
    if isinstance(law, gv.Gaussian):
        return float(np.log1p(snr * np.linalg.eigvalsh(law.covariance())).sum() / 2)
    sd = np.sqrt(law.covariances + 1 / snr)
    ends = np.stack([law.means[:, 0] - 12 * sd, law.means[:, 0] + 12 * sd])
    x = np.arange(ends.min(), ends.max(), sd.min() / 8)
    p = stats.norm.pdf(x[:, None], law.means[:, 0], sd) @ law.weights
    p = p[p > 1e-290]
    entropy = -(p * np.log(p)).sum() * sd.min() / 8
    return float(entropy - math.log(2 * math.pi * math.e / snr) / 2)


def path_kl(law, plan, last):
    """The path KL of a plan's sampler with the exact denoiser, up to its level `last`."""
    s = np.concatenate([[0.0], plan.levels[: last + 1]])
    error = np.concatenate([[law.variance], law.curve(plan.levels).value])[: last + 2]
    total = start(law, plan) - half_information(law, s[-1])
    d, m2 = law.dimension, law.second_moment
    for k in range(1, last + 1):
        total += cell(law, plan, k, float(s[k]), float(s[k + 1]), float(error[k]), d, m2)
    return float(total)


def start(law, plan):
    """KL of the start from the noised law, plus the information up to it."""
    s, d = float(plan.levels[0]), law.dimension
    target = law.covariance() + np.eye(d) / s
    basis = plan.moments.basis
    if plan.start == "gaussian":
        u = np.asarray(basis.factors[0]) if basis.kind == "pca" else np.eye(d)
        own, shift = (u * plan.start_noise**2) @ u.T, law.mean - plan.moments.mean
    elif plan.start == "mean":
        own, shift = np.eye(d) / s, law.mean - plan.moments.mean
    else:
        own, shift = np.eye(d) * (1 + 1 / s), law.mean
    # E log(p_noise(x - x0) / p_start(x)): the start's cross entropy less the noise's entropy
    cross = np.linalg.slogdet(own)[1] + np.trace(np.linalg.solve(own, target))
    cross += shift @ np.linalg.solve(own, shift)
    return float(cross - d - d * math.log(1 / s)) / 2


def cell(law, plan, k, s, t, error, d, m2):
    """The cost of one step from its definition: E |true drift - frozen drift|^2 or its like."""
    delta = t - s
    if plan.sampler == "ddpm":
        return delta * error / 2
    if plan.sampler == "analytic-dpm":
        v, axes = plan.variances[k - 1], plan.axes
        if v.ndim == 0:
            return (d * np.log1p(delta * v) + delta * (error - d * v) / (1 + delta * v)) / 2
        if isinstance(law, gv.Gaussian):
            axis = axes[0] if len(axes) == 1 else axes[k - 1]
            u = np.asarray(axis.factors[0]) if axis.kind == "pca" else np.eye(d)
            c = law.covariance()
            post = np.diag(u.T @ c @ np.linalg.inv(np.eye(d) + s * c) @ u)
        else:
            post = np.array([error])
        return float((np.log1p(delta * v) + delta * (post - v) / (1 + delta * v)).sum() / 2)
    h = (math.log1p(1 / s) - math.log1p(1 / t)) / 2
    information = (1 + s) * (d - s * error)  # I at the step's start, by Tweedie
    fisher = d * math.log(t / s) / 2  # int d/sigma^2 over the step, for e^2t - 1 = 1/s
    if plan.sampler == "ei-score":  # int I - a_h I; the information is taken off at the end
        return fisher - (2 * -math.expm1(-h) - h) * information
    second = d + s / (1 + s) * (m2 - d)
    relative = information - 2 * d + second
    lost = s / (1 + s) - t / (1 + t)
    walk = d * h - lost * (m2 - d) / 2  # int E|X|^2
    return fisher + walk - 2 * d * h - (2 * math.expm1(h) - h) * relative


def output_kl(law, recipe):
    """KL(law noised to the recipe's end | what the recipe puts out)."""
    s, d = recipe.end, law.dimension
    if isinstance(law, gv.Gaussian):
        mean, own = gaussian_output(law, recipe)
        target, shift = law.covariance() + np.eye(d) / s, law.mean - mean
        solved = np.linalg.solve(own, target)
        gap = np.trace(solved) - d + shift @ np.linalg.solve(own, shift)
        return float(gap - np.linalg.slogdet(solved)[1]) / 2
    out = line_output(law, recipe)
    sd = np.sqrt(law.covariances + 1 / s)
    p = stats.norm.pdf(out.x[:, None], law.means[:, 0], sd) @ law.weights
    seen = p > 1e-12 * p.max()
    ratio = np.log(p[seen] / np.maximum(out.p[seen], 1e-300))
    return float((p[seen] * ratio).sum() * (out.x[1] - out.x[0]))
