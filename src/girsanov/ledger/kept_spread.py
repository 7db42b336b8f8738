"""How much of the data's variance samples of a plan will keep, in words.

What a pilot run has measured (`planning/matched_noise.py`); without one, what a plan that returns
its last
prediction is known to leave out: the error there, of which nothing is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numbers import number
from .verdict import NEGLIGIBLE

if TYPE_CHECKING:
    from .plan_records import Pilot
    from .stated import Stated

OFF = 0.05  # share of a variance that is spoken of
SE = 2.0  # standard errors by which it must be certain


def kept_spread(plan: Stated) -> str:
    """Return in which directions samples are too narrow or wide, "" where none is known to be."""
    pilot = plan.pilot
    if pilot is None:
        return _left_out(plan)
    pairs = list(zip(pilot.variance_kept, pilot.variance_kept_se, strict=True))
    names = ["overall", *(f"in direction {k}" for k in range(1, len(pairs)))]
    off = [
        (
            abs(ratio - 1),
            f"{100 * abs(ratio - 1):.0f} % too {'narrow' if ratio < 1 else 'wide'} {n}",
        )
        for n, (ratio, se) in zip(names, pairs, strict=True)
        if abs(ratio - 1) - SE * se > OFF
    ]
    price = _price(pilot)
    if not off:
        return price
    worst = sorted(off, reverse=True)[:4]
    listed = ", ".join(text for _, text in worst)
    kept = (
        f"In {pilot.samples} pilot samples the spread is {listed}, compared with the training "
        "data."
    )
    return f"{price} {kept}".strip()


def _price(pilot: Pilot) -> str:
    """Return how much of a plan's nats is for noise that keeps the data's spread."""
    if pilot.nats <= NEGLIGIBLE:
        return ""
    return (
        f"{number(pilot.nats)} nats of the steps' cost pay for noise that keeps the data's "
        "spread: a path KL counts this noise as an error."
    )


def _left_out(plan: Stated) -> str:
    """Return what a last prediction leaves out of all variance, where that is much."""
    if plan.last != "denoise" or plan.promised is None or plan.promised.w2.value is None:
        return ""
    share = plan.promised.w2.value**2 / max(plan.moments.variance, 1e-300)
    if share <= OFF:
        return ""
    return (
        f"The last step returns its prediction, which leaves out about {number(100 * share)} % of "
        "the variance. To keep it, stop at less noise (--resolution) or draw it (--last draw)."
    )
