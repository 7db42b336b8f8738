r"""Linear measurements of an example, in the data's units and in the model's.

    y = A raw + tau xi,    xi ~ N(0, I_q).                                                 (1)

With raw = c + S x, x in the model's units, and in units of the noise,

    (y - A c)/tau = (A S/tau) x + xi.                                                      (2)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import refuse, require
from .._files import sha256_of
from ..denoise.base import told_of

if TYPE_CHECKING:
    from .._typing import Array
    from ..data.standardise import Standardisation
    from ..denoise.base import Denoiser

MOST_NUMBERS = 4096  # that are measured of one example: the gain of each step solves for them
MOST_ENTRIES = 2**25  # of A


@dataclass(frozen=True, eq=False)
class Observation:
    """Equation (1): what was measured of an example, by which linear map, with which noise.

    operator: A [q, *example] (or [q, d], flattened), or the mask of what was measured, true and
    false [*example]; noise: tau > 0, a number, or one for each of the q; measured: y [q], or
    [R, q] for R examples, NaN where nothing was measured; of a mask also [*example] or
    [R, *example]; None where it is to be simulated (`girsanov.coverage`). All in the data's own
    units. Raises InputError for anything else.
    """

    operator: Any
    noise: Any
    measured: Any = None

    def __post_init__(self) -> None:
        """Turn what is given into arrays, and refuse what they cannot be."""
        operator = np.asarray(self.operator)
        rule = "must be numbers [q, ...] or a mask of true and false [...]"
        require(operator.dtype.kind in "biuf" and operator.size > 0, "operator", rule,
                f"{operator.dtype} {operator.shape}")  # fmt: skip
        rows = self.is_mask or operator.ndim >= 2
        rule = "must have a row for every number measured, [q, d]"
        remedy = "A mask must be of booleans (mask.astype(bool))"
        require(rows, "operator", rule, operator.shape, remedy)
        q = int(operator.sum()) if self.is_mask else len(operator)
        require(q > 0, "operator", "must measure something: the mask is true nowhere")
        rule = f"must measure at most {MOST_NUMBERS} numbers of an example"
        require(q <= MOST_NUMBERS, "operator", rule, q)
        entries = q * (operator.size if self.is_mask else operator.size // q)
        require(entries <= MOST_ENTRIES, "operator", f"must have at most {MOST_ENTRIES} entries",
                entries)  # fmt: skip
        finite = bool(np.isfinite(operator).all())
        require(finite, "operator", "must be finite; it holds NaN or infinity")
        own = operator if self.is_mask else operator.astype(np.float64)
        object.__setattr__(self, "operator", own)
        object.__setattr__(self, "noise", _noise(self.noise, q))
        if self.measured is not None:
            object.__setattr__(self, "measured", self._values(self.measured, q))

    @property
    def is_mask(self) -> bool:
        """Whether A picks numbers of the example."""
        return bool(np.asarray(self.operator).dtype.kind == "b")

    @property
    def width(self) -> int:
        """The numbers q measured of an example."""
        return len(self.noise)

    def _values(self, measured: ArrayLike, q: int) -> Array:
        y = np.asarray(measured)
        rule = f"must be the {q} numbers measured, [{q}], or rows of them, [R, {q}]"
        require(y.dtype.kind in "biuf", "measured", rule, str(y.dtype))
        y = y.astype(np.float64)
        if self.is_mask and y.shape[-self.operator.ndim :] == self.operator.shape:
            y = y[..., self.operator]
        require(y.ndim in (1, 2) and y.shape[-1] == q and len(y) > 0, "measured", rule, y.shape)
        require(not np.isinf(y).any(), "measured", "must be finite, or NaN for a gap")
        return y

    def rows(self) -> Array:
        """Return A [q, *example] in the data's units."""
        if not self.is_mask:
            return np.asarray(self.operator)
        rows = np.zeros((self.width, self.operator.size))
        rows[np.arange(self.width), np.flatnonzero(self.operator)] = 1
        return rows.reshape(self.width, *self.operator.shape)

    def of(self, raw: NDArray[Any]) -> Array:
        """Return A raw of examples [n, ...] in the data's units, without noise, [n, q]."""
        a = self.rows().reshape(self.width, -1)
        flat = np.asarray(raw, dtype=np.float64).reshape(len(raw), -1)
        rule = f"must have rows of {flat.shape[1]} numbers, as the data have"
        require(a.shape[1] == flat.shape[1], "operator", rule, self.operator.shape)
        return np.asarray(flat @ a.T)

    def __len__(self) -> int:
        """The rows of numbers that were measured."""
        return 0 if self.measured is None else len(np.atleast_2d(self.measured))

    @property
    def many(self) -> bool:
        """Whether rows of numbers were measured, of an example each."""
        return self.measured is not None and self.measured.ndim == 2

    def seen_by(
        self, denoiser: Denoiser, units: Standardisation | None, each: int, label: Any
    ) -> Measured:
        """Return (2) for `each` samples of a row; label: the class to draw.

        Raises InputError for a model of x given y, for one of several classes without a label,
        for one whose units are not known, and for an operator of other examples than its own.
        """
        require_observable(denoiser)
        one = label is not None and np.ndim(label) == 0
        rule = "must name the one class to draw: of which class x is, the observation tells too"
        require(one or not denoiser.classes, "label", rule, label)
        y = self.measured
        require(y is not None, "measured", "must be given: what was measured")
        a, shift = scaled(self, units)
        return Measured(a, np.atleast_2d(y) / self.noise - shift, each)


