r"""How good samples can be expected to be, in one of three words.

What is known of the error is K: the upper end of the sampler's share S plus the lower bound L of
the score error, in nats. It is shared out over the effective dimension, the coordinates whose
spread is above the noise at the SNR s where the plan stops (v_j: the data's variances),

    D = sum_j s v_j / (1 + s v_j),        k = K / max(1, D),                               (1)

    good    k <= GOOD_NATS     a perfect detector of one such coordinate is right at most 55 %
    usable  k <= USABLE_NATS   at most 62 %                           of the time          (2)
    bad     above, or the model knows nothing about the data, or no more than a Gaussian.

An ODE sampler has no S. Its end points are a root mean square delta away, and a unit normal that
is shifted by delta has KL delta^2/2, which takes the place of S/D. There is no grade where samples
decided, of a guided model, of an audit that cannot tell, and where no error stands out of chance
but a bad one would not either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .entry import tv_from_kl
from .numbers import number, span
from .verdict import entry_named, sampler_share

if TYPE_CHECKING:
    from .._typing import Array
    from .stated import Stated

GOOD_NATS, USABLE_NATS = 0.02, 0.1  # nats an effective dimension
NEARLY_ALWAYS = 0.995  # a bound on how often a detector is right that says nothing


@dataclass(frozen=True)
class Grade:
    """One of three words, and the nats (1) an effective dimension it is given for."""

    word: str
    each: float | None = None

    def words(self) -> str:
        """Return the grade and its rule in a sentence or two."""
        if self.each is None:
            return f"Grade: {self.word}."
        return (
            f"Grade: {self.word}. The measured error is up to {number(self.each, 2)} nats per "
            f"effective dimension (good up to {GOOD_NATS:g}, usable up to {USABLE_NATS:g})."
        )


def effective_dimension(variances: Array, snr: float) -> float:
    """Return D of (1); variances: v [d], snr: s.

    These are the degrees of freedom of the best straight line. What is below the noise costs no
    nats, however many coordinates it has.
    """
    return float(np.sum(snr * variances / (1 + snr * variances)))


def word_for(each: float) -> str:
    """Return the word (2) for so many nats an effective dimension."""
    return "good" if each <= GOOD_NATS else "usable" if each <= USABLE_NATS else "bad"


def grade_of(plan: Stated) -> Grade | None:
    """Return the grade of a plan's samples, None where nothing in nats is known of them."""
    if plan.cannot_tell or plan.scheduler or plan.audit.relative_to or not plan.ledger:
        return None
    if plan.audit.untrained is not None or plan.audit.beaten is not None:
        return Grade("bad")
    size = max(1.0, effective_dimension(plan.moments.variances, float(plan.levels[-1])))
    score, share = entry_named(plan, "score"), sampler_share(plan)
    model = 0.0 if score is None else span(score)[0]
    if plan.distance is not None:
        each = plan.distance.high**2 / 2 + model / size
    else:
        each = (share.high + model) / size
        if model == 0 and share.low <= 0 and each > GOOD_NATS:
            return None  # nothing is above chance: any of the three words may be right
    return Grade(word_for(each), each) if math.isfinite(each) else None


def detector_right(nats: float) -> float:
    """Return how often the best detector can be right at most, of so many nats: (1 + TV)/2."""
    return (1 + tv_from_kl(nats)) / 2


def detector_words(nats: float) -> str:
    """Return `detector_right` in words, "" where it says nothing: in whole percent, rounded up."""
    share = detector_right(nats)
    if share > NEARLY_ALWAYS:
        return ""
    percent = math.ceil(100 * share - 1e-9)
    return f"even a perfect detector would be right at most {percent} % of the time"


def grade_words(plan: Stated) -> str:
    """Return a plan's grade, and what the sampler's nats feel like; "" where there is none."""
    grade = grade_of(plan)
    if grade is None:
        return ""
    if grade.each is None or plan.distance is not None:
        return grade.words()
    odds = detector_words(sampler_share(plan).high)
    if not odds:
        return grade.words()
    score = entry_named(plan, "score")
    exact = score is not None and score.kind == "exact" and score.value == 0
    start = "With this error" if exact else "With the sampler’s error alone"
    return f"{grade.words()} {start}, {odds} (50 % is guessing)."
