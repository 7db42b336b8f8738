"""Making an audit: everything that planning, certifying and reporting need, from one pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from .._checks import require_count
from .._processes import ALONE, Processes
from .._typing import Levels, PathLike, Progress
from ..data import Dataset
from ..denoise.base import Denoiser, per_call
from ..denoise.mlp import ResidualMLP
from ..error_curve.between_levels import places
from ..error_curve.class_means import about_class
from ..error_curve.curve import GROUPS, Curve
from ..error_curve.frame import make_frame
from ..law.base import Law
from .exact_law import known_audit
from .examples import (
    beside_train,
    diameter,
    held_out_examples,
    learnt,
    moments_for,
    neighbours,
    require_reference,
    require_shape,
)
from .load import load_audit as load_audit
from .measuring_pass import measure_curve
from .model_record import levels_to_audit, named, record_of, trained_levels
from .record import Audit as Audit
from .resume import keep_sums
from .suspects import suspected
from .teacher import measure_trajectories
from .trajectories import teacher_calls

BATCH = 512  # examples a network call, at most
ROWS, PARTS = 64, 4  # that fill a CPU with a picture each; batches, so that stopping costs a part
LEVELS = 65  # every 0.25 in log-SNR over the default range
DRAWN = 600  # paths a small data set is given in all, by drawing noise more than once
FULL_LIMIT = 128  # dimensions up to which the full covariance is measured
MeasureCurve = Callable[..., Curve]


def audit(  # noqa: PLR0913
    denoiser: Denoiser,
    data: Dataset | Law,
    *,
    train: Dataset | None = None,
    levels: int | Levels = LEVELS,
    examples: int | None = None,
    draws: int | None = None,
    trajectories: int = 0,
    reference: Denoiser | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    keep: PathLike | None = None,
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> Audit:
    """Return the audit of `denoiser` on held-out `data`: one pass, n (2 K - 1) draws calls.

    data: held-out examples, or the law itself; train: the training data, for the moments and
    for what the model has memorised; levels: how many, or the SNRs (of a discrete-time network,
    the nearest it was trained at); examples: use only so many; draws: noise paths per example;
    trajectories: of the teacher, to plan deterministic solvers on (256 will do; 4 K + 1 calls
    and 8 K d bytes each); reference: a second, better model, called on the same paths for a
    higher bound on the score error of this one; by default what examples that are not audited
    say by themselves (`denoise/neighbours.py`), those of train first; batch_size: examples a
    network call, by default 512, fewer if they are large, and a quarter of few images on a CPU;
    keep: a folder in which a run that is stopped leaves its sums and the same audit goes on from;
    processes: each measures its share (`girsanov.processes()`), all return the whole;
    progress(done, total) counts network calls.
    Without train, examples, draws and reference, the exact denoiser of a law that knows its curve
    is not measured on this law: the curve is exact and costs no call (`measuring/exact_law.py`).
    """
    begun, seed = time.perf_counter(), require_count("seed", seed, at_least=0)
    data = beside_train(denoiser, data, train)
    whole = held_out_examples(denoiser, data, examples, seed)
    require_reference(denoiser, reference, data)
    require_shape("data", whole, denoiser)
    grid, asked = levels_to_audit(denoiser, levels), (train, examples, draws, reference)
    alike: dict[str, Any] = {"seed": seed, "processes": processes, "batch_size": batch_size}
    told = {**alike, "trajectories": trajectories, "progress": progress}
    if all(x is None for x in asked) and (known := known_audit(denoiser, data, grid, **told)):
        return known
    seen = learnt(denoiser, train, len(whole))
    moments, origin, source, others = moments_for(denoiser, data, train, whole)
    beside, alone = neighbours(denoiser, others, source) if reference is None else (reference, "")
    # exact for this very law: of another one it is a model like any other
    exact = denoiser.exact and isinstance(data, Law) and data.fingerprint == denoiser.fingerprint
    frame = make_frame(moments, denoiser.shape)
    count = require_count("draws", -(-DRAWN // len(source)) if draws is None else draws)
    paths = require_count("trajectories", trajectories, at_least=0)
    between = places(grid, GROUPS, seed, trained_levels(denoiser))
    parts = [len(source) * count * (len(grid) + between.gaps), len(seen or ()) * len(grid)]
    parts.append(paths * teacher_calls(len(grid)))
    alike["batch_size"] = size = rows_for(denoiser, len(source), batch_size)
    measure: MeasureCurve = partial(measure_curve, denoiser, levels=grid, frame=frame, **alike)
    order = getattr(data, "class_order", None)
    numbers = [len(source), len(seen or ()), seed, count, size, grid.tolist(), order]
    kept = keep_sums(keep, (denoiser, data, train, beside), numbers, processes)
    beyond = {"full": math.prod(denoiser.shape) <= FULL_LIMIT, "reference": beside, "draws": count,
              "between": between, "progress": _shifted(progress, 0, sum(parts))}  # fmt: skip
    curve = about_class(measure(source, keep=kept("held-out"), **beyond), source, frame)
    tick, memorisation, line = _shifted(progress, parts[0], sum(parts)), None, None
    if seen is not None:
        again = measure(seen, progress=tick, keep=kept("training"))
        memorisation, line = again.traces[:, :, 0], again.line
    alike["progress"] = _shifted(progress, sum(parts[:2]), sum(parts))
    teacher = measure_trajectories(denoiser, frame, grid, paths, **alike) if paths else None
    about = record_of(
        denoiser, data, begun, exact=exact, examples=len(source), draws=count, seed=seed,
        calls=sum(parts) + parts[0] * (reference is not None), moments_from=origin,
        trajectories=paths, levels_between=between.gaps, training_examples=len(seen or ()),
        diameter=diameter(whole, moments.mean),
    )  # fmt: skip
    about |= named(denoiser, data, beside, alone) | suspected(denoiser, source, curve, seed)
    return Audit(curve, frame, memorisation, about, teacher, line_seen=line)


def rows_for(denoiser: Denoiser, examples: int, asked: int | None = None) -> int:
    """Return how many examples a network call should hold: sums are kept after whole batches.

    asked: as many, whatever else. A network of pictures takes as long a row in small batches on
    a CPU, and the longest in all.
    """
    if asked is not None:
        return require_count("batch_size", asked)
    slow = len(denoiser.shape) > 1 and torch.device(denoiser.device).type == "cpu"
    if slow and not isinstance(getattr(denoiser, "network", None), ResidualMLP):
        return per_call(denoiser, min(BATCH, max(ROWS, -(-examples // PARTS))))
    return per_call(denoiser, BATCH)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a callback that counts on from `before` of `total`."""
    return None if progress is None else lambda done, _: progress(before + done, total)
