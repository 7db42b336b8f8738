"""The examples that advice rests on: as many as can be compared with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..denoise.neighbours import most_points
from ..noise import NoiseSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._typing import Tensor
    from ..data.dataset import Dataset

FEWEST = 8  # examples, of which half is asked what the other half taught


def compared_rows(data: Dataset, seed: int) -> NDArray[np.int64]:
    """Return which rows are compared: all, or as many as fit, chosen by `seed`."""
    n = len(data)
    require(n >= FEWEST, "data", f"must hold at least {FEWEST} examples", n)
    most = max(FEWEST, most_points(data.shape))
    if n <= most:
        return np.arange(n)
    keys = NoiseSource(seed, "advice rows").uniform(0, 0, n)
    return np.sort(np.argsort(keys, kind="stable")[:most]).astype(np.int64)


def compared_examples(data: Dataset, seed: int) -> Tensor:
    """Return these rows in the model's units, [n, *shape]."""
    return data.batch(compared_rows(data, seed))
