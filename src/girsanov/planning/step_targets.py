r"""How many steps: the fewest for a target, or the best number, from the cost of every number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from .._checks import InputError, figure, plural, refuse, require
from .._typing import Array, Indices, Json
from ..ledger.entry import Entry, Kind, estimate_entry, tv_from_kl
from ..ledger.widening import left_open
from ..montecarlo import Estimate
from ..path_kl.grid_cost import Prices
from ..path_kl.grid_search import MOST, SIZES
from ..path_kl.shortest_path import is_monge

ENOUGH = 0.5  # the best number of steps leaves the sampler this share of the score error's bound
FARTHER = 2  # times the best number of steps, to see that the model is what costs more
DECISIVE = "the fewest steps that certainly cost less than the model’s score error"
LEAST = 0.03  # nats a coordinate that stands out; less is not worth twice as many steps
EVERY = 32  # every number of steps up to here is priced, and some beyond
SOME = (40, 48, 64, 96, 128, 192, MOST)
UNSHOWN = "for what these examples may not have shown"
BETWEEN = "for the curve between its levels"
DUST = 1e-12  # nats: what rounding leaves of sums that cancel
USUAL = 64  # steps a frontier goes to unless more are asked for


def counts_up_to(price: Prices, end: int, extra: int, limit: int = MOST) -> list[int]:
    """Return the numbers of network calls for which there is a grid that ends at node `end`.

    extra: 1 when the last level is visited without a call; limit: the most levels to try.
    Raises `InputError` if there is none.
    """
    most = min(limit, end if price.menu.allowed is None else limit)
    every = [n for n in (*range(1, EVERY + 1), *SOME) if n + extra <= most]
    every = sorted({*every, most - extra} - {0})
    good = [n for n in every if price.choice().reachable(n + extra, end)]
    if not good and limit < MOST:  # many levels may have to be kept
        return counts_up_to(price, end, extra)
    where = f"{price.levels[end - 1] ** -0.5:.4g}"
    if not good and end <= extra:
        rule = "leaves one level, and a sampled last step (last = sample) needs two"
        refuse("resolution", rule, where)
    rule = f"leave no grid of at most {MOST} levels that ends at noise level {where}"
    require(bool(good), "among, keep, widest", rule)
    return good


def require_steps(price: Prices, steps: int, end: int, extra: int) -> None:
    """Refuse a number of steps for which there is no grid, with what there is."""
    if steps + extra <= MOST and price.choice().reachable(steps + extra, end):
        return
    good = counts_up_to(price, end, extra)
    least = f"at least {good[0]} and " if good[0] > 1 and steps < good[0] else ""
    most = max(
        n
        for n in range(good[-1], MOST + 1)
        if n == good[-1] or (n + extra <= MOST and price.choice().reachable(n + extra, end))
    )
    rule = f"must be {least}at most {most}, the levels there are up to this resolution"
    refuse("steps", rule, steps, "Audit with more --levels")


def frontier(price: Prices, end: int, extra: int, steps: int | None = None) -> list[Json]:
    """Return, for numbers of network calls, the cost above the cheapest.

    steps: a number that must be among them. All grids are chosen by the same examples, which
    takes little from their differences.
    """
    key = ("frontier", end, extra, steps)
    if key not in price._cache:
        price._cache[key] = _frontier(price, end, extra, steps)
    return [dict(row) for row in price._cache[key]]


def _frontier(price: Prices, end: int, extra: int, steps: int | None) -> list[Json]:
    limit = USUAL if steps is None or steps + extra <= USUAL else MOST
    counts = sorted({*counts_up_to(price, end, extra, limit), *([steps] if steps else [])})
    grids = [price.choice().nodes(n + extra, end) for n in counts]
    costs = _costs(price, grids)  # [N, B]
    best = int((costs @ price.folds).argmin())
    value, se, _ = price.estimate((costs - costs[best]).T)
    return [
        {"steps": n, "above_best": above, "standard_error": error}
        for n, above, error in zip(counts, value.tolist(), se.tolist(), strict=True)
    ]


def _costs(price: Prices, grids: Sequence[Indices]) -> Array:
    """Return the cross-fitted cost of each of these grids by group, [N, B] or [N, F]."""
    first = np.array([nodes[0] for nodes in grids])
    here = np.concatenate([nodes[:-1] for nodes in grids])
    there = np.concatenate([nodes[1:] for nodes in grids])
    pairs, place = np.unique(np.stack([here, there]), axis=1, return_inverse=True)
    cells = price.each(*pairs)[place.ravel()]  # grids of like size share many
    parts = np.split(cells, np.cumsum([len(nodes) - 1 for nodes in grids])[:-1])
    starts = price.refold(price.starts(price.curve.levels[first]))
    return np.asarray(starts + np.stack([part.sum(axis=0) for part in parts]))


def sampler_entries(
    price: Prices, nodes: Indices, shares: tuple[Estimate, Estimate]
) -> tuple[Entry, Entry]:
    """Return the entries init and discretisation, their intervals widened between levels."""
    exact = price.curve.exact
    low, high = shares[1].interval()
    opens = left_open(price, nodes, float(high - low) / 2)
    visited = f"what {plural(len(nodes), 'level')} cost{'s' if len(nodes) == 1 else ''}"
    found = f"{visited} beyond an ideal grid{_repaired(price)}{_searched(price)}"
    entries = []
    for name, share, note, gap in zip(
        ("init", "discretisation"), shares, (_started(price, nodes), found), opens, strict=True
    ):
        entry = estimate_entry(name, share, note)
        assert entry.low is not None
        assert entry.high is not None
        if exact and entry.high <= DUST:
            entry = replace(entry, value=0.0, low=0.0, high=0.0)
        kind: Kind = "exact" if exact and gap.below + gap.above < DUST else "estimate"
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
    return f"; the levels were chosen on the curve {far}, and are priced on it as measured"


def _searched(price: Prices) -> str:
    """Return how a grid for the score hold was found where cells are not Monge: theory 7.2."""
    if price.hold != "score" or is_monge(price.cell):
        return ""
    return ", found among all grids, since steps longer than ln 2 in time may break the Monge rule"


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
        f"{note} beyond the cheapest way to get there; with the model's score error up to there, "
        f"of which no certificate speaks, its KL is below {most:.3g} nats"
    )


def fewest(price: Prices, end: int, extra: int, target: float, argument: str) -> tuple[int, str]:
    """Return the fewest steps whose init and discretisation stay below `target` nats.

    Every number is tried up to 32; beyond, some, and those before the first that is enough are
    halved until the fewest is found, costs falling with the number. Raises `InputError` with
    what can be reached.
    """
    reached, before = math.inf, 0
    for count in _in_turn(price, end, extra):
        value = upper(price, count + extra, end)
        reached = min(reached, value)
        if value <= target:
            while count - before > 1:
                middle = (before + count) // 2
                enough = upper(price, middle + extra, end) <= target
                before, count = (before, middle) if enough else (middle, count)
            return count, (
                f"the fewest steps whose init and discretisation stay below {target:.4g} nats"
            )
        before = count
    asked = f"{target:.4g} nats" if argument == "kl" else f"{tv_from_kl(target):.4g}"
    least = _rounded_up(reached if argument == "kl" else tv_from_kl(reached))
    where = f"{price.levels[end - 1] ** -0.5:.3g}"
    there = f"the least there is --{argument} {least:g}"
    there = there if argument == "kl" or least < 1 else "none below 1 can be promised there"
    rule = f"cannot be reached at noise level {where}: {there}"
    refuse(argument, rule, asked, _remedy(price, end, extra, target))


def _remedy(price: Prices, end: int, extra: int, target: float) -> str:
    """Return which --resolution reaches a target that ending at node `end` does not."""
    far, near = 0, end  # node 0 is no end; costs fall as the end gets coarser
    while near - far > 1:
        middle = (far + near) // 2
        enough = _reaches(price, middle, extra, target)
        far, near = (middle, near) if enough else (far, middle)
    if far == 0:
        return (
            "No --resolution reaches it; audit more examples or levels, or try another --sampler"
        )
    coarse = _rounded_up(float(price.levels[far - 1] ** -0.5))
    but = ", though it is noisier than the data" if coarse > 1 else ""
    return f"--resolution {coarse:g} reaches it{but}; or audit more examples or levels"


def _reaches(price: Prices, end: int, extra: int, target: float) -> bool:
    try:
        counts = counts_up_to(price, end, extra, USUAL)
    except InputError:  # limits leave no grid that ends there
        return False
    return any(upper(price, n + extra, end) <= target for n in reversed(counts))


def _rounded_up(value: float) -> float:
    """Return a positive number to three digits, not below itself."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.ceil(value / step) * step


