r"""How many steps: the fewest for a target, or the best number, from the cost of every number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._checks import InputError, figure, plural, refuse, require
from ..ledger.cheaper_steps import with_chain
from ..ledger.entry import tv_from_kl
from ..ledger.grade import effective_dimension
from ..ledger.sampler_entries import sampler_entries
from ..path_kl.cheaper_chain import cheaper
from ..path_kl.grid_search import MOST_LEVELS, SEARCH_SIZES
from ..path_kl.ideal_grid import planned, prefixes

if TYPE_CHECKING:
    from .._typing import Array, Indices, Json
    from ..ledger.entry import Entry
    from ..path_kl.grid_cost import Prices

# the best number of steps leaves the sampler this share of the score error's bound
SHARE_LEFT = 0.5
FARTHER = 2  # times the best number of steps, to see that the model is what costs more
DECISIVE = "the fewest steps that certainly cost less than the model’s error"
LEAST_GAIN = 0.03  # nats a coordinate that stands out; less is not worth twice as many steps
# and of a table, whose network answers at once: with .003, values of 2 to 5 % of the rows were
# drawn .84 times as often as they are in the data, with .0003 .93 times, by twice the steps
TABLE_GAIN = 0.0003
# and of series and volumes: two rhythms of a series, say, are 2 nats beyond its covariance
CHANNEL_GAIN = 0.001
EVERY = 32  # every number of steps up to here is priced, and some beyond
SOME = (*range(34, 66, 2), 80, 96, 128, 192, MOST_LEVELS)
USUAL_STEPS = 64  # steps a frontier goes to unless more are asked for


@dataclass(frozen=True)
class Grids:
    """The best grids of one sampler that end at one level, by number of steps.

    price: what each costs; end: the last node, 1..K; extra: 1 when the last level is visited
    without a network call.
    """

    price: Prices
    end: int
    extra: int = 0

    def nodes(self, steps: int) -> Indices:
        """Return the nodes 1..K of the best grid of so many steps."""
        return self.price.choice().nodes(steps + self.extra, self.end)

    def exists(self, steps: int) -> bool:
        """Return whether there is a grid of so many steps."""
        levels = steps + self.extra
        return 0 < levels <= MOST_LEVELS and self.price.choice().reachable(levels, self.end)

    def counts(self, limit: int = MOST_LEVELS) -> list[int]:
        """Return the numbers of steps for which there is a grid.

        limit: the most levels to try. Raises `InputError` if there is none.
        """
        price, end, extra = self.price, self.end, self.extra
        most = min(limit, end if price.menu.allowed is None else limit)
        every = [n for n in (*range(1, EVERY + 1), *SOME) if n + extra <= most]
        every = sorted({*every, most - extra} - {0})
        good = [n for n in every if price.choice().reachable(n + extra, end)]
        if not good and limit < MOST_LEVELS:  # many levels may have to be kept
            return self.counts()
        where = f"{price.levels[end - 1] ** -0.5:.4g}"
        if not good and end <= extra:
            rule = "leaves one level, and a sampled last step (last = sample) needs two"
            refuse("resolution", rule, where)
        rule = f"leave no grid of at most {MOST_LEVELS} levels that ends at noise level {where}"
        require(bool(good), "among, keep, widest", rule)
        return good

    def require(self, steps: int) -> None:
        """Refuse a number of steps for which there is no grid, with what there is."""
        if self.exists(steps):
            return
        good = self.counts()
        least = f"at least {good[0]} and " if good[0] > 1 and steps < good[0] else ""
        most = max(n for n in range(good[-1], MOST_LEVELS + 1) if n == good[-1] or self.exists(n))
        rule = f"must be {least}at most {most}, the levels there are up to this resolution"
        refuse("steps", rule, steps, "Audit with more --levels")

    def frontier(self, steps: int | None = None) -> list[Json]:
        """Return, for numbers of network calls, the cost above the cheapest.

        steps: a number that must be among them. All grids are chosen by the same examples, which
        takes little from their differences.
        """
        rows = self.price.kept(("frontier", self.end, self.extra, steps),
                               lambda: self._frontier(steps))  # fmt: skip
        return [dict(row) for row in rows]

    def _frontier(self, steps: int | None) -> list[Json]:
        limit = USUAL_STEPS if steps is None or steps + self.extra <= USUAL_STEPS else MOST_LEVELS
        counts = sorted({*self.counts(limit), *([steps] if steps else [])})
        grids = [self.nodes(n) for n in counts]
        costs = _costs(self.price, grids)  # [N, B]
        costs = costs - np.array([_saved_along_flow(self.price, g) for g in grids])[:, None]
        best = int((costs @ self.price.folds).argmin())
        value, se, _ = self.price.estimate((costs - costs[best]).T)
        return [
            {"steps": n, "above_best": above, "standard_error": error}
            for n, above, error in zip(counts, value.tolist(), se.tolist(), strict=True)
        ]

    def upper(self, steps: int) -> float:
        """Return the upper ends of init and discretisation of the best grid, added."""
        nodes, levels = self.nodes(steps), steps + self.extra
        entries: tuple[Entry, ...]
        entries = sampler_entries(self.price, nodes, planned(self.price, levels, self.end))
        entries, _ = with_chain(self.price, nodes, entries)
        return sum(float(e.high or 0.0) for e in entries)

    def fewest(self, target: float, argument: str) -> tuple[int, str]:
        """Return the fewest steps whose init and discretisation stay below `target` nats.

        Every number is tried up to 32; beyond, some, and those before the first that is enough
        are halved until the fewest is found, costs falling with the number. Raises `InputError`
        with what can be reached.
        """
        reached, before = math.inf, 0
        for count in self._in_turn():
            value = self.upper(count)
            reached = min(reached, value)
            if value <= target:
                while count - before > 1:
                    middle = (before + count) // 2
                    enough = self.upper(middle) <= target
                    before, count = (before, middle) if enough else (middle, count)
                return count, (
                    f"the fewest steps whose init and discretisation stay below {target:.4g} nats"
                )
            before = count
        asked = f"{target:.4g} nats" if argument == "kl" else f"{tv_from_kl(target):.4g}"
        least = _rounded_up(reached if argument == "kl" else tv_from_kl(reached))
        where = f"{self.price.levels[self.end - 1] ** -0.5:.3g}"
        there = f"the least there is --{argument} {least:g}"
        there = there if argument == "kl" or least < 1 else "none below 1 can be promised there"
        rule = f"cannot be reached at noise level {where}: {there}"
        refuse(argument, rule, asked, self._remedy(target))

    def _in_turn(self) -> Iterator[int]:
        """Yield `counts`; the search for many levels waits until it is needed."""
        done = 0
        for limit in (*SEARCH_SIZES[:-1], MOST_LEVELS):
            for count in self.counts(limit):
                if count > done:
                    yield count
                    done = count

    def _remedy(self, target: float) -> str:
        """Return which --resolution reaches a target that ending here does not."""
        far, near = 0, self.end  # node 0 is no end; costs fall as the end gets coarser
        while near - far > 1:
            middle = (far + near) // 2
            enough = replace(self, end=middle)._reaches(target)
            far, near = (middle, near) if enough else (far, middle)
        if far == 0:
            return (
                "No --resolution reaches it; audit more examples or levels, or try another "
                "--sampler"
            )
        coarse = _rounded_up(float(self.price.levels[far - 1] ** -0.5))
        but = ", though it is noisier than the data" if coarse > 1 else ""
        return f"--resolution {coarse:g} reaches it{but}; or audit more examples or levels"

    def _reaches(self, target: float) -> bool:
        try:
            counts = self.counts(USUAL_STEPS)
        except InputError:  # limits leave no grid that ends there
            return False
        return any(self.upper(n) <= target for n in reversed(counts))


class Gain(NamedTuple):
    """What is not worth twice as many steps: so many nats for each of these coordinates."""

    each: float
    coordinates: float

    @property
    def nats(self) -> float:
        """Those of all coordinates."""
        return self.each * self.coordinates


def least_gain(price: Prices, end: int) -> Gain:
    r"""Return the least gain that counts, per effective dimension at node `end`.

    (1) of ledger/grade.py counts them.
    """
    s, v = float(price.curve.levels[end]), price.audit.frame.moments.variances
    kind = price.audit.facts.kind
    each = {"table": TABLE_GAIN, "channels": CHANNEL_GAIN}.get(kind, LEAST_GAIN)
    return Gain(each, effective_dimension(v, s))


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


def _saved_along_flow(price: Prices, nodes: Indices) -> float:
    """Return by how much the steps of a grid are cheaper beside the chain along the flow."""
    chain = cheaper(price, nodes)
    if chain is None:
        return 0.0
    spent = prefixes(price, nodes)[1][-1] @ price.folds
    return float(spent - chain.total().value)


def _rounded_up(value: float) -> float:
    """Return a positive number to three digits, not below itself."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.ceil(value / step) * step