def _noise(noise: Any, q: int) -> Array:
    """Return the deviation of each of q numbers."""
    value = np.asarray(noise)
    numbers = value.dtype.kind in "iuf" and value.shape in ((), (1,), (q,))
    rule = f"must be a deviation above 0, or {q} of them"
    require(numbers, "noise", rule, noise if value.ndim == 0 else value.shape)
    tau = value.astype(np.float64)
    good = bool((np.isfinite(tau) & (tau > 0)).all())
    remedy = "Without noise, name a deviation that is small beside what you measure"
    require(good, "noise", rule, value, remedy)
    return np.broadcast_to(tau.reshape(-1), (q,)).copy()


@dataclass(frozen=True, eq=False)
class Measured:
    """Equation (2): what samples are drawn given, in the model's units and those of the noise.

    operator: A S/tau [q, d]; values: its left side [R, q], NaN where nothing was measured; each:
    how many samples are drawn of a row, row after row.
    """

    operator: Array
    values: Array
    each: int

    @property
    def total(self) -> int:
        """How many samples there are of all rows."""
        return len(self.values) * self.each

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all that decides the samples."""
        return sha256_of(self.operator, self.values, np.array([self.each]))

    def rows(self, first: int, count: int) -> NDArray[np.intp]:
        """Return the row of each of the samples first..first+count-1."""
        return np.arange(first, first + count) // self.each

    def patterns(self, rows: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.bool_], Any]]:
        """Yield what was measured of these rows [q], and which of them have just that."""
        known, where = np.unique(np.isfinite(self.values[rows]), axis=0, return_inverse=True)
        where = where.reshape(-1)
        for k, pattern in enumerate(known):
            yield pattern, slice(None) if len(known) == 1 else np.flatnonzero(where == k)


def scaled(observation: Observation, units: Standardisation | None) -> tuple[Array, Array]:
    """Return A S/tau [q, d] and A c/tau [q] of equation (2).

    Raises InputError where the units are not known, and for rows of other examples.
    """
    if units is None:
        rule = "must know the units of its data, which what was measured is in"
        refuse("model", rule, None, "Wrap it with units=, or plan from an audit on data")
    a, shift = units.linear(observation.rows())
    return a / observation.noise[:, None], shift / observation.noise


def require_observable(denoiser: Denoiser) -> None:
    """Refuse a model that is told y by itself, and one whose samples are not data."""
    rule = "must be of x alone: this one is told y"
    require(told_of(denoiser) is None, "model", rule, None, "Use --given for it")
    latent = getattr(denoiser, "vae", None) is not None
    rule = "must draw the data themselves: its samples are latents, which no linear map measures"
    require(not latent, "model", rule)
