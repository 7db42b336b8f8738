r"""The price of every grid for one sampler, from an audit: all step counts, any end level.

The sampler's share of the path KL of a grid is what it costs above the least that this denoiser
can cost on any grid, R of plan/choose.py,

    excess = cost(grid) - R,                                                              (1)

split at the first level s_0: init = start - R(0, s_0), discretisation = cells - R(s_0, s_N). What
is left, R - 1/2 int M ds >= 0, is the score error. With an exact denoiser M^ = M, R is that
integral and both shares are exact; with a learned one R can be below the integral, because the
measured covariance absorbs part of the score error.

What is chosen by a noisy curve looks cheaper on it than it is. So every fold of the examples is
priced on the grid and on the path of R that the other folds choose, with the variances that the
other groups give: the mean over folds is an unbiased estimate of (1) for grids so chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import require, require_choice
from .._typing import Array, Indices, Levels
from ..ledger.audit import Audit
from ..ledger.curve import FOLDS, Curve
from ..ledger.discretise import (
    cell_costs,
    errors_for,
    folded_spectra,
    gaussian_cell,
    half_integrals,
    spectrum,
)
from ..ledger.init import start_cost
from ..ledger.refine import cautious, merged, refined
from ..ledger.repair import Repair, repaired
from ..montecarlo import Estimate, group_estimate
from ..sampling.holds import HOLDS
from .allocate import Allocation
from .choose import Choice, Menu

STARTS = {"gaussian": "gaussian", "x0": "mean", "relative": "standard", "score": "standard"}


@dataclass(frozen=True)
class Prices:
    """Costs of all grids for one hold, covariance and start; levels are nodes 1..K.

    hold, covariance: the sampler (covariance None but for the gaussian hold); start: how it
    begins; curve: the audit's at all levels that can be visited; menu: what may be.
    """

    audit: Audit
    hold: str
    covariance: str | None
    start: str
    curve: Curve
    menu: Menu = field(default_factory=Menu)
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def levels(self) -> Levels:
        """The SNRs of the nodes 1..K, [K]."""
        return self.curve.levels[1:]

    @property
    def exact(self) -> bool:
        """Whether the denoiser is known to be exact."""
        return bool(self.audit.about["exact"])

    @property
    def process(self) -> str:
        """The name of the forward process, ``vp`` (any scalar one) or ``cld``."""
        return str(self.audit.about.get("process", "vp"))

    @property
    def folds(self) -> Array:
        """The shares of the groups that costs are computed in, [B] or [F]."""
        shares = self.curve.shares
        if self.covariance != "full":
            return shares
        return np.array([shares[f::FOLDS].sum() for f in range(FOLDS)])

    def estimate(self, by_fold: Array) -> Estimate:
        """Return the mean over folds with its standard error, which is 0 for an exact curve."""
        if self.curve.exact:
            return Estimate(float(by_fold @ self.folds), 0.0)
        return group_estimate(by_fold, self.folds)

    def choice(self, fold: int | None = None) -> Choice:
        """Return the search on the examples outside `fold`, or on all of them."""
        return self._chosen(fold)[0]

    def _chosen(self, fold: int | None) -> tuple[Choice, Repair]:
        if ("choice", fold) not in self._cache:
            self._cache["choice", fold] = self._choice(fold)
        found: tuple[Choice, Repair] = self._cache["choice", fold]
        return found

    def _outside(self, fold: int | None, count: int) -> NDArray[np.bool_]:
        return np.asarray(np.arange(count) % FOLDS != (-1 if fold is None else fold))

    def _choice(self, fold: int | None) -> tuple[Choice, Repair]:
        measured, bases = (
            self.audit.curve,
            tuple(n for n in self.curve.errors if n == self.covariance),
        )
        one, done = repaired(measured, self._outside(fold, len(measured.shares)), exact=self.exact)
        if self.covariance == "full":
            require(measured.full is not None, "covariance", "full was not measured by this audit")
            assert measured.full is not None
            values = spectrum(measured.full[:, self._outside(fold, FOLDS)])
            one.errors["full"], one.sizes["full"] = values[:, None], np.ones(values.shape[1])
            bases = ("full",)
        one = one if self.curve.exact else cautious(one)
        curve = refined(one, self.levels, bases=bases)
        sampler = (self.hold, self.covariance, self.start, self.process)
        return Choice(curve, sampler, self.audit.frame.variances, self.menu), done

    @property
    def repair(self) -> Repair:
        """What the repair of the whole curve moved."""
        return self._chosen(None)[1]

    @property
    def cell(self) -> Array:
        """The cost of every cell on the repaired curve of all examples, [K, K]."""
        return self.choice().cell

    @property
    def allocation(self) -> Allocation:
        """The best grids of every number of levels that start anywhere, on all examples."""
        return self.choice().allocation()

    def starts(self, levels: Array) -> Array:
        """Return the cost by group of starting at each of `levels`, [..., B]."""
        return start_cost(self.audit.curve, levels, self.start, self.audit.frame.variances)

    def groups(self, nodes: Indices) -> tuple[Array, Array]:
        """Return the start's and the cells' cross-fitted cost of a grid by group, [B] or [F].

        nodes: indices into the levels 1..K of the curve (so 1 is the first level).
        """
        return (
            self.refold(self.starts(self.curve.levels[nodes[0]])),
            self.cells(nodes[:-1], nodes[1:]),
        )

    def cells(self, here: Indices, there: Indices) -> Array:
        """Return the sum of the cells from nodes `here` to `there` by group, [B] or [F]."""
        if self.covariance == "full":
            variance, error = self._spectra
            delta = (self.curve.levels[there] - self.curve.levels[here])[:, None]
            sizes = np.ones(self.curve.dimension)
            return np.asarray(gaussian_cell(delta, variance[here], error[here], sizes).sum(axis=0))
        costs = cell_costs(
            self.curve, here, there, self.hold, self.covariance, process=self.process
        )
        return np.asarray(costs.sum(axis=0))

    @cached_property
    def _spectra(self) -> tuple[Array, Array]:
        """Variances that the other folds give, and the errors of each fold along their axes.

        Both [K + 1, F, d], interpolated like the errors of any other basis.
        """
        measured = self.audit.curve
        assert measured.full is not None
        variance, error = folded_spectra(measured.full)
        even = replace(
            measured,
            shares=self.folds,
            errors={"full": variance, "error": error},
            sizes={"full": np.ones(measured.dimension), "error": np.ones(measured.dimension)},
            traces=error.sum(axis=2, keepdims=True) * np.ones(3),
        )
        fine = refined(even, self.levels, bases=("error",))
        return fine.errors["full"], fine.errors["error"]

    def refold(self, by_group: Array) -> Array:
        """Return means by group [B] as means by fold, in which this sampler is priced."""
        count = len(self.folds)
        if count == len(by_group):
            return by_group
        w = self.curve.shares
        return np.array(
            [np.average(by_group[f::count], weights=w[f::count]) for f in range(count)]
        )

    def planned(self, count: int, last: int) -> tuple[Estimate, Estimate]:
        """Return the shares (1) of the best grid of `count` levels to node `last`, cross-fitted.

        The plan's own grid is chosen on all examples, on more than these, and is as good. How
        the whole is shared out is told by where that grid begins.
        """
        total: Array | float = 0.0
        for fold, mine in self._folded():
            nodes = self.choice(fold).nodes(count, last)
            first, found = int(nodes[0]), sum(self.groups(nodes))
            least = self._reference(fold, 0, first) + self._reference(fold, first, last)
            total = total + mine * (found - least)
        first = int(self.choice().nodes(count, last)[0])
        init = self.refold(self.starts(self.curve.levels[first])) - self.reference(0, first)
        return self.estimate(init), self.estimate(np.asarray(total - init))

    def excess(self, nodes: Indices) -> tuple[Estimate, Estimate]:
        """Return the shares (1), init and discretisation, of a grid that was given."""
        start, cell = self.groups(nodes)
        first, last = int(nodes[0]), int(nodes[-1])
        return (
            self.estimate(start - self.reference(0, first)),
            self.estimate(cell - self.reference(first, last)),
        )

    def _folded(self) -> list[tuple[int | None, Array]]:
        """Return the folds with the groups they price, [B] or [F] of 0 and 1."""
        count = len(self.folds)
        if count < FOLDS:
            return [(None, np.ones(count))]
        return [(f, (~self._outside(f, count)).astype(float)) for f in range(FOLDS)]

    def reference(self, first: int, last: int) -> Array:
        """Return R from node `first` to `last` by group, cross-fitted; 0 means s = 0."""
        if ("R", first, last) not in self._cache:
            value = sum(mine * self._reference(fold, first, last) for fold, mine in self._folded())
            self._cache["R", first, last] = np.asarray(value)
        out: Array = self._cache["R", first, last]
        return out

    def _reference(self, fold: int | None, first: int, last: int) -> Array:
        """Return R by group on the path that the examples outside `fold` choose."""
        if self.exact:
            return self.refold(self._integrals[first:last].sum(axis=0))
        began = self.choice(fold).reference(first, last)
        dense = np.flatnonzero(began == -1)
        total = self.refold(self._integrals[dense - 1].sum(axis=0))
        there = np.flatnonzero(began >= 0)
        here = began[there]
        for node in there[here == 0]:
            total = total + self.refold(self.starts(self.curve.levels[node]))
        return np.asarray(total + self.cells(here[here > 0], there[here > 0]))

    @cached_property
    def _integrals(self) -> Array:
        """1/2 int of the measured error over each stretch between neighbours, [K, B]."""
        main = self.curve.main
        return half_integrals(
            self.curve.levels, self.curve.errors[main], self.curve.shares, self.curve.sizes[main]
        )

    def integral(self, last: int) -> Array:
        """Return 1/2 int of the measured error from 0 to node `last`, by group."""
        return self.refold(self._integrals[:last].sum(axis=0))


def prices(
    audit: Audit,
    sampler: str,
    covariance: str | None = None,
    start: str | None = None,
    *,
    levels: Levels | None = None,
    menu: Menu | None = None,
) -> Prices:
    """Return the prices of a `sampler` (a hold); defaults fill in covariance and start.

    levels: SNRs to visit besides the measured ones, or, with a menu, all there are: the measured
    ones up to the last, and others.
    """
    require_choice("sampler", sampler, HOLDS)
    if sampler == "relative":
        rule = "cannot be calibrated in so many dimensions, whose bands hold several"
        require(not np.isnan(audit.curve.traces).any(), "sampler", rule, sampler)
    if sampler == "gaussian":
        covariance = covariance or audit.curve.main
        if covariance != "full":
            errors_for(audit.curve, covariance)
    every = audit.levels if levels is None else levels
    if menu is None:
        every = merged(audit.levels, every)
    known = tuple({covariance} & {*audit.curve.errors}) if covariance else ()
    curve = refined(audit.curve, every, bases=known)
    return Prices(audit, sampler, covariance, start or STARTS[sampler], curve, menu or Menu())
