r"""What a series says: which checkpoint to keep, whether to stop, and where it overfits.

All intervals are paired, and 95 % together where several are looked at: each of J intervals is
taken at 1 - .05/J (Bonferroni).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..ledger.numbers import number

if TYPE_CHECKING:
    from .._typing import Array, Json
    from ..montecarlo import Estimate
    from .series import Snapshot, TrainingSeries

RISK = 0.05
LAST_SHARE = 0.8  # of the training, after which nothing gained means stop


@dataclass(frozen=True)
class SeriesAdvice:
    """The sentences of a series, and the checkpoint to keep.

    keep: its name; stop: whether the last fifth of the training gained nothing, None where no
    checkpoint is of its beginning, or some levels gained and the whole did not; sentences: the
    whole, the first one what to keep.
    """

    keep: str
    stop: bool | None
    sentences: tuple[str, ...]

    def to_json(self) -> Json:
        """Return the advice as a JSON object."""
        return {"keep": self.keep, "stop": self.stop, "verdict": list(self.sentences)}


def series_advice(series: TrainingSeries) -> SeriesAdvice:
    """Return what a series of at least one checkpoint says."""
    best = series.best()
    stop, last = _last_share(series)
    words = [_keep(series, best), *last, *_overfits(series, best)]
    return SeriesAdvice(best.name, stop, tuple(words))


def sure(estimate: Estimate, looks: int = 1) -> tuple[Array, Array]:
    """Return the ends of intervals that hold together, of so many looks in all."""
    low, high = estimate.interval(1 - RISK / max(1, looks))
    return np.asarray(low), np.asarray(high)


def interval_words(estimate: Estimate, looks: int = 1, unit: str = " nats") -> str:
    """Return a value in nats with its interval."""
    low, high = (float(end) for end in sure(estimate, looks))
    return f"{number(float(estimate.value))}{unit} ({number(low)} to {number(high)})"


def _keep(series: TrainingSeries, best: Snapshot) -> str:
    """Return which checkpoint to keep, and what cannot be told from it."""
    others = [c for c in series.checkpoints if c is not best]
    if not others:
        return f"There is one checkpoint, {best.name}: {interval_words(series.nats(best))}."
    ahead = [series.gain(c, best) for c in others]
    close = [c.name for c, e in zip(others, ahead, strict=True) if sure(e, len(others))[0] <= 0]
    nearest = min(range(len(others)), key=lambda k: float(ahead[k].value))
    beside = f"{others[nearest].name} by {interval_words(ahead[nearest], len(others))}"
    text = f"Keep {best.name}: it has the fewest nats on held-out examples, fewer than {beside}."
    if not close:
        return text + " It beats every other checkpoint."
    listed = ", ".join(close[:4]) + (f" and {len(close) - 4} more" if len(close) > 4 else "")
    return f"{text} It cannot be told from {listed}."


def _last_share(series: TrainingSeries) -> tuple[bool | None, list[str]]:
    """Return whether to stop, and the sentence that says why."""
    kind = _without_numbers(series.checkpoints[-1].name)  # not weights before, and averages after
    steps = [c for c in series.checkpoints if c.step is not None]
    steps = [c for c in steps if _without_numbers(c.name) == kind]
    if len(steps) < 2:
        return None, []
    last = max(steps, key=lambda c: c.step or 0)
    early = [c for c in steps if (c.step or 0) <= LAST_SHARE * (last.step or 0)]
    if not early:
        return None, []
    before = max(early, key=lambda c: c.step or 0)
    share = f"the last {100 * (1 - (before.step or 0) / (last.step or 1)):.0f} % of the training"
    total, levels = series.gain(before, last), series.gain_by_level(before, last)
    looks = len(series.levels) + 1
    better = sure(levels, looks)[0] > 0
    where = _levels_words(series, better)
    low, high = (float(x) for x in sure(total))
    found = f"{interval_words(total)} between {before.name} and {last.name}"
    if low > 0:
        at = f", surely at {where}" if where else ""
        return False, [f"Go on: {share} gained {found}{at}."]
    if high < 0:
        lost = f"{interval_words(series.gain(last, before))} between {before.name} and {last.name}"
        return True, [f"Stop: {share} lost {lost}."]
    if where:
        part = number(float(levels.value[better].sum()))
        return None, [f"{share.capitalize()} gained {part} nats at {where}, but in all {found}."]
    return True, [
        f"Stop: {share} gained nothing that shows at any noise level; in all it gained {found}."
    ]


def _without_numbers(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _overfits(series: TrainingSeries, best: Snapshot) -> list[str]:
    """Return where the last checkpoint knows training examples better than held-out ones."""
    last = series.checkpoints[-1]
    levels, total = series.overfit_by_level(last), series.overfit(last)
    if levels is None or total is None:
        return []
    where = _levels_words(series, sure(levels, len(series.levels))[0] > 0)
    gap = f"{interval_words(total)} more on held-out than on training examples"
    if not where and float(sure(total)[0]) <= 0:
        return [f"No overfitting of {last.name} shows: its error is {gap}."]
    at = where or "noise levels that cannot be told one by one"
    text = f"{last.name} overfits at {at}: its error is {gap}."
    worse = series.gain(best, last)
    if last is not best and float(sure(worse)[1]) < 0:
        text += " Held-out examples have got worse since " + best.name + "."
    return [text]


def _levels_words(series: TrainingSeries, which: NDArray[np.bool_]) -> str:
    """Return the noise levels that are marked, in words, "" if none is."""
    noise = series.levels[which] ** -0.5
    if not len(noise):
        return ""
    if len(noise) == 1:
        return f"noise level {number(float(noise[0]))}"
    ends = f"{number(float(noise[-1]))} to {number(float(noise[0]))}"
    return f"{len(noise)} noise levels from {ends}"
