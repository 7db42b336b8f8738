r"""The path KL of every grid for one sampler, from an audit: all step counts, any end level.

The sampler's share of the path KL of a grid is what it costs above the least that this denoiser
can cost on any grid, R of path_kl/grid_search.py,

    excess = cost(grid) - R,                                                              (1)

split at the first level s_0: init = start - R(0, s_0), discretisation = steps - R(s_0, s_N). What
is left, R - 1/2 int M ds >= 0, is the score error. With an exact denoiser M^ = M, R is that
integral and both shares are exact; with a learned one R can be below the integral, because the
measured covariance absorbs part of the score error.

What is chosen by a noisy curve looks cheaper on it than it is. So every fold of the examples is
priced on the grid and on the path of R that the other folds choose, with the variances that the
other groups give: the mean over folds is an unbiased estimate of (1) for grids so chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._checks import require
from ..error_curve.curve import FOLDS, Curve
from ..error_curve.interpolate import merged, refined_curve, stretches, unseen
from ..error_curve.smooth import Repair, cross_once, repaired
from ..montecarlo import Estimate, group_estimate
from ..sampling.step_kl import analytic_dpm_kl
from .cells import cell_costs, errors_for, spectrum
from .full_covariance import refined_spectra
from .grid_search import GridChoice, Menu, Way
from .start import start_cost, usual_start

if TYPE_CHECKING:
    from .._typing import Array, Indices, Levels
    from ..measuring.record import AuditRecord
    from ..sampling.sampler import Sampler

Value = TypeVar("Value")
RECENT = 2  # prices an audit remembers: those of a plan, and those that it is held against


@dataclass(frozen=True)
class Prices:
    """Costs of all grids for one sampler, covariance and start; levels are nodes 1..K.

    covariance: None but for samplers that add a measured one; start: how it begins; curve: the
    audit's at all levels that can be visited; menu: what may be.
    """

    audit: AuditRecord
    sampler: Sampler
    covariance: str | None
    start: str
    curve: Curve
    menu: Menu = field(default_factory=Menu)
    _cache: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def levels(self) -> Levels:
        """The SNRs of the nodes 1..K, [K]."""
        return self.curve.levels[1:]

    @property
    def exact(self) -> bool:
        """Whether the denoiser is known to be exact."""
        return self.audit.facts.exact

    @property
    def process(self) -> str:
        """The name of the forward process, ``vp`` (any scalar one) or ``cld``."""
        return self.audit.facts.process

    @property
    def folds(self) -> Array:
        """The shares of the groups that costs are computed in, [B] or [F]."""
        shares = self.curve.shares
        if self.covariance != "full":
            return shares
        return np.array([shares[f::FOLDS].sum() for f in range(FOLDS)])

    def estimate(self, by_fold: Array) -> Estimate:
        """Return the mean over folds of [F, ...] with its standard error, 0 for exact curves."""
        estimate = group_estimate(by_fold, self.folds)
        return (
            Estimate(estimate.value, np.zeros_like(estimate.se)) if self.curve.exact else estimate
        )

    def choice(self, fold: int | None = None) -> GridChoice:
        """Return the search on the examples outside `fold`, or on all of them."""
        return self._chosen(fold)[0]

    def kept(self, key: Hashable, work_out: Callable[[], Value]) -> Value:
        """Return what was worked out of these prices under a key, once."""
        if key not in self._cache:
            self._cache[key] = work_out()
        value: Value = self._cache[key]
        return value

    def _chosen(self, fold: int | None) -> tuple[GridChoice, Repair]:
        def search() -> tuple[GridChoice, Repair]:
            groups = self._outside(fold, len(self.measured.shares))
            one, done = repaired(self._priced, groups, exact=self.exact)
            return self._choice(one, self._outside(fold, FOLDS)), done

        return self.kept(("choice", fold), search)

    def _outside(self, fold: int | None, count: int) -> NDArray[np.bool_]:
        return np.asarray(np.arange(count) % FOLDS != (-1 if fold is None else fold))

    def variances(self, nodes: Indices) -> Array:
        """Return the errors at nodes 1..K that analytic-dpm covers, as measured, [N, J]."""
        if self.covariance == "full":
            return np.asarray(np.maximum(self._spectra[0][nodes].mean(axis=1), 0.0))
        errors, _ = errors_for(self.curve, str(self.covariance))
        return np.asarray(
            np.maximum(np.einsum("nbj,b->nj", errors[nodes], self.curve.shares), 0.0)
        )

    def unseen(self, nodes: Indices) -> Array:
        """Return (4) of error_curve/interpolate.py at nodes 1..K in the bands of this sampler,
        [N, J].

        Along the axes of a full covariance it is what the total's is of one of d.
        """
        one = self._unseen[nodes]
        if self.covariance in ("scalar", "full"):
            one = one / self.curve.dimension
        return np.repeat(one, self.curve.dimension, axis=1) if self.covariance == "full" else one

    @cached_property
    def _unseen(self) -> Array:
        basis = self.covariance if self.covariance in self.audit.curve.errors else "total"
        return unseen(self.audit.curve, str(basis), self.curve.levels)

    def _choice(self, one: Curve, folds: NDArray[np.bool_], wary: bool = True) -> GridChoice:
        """Return the search on a curve of one group, with the full covariance of some folds.

        wary: count with one mistake more than was seen.
        """
        bases = tuple(n for n in self.curve.errors if n == self.covariance)
        if self.covariance == "full":
            full = self.audit.curve.full
            require(full is not None, "covariance", "full was not measured by this audit")
            assert full is not None
            values = spectrum(full[:, folds])
            one.errors["full"], one.sizes["full"] = values[:, None], np.ones(values.shape[1])
            bases = ("full",)
        curve = refined_curve(one, self.levels, bases=bases)
        for error in (*curve.errors.values(), curve.traces[:, :, 0]):
            np.maximum(error, 0.0, out=error)  # what bends a curve may carry it below zero
        if wary:
            more = self.unseen(np.arange(1, len(curve.levels)))
            if self.covariance in curve.errors:
                curve.errors[str(self.covariance)][1:] += more[:, None]
            else:
                curve.traces[1:, :, 0] += more * (curve.dimension if self.covariance else 1)
        if self.exact and not curve.exact:
            cross_once(curve)
        way = Way(self.sampler, self.covariance, self.start, self.process)
        measured = np.flatnonzero(np.isin(curve.levels, self.audit.curve.levels))
        v = self.audit.frame.start_variances(self.start)
        return GridChoice(curve, way, v, self.menu, one, measured)

    @property
    def repair(self) -> Repair:
        """What the repair of the whole curve moved."""
        return self._chosen(None)[1]

    @property
    def cell(self) -> Array:
        """The cost of every step on the repaired curve of all examples, [K, K]."""
        return self.choice().cell

    def starts(self, levels: Array) -> Array:
        """Return the cost by group of starting at each of `levels`, [..., B]."""
        v = self.audit.frame.start_variances(self.start)
        return start_cost(self.measured, levels, self.start, v)

    @cached_property
    def measured(self) -> Curve:
        """The audit's curve; of a start from classes its level 0 predicts the class's mean."""
        return self.audit.curve.starting(self.start)

    def groups(self, nodes: Indices) -> tuple[Array, Array]:
        """Return the start's and the steps' cross-fitted cost of a grid by group, [B] or [F].

        nodes: indices into the levels 1..K of the curve (so 1 is the first level).
        """
        return (
            self.refold(self.starts(self.curve.levels[nodes[0]])),
            self.cells(nodes[:-1], nodes[1:]),
        )

    def cost(self, nodes: Indices) -> Array:
        """Return the whole cross-fitted cost of a grid by group, [B] or [F]."""
        start, cells = self.groups(nodes)
        return start + cells

    def cells(self, here: Indices, there: Indices) -> Array:
        """Return the summed cost of the steps from nodes `here` to `there` by group, [B] or
        [F]."""
        return np.asarray(self.each(here, there).sum(axis=0))

    def each(self, here: Indices, there: Indices) -> Array:
        """Return the cost of the steps from nodes `here` to `there` by group, [N, B] or [N, F]."""
        if self.covariance == "full":
            variance, error = self._spectra
            variance = variance[here] + self.unseen(here)[:, None]
            delta = (self.curve.levels[there] - self.curve.levels[here])[:, None]
            sizes = np.ones(self.curve.dimension)
            return analytic_dpm_kl(delta, variance, error[here], sizes)
        more = self.unseen(here)[:, None] if self.sampler.covariance else 0.0
        return cell_costs(
            self.curve,
            here,
            there,
            self.sampler,
            self.covariance,
            process=self.process,
            more=more,
        )

    @cached_property
    def _spectra(self) -> tuple[Array, Array]:
        return refined_spectra(self.audit.curve, self.levels, self.folds, self.refold)

    def refold(self, by_group: Array) -> Array:
        """Return means by group [..., B] as means by fold, in which this sampler is priced."""
        count, w = len(self.folds), self.curve.shares
        if count == len(w):
            return by_group
        parts = [np.average(by_group[..., f::count], -1, w[f::count]) for f in range(count)]
        return np.stack(parts, axis=-1)

    def folded(self) -> list[tuple[int | None, Array]]:
        """Return the folds with the groups they price, [B] or [F] of 0 and 1."""
        count = len(self.folds)
        if count < FOLDS:
            return [(None, np.ones(count))]
        return [(f, (~self._outside(f, count)).astype(float)) for f in range(FOLDS)]

    def unwary(self) -> GridChoice:
        """Return the search on all examples that counts no mistake but those that were seen."""
        whole = np.ones(FOLDS, dtype=bool)
        return self.kept("least", lambda: self._choice(self._priced.pooled(), whole, False))

    @cached_property
    def _priced(self) -> Curve:
        """The measured curve, in the bases that this sampler needs alone."""
        curve, wanted = self.measured, (self.audit.curve.main, self.covariance)
        names = [n for n in curve.errors if n in wanted]
        bends = {n: c for n, c in curve.bends.items() if n in ("total", "traces", *names)}
        errors = {n: curve.errors[n] for n in names}
        return replace(curve, errors=errors, bends=bends, products=None, full=None)

    @cached_property
    def _integrals(self) -> Array:
        """1/2 int of the measured error over each stretch between neighbours, [K, B]."""
        return stretches(self.measured, self.levels)

    @cached_property
    def totals(self) -> Array:
        """1/2 int of the measured error from 0 to every node 0..K by group, [K + 1, B] or [F]."""
        sums = np.cumsum(self._integrals, axis=0)
        return self.refold(np.concatenate([np.zeros_like(sums[:1]), sums]))

    def integral(self, last: int) -> Array:
        """Return 1/2 int of the measured error from 0 to node `last`, by group."""
        return np.asarray(self.totals[last])


def prices(
    audit: AuditRecord,
    sampler: Sampler,
    covariance: str | None = None,
    start: str | None = None,
    *,
    levels: Levels | None = None,
    menu: Menu | None = None,
) -> Prices:
    """Return the prices of a stochastic `sampler`; defaults fill in covariance and start.

    levels: SNRs to visit besides the measured ones, or, with a menu, all there are: the measured
    ones up to the last, and others.
    """
    require(sampler.stochastic, "sampler", "must be one that has a path KL", sampler.name)
    if sampler.products:
        rule = "cannot be calibrated in so many dimensions, whose bands hold several"
        require(not np.isnan(audit.curve.traces).any(), "sampler", rule, sampler.name)
    audit = audit.dense
    if sampler.covariance:
        covariance = covariance or audit.curve.main
        if covariance == "full" and audit.curve.half is not None:
            covariance = audit.curve.main  # E r r^T is diagonal there (error_curve/exact.py)
        if covariance != "full":
            errors_for(audit.curve, covariance)
    every = audit.levels if levels is None else levels
    if menu is None:
        every, menu = merged(audit.levels, every), Menu()
    begin = start or usual_start(audit.curve, sampler)
    recent: dict[Hashable, Prices] = audit.shared.setdefault("prices", {})
    key = (sampler.name, covariance, begin, every.tobytes(), menu.key)
    if key not in recent:
        bases = tuple({covariance} & {*audit.curve.errors}) if covariance else ()
        curve = refined_curve(audit.curve.starting(begin), every, bases=bases)
        for old in [*recent][: 1 - RECENT]:
            del recent[old]
        recent[key] = Prices(audit, sampler, covariance, begin, curve, menu)
    return recent[key]
