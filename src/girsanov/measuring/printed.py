"""What `print` shows of an audit: its verdict first, then a few lines with their numbers."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .record import Audit

WIDTH = 88


def printed(audit: Audit) -> str:
    """Return the verdict, `repr`, what the curve comes to in nats, and what to do next."""
    lines = [*([fill(audit.verdict, WIDTH)] if audit.verdict else []), repr(audit)]
    nats = audit.nats()
    low, high = (float(end) for end in nats.interval())
    known = "exact" if audit.curve.exact else f"95 % interval {low:.4g} to {high:.4g}"
    lines.append(
        f"  error           {float(nats.value):.4g} nats, {known} (half of its integral over SNR)"
    )
    memorised = audit.memorised()
    if memorised is not None:
        low, high = (float(end) for end in memorised.interval())
        lines.append(f"  memorised       {float(memorised.value):.3g} nats, 95 % interval "
                     f"{low:.3g} to {high:.3g}, down to noise "
                     f"{audit.levels[-1] ** -0.5:.3g}")  # fmt: skip
    lines += [f"  note            {note}" for note in audit.facts.notes]
    steps = audit.facts.planned_steps or 16
    return "\n".join([*lines, f"  next            audit.plan(steps={steps}), or audit.plan()"])
