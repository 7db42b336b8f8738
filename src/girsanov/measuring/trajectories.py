"""What an audit keeps of the teacher's trajectories, and what one of them costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REFINE = 2  # cells of the teacher's grid between two levels


@dataclass(frozen=True)
class Trajectories:
    """States x and predictions m of (1) in teacher.py, standardised, float32 [K, n, d].

    8 K n d bytes in memory and in the audit's file.
    """

    states: NDArray[np.float32]
    predictions: NDArray[np.float32]

    def __len__(self) -> int:
        """The number of trajectories n."""
        return int(self.states.shape[1])

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the two arrays by name."""
        return {"trajectories.states": self.states, "trajectories.predictions": self.predictions}


def teacher_calls(levels: int, refine: int = REFINE) -> int:
    """Return the network calls of one trajectory over so many levels."""
    return 2 * refine * (levels - 1) + 1


def trajectories_from_tensors(
    t: dict[str, np.ndarray], shape: tuple[int, int]
) -> Trajectories | None:
    """Return the trajectories whose `tensors()` are among `t`, or None; shape: (K, d)."""
    names = ("trajectories.states", "trajectories.predictions")
    if not any(name in t for name in names):
        return None
    states, predictions = (t[name] for name in names)
    levels, d = shape
    for name, value in zip(names, (states, predictions), strict=True):
        good = value.shape == (levels, states.shape[1], d) and value.dtype == np.float32
        if not good or not np.isfinite(value).all():
            raise ValueError(f"{name} is {value.dtype} {value.shape}")
    return Trajectories(states, predictions)
