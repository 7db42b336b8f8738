"""What a network that is wrapped is told of its data: the units of x, those of y, the record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..data import Dataset, Standardisation
from ..data.standardise import ImageStandardisation, VectorStandardisation, unchanged
from ..data.table.columns import NumberColumn
from ..data.table.table_units import TableStandardisation

if TYPE_CHECKING:
    from .._typing import Array, Json
    from ..data.conditions import Conditions
    from .wrap_options import Units


def units_of_rows(
    shape: tuple[int, ...], train: Dataset | None, units: Units | None
) -> tuple[Standardisation | None, tuple[Array, Array] | None]:
    """Return the units of rows, and those of pictures whose type and layout are not known yet."""
    if train is not None:
        require(isinstance(train, Dataset), "train", "must be a data set (load_data)", train)
        require(train.shape == shape, "train", f"must hold examples of shape {shape}", train.shape)
    own = None if train is None else train.standardisation
    if units is None or isinstance(units, Standardisation):
        return own if units is None else units, None
    if len(shape) == 3:
        mean, scale = _pair(units, shape, per=(shape[0], 1, 1))
        if isinstance(own, ImageStandardisation):
            return replace(own, mean=mean, scale=scale), None
        return None, (mean, scale)
    fits = len(shape) == 1 and (own is None or isinstance(own, VectorStandardisation))
    require(fits, "units", "must be a Standardisation: a pair is for rows of numbers and pictures",
            units)  # fmt: skip
    rows = own if isinstance(own, VectorStandardisation) else unchanged(shape[0])
    mean, scale = (np.broadcast_to(v, shape).copy() for v in _pair(units, shape, per=shape))
    return replace(rows, mean=mean, scale=scale), None


def _pair(units: Units, shape: tuple[int, ...], per: tuple[int, ...]) -> tuple[Array, Array]:
    """Return mean and scale with as many axes as `shape`; per: the shape of one a channel."""
    rule = "must be a Standardisation, or a pair (mean, scale) of x = (row - mean)/scale"
    require(isinstance(units, tuple | list) and len(units) == 2, "units", rule, units)
    mean, scale = (np.asarray(v, dtype=np.float64) for v in units)  # type: ignore[union-attr]
    good = np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()
    require(bool(good), "units", "must be finite, the scale above 0", units)
    forms = {(): (1,) * len(shape), (1,): (1,) * len(shape), per[:1]: per, per: per, shape: shape}
    form = "numbers, one a channel, or of shape" if len(shape) == 3 else "numbers, or of shape"
    for value in (mean, scale):
        rule = f"must be {form} {shape}" + (", channels first" if len(shape) == 3 else "")
        require(value.shape in forms, "units", rule, value.shape)
    return mean.reshape(forms[mean.shape]), scale.reshape(forms[scale.shape])


def conditions_told(
    train: Dataset | None, units: Standardisation | None, told: tuple[int, ...]
) -> Conditions:
    """Return y as numbers of the data, and the regression of x on it."""
    require(bool(told) and min(told) > 0, "given", "must be sizes > 0, of one y", told)
    remedy = "Its y are what samples start from and are drawn given"
    known = train is not None and train.beside is not None
    require(
        known, "train", "must be a data set with conditions, load_data(..., given=)", None, remedy
    )
    assert train is not None
    assert train.beside is not None
    rows = train.beside.standardisation
    rule = f"must have conditions of shape {told}"
    require(rows.shape in (told, (int(np.prod(told)),)), "train", rule, rows.shape)
    own = train if units is None else train.with_standardisation(units)
    return own.learn_conditions(_in_own_numbers(rows), scaled=False)


def training_record(train: Dataset | None, classes: int) -> Json:
    seen = {} if train is None else {"lineage": train.lineage}
    return seen | ({"label_shares": [1.0] * classes} if classes else {})


def _in_own_numbers(units: Standardisation) -> Standardisation:
    """Return units in which numbers y are themselves; InputError for what are no numbers."""
    if isinstance(units, VectorStandardisation):
        ones = np.ones_like(units.scale)
        return replace(units, mean=np.zeros_like(units.mean), scale=ones)
    if isinstance(units, ImageStandardisation):
        return replace(units, mean=np.zeros((1, 1, 1)), scale=np.ones((1, 1, 1)))
    assert isinstance(units, TableStandardisation)
    columns = []
    for column in units.columns:
        rule = "must be numbers without gaps, for a network that is told them as they are"
        require(isinstance(column, NumberColumn), f"column {column.name!r}", rule)
        assert isinstance(column, NumberColumn)
        columns.append(replace(column, mean=0.0, scale=1.0))
    return replace(units, columns=tuple(columns))
