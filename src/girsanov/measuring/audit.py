"""Making an audit: everything that planning, certifying and reporting need, from one pass."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from .._checks import require, require_count
from ..denoise.base import Denoiser, per_call, require_denoiser, trained_levels
from ..denoise.calibrate import CalibratedDenoiser
from ..denoise.mlp import ResidualMLP
from ..error_curve.between_levels import places_between
from ..error_curve.class_means import about_class
from ..error_curve.curve import GROUPS, Examples
from ..error_curve.frame import make_frame
from ..law.base import Law
from .along_flow import START_CALLS, Turns, measure_flow, turns_of
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
from .jitter import jitter_of, rough_notes
from .measuring_pass import measure_curve
from .model_record import facts_of, levels_to_audit
from .options import AuditOptions, Pass
from .own_samples import FINE_CALLS, OWN_EXAMPLES, OwnSamples, own_samples
from .record import AuditRecord
from .resume import keep_sums
from .suspects import suspected
from .teacher import measure_trajectories
from .trajectories import teacher_calls

if TYPE_CHECKING:
    from .._typing import Progress
    from ..data import Dataset

DEFAULT_LEVELS = 65  # every 0.25 in log-SNR over the default range
AUDIT_BATCH = 512  # examples a network call, at most
ROWS, PARTS = 64, 4  # that fill a CPU with a picture each; batches, so that stopping costs a part
DRAWN = 600  # paths a small data set is given in all, by drawing noise more than once
FULL_LIMIT = 128  # dimensions up to which the full covariance is measured


def measure_audit(
    denoiser: Denoiser, data: Dataset | Law | None, request: AuditOptions
) -> AuditRecord:
    """Return the record of the audit of `denoiser` on held-out `data`; see `girsanov.audit`."""
    require_denoiser(denoiser)
    rule = "must be held-out data or a law, or else left out with no_data (--no-data)"
    require((data is None) == request.no_data, "data", rule, type(data).__name__)
    if data is not None:
        return _measured(denoiser, data, request, time.perf_counter())
    begun, count = time.perf_counter(), request.examples or OWN_EXAMPLES
    own = own_samples(denoiser, count, request.seed, request.batch_size, request.progress)
    audit = _measured(denoiser, own, request, begun)
    calls, notes = audit.facts.calls + len(own) * FINE_CALLS, (*audit.facts.notes, *own.notes())
    return audit.with_facts(calls=calls, notes=notes)


def _measured(
    denoiser: Denoiser, data: Dataset | Law | OwnSamples, request: AuditOptions, begun: float
) -> AuditRecord:
    """Return the record of an audit that began at `begun`, on data or on samples of its own."""
    seed, train = request.seed, request.train
    if isinstance(data, OwnSamples):
        whole: Examples = data
    else:
        data = beside_train(denoiser, data, train)
        whole = held_out_examples(denoiser, data, request.examples, seed)
        require_reference(denoiser, request.reference, data)
    require_shape("data", whole, denoiser)
    grid = levels_to_audit(denoiser, DEFAULT_LEVELS if request.levels is None else request.levels)
    if not isinstance(data, OwnSamples) and request.plain:
        of_law = known_audit(denoiser, data, grid, request)
        if of_law is not None:
            return of_law
    seen = learnt(denoiser, train, len(whole))
    moments, origin, source, others = moments_for(denoiser, data, train, whole)
    beside, alone = request.reference, ""
    if beside is None and not request.no_data:
        beside, alone = neighbours(denoiser, others, source)
    # exact for this very law: of another one it is a model like any other
    exact = denoiser.exact and isinstance(data, Law) and data.fingerprint == denoiser.fingerprint
    frame = make_frame(moments, denoiser.shape)
    count, paths = request.draws or -(-DRAWN // len(source)), request.trajectories
    between = places_between(grid, GROUPS, seed, trained_levels(denoiser))
    parts = [len(source) * count * (len(grid) + between.gaps), len(seen or ()) * len(grid)]
    parts.append(paths * teacher_calls(len(grid)))
    turns = turns_of(denoiser, len(source), count, grid, request.flow)
    parts.append(0 if turns is None else turns.starts(len(source), grid) * START_CALLS)
    size = rows_for(denoiser, len(source), request.batch_size)
    once = Pass(seed=seed, processes=request.processes, batch_size=size)
    order = getattr(data, "class_order", None)
    numbers = [len(source), len(seen or ()), seed, count, size, grid.tolist(), order, turns]
    kept = keep_sums(request.keep, (denoiser, data, train, beside), numbers, request.processes)
    tick = partial(_shifted, request.progress, total=sum(parts))
    held_out = replace(once, full=math.prod(denoiser.shape) <= FULL_LIMIT, reference=beside,
                       draws=count, between=between, progress=tick(0),
                       keep=kept("held-out"))  # fmt: skip
    curve = measure_curve(denoiser, source, grid, frame, held_out)
    curve, memorisation, line = about_class(curve, source, frame), None, None
    if seen is not None:
        training = replace(once, progress=tick(parts[0]), keep=kept("training"))
        again = measure_curve(denoiser, seen, grid, frame, training)
        memorisation, line = again.traces[:, :, 0], again.line
    last = replace(once, progress=tick(sum(parts[:2])))
    teacher = measure_trajectories(denoiser, frame, grid, paths, options=last) if paths else None
    facts = facts_of(
        denoiser, data, begun, reference=beside, alone=alone, exact=exact, examples=len(source),
        draws=count, seed=seed, calls=sum(parts[:3]) + parts[0] * (request.reference is not None),
        moments_from=origin, trajectories=paths, levels_between=between.gaps,
        training_examples=len(seen or ()), diameter=diameter(whole, moments.mean),
        no_data=request.no_data,
    )  # fmt: skip
    facts = replace(facts, suspects=suspected(denoiser, source, curve, seed), flow_calls=parts[3])
    audit = AuditRecord(curve, frame, memorisation, facts, teacher, line_seen=line)
    if turns is None:
        return audit
    following = replace(once, progress=tick(sum(parts[:3])), keep=kept("flow"))
    return _followed(audit, denoiser, source, turns, following, begun)


def _followed(
    audit: AuditRecord, denoiser: Denoiser, source: Examples, turns: Turns, following: Pass,
    begun: float,
) -> AuditRecord:  # fmt: skip
    """Return an audit with the flow that its plans will follow: of a broken model as corrected."""
    broken = audit.broken() is not None
    calibration = audit.calibrated().calibration if broken else None
    network = CalibratedDenoiser(denoiser, calibration) if calibration else denoiser
    flow = measure_flow(network, source, audit.levels, turns, following)
    audit = audit.with_flow(flow, corrected=broken)
    exact, seed = audit.facts.exact, audit.facts.seed
    rough = None if exact else jitter_of(denoiser, source, flow.levels, seed)
    notes = (*audit.facts.notes, *rough_notes(rough, math.prod(denoiser.shape)))
    seconds = round(time.perf_counter() - begun, 3)
    return audit.with_facts(jitter=rough, notes=notes, seconds=seconds)


def rows_for(denoiser: Denoiser, examples: int, asked: int | None = None) -> int:
    """Return how many examples a network call should hold: sums are kept after whole batches.

    asked: as many, whatever else. A network of pictures takes as long a row in small batches on
    a CPU, and the longest in all.
    """
    if asked is not None:
        return require_count("batch_size", asked)
    slow = len(denoiser.shape) > 1 and torch.device(denoiser.device).type == "cpu"
    if slow and not isinstance(getattr(denoiser, "network", None), ResidualMLP):
        return per_call(denoiser, min(AUDIT_BATCH, max(ROWS, -(-examples // PARTS))))
    return per_call(denoiser, AUDIT_BATCH)


def _shifted(progress: Progress | None, before: int, *, total: int) -> Progress | None:
    """Return a callback that counts on from `before` of `total`."""
    return None if progress is None else lambda done, _: progress(before + done, total)
