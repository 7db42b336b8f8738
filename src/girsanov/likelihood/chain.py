r"""What the start and the steps of a plan cost a held-out example, no integral taken off.

Noise makes of an example x0 the states x_k = x0 + z/sqrt(s_k), whose law given x0 is a chain from
the last to the first. For a sampler with start q_0 and kernels q_k(x_k+1 | x_k), whatever its
network knows,

    -log q(x_N) <= E[-log q_0(x_0) - sum_k log q_k(x_k+1 | x_k) + sum_k log p(x_k | x_k+1)]   (1)

by Jensen's inequality, the mean over the chain given x_N. Its mean over held-out x0 and noise is

    E[-log q(x_N)] <= d/2 log(2 pi e sigma_N^2) + KL(p(x_0 | x0) | q_0)
                      + sum_k E KL(p(x_k+1 | x_k, x0) | q_k(x_k+1 | x_k)).                    (2)

The KLs given x0 are the costs that the ledger has before 1/2 int M is taken off: (1) of
`sampling/step_kl.py` at every step and `path_kl/start.py`. A step along the flow by one call,
x' = a x + (1 - a) m + c xi, has with f = a - s/s', n = x0 - x, r = x0 - m

    1/2 [d (t^2/c^2 - 1 - log(t^2/c^2)) + (f^2 d/s + 2 f (1 - a) E n.r + (1 - a)^2 E|r|^2)/c^2],
    t^2 = (s' - s)/s'^2.                                                                    (3)

Of ei-score and ei-relative the path KL of their SDE is taken, which is no smaller.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..error_curve.integrals import leave_one_out
from ..error_curve.interpolate import covariances
from ..path_kl.cells import errors_for
from ..path_kl.full_covariance import refined_spectra
from ..sampling.ancestral import flow_step
from ..sampling.step_kl import analytic_dpm_kl

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from ..path_kl.grid_cost import Prices
    from ..planning.plan import Plan

MOST_AXES = 4096  # coordinates, beyond which no matrix of axes is formed


class PricedChain(NamedTuple):
    """A plan on the curve of an audit.

    price: of its sampler; nodes: its levels among the price's 1..K [N]; own: whether the plan was
    made from this very audit, so that its variances are taken from the other groups.
    """

    price: Prices
    nodes: Indices
    plan: Plan
    own: bool

    def start(self) -> Array:
        """Return the second term of (2) by group, [G]."""
        price = self.price
        return price.refold(price.starts(price.curve.levels[self.nodes[0]]))

    def steps(self) -> Array:
        """Return the sum of (2) over the steps by group, [G]."""
        here, there = self.nodes[:-1], self.nodes[1:]
        inner = self.plan.inner
        if self.plan.variances is None and inner is None:
            return self.price.cells(here, there)
        out, along = np.zeros((len(here), len(self.price.folds))), np.zeros(len(here), bool)
        if inner is not None:
            along = ~np.isnan(inner.flow_to)
            for k in np.flatnonzero(along).tolist():
                out[k] = self.price.refold(self._along(k, float(inner.flow_to[k])))
        if not along.all():
            covered = self.covered(here)
            delta = np.diff(self.price.curve.levels[self.nodes])[:, None]
            kl = analytic_dpm_kl(delta, covered.variance, covered.error, covered.sizes)
            out[~along] = kl[~along]
        return np.asarray(out.sum(axis=0))

    def dense(self) -> Array:
        """Return what infinitely many steps between the same ends cost, 1/2 int of the measured
        error, [G]."""
        totals = self.price.totals
        return np.asarray(totals[self.nodes[-1]] - totals[self.nodes[0]])

    def _along(self, k: int, flow_to: float) -> Array:
        """Return (3) of step k by group, [B]."""
        s, t = (float(x) for x in self.price.curve.levels[self.nodes[k : k + 2]])
        step = flow_step(s, t, flow_to, math.nan)[0]
        square, d = float(step.noise) ** 2, self.price.curve.dimension
        error, cross = self.price.curve.traces[self.nodes[k], :, :2].T
        more, b = step.state - s / t, step.prediction
        ratio = (t - s) / t**2 / square
        away = more**2 * d / s + 2 * more * b * cross + b**2 * error
        return np.asarray((d * (ratio - 1 - math.log(ratio)) + away / square) / 2)

    def covered(self, nodes: Indices) -> Covered:
        """Return the variances that steps from `nodes` add, and the errors along their axes."""
        price, name = self.price, str(self.plan.covariance)
        full = name == "full" and "full" not in price.curve.errors
        if self.own and full:
            variance, error = refined_spectra(
                price.audit.curve, price.levels, price.folds, price.refold
            )
            more = price.unseen(nodes)[:, None]
            return Covered(variance[nodes] + more, error[nodes], np.ones(price.curve.dimension))
        if self.own:
            errors, sizes = errors_for(price.curve, name)
            others = np.maximum(leave_one_out(errors[nodes], price.curve.shares), 0.0)
            return Covered(others + price.unseen(nodes)[:, None], errors[nodes], sizes)
        return self._given(nodes, name, full)

    def each_coordinate(self, variance: Array) -> Array:
        """Return C_ii of C = U diag(v) U^T, or no less, [G, d]; variance: v, [G, J]."""
        name, d = str(self.plan.covariance), self.price.curve.dimension
        basis = self.price.audit.frame.bases.get(name)
        if name == "scalar" or basis is None or d > MOST_AXES:
            return np.asarray(variance.max(axis=1, keepdims=True) * np.ones(d))
        v = self.price.audit.frame.bases[name][1].spread(variance) if self.own else variance
        return np.asarray(v @ basis[0].from_coordinates(np.eye(d)) ** 2)

    def _given(self, nodes: Indices, name: str, full: bool) -> Covered:
        """Return `covered` of a plan's own variances, on examples that did not make them."""
        curve, plan = self.price.curve, self.plan
        assert plan.variances is not None
        rows = plan.variances[np.searchsorted(self.nodes, nodes)]
        if name == "scalar":
            sizes = np.array([float(curve.dimension)])
            return Covered(rows[:, None, None], curve.traces[nodes, :, :1] / sizes, sizes)
        ones = np.ones(curve.dimension)
        if full:
            axes = [np.asarray(plan.axes[k].factors[0]) for k in range(len(rows))]
            moments = covariances(self.price.audit.curve, curve.levels[nodes])
            error = np.stack(
                [np.einsum("ij,fik,kj->fj", u, c, u) for u, c in zip(axes, moments, strict=True)]
            )
            return Covered(rows[:, None], error, ones)
        bands = self.price.audit.frame.bases[name][1]
        return Covered(rows[:, None], bands.spread(curve.errors[name][nodes]), ones)


class Covered(NamedTuple):
    """v_j [N, G or 1, J], M_j [N, G, J] and the sizes of the bands [J]."""

    variance: Array
    error: Array
    sizes: Array
