"""The audit of an exact denoiser on its own law, where the law knows its curve: no sampling."""

from __future__ import annotations

import time
from typing import Any

import torch

from .._checks import require_count
from .._typing import Levels
from ..data import Dataset
from ..denoise.base import Denoiser
from ..denoise.exact import ExactDenoiser
from ..error_curve.exact import known_curve
from ..law.base import Law
from .model_record import facts_of
from .record import Audit
from .teacher import measure_trajectories
from .trajectories import teacher_calls

BATCH = 512  # trajectories a call


def known_audit(
    denoiser: Denoiser,
    data: Dataset | Law,
    grid: Levels,
    *,
    trajectories: int,
    batch_size: int | None,
    **alike: Any,
) -> Audit | None:
    """Return the audit at SNRs `grid` with an exact curve, None where it has to be measured.

    trajectories: of the teacher, which are drawn all the same, `batch_size` in a call; alike:
    seed, processes and progress, as of `audit`.
    """
    begun, paths = time.perf_counter(), require_count("trajectories", trajectories, at_least=0)
    size = BATCH if batch_size is None else require_count("batch_size", batch_size)
    if not (isinstance(data, Law) and plainly_exact(denoiser, data)):
        return None
    known = known_curve(data, grid)
    if known is None:
        return None
    teacher = None
    if paths:
        teacher = measure_trajectories(
            denoiser, known.frame, grid, paths, batch_size=size, **alike
        )
    facts = facts_of(
        denoiser, data, begun, exact=True, examples=0, draws=0, seed=alike["seed"],
        calls=paths * teacher_calls(len(grid)), moments_from="law", trajectories=paths,
        levels_between=0, diameter=0.0, training_examples=0,
    )  # fmt: skip
    return Audit(known.curve, known.frame, None, facts, teacher)


def plainly_exact(denoiser: Denoiser, law: Law) -> bool:
    """Return whether a denoiser is the exact one of this very law, and not one made of it.

    In float64: fewer digits are an error of their own.
    """
    own = type(denoiser) is ExactDenoiser and denoiser.dtype == torch.float64
    return own and law.fingerprint == denoiser.fingerprint
