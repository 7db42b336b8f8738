"""What `print` shows of a plan: its verdict first, then a few lines with their numbers."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import Plan

WIDTH, INDENT = 88, " " * 18


def printed(plan: Plan) -> str:
    """Return the verdict, the plan in words, its ledger, and what it certifies."""
    lines = [f"Plan: {plan.in_words()}, {plan.ends()}"]
    if plan.distance is not None:
        far = plan.distance
        lines.append(f"  {'distance':15} {far.value:.3g} ({far.low:.3g} to {far.high:.3g}), "
                     f"{far.kind}")  # fmt: skip
    for e in plan.ledger:
        if e.kind != "unknown":
            lines.append(f"  {e.name:15} {e.figure()} nats{e.ends()}, {e.said}")
    if plan.promised is not None:
        lines.append(f"  {'certificate':15} {plan.certified()}")
    told = [fill(line, WIDTH, subsequent_indent=INDENT) for line in lines]
    return "\n".join([fill(plan.verdict, WIDTH), *told])