def best_number(
    rows: list[Json],
    score_bound: Callable[[int], float],
    upper: Callable[[int], float],
    gain: Gain,
    without: str,
) -> tuple[int, str]:
    """Return the best number of steps, and why: by the score error of its own grid.

    rows: the frontier; score_bound: the lower bound on that error in nats, upper: the upper ends
    of init and discretisation together, of so many steps; gain: the least that counts;
    without: what is said of the model where there is no bound, `of_the_model`.
    """
    count = best_steps(rows, score_bound(int(rows[-1]["steps"])), gain)

    def model_costs_more(steps: int) -> bool:
        least = score_bound(steps)
        return least > 0 and upper(steps) <= least

    more = decisive(count, rows, model_costs_more)
    if more > count:
        return more, DECISIVE
    return count, why_best(rows, count, score_bound(count), gain, without)


def best_steps(rows: list[Json], bound: float, gain: Gain) -> int:
    """Return the fewest steps past which the sampler is no longer what limits the model.

    rows: the frontier; bound: a lower bound on the score error in nats. More steps must not save
    more than can be measured, nor, for each doubling, than half of that bound and the least gain.
    """
    for row in rows:
        if not any(_pays(row, more, _worth(row, bound, gain)) for more in rows):
            return int(row["steps"])
    raise InputError("audit: has no level to plan on")