def _in_turn(price: Prices, end: int, extra: int) -> Iterator[int]:
    """Yield the counts of `counts_up_to`; the search for many levels waits until it is needed."""
    done = 0
    for limit in (*SIZES[:-1], MOST):
        for count in counts_up_to(price, end, extra, limit):
            if count > done:
                yield count
                done = count


def upper(price: Prices, levels: int, end: int) -> float:
    """Return the upper ends of init and discretisation of the best grid, added."""
    nodes = price.choice().nodes(levels, end)
    entries = sampler_entries(price, nodes, price.planned(levels, end))
    return sum(float(e.high or 0.0) for e in entries)


def standing_out(price: Prices, end: int) -> float:
    r"""Return how many coordinates stand out of the noise at a level s: sum_j s v_j/(1 + s v_j).

    v: the data's variances; these are the degrees of freedom of the best straight line. What
    is below the noise where a plan stops costs no nats, however many coordinates it has.
    """
    s, v = float(price.curve.levels[end]), price.audit.frame.moments.variances
    return float(np.sum(s * v / (1 + s * v)))


def best(rows: list[Json], bound: float, count: float) -> int:
    """Return the fewest steps past which the sampler is no longer what limits the model.

    rows: the frontier; bound: a lower bound on the score error in nats; count: of coordinates
    that stand out. Twice as many steps must not save more than half of that bound, than can be
    measured, or than `LEAST` for each of these.
    """
    for row in rows:
        if _saved_by_twice(rows, row) <= max(_worth(row, bound, count)):
            return int(row["steps"])
    raise InputError("audit: has no level to plan on")


