r"""The error curve of a denoiser, by groups of examples.

Every example x0 walks one Brownian path through all levels (`brownian_path.py`), and leaves at
each the residual r = x0 - m(x_s, s) and the noise n = x0 - x_s. Kept are sums over B groups of
examples
(batch means), so memory does not grow with the data:

    M_b(s)  = mean of (u_j . r)^2 over the coordinates j of band b,                       (1)
    traces  = E|r|^2, E[n . r], E[x0 . r],                                                (2)
    S_b(s)  = mean of v v^T per coordinate, v = (1, n, r, r_previous, x0 - mean[, r_ref]), (3)

(1) prices ddpm and analytic-dpm, (2) ei-score and ei-relative, (3) feeds the probe and
the calibration; r_ref is the residual of a second, reference denoiser on the same paths. Level 0
is s = 0, where the best prediction is the mean of the data. For a model of phase space (2) goes
on with E[w . r], which is 0 for a denoiser that knows w to be noise. Between the levels (1) and
(2) are measured at random places, and kept as the bends of `between_levels.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .._checks import require
from ..montecarlo import Estimate, group_estimate

if TYPE_CHECKING:
    from .._typing import Array, Indices, Tensor

GROUPS = 16  # enough for Student's t to be close to the normal, few enough to store
FOLDS = 4  # coarser groups for the full covariance, which costs d^2 numbers a level
VECTOR = ("one", "n", "r", "r_previous", "x0", "r_reference")


def upper_triangle(width: int) -> list[tuple[int, int]]:
    """Return the upper triangle of a matrix of this width, row by row."""
    return [(a, b) for a in range(width) for b in range(a, width)]


def as_error(traces: Array) -> Array:
    """Return 1 for each trace (2) that is the error of an exact denoiser, 0 for E[w . r]."""
    return np.asarray(np.arange(traces.shape[-1]) < 3, dtype=np.float64)


class Examples(Protocol):
    """Standardised examples that can be read in slices: a Dataset, or draws of a law."""

    def __len__(self) -> int:
        """The number of examples."""
        ...

    def batch(self, rows: slice) -> Tensor:
        """Return the examples of these rows, [b, *shape]."""
        ...

    def batch_labels(self, rows: slice) -> Tensor | None:
        """Return their labels [b], or None."""
        ...


class Left(NamedTuple):
    """What a correction of `corrections.py` leaves of the error, each group's fitted on the
    others.

    betas: its coefficients [F, B, K, P]; errors: [K+1, B, P]; gains: what it takes off [K, B, P];
    taken: what `control_variate.py` takes off E|r'|^2, E[n . r'] and E[x0 . r'] of the rest, [K,
    B, 3].
    """

    betas: Array
    errors: Array
    gains: Array
    taken: Array


class AboutClass(NamedTuple):
    """Examples about their classes' means, by `class_means.py`: (1), (2) and the sum of (2).

    shares: [B, C]; errors: by axis or band [B, C, I]; main: level 0 [B, J].
    """

    shares: Array
    errors: Array
    main: Array

    def keep(self, groups: NDArray[np.bool_]) -> AboutClass:
        """Return those of some groups (a boolean mask [B])."""
        return AboutClass(*(x[groups] for x in self))

    def pooled(self, shares: Array) -> AboutClass:
        """Return those of all groups as one; shares: of the examples in each [B]."""
        return AboutClass(*(np.average(x, axis=0, weights=shares)[None] for x in self))


@dataclass(frozen=True)
class Curve:
    """Group means of the residual's moments at levels[0] = 0 < levels[1] < ... < levels[K].

    levels: [K+1]; shares: of the examples in each group [B]; errors: by basis name, (1) as
    [K+1, B, J]; sizes: coordinates in each band, by basis name [J]; traces: (2) as
    [K+1, B, 3 or 4]; second_moments: E|x0|^2 [B]; products: (3) as [K+1, B, P, 15 or 21], upper
    triangles; full: E[r r^T] by fold [K+1, F, d, d]; probe_sizes: [P]; exact: True when these are
    expectations; probe_variances: the data's variance in each band of the products [P]; bends:
    (2) of between_levels.py by basis name, of the sum of all as "total" [K, B, J, 2] and of what
    the traces differ by from it as "traces"; empty where nothing was measured between the levels;
    gamma: how much of what chance made of the noise was taken off the errors
    (`control_variate.py`), [B] or None; left: by "probe" and "calibrated", of corrections fitted
    with the curve; plain: E|r|^2 with nothing taken off [K+1, B], or None where it is not known;
    line: the error of the straight line of the frame's moments on the same noise [K, B], or None;
    half: of an exact curve 1/2 int_0^s M at its levels [K+1], where the law knows it; finer: the
    same exact curve at more levels, those that a plan may visit, or None; about_class: the
    examples about the means of their classes (`class_means.py`), or None.
    """

    levels: Array
    shares: Array
    errors: dict[str, Array]
    sizes: dict[str, Array]
    traces: Array
    second_moments: Array
    products: Array | None = None
    probe_sizes: Array | None = None
    full: Array | None = None
    exact: bool = False
    probe_variances: Array | None = None
    bends: dict[str, Array] = field(default_factory=dict)
    gamma: Array | None = None
    left: dict[str, Left] = field(default_factory=dict)
    plain: Array | None = None
    line: Array | None = None
    half: Array | None = None
    finer: Curve | None = None
    about_class: AboutClass | None = None

    @property
    def main(self) -> str:
        """The name of the basis that everything but its alternatives is computed in."""
        return next(iter(self.errors))

    @property
    def dimension(self) -> int:
        """The dimension d."""
        return int(self.sizes[self.main].sum())

    def total(self) -> Estimate:
        """Return M(s) = E|x0 - m|^2 at every level with its standard error, [K+1]."""
        if self.exact:
            return Estimate(self.traces[:, 0, 0], np.zeros(len(self.levels)))
        return group_estimate(self.traces[:, :, 0].T, self.shares)

    def keep(self, groups: NDArray[np.bool_]) -> Curve:
        """Return the curve of the examples in these groups only (a boolean mask [B])."""
        return replace(
            self,
            shares=self.shares[groups] / self.shares[groups].sum(),
            errors={k: v[:, groups] for k, v in self.errors.items()},
            traces=self.traces[:, groups],
            second_moments=self.second_moments[groups],
            products=None if self.products is None else self.products[:, groups],
            bends={k: v[:, groups] for k, v in self.bends.items()},
            gamma=None if self.gamma is None else self.gamma[groups],
            left={},
            plain=None if self.plain is None else self.plain[:, groups],
            line=None if self.line is None else self.line[:, groups],
            about_class=self.about_class and self.about_class.keep(groups),
        )

    def at(self, places: Indices) -> Curve:
        """Return the curve at some of its levels, without what lies between them."""
        return replace(
            self,
            levels=self.levels[places],
            errors={k: v[places] for k, v in self.errors.items()},
            traces=self.traces[places],
            products=None,
            full=None,
            bends={},
            gamma=None,
            left={},
            plain=None,
            line=None,
            half=None,
            finer=None,
        )

    def pooled(self) -> Curve:
        """Return the curve with all groups as one."""
        return replace(
            self,
            shares=np.ones(1),
            errors={name: self.mean_errors(name)[:, None] for name in self.errors},
            traces=self.mean_traces()[:, None],
            second_moments=np.array([self.second_moments @ self.shares]),
            products=None,
            bends={k: np.average(v, 1, self.shares)[:, None] for k, v in self.bends.items()},
            gamma=None,
            left={},
            plain=None,
            line=None,
            about_class=self.about_class and self.about_class.pooled(self.shares),
        )

    def starting(self, start: str) -> Curve:
        """Return the curve whose level 0 predicts what a start knows: of ``class``, its mean.

        It is that of the main basis and of E|r|^2 alone.
        """
        if start != "class":
            return self
        require(self.about_class is not None, "start", "class is for a model with classes")
        assert self.about_class is not None
        errors, traces = dict(self.errors), self.traces.copy()
        errors[self.main] = errors[self.main].copy()
        errors[self.main][0] = self.about_class.main
        traces[0, :, 0] = errors[self.main][0] @ self.sizes[self.main]
        return replace(self, errors=errors, traces=traces)

    def mean_errors(self, basis: str) -> Array:
        """Return (1) averaged over all groups, [K+1, J]."""
        require(basis in self.errors, "basis", f"must be one of {', '.join(self.errors)}", basis)
        return np.asarray(np.einsum("kbj,b->kj", self.errors[basis], self.shares))

    def mean_traces(self) -> Array:
        """Return (2) averaged over all groups, [K+1, 3 or 4]."""
        return np.asarray(np.einsum("kbt,b->kt", self.traces, self.shares))
