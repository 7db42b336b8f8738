r"""Choosing between samplers by what they draw, where no path KL can: `plan --by`.

Path KL prefers fine noise that no eye sees, and ODE samplers have none. So every
candidate draws samples under one seed (common random numbers), and its squared distance T_c to
held-out data is measured with pseudo-values by group (`comparison/jackknife.py`). Round r has n_r
samples of each candidate left; the better half goes on, n doubles, and the earlier samples are
kept, so that

    calls = steps sum_r K_r (n_r - n_(r-1)),    K_r = ceil(K_(r-1) / 2),    n_r = 2^r n_0      (1)

(successive halving: Jamieson and Talwalkar 2016). With the same data and the same groups for all,

    behind_c = T_c - T_winner,    its standard error that of p_gc - p_gw over the groups g,   (2)

is known far better than either. Of the last round's candidates that (2) cannot tell from the
best, one with a path KL is preferred to one without. The best of what a pipeline has already is
never knocked out, and nothing that is behind it in the last round is preferred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np

from ..._checks import InputError, require
from ..._signatures import takes
from ...comparison.jackknife import JACKKNIFE_GROUPS
from ...comparison.measures.registry import distance_of
from ...comparison.sets import COMPARED_NUMBERS, COMPARED_ROWS, FEWEST_COMPARED, vectors
from ...data import Dataset
from ...denoise.base import told_of
from ...law.base import Law
from ...ledger.plan_records import Tournament
from ...measuring.examples import Part, held_out_examples, require_shape
from ...noise import NoiseSource
from ...sampling.sample import check_model
from ..make_plan import make_plan
from ..ode_samplers.plan_ode_sampler import calibrated_teacher
from .candidates import Candidate, costs_at_most
from .candidates import candidates as enter
from .halving import (
    CONFIDENCE,
    Entrant,
    Ground,
    beside_y,
    best_entrant,
    go_on,
    ranking,
    standing,
)
from .options import TournamentKeywords, TournamentOptions
from .pipeline_schedulers import own_plans
from .trajectory_budget import Afforded, afforded

if TYPE_CHECKING:
    from ..._typing import Array, Progress
    from ...denoise.base import Denoiser
    from ...error_curve.curve import Examples
    from ...measuring.record import AuditRecord
    from ..plan import Plan

REFERENCE = 4000  # held-out rows that samples are compared with, at most
LAST = 4  # candidates of the last round, at most
FIRST_UNSEEN_SEED = 2**40  # seeds from here on draw of a law what no audit has drawn
DEAR = "ODE samplers on the calibrated network, for which these calls are too few"
SEEN = "calibrations and full covariances, which the audit fitted to these very examples"


@takes(TournamentOptions)
def tournament(
    audit: AuditRecord,
    model: Denoiser,
    data: Dataset | Law,
    **options: Unpack[TournamentKeywords],
) -> Plan:
    """Return the candidate whose samples are closest to held-out `data`, with the whole table.

    by: ``sliced-w2``, ``gaussian-w2``, ``mmd`` or ``frechet``, or a distance; steps: network
    calls a sample, by default the best number of `make_plan`; candidates: names of samplers, or
    plans by name (`planning/tournament/candidates.py`); calls: network calls spent in all, at
    most; data: the reference, which the model was not trained on; force: as in `make_plan`;
    calibrations and full
    covariances enter only if the audit has not seen it either: also ODE samplers on the calibrated
    network, where the audit has trajectories, and `calls` pays for those
    (`planning/tournament/trajectory_budget.py`). The schedulers that a pipeline's users would
    take enter too, run by diffusers itself
    (`planning/tournament/pipeline_schedulers.py`); if one wins, the plan is it.
    The table is ``plan.tournament.table``.
    Raises `InputError` when `calls` are too few, with how many are needed.
    """
    request = TournamentOptions(**options)
    # of a model that knows nothing, as it is, one step is the best number
    calibrate = None if audit.untrained() else False
    usual = make_plan(audit, steps=request.steps, calibrate=calibrate, force=request.force)
    check_model(model, usual)
    fresh, dimension = is_fresh(audit, data), math.prod(model.shape)
    candidates, seed, progress = request.candidates, request.seed, request.progress
    own = {} if isinstance(candidates, Mapping) else own_plans(audit, model, usual.steps)
    entered, paid = _field(
        audit, model, usual.steps, candidates, calls=request.calls, fresh=fresh, own=own,
        progress=progress,
    )  # fmt: skip
    entrants = [Entrant(c) for c in entered]
    reference, labels = _reference(model, data, seed)
    by = request.by
    measure = distance_of(by).fit(reference, labels, seed) if isinstance(by, str) else by
    ground = Ground(model, measure, reference, seed)
    costs = [e.candidate.plan.steps for e in entrants]
    sizes = rounds(costs, request.calls - paid.calls, dimension)
    left, spent = _play(ground, entrants, sizes, paid.calls, progress)
    winner = best_entrant(left)
    table = tuple(standing(e, winner) for e in sorted(entrants, key=ranking))
    played = Tournament(
        by=ground.measure.name, note=ground.measure.note, seed=seed,
        calls=spent, trajectories=paid.paths, trajectory_calls=paid.calls,
        left_out="; ".join(filter(None, ("" if fresh else SEEN, paid.left_out))),
        confidence=CONFIDENCE, data=data.fingerprint, examples=len(reference), table=table,
    )  # fmt: skip
    plan = winner.candidate.plan
    who = f"{winner.candidate.name}, run by diffusers itself, is " if plan.scheduler else ""
    why = f"{who}closest to held-out data by {ground.measure.name} of {len(entrants)} candidates"
    if winner is not left[0]:
        why += f", and has a path KL, unlike {left[0].candidate.name}, which is no closer for sure"
    tied = sum(row.behind_low <= 0 for row in table) - 1
    why += f"; {tied} others cannot be told from it" if tied > 0 else ""
    return replace(plan, why=why, tournament=played)


def rounds(costs: Sequence[int], calls: int, dimension: int = 1) -> list[int]:
    """Return n_r of equation (1) for candidates with these costs a sample, within `calls`."""
    counts = [len(costs)]
    while counts[-1] > LAST:
        counts.append(math.ceil(counts[-1] / 2))
    dearest = sorted(costs, reverse=True)  # any half may be left, so the dearest is reckoned with
    spent = [sum(dearest[:k]) for k in counts]
    unit = spent[0] + sum(c * 2 ** (r - 1) for r, c in enumerate(spent[1:], start=1))
    doublings = len(counts) - 1
    held = max(FEWEST_COMPARED, 2 * COMPARED_NUMBERS // (dimension * len(costs)))
    size = min(calls // unit, COMPARED_ROWS // 2**doublings, held)
    rule = f"must be at least {unit * FEWEST_COMPARED} for {len(costs)} candidates"
    require(calls >= unit * FEWEST_COMPARED, "calls", rule, calls, "Or name fewer candidates")
    return [(size - size % JACKKNIFE_GROUPS) * 2**r for r in range(len(counts))]


def _field(
    audit: AuditRecord,
    model: Denoiser,
    steps: int,
    only: Sequence[str] | Mapping[str, Plan] | None,
    *,
    calls: int,
    fresh: bool,
    own: Mapping[str, Plan],
    progress: Progress | None,
) -> tuple[list[Candidate], Afforded]:
    """Return who enters, and what the trajectories of the calibrated network cost.

    Too few calls are refused before anything is planned or measured, which takes longer.
    """
    dimension, owned = math.prod(model.shape), [p.steps for p in own.values()]
    rounds([*costs_at_most(audit, steps, only, fresh=fresh), *owned], calls, dimension)
    paid, right = afforded(audit, only, calls, fresh=fresh), None
    if paid.paths:
        more = costs_at_most(audit, steps, only, fresh=fresh, right=audit.calibrated())
        try:
            rounds([*more, *owned], calls - paid.calls, dimension)
        except InputError:
            paid = Afforded(0, 0, DEAR)
        else:
            tick = progress and (lambda done, _: progress(done, calls))
            right = calibrated_teacher(audit, model, count=paid.paths, progress=tick)
    return enter(audit, steps, only, fresh=fresh, own=own, right=right), paid


def _play(
    ground: Ground,
    entrants: list[Entrant],
    sizes: list[int],
    spent: int,
    progress: Progress | None,
) -> tuple[list[Entrant], int]:
    """Return who is left after the last round, best first, and all calls with those `spent`."""
    left, before, total = entrants, 0, spent + _reckoned(entrants, sizes)
    for size in sizes:
        for entrant in left:
            start = spent

            def tick(done: int, _: int, start: int = start) -> None:
                if progress is not None:
                    progress(min(start + done, total), total)

            entrant.go_on(ground, size, tick)
            spent += (size - before) * entrant.candidate.plan.steps
        left, before = sorted(left, key=lambda e: e.score), size
        if size != sizes[-1]:
            left = go_on(left, math.ceil(len(left) / 2))
    if progress is not None:
        progress(total, total)
    require(math.isfinite(left[0].score), "candidates", f"all failed: {left[0].failure}")
    return left, spent


def _reckoned(entrants: list[Entrant], sizes: list[int]) -> int:
    """Return equation (1), were all as dear as the dearest."""
    cost, count, before, total = max(e.candidate.plan.steps for e in entrants), len(entrants), 0, 0
    for size in sizes:
        total += cost * count * (size - before)
        count, before = math.ceil(count / 2), size
    return total


def is_fresh(audit: AuditRecord, data: Dataset | Law) -> bool:
    """Return whether the audit has not seen this data, with labels or without."""
    if isinstance(data, Law):
        return True
    return audit.facts.data not in (data.fingerprint, data.without_labels().fingerprint)


def _reference(model: Denoiser, data: Dataset | Law, seed: int) -> tuple[Array, np.ndarray | None]:
    """Return held-out rows in the model's units, in random order, and their labels."""
    source = held_out_examples(model, data, None, FIRST_UNSEEN_SEED + seed)
    require_shape("data", source, model)
    if told_of(model) is not None:
        return _pairs(model, source, seed), None
    if isinstance(source, Dataset):
        seen = vectors(source, REFERENCE, seed=seed)
        return seen.x, seen.labels
    size = min(len(source), REFERENCE, COMPARED_NUMBERS // math.prod(model.shape))
    batch = source.batch(slice(0, size - size % JACKKNIFE_GROUPS))
    return batch.reshape(len(batch), -1).double().cpu().numpy(), None


def _pairs(model: Denoiser, source: Examples, seed: int) -> Array:
    """Return held-out x with their y beside them, in random order."""
    y = source.batch_labels(slice(0, 1))
    assert y is not None  # a model of x given y was given such data
    width = math.prod(model.shape) + y.shape[1]
    size = min(len(source), REFERENCE, COMPARED_NUMBERS // width)
    order = NoiseSource(seed, "pairs").uniform(0, 0, len(source)).argsort(kind="stable")
    part = Part(source, order[: size - size % JACKKNIFE_GROUPS])  # type: ignore[arg-type]
    x, y = part.batch(slice(None)), part.batch_labels(slice(None))
    assert y is not None
    return beside_y(model, x.flatten(1).double().numpy(), y)
