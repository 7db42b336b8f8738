r"""Choosing between samplers by what they draw, where no path KL can: `plan --by`.

Path KL prefers fine noise that no eye sees, and deterministic solvers have none. So every
candidate draws samples under one seed (common random numbers), and its squared distance T_c to
held-out data is measured with pseudo-values by group (`comparison/jackknife.py`). Round r has n_r
samples of each candidate left; the better half goes on, n doubles, and the earlier samples are
kept, so that

    calls = steps sum_r K_r (n_r - n_(r-1)),    K_r = ceil(K_(r-1) / 2),    n_r = 2^r n_0      (1)

(successive halving: Jamieson and Talwalkar 2016). With the same data and the same groups for all,

    behind_c = T_c - T_winner,    its standard error that of p_gc - p_gw over the groups g,   (2)

is known far better than either. Of the last round's candidates that (2) cannot tell from the
best, one with a path KL is preferred to one without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .._checks import InputError, require, require_choice, require_count
from .._typing import Array, Json, Progress
from ..comparison.bures import GaussianW2
from ..comparison.compare import DISTANCES
from ..comparison.frechet import builtin
from ..comparison.jackknife import GROUPS, Measure, Squared
from ..comparison.mmd import MMD, median_distance
from ..comparison.sliced import SlicedW2
from ..comparison.vectors import LEAST, NUMBERS, ROWS, chosen_rows, vectors
from ..data import Dataset
from ..denoise.base import Denoiser
from ..law.base import Law
from ..ledger.examples import held_out_examples, require_shape
from ..ledger.record import Audit
from ..montecarlo import Estimate, mean_estimate
from ..sampling.draw import check_model, proportional_labels
from ..sampling.run import sample_batches
from .candidates import Candidate, costs_at_most
from .candidates import candidates as enter
from .make import make_plan
from .own import own_plans
from .plan import Plan

CALLS = 200_000
REFERENCE = 4000  # held-out rows that samples are compared with, at most
LAST = 4  # candidates of the last round, at most
CONFIDENCE = 0.95
FAR = 2**40  # seeds from here on draw of a law what no audit has drawn
SEEN = "calibrations and full covariances, which the audit fitted to these very examples"


@dataclass(frozen=True)
class Ground:
    """What all candidates meet: the model, the measure, the reference [m, d], the seed."""

    model: Denoiser
    measure: Measure
    reference: Array
    seed: int


@dataclass
class Entrant:
    """A candidate, its samples so far, and what was measured after each round."""

    candidate: Candidate
    draws: Array = field(default_factory=lambda: np.empty((0, 0)))
    measured: list[Squared] = field(default_factory=list)
    failure: str = ""

    @property
    def score(self) -> float:
        """The latest squared distance; infinite for one that failed."""
        return math.inf if self.failure else float(self.measured[-1].estimate().value)

    def behind(self, other: Entrant) -> Estimate:
        """Return equation (2), at the last round that this candidate took part in."""
        last = len(self.measured) - 1
        return mean_estimate(self.measured[last].pseudo - other.measured[last].pseudo)

    def go_on(self, ground: Ground, size: int, progress: Progress | None) -> None:
        """Draw up to `size` samples and measure them."""
        first = len(self.draws)
        try:
            fresh = _draw(ground, self.candidate.plan, first, size - first, progress)
        except InputError as cause:
            self.failure = str(cause)
            return
        self.draws = fresh if not first else np.concatenate([self.draws, fresh])
        self.measured.append(ground.measure.squared(self.draws, ground.reference))


def tournament(
    audit: Audit,
    model: Denoiser,
    data: Dataset | Law,
    *,
    by: str | Measure = "sliced-w2",
    steps: int | None = None,
    candidates: Sequence[str] | Mapping[str, Plan] | None = None,
    calls: int = CALLS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Plan:
    """Return the candidate whose samples are closest to held-out `data`, with the whole table.

    by: ``sliced-w2``, ``gaussian-w2``, ``mmd`` or ``frechet``, or a measure; steps: network
    calls a sample, by default the best number of `make_plan`; candidates: names of samplers, or
    plans by name (`plan/candidates.py`); calls: network calls spent in all, at most; data: the
    reference, which the model was not trained on; calibrations and full covariances enter
    only if the audit has not seen it either. The schedulers that a pipeline's users would
    take enter too, run by diffusers itself (`plan/own.py`); if one wins, the plan is it.
    The table is ``plan.about["tournament"]``.
    Raises `InputError` when `calls` are too few, with how many are needed.
    """
    usual = make_plan(audit, steps=steps, calibrate=False)
    check_model(model, usual)
    fresh, dimension = is_fresh(audit, data), math.prod(model.shape)
    own = own_plans(audit, model, usual.steps)
    # too few calls are refused before the candidates are planned, which takes many times longer
    most = costs_at_most(audit, usual.steps, candidates, fresh=fresh)
    most += [] if isinstance(candidates, Mapping) else [p.steps for p in own.values()]
    rounds(most, require_count("calls", calls), dimension)
    entered = enter(audit, usual.steps, candidates, fresh=fresh, own=own)
    entrants = [Entrant(c) for c in entered]
    reference, labels = _reference(model, data, seed)
    ground = Ground(model, _measure(by, reference, labels, seed), reference, seed)
    costs = [e.candidate.plan.steps for e in entrants]
    sizes = rounds(costs, calls, dimension)
    left, spent = _play(ground, entrants, sizes, progress)
    winner = choose(left)
    table = [standing(e, winner) for e in sorted(entrants, key=_place)]
    about = {
        "by": ground.measure.name, "note": ground.measure.note, "calls": spent, "seed": seed,
        "left_out": "" if fresh else SEEN, "confidence": CONFIDENCE,
        "data": data.fingerprint, "examples": len(reference),
        "table": table,
    }  # fmt: skip
    plan = winner.candidate.plan
    who = f"{winner.candidate.name}, run by diffusers itself, is " if plan.scheduler else ""
    why = f"{who}closest to held-out data by {ground.measure.name} of {len(entrants)} candidates"
    if winner is not left[0]:
        why += f", and has a path KL, unlike {left[0].candidate.name}, which is no closer for sure"
    tied = sum(row.get("behind_low", 1) <= 0 for row in table) - 1
    why += f"; {tied} others cannot be told from it" if tied > 0 else ""
    return replace(plan, about={**plan.about, "why": why, "tournament": about})


def rounds(costs: Sequence[int], calls: int, dimension: int = 1) -> list[int]:
    """Return n_r of equation (1) for candidates with these costs a sample, within `calls`."""
    counts = [len(costs)]
    while counts[-1] > LAST:
        counts.append(math.ceil(counts[-1] / 2))
    dearest = sorted(costs, reverse=True)  # any half may be left, so the dearest is reckoned with
    spent = [sum(dearest[:k]) for k in counts]
    unit = spent[0] + sum(c * 2 ** (r - 1) for r, c in enumerate(spent[1:], start=1))
    doublings = len(counts) - 1
    held = max(LEAST, 2 * NUMBERS // (dimension * len(costs)))
    size = min(calls // unit, ROWS // 2**doublings, held)
    rule = f"must be at least {unit * LEAST} for {len(costs)} candidates"
    require(calls >= unit * LEAST, "calls", rule, calls, "Or name fewer candidates")
    return [(size - size % GROUPS) * 2**r for r in range(len(counts))]


def choose(left: Sequence[Entrant]) -> Entrant:
    """Return the best of the last round, or the best with a path KL that may be as good."""
    best = left[0]
    if best.candidate.certified:
        return best
    for entrant in left[1:]:
        if entrant.candidate.certified and not entrant.failure:
            low, _ = entrant.behind(best).interval(CONFIDENCE)
            if low <= 0:
                return entrant
    return best


def standing(entrant: Entrant, winner: Entrant) -> Json:
    """Return a candidate's row of the table; `behind` is of squared distances."""
    plan = entrant.candidate.plan
    row: Json = {
        "candidate": entrant.candidate.name, "sampler": plan.sampler,
        "covariance": plan.covariance, "steps": plan.steps, "resolution": plan.resolution,
        "path_kl": entrant.candidate.certified, "rounds": len(entrant.measured),
        "won": entrant is winner, "failure": entrant.failure,
    }  # fmt: skip
    if entrant.failure:
        return row
    behind = entrant.behind(winner)
    value, low, high = entrant.measured[-1].distance(CONFIDENCE)
    least, most = behind.interval(CONFIDENCE)
    return {
        **row, "samples": len(entrant.draws), "value": value, "low": low, "high": high,
        "behind": float(behind.value), "behind_low": float(least), "behind_high": float(most),
    }  # fmt: skip


