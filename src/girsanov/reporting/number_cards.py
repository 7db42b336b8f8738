"""The three numbers at the top of the page: a ledger's entries, or an ODE sampler's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..ledger.numbers import MEANINGS, entry_title, interval_of, number, value_of

if TYPE_CHECKING:
    from ..planning.plan import Plan

NONE_FOUND = "≥ 0"


class Card(NamedTuple):
    """A number: its name, value and unit, its interval or kind, and what it means."""

    name: str
    value: str
    unit: str
    interval: str
    meaning: str


def cards(plan: Plan) -> list[Card]:
    """Return the three numbers of a plan."""
    every = [_of_entry(plan, k) for k in range(len(plan.ledger))]
    far = plan.distance
    if far is None:
        return every
    noise = [number(float(s**-0.5)) for s in (plan.levels[0], plan.levels[-1])]
    return [
        Card(
            "Distance to an accurate solution",
            number(far.value),
            "",
            f"{'95 % interval ' if far.kind == 'measured' else 'predicted, '}"
            f"{number(far.low)} to {number(far.high)}",
            "How far its end points are from an accurate solution’s: root mean square of a "
            f"coordinate, {plan.audit.in_units}",
        ),
        Card("Noise levels", noise[0], "", f"down to {noise[1]}", "Where it starts and stops"),
        *every[-1:],
    ]


def _of_entry(plan: Plan, k: int) -> Card:
    entry = plan.ledger[k]
    value, certain = value_of(entry), entry.kind in ("exact", "lower bound", "unknown")
    kind = f"{entry.kind_in_words}: none was found" if value == NONE_FOUND else entry.kind_in_words
    return Card(
        entry_title(entry),
        value,
        "" if value == "unknown" else "nats",
        kind if certain else f"95 % interval {interval_of(entry)}",
        MEANINGS.get(entry.name, ""),
    )
