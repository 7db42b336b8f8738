"""The grids that others chose or published, by name, on the levels that an audit measured.

Each takes an audit, the two SNRs to reach from and to, and how many levels, and needs no network:
its nats stand beside those of a plan (`evaluate_grid`), and its samples beside a plan's in a
tournament.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_choice
from ..path_kl.entropy_slabs import entropy_grid
from ..process import Cosine, VariancePreserving
from ..sampling.align_your_steps import STABLE_DIFFUSION_XL, align_your_steps_grid
from ..sampling.grids import beta_grid, karras_grid, log_uniform_grid, time_grid

if TYPE_CHECKING:
    from .._typing import Levels
    from ..measuring.record import AuditRecord

Maker = Callable[["AuditRecord", float, float, int], "Levels"]
NAMED_GRIDS: dict[str, Maker] = {
    "karras": lambda _, *ends: karras_grid(*ends),
    "cosine": lambda _, *ends: time_grid(Cosine(), *ends),
    "exponential": lambda _, *ends: log_uniform_grid(*ends),  # uniform in log sigma
    "linear-beta": lambda _, *ends: time_grid(VariancePreserving.linear(), *ends),
    "beta": lambda _, *ends: beta_grid(VariancePreserving.linear(), *ends),
    "entropy": lambda audit, *ends: entropy_grid(audit.dense.curve, *ends),
    "ays": lambda _, *ends: align_your_steps_grid(*ends),
    "ays-sdxl": lambda _, a, b, n: align_your_steps_grid(a, b, n, STABLE_DIFFUSION_XL),
}


def named_grid(audit: AuditRecord, name: str, last: float, count: int) -> Levels:
    """Return the levels of a grid from the coarsest measured to SNR `last`, at most `count`.

    Of a network of discrete time, the levels that it was trained at nearest to these. Raises
    InputError for a name that is none, and for a process that ends before the coarsest level.
    """
    require_choice("grid", name, NAMED_GRIDS)
    first = float(audit.levels[0])
    require(count >= 2, "steps", f"must leave the {name} grid two levels or more", count)
    rule = f"must end finer than the coarsest level measured, noise {first**-0.5:.4g}"
    require(last > first, "resolution", rule, f"{last**-0.5:.4g}")
    return _trained(audit, NAMED_GRIDS[name](audit, first, last, count))


def _trained(audit: AuditRecord, levels: Levels) -> Levels:
    """Return the levels that a network of discrete time was trained at nearest to these."""
    recorded = audit.facts.trained_levels
    if recorded is None:
        return levels
    trained: Levels = np.asarray(recorded, dtype=np.float64)
    apart = np.abs(np.log(trained)[None] - np.log(levels)[:, None])
    return np.asarray(trained[np.unique(apart.argmin(axis=1))])
