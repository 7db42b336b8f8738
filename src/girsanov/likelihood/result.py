"""What a likelihood is stated as: bounds of several laws, in nats and in bits per dimension."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import TYPE_CHECKING

from .._checks import plural

if TYPE_CHECKING:
    from .._typing import Json
    from ..montecarlo import Estimate

WIDTH = 88


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, the number itself where it is exact."""

    value: float
    low: float
    high: float

    def over(self, unit: float) -> Figure:
        """Return the figure in another unit."""
        return Figure(self.value / unit, self.low / unit, self.high / unit)

    def __str__(self) -> str:
        """Return value and interval."""
        if self.low == self.high:
            return f"{self.value:.5g}"
        return f"{self.value:.5g} ({self.low:.5g} to {self.high:.5g})"


def figure_of(estimate: Estimate) -> Figure:
    """Return an estimate with its interval."""
    low, high = estimate.interval()
    return Figure(float(estimate.value), float(low), float(high))


@dataclass(frozen=True)
class LikelihoodBound:
    """An upper bound of the mean of -log q over held-out examples, under one law q.

    of: ``values`` or ``by noise`` (probabilities), ``data`` or ``noised data`` (densities); law:
    what is evaluated, in words; units: of densities, ``data`` or ``model``; nats: the bound;
    bits_per_dimension: nats / (d log 2); continuous, continuous_bits: the same two with infinitely
    many steps between the same ends; parts: what adds up to nats.
    """

    of: str
    law: str
    units: str
    nats: Figure
    bits_per_dimension: Figure
    continuous: Figure
    continuous_bits: Figure
    parts: dict[str, float]

    def to_json(self) -> Json:
        """Return the bound as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Likelihood:
    """What held-out data cost under the sampler of a plan, or without one in the continuous limit.

    bounds: the law that the sampler ends in first; sampler: in words; steps: network calls of a
    sample, None without a plan; dimension: d; noise: sigma of the last level, in the model's
    units; notes: what the numbers assume.
    """

    bounds: tuple[LikelihoodBound, ...]
    sampler: str
    steps: int | None
    dimension: int
    noise: float
    notes: tuple[str, ...]

    @property
    def nats(self) -> Figure:
        """The bound of the first law, in nats an example."""
        return self.bounds[0].nats

    @property
    def bits_per_dimension(self) -> Figure:
        """The bound of the first law, in bits per dimension."""
        return self.bounds[0].bits_per_dimension

    @property
    def continuous(self) -> Figure:
        """The bound of the first law with infinitely many steps, in nats an example."""
        return self.bounds[0].continuous

    def __str__(self) -> str:
        """Return the bounds and what they assume, in sentences."""
        lines = [f"Negative log-likelihood of held-out data at most, under {self.sampler}"]
        for b in self.bounds:
            lines.append(f"  {b.of:15} {b.bits_per_dimension} bits per dimension, {b.nats} nats")
            lines.append(f"  {'':15} continuous limit {b.continuous_bits} bits per dimension")
            lines.append(f"  {'':15} {b.law}")
        lines += [f"  {'note':15} {note}" for note in self.notes]
        return "\n".join(fill(x, WIDTH, subsequent_indent=" " * 18) for x in lines)

    def to_json(self) -> Json:
        """Return the likelihood as a JSON object, the first law's numbers on top."""
        first = self.bounds[0].to_json()
        return {
            **{name: first[name] for name in ("of", "law", "units", "nats", "bits_per_dimension")},
            "continuous": {"nats": first["continuous"],
                           "bits_per_dimension": first["continuous_bits"]},
            "parts": first["parts"], "sampler": self.sampler, "steps": self.steps,
            "dimension": self.dimension, "noise": self.noise,
            "others": [b.to_json() for b in self.bounds[1:]], "notes": list(self.notes),
        }  # fmt: skip


def in_bits(figure: Figure, dimension: int) -> Figure:
    """Return nats as bits per dimension."""
    return figure.over(dimension * math.log(2))


def sampler_words(sampler: str, steps: int) -> str:
    """Return a sampler and its network calls in words."""
    return f"{plural(steps, 'network call')} of {sampler}"
