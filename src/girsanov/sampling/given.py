"""Rows of y that samples are drawn given: read, in the model's numbers, with what is far out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import InputError, require
from ..data.dataset import Dataset
from ..data.table.selected_columns import CHOICES, AsWritten, reading_of
from ..denoise.base import Denoiser, told_of

if TYPE_CHECKING:
    from .._typing import Tensor


def given_rows(denoiser: Denoiser, given: Any, argument: str = "given") -> Tensor:
    """Return rows of y as a model of x given y is told them, float32 [R, p].

    given: as `load_data` takes it: an array [R, p] (or [p], one row), a table with the columns
    that the model was given, a path to one of both, or a data set, of which the conditions count.
    Warns of numbers outside those of the training data. Raises InputError for another width,
    other columns, and gaps where the training data had none.
    """
    from ..data.load import load_given

    conditions = told_of(denoiser)
    rule = "must be left out: this model is of x alone, given nothing"
    require(conditions is not None or given is None, argument, rule)
    assert conditions is not None
    rule = f"must be rows of what the model was given ({conditions.title})"
    require(given is not None, argument, rule, None, "Name them with --given")
    try:
        if isinstance(given, Dataset):
            rows = given if given.beside is None else given.beside
        else:
            told = {name: reading_of(denoiser).get(name) for name in CHOICES}
            alone = isinstance(given, np.ndarray | torch.Tensor) and given.ndim == 1
            one = alone and conditions.width > 1 and given.dtype != object
            named = getattr(getattr(given, "dtype", None), "names", None) is not None
            given = given[None] if one and not named else given
            rows = load_given(given, conditions.columns, written=AsWritten(**told))
        y = conditions.encode(rows.raw(slice(None)))
    except InputError as cause:
        raise InputError(f"{argument}: does not fit the model; {cause}") from cause
    far = conditions.beyond(y)
    if far:
        warnings.warn(f"{argument}: {'; '.join(far)}", stacklevel=3)
    return torch.from_numpy(y)
