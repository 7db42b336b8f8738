"""What a theorem answers: a bound with every constant, or a rate that has none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..._checks import require, require_count, require_number
from ...ledger.entry import kl_from_tv, tv_from_kl
from .given import MOST_STEPS

if TYPE_CHECKING:
    from ..._typing import Json

TRIED_EACH = 128  # steps up to which each number is tried: with long steps a price may rise with N


@dataclass(frozen=True)
class Rate:
    """A paper's own statement with every hidden constant set to one: an order of magnitude.

    paper: who states it; statement: the formula in words and symbols; value: what it comes to;
    unit: of what (``steps`` or ``TV``).
    """

    paper: str
    statement: str
    value: float
    unit: str

    def to_json(self) -> Json:
        """Return this rate as a JSON object, labelled as one; null for what is infinite."""
        value = self.value if math.isfinite(self.value) else None
        return {"kind": "rate, constants set to 1", **asdict(self), "value": value}


EQUAL, GEOMETRIC, LINEAR_SCHEDULE, ANY_GRID = (
    "equal steps",
    "equal ratios",
    "linear schedule",
    "as given",
)


@dataclass(frozen=True)
class Bound:
    """A guarantee before anything is measured: an upper bound on KL, in nats, and on TV.

    theorem: its name here; sampler: what must be run; steps: N; init, discretisation, score:
    the three terms in nats; time: T; stop: time delta at which the sampler stops (0: at the
    data); w2: bound on the distance from the law at delta to the data, in units of x0;
    assumptions: in words; rate: the paper's own statement beside it; grid: how the steps lie
    between T and delta. Raises InputError where the three terms are no finite numbers.
    """

    theorem: str
    sampler: str
    steps: int
    init: float
    discretisation: float
    score: float
    time: float
    stop: float
    w2: float
    assumptions: tuple[str, ...]
    rate: Rate | None = None
    grid: str = EQUAL

    def __post_init__(self) -> None:
        """Check that this bounds something."""
        terms = (self.init, self.discretisation, self.score)
        rule = "says nothing of these numbers: its bound is infinite"
        require(all(0 <= x < math.inf for x in terms), self.theorem, rule)

    @property
    def step(self) -> float | None:
        """The step h of equal steps of time, or the ratio of SNRs of equal ratios; else None."""
        if self.grid == EQUAL:
            return (self.time - self.stop) / self.steps
        return 1 + self.widening if self.grid == GEOMETRIC else None

    @property
    def widening(self) -> float:
        """The ratio of SNRs of equal ratios less one, which keeps its digits."""
        ends = [-math.log(math.expm1(2 * t)) for t in (self.stop, self.time)]
        return math.expm1(min((ends[0] - ends[1]) / self.steps, 700.0))

    @property
    def kl(self) -> float:
        """The bound on the KL in nats: the sum of the three terms."""
        return self.init + self.discretisation + self.score

    @property
    def tv(self) -> float:
        """The bound on the total variation: Pinsker's or Bretagnolle and Huber's, the better."""
        return tv_from_kl(max(self.kl, 0.0))

    def to_json(self) -> Json:
        """Return this bound as a JSON object; null for what is infinite."""
        content = {k: v for k, v in asdict(self).items() if k != "rate"}
        content |= {"kind": "upper bound", "kl": self.kl, "tv": self.tv, "step": self.step}
        finite = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in content.items()
        }
        return {**finite, "rate": None if self.rate is None else self.rate.to_json()}


def budget(tv: float) -> float:
    """Return the KL in nats that certifies `tv`, equation (2) of entry.py."""
    return kl_from_tv(tv)


def fewest_steps(price: Callable[[int], float], target: float, most: float = MOST_STEPS) -> int:
    """Return the least N with price(N) <= target; refuse beyond `most`.

    The price falls about as 1/N, which tells where to look: few evaluations are needed. Bounds
    for long steps may rise a little with N, so that up to TRIED_EACH steps every number is tried.
    Above a hundred thousand steps the answer may be too large by a thousandth of it.
    """
    require_number("target", target, above=0.0)
    limit = int(min(most, MOST_STEPS))
    low, high = 0, 1
    while (paid := price(high)) > target:
        low = high
        leap = paid / target if math.isfinite(paid) else 1e3
        rule = f"cannot be promised with {limit:.3g} steps or fewer"
        require(high < limit, "tv", rule, target)
        high = min(int(high * min(max(2.0, 1.05 * leap), 1e6)), limit)
    if low < TRIED_EACH:
        short = next((n for n in range(1, min(high, TRIED_EACH)) if price(n) <= target), None)
        if short is not None:
            return short
    return _between(price, target, low, high)


def _between(price: Callable[[int], float], target: float, low: int, high: int) -> int:
    """Return the least N with price(N) <= target < price(low), for a price that falls."""
    paid, wide = price(high), high - low
    while high - low > max(1, high // 10**5 * 100):
        # aim just beside where 1/N puts it, on both sides in turn; halve when that is slow
        aim = high * paid / target
        slow, wide = high - low > wide / 4, high - low
        off = max(1.0, 2e-4 * aim)
        for guess in (int(aim + off), int(aim - off)) if not slow else ((low + high) // 2,):
            middle = min(max(guess, low + 1), high - 1)
            if not low < middle < high:
                break
            cost = price(middle)
            low, high, paid = (low, middle, cost) if cost <= target else (middle, high, paid)
    return require_count("steps", high)