def _pays(row: Json, more: Json, worth: tuple[float, float, float]) -> bool:
    """Return whether a number of steps saves more than it is worth beside a smaller one."""
    half, error, few = worth
    doublings = max(1.0, math.log2(more["steps"] / row["steps"]))
    saved = float(row["above_best"] - more["above_best"])
    return bool(more["steps"] > row["steps"] and saved > max(error, doublings * max(half, few)))


def _worth(row: Json, bound: float, gain: Gain) -> tuple[float, float, float]:
    """Return what is not worth twice as many steps, in nats.

    Beside the score error: the error of measuring, and so much per effective dimension.
    """
    return SHARE_LEFT * bound, 2 * float(row["standard_error"]), gain.nats


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


def _by_twice(rows: list[Json], row: Json) -> tuple[str, float]:
    """Return how many more steps are held against a number, in words, and what they save.

    They are twice as many, or as many as were priced.
    """
    more = [r for r in rows if row["steps"] <= r["steps"] <= 2 * row["steps"]]
    twice, least = more[-1]["steps"], min(r["above_best"] for r in more)
    what = "doubling the steps" if twice == 2 * row["steps"] else plural(twice, "step")
    return what, float(row["above_best"] - least)


def of_the_model(price: Prices) -> str:
    """Return what is said of a model of whose error there is no lower bound."""
    if price.audit.facts.no_data:
        return "nothing is known of the model’s error"
    return "the denoiser is exact" if price.exact else "we found no model error"


def why_best(rows: list[Json], steps: int, bound: float, gain: Gain, without: str) -> str:
    """Return why so many steps are the best number; bound: of the score error of their grid.

    without: what is said where that is 0.
    """
    row, last = next(r for r in rows if r["steps"] == steps), rows[-1]
    half, error, few = _worth(row, bound, gain)
    least = f"at least {figure(bound, 2)} nats of the path"
    reason = f"the model’s error is {least}" if bound > 0 else without
    little = "little: "
    if half >= max(error, few):
        little = ""  # it may be many nats
        rule = f"at most half of the model’s error ({least})"
    elif error >= few:
        rule = f"too little to be measured; {reason}"
    else:
        rule = f"under {gain.each} per effective dimension; {reason}"
    what, gained = _by_twice(rows, row)
    if what == plural(steps, "step"):
        why = f"more than {what} were not tried; {reason}"
    else:
        saved = figure(gained, 2) + (f" ± {figure(error, 1)}" if error > 0 else "")
        why = f"{what} would gain {little}{saved} nats, {rule}"
    if last["above_best"] > max(few, 4 * last["standard_error"]):
        why += (
            f"; {plural(last['steps'], 'step')} would cost {figure(last['above_best'], 2)} nats "
            "more than the cheapest number, because long steps hide part of the model’s error"
        )
    return why
