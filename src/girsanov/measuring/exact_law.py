"""The audit of an exact denoiser on its own law, where the law knows its curve: no sampling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from ..denoise.exact import ExactDenoiser
from ..error_curve.exact import known_curve
from ..law.base import Law
from .exact_flow import exact_flow
from .model_record import facts_of
from .options import AuditOptions, Pass
from .record import AuditRecord
from .teacher import measure_trajectories
from .trajectories import teacher_calls

if TYPE_CHECKING:
    from .._typing import Levels
    from ..data import Dataset
    from ..denoise.base import Denoiser

TRAJECTORY_BATCH = 512  # trajectories a call


def known_audit(
    denoiser: Denoiser,
    data: Dataset | Law,
    grid: Levels,
    request: AuditOptions,
) -> AuditRecord | None:
    """Return the audit at SNRs `grid` with an exact curve, None where it has to be measured.

    Trajectories of the teacher are drawn all the same.
    """
    begun, paths = time.perf_counter(), request.trajectories
    if not (isinstance(data, Law) and plainly_exact(denoiser, data)):
        return None
    exact = known_curve(data, grid)
    if exact is None:
        return None
    teacher = None
    if paths:
        options = Pass(
            seed=request.seed, progress=request.progress, processes=request.processes,
            batch_size=request.batch_size or TRAJECTORY_BATCH,
        )  # fmt: skip
        teacher = measure_trajectories(denoiser, exact.frame, grid, paths, options=options)
    facts = facts_of(
        denoiser, data, begun, exact=True, examples=0, draws=0, seed=request.seed,
        calls=paths * teacher_calls(len(grid)), moments_from="law", trajectories=paths,
        levels_between=0, diameter=0.0, training_examples=0,
    )  # fmt: skip
    flow = None if request.flow == 0 else exact_flow(data, grid, request.seed, request.flow)
    return AuditRecord(exact.curve, exact.frame, None, facts, teacher, flow=flow)


def plainly_exact(denoiser: Denoiser, law: Law) -> bool:
    """Return whether a denoiser is the exact one of this very law, and not one made of it.

    In float64: fewer digits are an error of their own.
    """
    own = type(denoiser) is ExactDenoiser and denoiser.dtype == torch.float64
    return own and law.fingerprint == denoiser.fingerprint
