"""A plan that samples chose: what its tournament found, as a sentence and as a table."""

from __future__ import annotations

from typing import Any

from ..._checks import plural
from ..._typing import Json
from ...planning.plan import Plan
from ...planning.plan_records import Standing
from .numbers import count, number

SHOWN = 10  # candidates; the others are folded away


def winner(plan: Plan) -> str:
    """Return in a sentence what came closest to the data, "" for a plan of no tournament."""
    told = plan.tournament
    if told is None:
        return ""
    rows = [row for row in told.table if not row.failure]
    won = next(row for row in rows if row.won)
    said = (
        f"Of {plural(len(told.table), 'candidate')}, the samples of {_named(won)} came closest "
        f"to held-out data: {told.by} {number(won.value)} (95 % interval "
        f"{number(won.low)} to {number(won.high)})."
    )
    level = [row for row in rows if not row.won and row.behind_low <= 0]
    if not level:
        return said
    first = min(level, key=lambda row: row.behind).candidate
    more = f", nor from {len(level) - 1} more" if len(level) > 1 else ""
    return f"{said} The data cannot tell it from {first}{more}."


def _named(row: Standing) -> str:
    return f"{row.candidate} ({plural(row.steps, 'step')})"


def contest(plan: Plan) -> Json | None:
    """Return the candidates of a plan's tournament for a table, None where there was none."""
    told = plan.tournament
    if told is None:
        return None
    note = f"The measure is {told.by}, {told.note}, to {count(told.examples)} "
    note += f"held-out examples; {count(told.calls)} network calls were spent. "
    note += "The chosen one’s own figure is flattered by the choice."
    note += f" Left out: {told.left_out}." if told.left_out else ""
    rows = [_row(row) for row in told.table]
    return {"by": told.by, "note": note, "rows": rows[:SHOWN], "rest": rows[SHOWN:]}


def _row(row: Standing) -> dict[str, Any]:
    made = {"name": row.candidate, "won": row.won, "failed": bool(row.failure)}
    if row.failure:
        return made | {"samples": "–", "value": "failed", "interval": "", "behind": ""}
    half = (row.behind_high - row.behind_low) / 2
    return made | {
        "samples": count(row.samples),
        "value": number(row.value),
        "interval": f"{number(row.low)} to {number(row.high)}",
        "behind": "chosen" if row.won else f"{number(row.behind, 2)} ± {number(half, 1)}",
    }
