"""Array aliases with their shapes; B = batch, n = samples, d = dimension, K = levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor as Tensor

Array = NDArray[np.float64]  # float64, any shape
Indices = NDArray[np.int64]  # [N], places in an array of levels
Levels = NDArray[np.float64]  # [K], increasing SNRs
Json = dict[str, Any]
PathLike = str | Path
Progress = Callable[[int, int], None]  # (done, of how many), called after each unit of work
