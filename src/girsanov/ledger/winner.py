"""Who won the tournament of a plan that samples chose, as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import plural
from .numbers import number

if TYPE_CHECKING:
    from .plan_records import Standing
    from .stated import Stated


def winner(plan: Stated) -> str:
    """Return in a sentence what came closest to the data, "" for a plan of no tournament."""
    contest = plan.tournament
    if contest is None:
        return ""
    rows = [row for row in contest.table if not row.failure]
    won = next(row for row in rows if row.won)
    words = (
        f"Of {plural(len(contest.table), 'candidate')}, the samples of {_named(won)} came closest "
        f"to held-out data: {contest.by} {number(won.value)} (95 % interval "
        f"{number(won.low)} to {number(won.high)})."
    )
    level = [row for row in rows if not row.won and row.behind_low <= 0]
    if not level:
        return words
    first = min(level, key=lambda row: row.behind).candidate
    more = f" or {len(level) - 1} more" if len(level) > 1 else ""
    return f"{words} The data cannot separate it from {first}{more}."


def _named(row: Standing) -> str:
    return f"{row.candidate} ({plural(row.steps, 'step')})"
