"""What ledgers are held against: the shares of a grid from the curve of a law without noise."""

import numpy as np

import girsanov as gv
from girsanov.ledger.audit import Audit
from girsanov.ledger.curve import Curve
from girsanov.ledger.discretise import gaussian_cell
from girsanov.ledger.frame import make_frame
from girsanov.moments import moments_from_covariance
from girsanov.plan.given import grid_prices

HEAVY = gv.GaussianMixture([0.98, 0.02], [[0.0], [10.0]], [0.01, 0.01])
SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5], [3.0]], [0.04, 0.15])
ROUND = gv.Gaussian([1.0], [[0.5]])
RANGES = {"heavy": (HEAVY, 0.002, 300.0), "skewed": (SKEWED, 0.01, 100.0),
          "gaussian": (ROUND, 0.02, 100.0)}  # fmt: skip


class Scaled(gv.ExactDenoiser):
    """c m + b, which an audit does not know."""

    exact = False

    def __init__(self, law, scale=1.0, shift=0.0):
        super().__init__(law)
        self.scale, self.shift = scale, shift
        self.moments = moments_from_covariance(law.mean, law.covariance())

    def __call__(self, x, snr, label=None):
        return self.scale * self.law.denoise(x, snr) + self.shift


def true_audit(denoiser, low, high, count=161):
    """The audit of infinitely many examples on many levels, of a law on a line."""
    law, c, b = denoiser.law, denoiser.scale, denoiser.shift
    levels, mean = np.geomspace(low, high, count), float(law.mean[0])
    m = law.curve(levels).value
    square = law.second_moment - m  # E|m|^2
    error = m + (1 - c) ** 2 * square - 2 * (1 - c) * b * mean + b**2
    rows = np.stack([error, c * m, law.second_moment - c * square - b * mean], axis=1)
    traces = np.concatenate([[[law.variance, 0.0, law.variance]], rows])[:, None]
    ones = np.ones(1)
    curve = Curve(
        np.concatenate([[0.0], levels]), ones, {"pca": traces[:, :, :1]}, {"pca": ones}, traces,
        np.array([law.second_moment]),
    )  # fmt: skip
    about = {"exact": False, "model": "", "data": "", "examples": 0, "shape": [1]}
    return Audit(curve, make_frame(denoiser.moments, (1,)), None, about)


def true_shares(audit, plan):
    """Init and discretisation of a plan, with the covariance that it has."""
    price, nodes = grid_prices(audit, plan.levels, sampler=plan.sampler)
    start, cell = (float(x[0]) for x in price.groups(nodes))
    if plan.sampler == "gaussian":
        delta, error = np.diff(price.curve.levels[nodes]), price.curve.errors["pca"]
        cell = float(gaussian_cell(delta, plan.variances, error[nodes[:-1], 0], np.ones(1)).sum())
    first, last = int(nodes[0]), int(nodes[-1])
    return (
        start - float(price.reference(0, first)[0]),
        cell - float(price.reference(first, last)[0]),
    )
