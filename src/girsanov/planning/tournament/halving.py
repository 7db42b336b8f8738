"""Those who compete: their samples so far, who goes on, who is chosen, and their rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import InputError
from ...denoise.base import told_of
from ...ledger.plan_records import Standing
from ...montecarlo import Estimate, mean_estimate
from ...sampling.loop import sample_batches
from ...sampling.sample import proportional_labels

if TYPE_CHECKING:
    from ..._typing import Array, Progress, Tensor
    from ...comparison.jackknife import Squared
    from ...comparison.measures.measure import SquaredDistance
    from ...denoise.base import Denoiser
    from ..plan import Plan
    from .candidates import Candidate

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ground:
    """What all candidates meet: the model, the measure, the reference [m, d], the seed."""

    model: Denoiser
    measure: SquaredDistance
    reference: Array
    seed: int


@dataclass(eq=False)
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

    @property
    def owned(self) -> bool:
        """Whether it is what the pipeline has already: a scheduler of diffusers."""
        return self.candidate.plan.scheduler is not None

    def behind(self, other: Entrant) -> Estimate:
        """Return (2) of `tournament.py`, at the last round that this candidate took part in."""
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


def best_entrant(left: Sequence[Entrant]) -> Entrant:
    """Return the best of the last round, or the best with a path KL that may be as good.

    left: best first. None is chosen that is behind what the pipeline has already.
    """
    best = left[0]
    for entrant in left:
        if entrant.owned or entrant.failure:
            break
        if entrant.candidate.certified and entrant.behind(best).interval(CONFIDENCE)[0] <= 0:
            return entrant
    return best


def go_on(ranked: Sequence[Entrant], count: int) -> list[Entrant]:
    """Return the first `count`, the last of whom makes room for the first that is owned."""
    first = next((e for e in ranked if e.owned and not e.failure), None)
    if first is None or first in ranked[:count]:
        return list(ranked[:count])
    return [*ranked[: count - 1], first]


def standing(entrant: Entrant, winner: Entrant) -> Standing:
    """Return a candidate's row of the table; `behind` is of squared distances."""
    plan = entrant.candidate.plan
    row = Standing(
        candidate=entrant.candidate.name, sampler=plan.sampler, covariance=plan.covariance,
        steps=plan.steps, resolution=plan.resolution, path_kl=entrant.candidate.certified,
        rounds=len(entrant.measured), won=entrant is winner, own=entrant.owned,
        failure=entrant.failure,
    )  # fmt: skip
    if entrant.failure:
        return row
    behind = entrant.behind(winner)
    value, low, high = entrant.measured[-1].distance(CONFIDENCE)
    least, most = behind.interval(CONFIDENCE)
    return replace(
        row, samples=len(entrant.draws), value=value, low=low, high=high,
        behind=float(behind.value), behind_low=float(least), behind_high=float(most),
    )  # fmt: skip


def _draw(ground: Ground, plan: Plan, first: int, count: int, progress: Progress | None) -> Array:
    """Return samples first..first+count-1 in the model's units, [count, d]."""
    model, labels = ground.model, proportional_labels(ground.model, first + count, ground.seed)
    labels = None if labels is None else labels[first:]
    batches = sample_batches(
        model, plan, count, seed=ground.seed, first=first, label=labels, progress=progress
    )
    shown = getattr(model, "shown", lambda x: x)  # a pipeline shows pictures within their range
    x = np.concatenate([shown(b).reshape(len(b), -1).double().cpu().numpy() for b in batches])
    return x if labels is None else beside_y(model, x, labels)


def beside_y(model: Denoiser, x: Array, y: Tensor) -> Array:
    """Return x [n, d] with y [n, p] beside it, of a model of x given y: pairs are compared."""
    if told_of(model) is None:
        return x
    return np.concatenate([x, y.double().cpu().numpy()], axis=1)


def ranking(entrant: Entrant) -> tuple[float, float]:
    """Return what sorts a table: those with as many samples together, the closest first."""
    return -len(entrant.measured), entrant.score
