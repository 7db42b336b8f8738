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
from ..law.base import Law
from .exact import known_curve
from .paths import teacher_calls
from .record import Audit
from .trained import named, said_of
from .trajectories import measure_trajectories


def known_audit(
    denoiser: Denoiser, data: Dataset | Law, grid: Levels, *, trajectories: int, **alike: Any
) -> Audit | None:
    """Return the audit at SNRs `grid` with an exact curve, None where it has to be measured.

    trajectories: of the teacher, which are drawn all the same; alike: seed, batch_size, processes
    and progress, as of `audit`.
    """
    begun, paths = time.perf_counter(), require_count("trajectories", trajectories, at_least=0)
    if not (isinstance(data, Law) and plainly_exact(denoiser, data)):
        return None
    known = known_curve(data, grid)
    if known is None:
        return None
    teacher = measure_trajectories(denoiser, known.frame, grid, paths, **alike) if paths else None
    from .. import __version__

    about = {
        "girsanov": __version__, "model": denoiser.fingerprint, "data": data.fingerprint,
        "data_name": type(data).__name__, "exact": True, "shape": list(denoiser.shape),
        "examples": 0, "draws": 0, "seed": alike["seed"],
        "calls": paths * teacher_calls(len(grid)), "moments_from": "law", "trajectories": paths,
        "levels_between": 0, "training_examples": 0,
        "seconds": round(time.perf_counter() - begun, 3),
        **said_of(denoiser, data), **named(denoiser, data, None),
    }  # fmt: skip
    return Audit(known.curve, known.frame, None, about, teacher)


def plainly_exact(denoiser: Denoiser, law: Law) -> bool:
    """Return whether a denoiser is the exact one of this very law, and not one made of it.

    In float64: fewer digits are an error of their own.
    """
    own = type(denoiser) is ExactDenoiser and denoiser.dtype == torch.float64
    return own and law.fingerprint == denoiser.fingerprint
