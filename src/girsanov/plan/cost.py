r"""The price of every grid for one sampler, from an audit: all step counts, any end level.

The sampler's share of the path KL of a grid is what it costs above the least that this denoiser
can cost on any grid,

    excess = cost(grid) - R,   R = min( min over grids on the measured levels, 1/2 int M^ ds ), (1)

split at the first level s_0: init = start - R(0, s_0), discretisation = cells - R(s_0, s_N). What
is left, R - 1/2 int M ds >= 0, is the score error. With an exact denoiser M^ = M, R is that
integral and both shares are exact; with a learned one R can be below the integral, because the
measured covariance absorbs part of the score error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._checks import require, require_choice
from .._typing import Array
from ..ledger.audit import Audit
from ..ledger.discretise import cells, half_integral, leave_one_out, path_cost
from ..ledger.init import start_cost
from ..montecarlo import Estimate, group_estimate
from ..sampling.holds import HOLDS
from .allocate import Allocation, shortest_paths

MOST = 256  # levels a plan may visit
STARTS = {"gaussian": "gaussian", "x0": "mean", "relative": "standard", "score": "standard"}


@dataclass(frozen=True)
class Prices:
    """Costs of all grids for one hold, covariance and start; levels are indexed 1..K.

    hold, covariance: the sampler (covariance None but for the gaussian hold); start: how it
    begins.
    """

    audit: Audit
    hold: str
    covariance: str | None
    start: str

    @property
    def folds(self) -> Array:
        """The shares of the groups that costs are computed in, [B] or [F]."""
        shares = self.audit.curve.shares
        if self.covariance != "full":
            return shares
        full = self.audit.curve.full
        assert full is not None
        return np.array([shares[f :: full.shape[1]].sum() for f in range(full.shape[1])])

    @cached_property
    def cell(self) -> Array:
        """The cost of every cell, [K, K]."""
        return cells(self.audit.curve, self.hold, self.covariance)

    def starts(self, levels: Array) -> Array:
        """Return the cost by group of starting at each of `levels`, [..., B]."""
        return start_cost(self.audit.curve, levels, self.start, self.audit.frame.variances)

    @cached_property
    def allocation(self) -> Allocation:
        """The best grids of every number of levels that start anywhere."""
        start = self.starts(self.audit.levels) @ self.audit.curve.shares
        return shortest_paths(start, self.cell, MOST)

    def groups(self, nodes: Array) -> tuple[Array, Array]:
        """Return the start's and the cells' cross-fitted cost of a grid by group, [B] each.

        nodes: indices into levels 1..K of the curve (so 1 is the first measured level).
        """
        curve = self.audit.curve
        return (
            self.refold(self.starts(curve.levels[nodes[0]])),
            path_cost(curve, nodes, self.hold, self.covariance),
        )

    def refold(self, by_group: Array) -> Array:
        """Return means by group [B] as means by fold, in which this sampler is priced."""
        count = len(self.folds)
        if count == len(by_group):
            return by_group
        w = self.audit.curve.shares
        return np.array(
            [np.average(by_group[f::count], weights=w[f::count]) for f in range(count)]
        )

    def reference(self, first: int, last: int) -> Array:
        """Return R of equation (1) from level `first` to `last` by group; 0 means s = 0."""
        integral = self.refold(self._integrals[:, first:last].sum(axis=1))
        if self.audit.about["exact"]:
            return integral
        if first == 0:
            costs, begin = self.allocation, 0
        else:
            start = np.full(len(self.cell), np.inf)
            start[first - 1] = 0.0
            costs, begin = shortest_paths(start, self.cell, MOST), first
        count = int(costs.costs[:, last - 1].argmin()) + 1
        nodes = costs.grid(count, last - 1) + 1
        start_groups, cell_groups = self.groups(nodes)
        grid = cell_groups + (start_groups if begin == 0 else 0.0)
        return integral if integral @ self.folds <= grid @ self.folds else grid

    @cached_property
    def _integrals(self) -> Array:
        """Return 1/2 int M over each cell, [B, K], as the pseudo-values of the jackknife.

        The integral is concave in the curve: that of a small group's curve is too small on
        average, and would make the discretisation look larger than it is.
        """
        curve = self.audit.curve
        levels, errors, sizes = curve.levels, curve.errors[curve.main], curve.sizes[curve.main]
        whole = half_integral(levels, curve.mean_errors(curve.main), sizes)
        others = leave_one_out(errors, curve.shares)
        without = [half_integral(levels, others[:, b], sizes) for b in range(len(curve.shares))]
        w = curve.shares[:, None]
        return np.asarray(whole + (1 - w) / w * (whole - np.stack(without)))

    def integral(self, last: int) -> Array:
        """Return 1/2 int of the measured error from 0 to level `last`, by group."""
        return self.refold(self._integrals[:, :last].sum(axis=1))

    def excess(self, nodes: Array) -> tuple[Estimate, Estimate]:
        """Return the init and discretisation shares (1) of a grid of level indices 1..K."""
        start, cell = self.groups(nodes)
        first, last = int(nodes[0]), int(nodes[-1])
        return (
            group_estimate(start - self.reference(0, first), self.folds),
            group_estimate(cell - self.reference(first, last), self.folds),
        )


def prices(
    audit: Audit, sampler: str, covariance: str | None = None, start: str | None = None
) -> Prices:
    """Return the prices of a `sampler` (a hold); defaults fill in covariance and start."""
    require_choice("sampler", sampler, HOLDS)
    if sampler == "relative":
        rule = "cannot be calibrated in so many dimensions, whose bands hold several"
        require(not np.isnan(audit.curve.traces).any(), "sampler", rule, sampler)
    if sampler == "gaussian":
        covariance = covariance or audit.curve.main
    return Prices(audit, sampler, covariance, start or STARTS[sampler])
