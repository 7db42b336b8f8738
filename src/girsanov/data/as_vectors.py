"""Vectors that a table made columns x0, x1, ... of, as the vectors they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import array_rows
from .dataset import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray


def as_vectors(samples: Dataset, like: Dataset | NDArray[Any]) -> Dataset:
    """Return samples as vectors where `like` has no columns, and theirs are x0, x1, ...

    Their labels stay with them.
    """
    names = samples.raw(slice(0, 1)).dtype.names
    table = (like.raw(slice(0, 1)) if isinstance(like, Dataset) else like).dtype.names
    if table or not names or names != tuple(f"x{k}" for k in range(len(names))):
        return samples
    rows = samples.raw(slice(None))
    vectors = array_rows(np.stack([rows[name] for name in names], axis=1), samples.name)
    names, order = samples.label_names, samples.class_order
    return Dataset(
        vectors, samples.name, labels=samples.labels, label_names=names, class_order=order
    )
