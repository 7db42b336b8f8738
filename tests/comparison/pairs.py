"""Two laws that are close but not one, skewed and off the origin, and what is true of them."""

from __future__ import annotations

import numpy as np
from scipy import stats

A, B = np.array([3.0, -1.0, 0.5]), np.array([3.3, -0.9, 0.3])
ROOT_A = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.6, 0.4, 0.3]])
ROOT_B = np.array([[0.7, 0.0, 0.0], [0.2, 0.9, 0.0], [0.1, -0.4, 0.5]])
COV_A, COV_B = ROOT_A @ ROOT_A.T, ROOT_B @ ROOT_B.T
LAWS = {"different": ((A, ROOT_A), (B, ROOT_B)), "the same": ((A, ROOT_A), (A, ROOT_A))}


def draw(law, count, draws):
    """Rows of the Gaussian (mean, root of its covariance)."""
    mean, root = law
    return mean + draws.standard_normal((count, 3)) @ root.T


def least_covered(runs, confidence=0.95, chance=1e-4):
    """The count of intervals that hold the truth which honest ones fall below once in 10,000."""
    return int(stats.binom.ppf(chance, runs, confidence))


def coverage(measure, laws, truth, runs=100, sizes=(400, 300), seed=0):
    """How many of `runs` intervals of a measure hold the true squared distance."""
    draws, held = np.random.default_rng(seed), 0
    for _ in range(runs):
        found = measure.squared(draw(laws[0], sizes[0], draws), draw(laws[1], sizes[1], draws))
        low, high = found.estimate().interval(0.95)
        held += low - 1e-12 <= truth <= high + 1e-12
    return held


def looks_uniform(p_values, chance=1e-4):
    """Whether p-values rise like uniform ones, or later, at every level (they are discrete)."""
    p = np.sort(p_values)
    return stats.kstest(p, "uniform", alternative="greater").pvalue > chance
