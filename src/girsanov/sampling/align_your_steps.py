r"""The grids of Align Your Steps, for models that they were not made for.

Sabour, Fidler, Kreis 2024 (arXiv 2404.14507) chose ten noise levels for each of a few models and
give as many as one likes between them, log-linearly:

    log sigma at place x = log sigma of the table at x,   x = k/n,  k = 0..n-1,               (1)

where the table has ten steps and an eleventh level, which their samplers replace by 0. For another
model only the shape can be taken over: (1) stretched in log sigma to the range of that model. What
was best for a latent network of Stable Diffusion need not be good here, and nobody claims so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .grids import require_ends

if TYPE_CHECKING:
    from .._typing import Levels

# sigma of the ten steps and of their end, as published
STABLE_DIFFUSION_15 = (
    14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029,
)  # fmt: skip
STABLE_DIFFUSION_XL = (
    14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029,
)  # fmt: skip


def align_your_steps_grid(
    first: float, last: float, count: int, table: tuple[float, ...] = STABLE_DIFFUSION_15
) -> Levels:
    """Return `count` SNRs by (1), stretched to reach from `first` to `last`."""
    low, high, n = require_ends(first, last, count)
    places = np.linspace(0, 1, len(table))
    logs = np.interp(np.arange(n) / n, places, -2 * np.log(table))
    share = (logs - logs[0]) / (logs[-1] - logs[0])
    grid = low * (high / low) ** share
    grid[0], grid[-1] = low, high
    return np.asarray(grid)