def _play(
    ground: Ground, entrants: list[Entrant], sizes: list[int], progress: Progress | None
) -> tuple[list[Entrant], int]:
    """Return who is left after the last round, best first, and the network calls spent."""
    left, spent, before = entrants, 0, 0
    total = _reckoned(entrants, sizes)
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
            left = left[: math.ceil(len(left) / 2)]
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


def _draw(ground: Ground, plan: Plan, first: int, count: int, progress: Progress | None) -> Array:
    """Return samples first..first+count-1 in the model's units, [count, d]."""
    model, labels = ground.model, None
    if model.classes:
        labels = proportional_labels(model, first + count, ground.seed)[first:]
    batches = sample_batches(
        model, plan, count, seed=ground.seed, first=first, label=labels, progress=progress
    )
    shown = getattr(model, "shown", lambda x: x)  # a pipeline shows pictures within their range
    return np.concatenate([shown(b).reshape(len(b), -1).double().cpu().numpy() for b in batches])


def is_fresh(audit: Audit, data: Dataset | Law) -> bool:
    """Return whether the audit has not seen this data, with labels or without."""
    if isinstance(data, Law):
        return True
    return audit.about["data"] not in (data.fingerprint, data.without_labels().fingerprint)


def _reference(model: Denoiser, data: Dataset | Law, seed: int) -> tuple[Array, np.ndarray | None]:
    """Return held-out rows in the model's units, in random order, and their labels."""
    source = held_out_examples(model, data, None, FAR + seed)
    require_shape("data", source, model)
    if isinstance(source, Dataset):
        rows = chosen_rows(source, REFERENCE, seed=seed, argument="data")
        labels = None if source.labels is None else source.labels[rows]
        return vectors(source, REFERENCE, seed=seed), labels
    size = min(len(source), REFERENCE, NUMBERS // math.prod(model.shape))
    batch = source.batch(slice(0, size - size % GROUPS))
    return batch.reshape(len(batch), -1).double().cpu().numpy(), None


def _measure(by: str | Measure, reference: Array, labels: np.ndarray | None, seed: int) -> Measure:
    if not isinstance(by, str):
        return by
    name = require_choice("by", by, DISTANCES)
    if name == "frechet":
        return builtin(reference, labels, seed=seed)
    if name == "mmd":
        return MMD(median_distance(reference))
    return (
        GaussianW2(reference) if name == "gaussian-w2" else SlicedW2(reference.shape[1], seed=seed)
    )


def _place(entrant: Entrant) -> tuple[float, float]:
    return -len(entrant.measured), entrant.score
