"""The entries of a sampler, init and discretisation, from the path KL of its grid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .._checks import plural
from ..path_kl.shortest_path import is_monge
from .entry import Entry, EntryKind, estimate_entry
from .widening import left_open

if TYPE_CHECKING:
    from .._typing import Indices
    from ..montecarlo import Estimate
    from ..path_kl.grid_cost import Prices

UNSHOWN = "for rare mistakes that these examples may have missed"
BETWEEN = "for the curve between its measured levels"
DUST = 1e-12  # nats: what rounding leaves of sums that cancel


def sampler_entries(
    price: Prices, nodes: Indices, shares: tuple[Estimate, Estimate]
) -> tuple[Entry, Entry]:
    """Return the entries init and discretisation, their intervals widened between levels."""
    exact = price.curve.exact
    low, high = shares[1].interval()
    opens = left_open(price, nodes, float(high - low) / 2)
    visited = f"what {plural(len(nodes), 'level')} cost{'s' if len(nodes) == 1 else ''}"
    explanation = f"{visited} beyond an ideal grid{_repaired(price)}{_searched(price)}"
    entries = []
    for name, share, note, gap in zip(
        ("init", "discretisation"),
        shares,
        (_started(price, nodes), explanation),
        opens,
        strict=True,
    ):
        entry = estimate_entry(name, share, note)
        assert entry.low is not None
        assert entry.high is not None
        if exact and entry.high <= DUST:
            entry = replace(entry, value=0.0, low=0.0, high=0.0)
        kind: EntryKind = "exact" if exact and gap.below + gap.above < DUST else "estimate"
        beside = _allowed(max(gap.below, gap.above), exact)
        entries.append(
            replace(
                entry,
                low=max(0.0, (entry.low or 0.0) - gap.below),
                high=(entry.high or 0.0) + gap.above,
                kind=kind,
                note=note + (beside if kind == "estimate" else ""),
            )
        )
    return entries[0], entries[1]


def _allowed(gap: float, exact: bool) -> str:
    """Return what of an interval is not its standard error, "" where that is nothing."""
    if gap < DUST:
        return ""
    return f"; the interval includes {gap:.2g} nats {BETWEEN if exact else UNSHOWN}"


def _repaired(price: Prices) -> str:
    """Return what the repair of the curve did to the choice; prices are of it as measured."""
    done = price.repair
    if not done.share:
        return ""
    far = f"smoothed by at most {done.farthest:.2g} standard errors"
    return f"; the levels were chosen on a curve {far}, and priced on the measured one"


def _searched(price: Prices) -> str:
    """Return how a grid for ei-score was found where steps are not Monge: theory 7.2."""
    if price.sampler.monge or is_monge(price.cell):
        return ""
    return "; all grids were compared, as steps longer than ln 2 in time may break the Monge rule"


def _started(price: Prices, nodes: Indices) -> str:
    level = price.curve.levels[nodes[0]]
    begin = {
        "gaussian": "a Gaussian", "mean": "the mean as a", "standard": "a standard normal",
        "class": "each class's own Gaussian as a",
    }  # fmt: skip
    note = f"what {begin[price.start]} start at noise level {level**-0.5:.3g} costs"
    if price.exact:
        return note
    most = price.estimate(price.refold(price.starts(level))).interval()[1]
    return (
        f"{note} beyond the cheapest start for this model; with the model's error at noisier "
        f"levels, which no certificate includes, its KL is below {most:.3g} nats"
    )
