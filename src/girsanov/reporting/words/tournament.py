"""A plan that samples chose: what its tournament found, as a sentence and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ledger.numbers import count, number

if TYPE_CHECKING:
    from ..._typing import Json
    from ...ledger.plan_records import Standing
    from ...planning.plan import Plan

SHOWN = 10  # candidates; the others are folded away


def contest(plan: Plan) -> Json | None:
    """Return the candidates of a plan's tournament for a table, None where there was none."""
    tournament = plan.tournament
    if tournament is None:
        return None
    note = f"The measure is {tournament.by}, {tournament.note}, to {count(tournament.examples)} "
    note += f"held-out examples; {count(tournament.calls)} network calls were spent. "
    note += "The chosen one’s own figure is flattered by the choice."
    note += f" Left out: {tournament.left_out}." if tournament.left_out else ""
    rows = [_row(row) for row in tournament.table]
    return {"by": tournament.by, "note": note, "rows": rows[:SHOWN], "rest": rows[SHOWN:]}


def _row(row: Standing) -> dict[str, Any]:
    cells = {"name": row.candidate, "won": row.won, "failed": bool(row.failure)}
    if row.failure:
        return cells | {"samples": "–", "value": "failed", "interval": "", "behind": ""}
    half = (row.behind_high - row.behind_low) / 2
    return cells | {
        "samples": count(row.samples),
        "value": number(row.value),
        "interval": f"{number(row.low)} to {number(row.high)}",
        "behind": "chosen" if row.won else f"{number(row.behind, 2)} ± {number(half, 1)}",
    }
