"""What a plan records of how it was made, besides its grid: limits, pilot, tournament."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

from .._typing import Levels

NOT_MEASURED = math.nan


class Limits(TypedDict, total=False):
    """What a plan's levels may be restricted to, by name.

    among: SNRs it must choose from; keep: SNRs it must visit; widest: the most log-SNR between
    two levels; w2: distance in W2 (standardised units) that stopping there may leave; weight: a
    of (1) of path_kl/grid_search.py.
    """

    among: Levels | None
    keep: Levels | None
    widest: float | None
    w2: float | None
    weight: float | None


@dataclass(frozen=True)
class Pilot:
    """The pilot samples that a plan's noise was matched by, and the network calls they cost.

    variance_kept: of the data's variance, in all and by principal direction, with standard errors;
    nats: what that noise costs beyond what the measured error gives.
    """

    samples: int
    calls: int
    variance_kept: tuple[float, ...]
    variance_kept_se: tuple[float, ...]
    nats: float


@dataclass(frozen=True)
class Standing:
    """A candidate's row in the table of a tournament; of one that failed, nothing was measured.

    own: whether it is a scheduler that the pipeline's users have already; samples: of its last
    round, which the distance `value` with its interval is from; behind: squared distance beyond
    that of the chosen one, from as many samples of both.
    """

    candidate: str
    sampler: str
    covariance: str | None
    steps: int
    resolution: float
    path_kl: bool
    rounds: int
    won: bool
    own: bool
    failure: str
    samples: int = 0
    value: float = NOT_MEASURED
    low: float = NOT_MEASURED
    high: float = NOT_MEASURED
    behind: float = NOT_MEASURED
    behind_low: float = NOT_MEASURED
    behind_high: float = NOT_MEASURED


@dataclass(frozen=True)
class Tournament:
    """How a plan was chosen by its samples: the measure, what was spent, and who stood where.

    by, note: the measure and what it is; calls: network calls of all candidates, trajectory_calls
    of them for `trajectories` of the calibrated network; left_out: who could not take part, and
    why; confidence: of the intervals; data: fingerprint; examples: held-out rows compared with;
    table: all candidates, those that stayed longest first.
    """

    by: str
    note: str
    seed: int
    calls: int
    trajectories: int
    trajectory_calls: int
    left_out: str
    confidence: float
    data: str
    examples: int
    table: tuple[Standing, ...]