def _worth(row: Json, bound: float, count: float) -> tuple[float, float, float]:
    """Return what is not worth twice as many steps, in nats.

    Beside the score error, the error of measuring, and the coordinates that stand out.
    """
    return ENOUGH * bound, 2 * float(row["standard_error"]), LEAST * count


def decisive(count: int, rows: list[Json], model_costs_more: Callable[[int], bool]) -> int:
    """Return the fewest steps from `count` on that certainly cost less than the model, or `count`.

    rows: the frontier; model_costs_more: whether the upper ends of init and discretisation of so
    many steps are together at most the lower bound of the score error. Up to `FARTHER` times as
    many steps are looked at, so that a verdict has something to say; costs fall with the number.
    """
    counts = [int(r["steps"]) for r in rows if count <= r["steps"] <= FARTHER * count]
    if not counts or not model_costs_more(counts[-1]):
        return count
    first, last = 0, len(counts) - 1
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if model_costs_more(counts[middle]) else (middle + 1, last)
    return counts[last]


def _saved_by_twice(rows: list[Json], row: Json) -> float:
    within = [r["above_best"] for r in rows if r["steps"] <= 2 * row["steps"]]
    return float(row["above_best"] - min(within))


def why_best(
    rows: list[Json], steps: int, bound: float, count: float, *, exact: bool = False
) -> str:
    """Return why so many steps are the best number; bound: of the score error of their grid.

    exact: whether the denoiser is.
    """
    row, last = next(r for r in rows if r["steps"] == steps), rows[-1]
    half, error, few = _worth(row, bound, count)
    least = f"costs the path at least {figure(bound, 2)}"
    known = f"the score error {least}" if bound > 0 else "no score error was found"
    known = "the denoiser is exact" if exact else known
    if half >= max(error, few):
        rule = f"at most half of the score error, which {least}"
    elif error >= few:
        rule = f"no more than can be measured; {known}"
    else:
        many = f"{figure(count, 2)} coordinates that stand out of the noise"
        rule = f"at most {LEAST} for each of {many}; {known}"
    saved = figure(_saved_by_twice(rows, row), 2)
    saved += f" ± {figure(error, 1)}" if error > 0 else ""
    why = f"twice as many would save {saved} nats, {rule}"
    if last["above_best"] > max(few, 4 * last["standard_error"]):
        why += (
            f"; {plural(last['steps'], 'step')} would cost {figure(last['above_best'], 2)} more "
            "than the cheapest number, because long steps cover part of the score error"
        )
    return why
