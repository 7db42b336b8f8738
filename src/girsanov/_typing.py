"""Array aliases with their shapes; B = batch, n = samples, d = dimension, K = levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor as Tensor
else:  # a name for annotations: reading and planning need no torch, which is slow to import
    Tensor = Any

Array = NDArray[np.float64]  # float64, any shape
Indices = NDArray[np.int64]  # [N], places in an array of levels
Levels = NDArray[np.float64]  # [K], increasing SNRs
Json = dict[str, Any]
PathLike = str | Path
Progress = Callable[[int, int], None]  # (done, of how many), called after each unit of work
