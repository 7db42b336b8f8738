r"""Is a network called the right way? Every way that can be told is tried on a few examples.

At levels s around the data's own deviation the network is shown x = x0 + z/sqrt(s), told the time
in each of its forms, in each of the usual units of the data, and its answer is read as every
prediction there is: (1) of `ways.py`. The exact denoiser has the least error of all functions of
x, so that no wrong way beats the right one of a perfect network but by chance.

A way is named in place of the one that was told only if it is nearer for certain, if it is not
certainly worse than a guess by the data's mean and spread alone, and if the network's answers
matter to it: with nothing in their place it is certainly worse.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from .._checks import figure, plural, require, require_count
from ..data import Dataset, load_data
from ..data.standardise import unchanged
from ..denoise.base import PAGE
from ..denoise.wrapped import WrappedDenoiser
from ..law.base import Law
from ..montecarlo import Estimate
from ..noise import NoiseSource
from .examples import held_out_examples, require_shape
from .tried_units import Rows, tried_units
from .ways import CallingWay, Calls, times_of

if TYPE_CHECKING:
    from .._typing import Json, Progress

TRIED, LEAST_TRIED, ASIDE = 64, 16, 1024  # examples to try; at least; for the moments, at most
SAME = 1e-6  # of log r, below which two ways are one


@dataclass(frozen=True, eq=False)
class Check:
    """What came of trying every way of calling a network.

    told: as it was wrapped; nearest: the ways that none beats for certain, the nearest first;
    ways: all of them, the nearest first; calls: examples that the network was shown.
    """

    told: CallingWay
    ways: tuple[CallingWay, ...]
    calls: int

    @cached_property
    def nearest(self) -> tuple[CallingWay, ...]:
        """The ways that none beats for certain; of these, those in which the answers matter."""
        best = self.ways[0]
        near = tuple(w for w in self.ways if not w.farther(best))
        return tuple(w for w in near if w.speaks) or near

    @property
    def as_told(self) -> bool:
        """Whether no way is nearer than the one that was told, for certain."""
        return self.told in self.nearest

    @property
    def why_not(self) -> str:
        """Why it cannot be told which way is right, "" where it can."""
        best = self.told if self.as_told else self.nearest[0]
        if not best.speaks:
            return (
                "what the network answers makes no difference to the guess (its last layer may "
                "be 0, or its weights are not loaded)"
            )
        if best.beaten:
            return (
                "none comes near a guess by the data’s mean and spread alone, which takes no "
                "training (is it trained, are its weights loaded, are its process and its levels "
                "as told?)"
            )
        if self.as_told or len(self.nearest) == 1:
            return ""
        if all(abs(float(w.beyond(best).value)) < SAME for w in self.nearest):
            return "they come to the same on this data"
        return f"{plural(best.errors.shape[1], 'example')} are too few to tell them apart"

    @property
    def options(self) -> Json:
        """The options of `girsanov.wrap` to be changed; {} where it is right, or not known."""
        return {} if self.as_told or self.why_not else self.nearest[0].options

    @property
    def line(self) -> str:
        """What came of it, in one line."""
        best = self.told if self.as_told else self.nearest[0]
        near = _times(best.ratio)
        if self.as_told and not self.why_not:
            return f"It seems to be called the right way: {self._beside(near)}"
        others = " or ".join(w.words for w in self.nearest[:3])
        if self.why_not:
            how = "as told" if self.as_told else others
            return (
                f"It cannot be told which way to call it: {self.why_not}. The nearest is {how}, "
                f"with an error {near} times that of a straight line."
            )
        return (
            f"It is called the wrong way: with {others} its error is "
            f"{_times(best.beyond(self.told))} times what it is as told, and {near} times that of "
            "a straight line."
        )

    def _beside(self, near: str) -> str:
        """Return how the way that was told fares beside a straight line and the next one."""
        words = f"as told its error is {near} times that of a straight line"
        alike = [w for w in self.nearest if w is not self.told]
        if alike:
            return f"{words}; {' or '.join(w.words for w in alike[:2])} cannot be told from it."
        after = next((w for w in self.ways if w is not self.told and w.speaks), None)
        if after is None:
            return f"{words}."
        return f"{words}; the next, {after.words}, has {_times(after.beyond(self.told))} times it."

    def to_json(self) -> Json:
        """Return what was found, and how near every way comes."""
        return {
            "line": self.line, "as_told": self.as_told, "cannot_tell": self.why_not or None,
            "options": self.options, "calls": self.calls,
            "ways": [
                {"words": w.words, "options": w.options, **_numbers(w.ratio)} for w in self.ways
            ],
        }  # fmt: skip

    def __str__(self) -> str:
        rows = [f"  {_times(w.ratio):>30}  {w.words}" for w in self.ways[:5]]
        return "\n".join([self.line, "", "  error, of a straight line's     way", *rows])


def _numbers(ratio: Estimate) -> Json:
    return dict(zip(("ratio", "low", "high"), times_of(ratio), strict=True))


def _times(ratio: Estimate) -> str:
    """Return exp of an estimate with its 95 % interval in words."""
    value, low, high = (figure(v) for v in times_of(ratio))
    return f"{value} ({low} to {high})"


def check(
    network: WrappedDenoiser,
    data: Dataset | Law,
    *,
    other: WrappedDenoiser | None = None,
    examples: int = TRIED,
    seed: int = 0,
    progress: Progress | None = None,
) -> Check:
    """Return which way of calling a network fits held-out data best, and by how much.

    network: as `girsanov.wrap` makes one; data: held-out, in any of the units that are tried (of
    a table of scores as it is); other: the same network with other weights, such as the averaged
    ones; examples: how many are tried, at six levels each; seed: of the choice and the noise;
    progress(done, total) counts ways. What is tried: every prediction and its negative; the time
    as it is, reversed, a thousandfold or as a logarithm; the data in [-1, 1], [0, 1] and 0 to 255
    (pictures), standardised and as they are (rows); batch norms in training mode. Raises
    InputError for a model that was not wrapped, and for fewer than 16 examples.
    """
    for name, model in (("network", network), ("other", other)):
        rule = f"must be a network of your own, made by girsanov.wrap ({PAGE})"
        right = isinstance(model, WrappedDenoiser) or (name == "other" and model is None)
        require(right, name, rule, type(model).__name__, "Other models know how they are called")
    if other is not None:
        require(other.shape == network.shape, "other", f"must be of {network.shape}", other.shape)
    count = require_count("examples", examples, LEAST_TRIED)
    held_out, rows, aside = _examples(network, data, count, seed)
    label = held_out.batch_labels(rows) if network.classes else None
    called = Calls(network, label, seed)
    ways: list[CallingWay] = []
    tried = list(_networks(network, other))
    units = list(tried_units(network, held_out, rows, aside))
    total = len(tried) * len(units) * len(network.clock.tellable)
    for model, of_weights in tried:
        for unit in units:
            for told in model.clock.tellable:
                with called.skipping(unit, told, of_weights):
                    ways += called.ways(model, unit, told, of_weights)
                if progress is not None:
                    progress(called.runs, total)
    first = next(w for w in ways if not w.options and w.words == "as told")
    finite = sorted(ways, key=lambda w: float(w.ratio.value))
    return Check(first, tuple(finite), called.calls)


def _examples(
    network: WrappedDenoiser, data: Dataset | Law, count: int, seed: int
) -> tuple[Dataset, Rows, Rows]:
    """Return data in the units that were told, the rows to try and others for the moments."""
    if isinstance(data, Law):
        own = network.standardisation or unchanged(data.dimension)
        drawn = load_data(data.sample(count + ASIDE, seed=seed).numpy())
        data = drawn.with_standardisation(own)
    held_out = held_out_examples(network, data, None, seed)
    assert isinstance(held_out, Dataset)
    rule = f"must hold at least {LEAST_TRIED} examples to try and as many for the moments"
    require(len(held_out) >= 2 * LEAST_TRIED, "data", rule, len(held_out))
    require_shape("data", held_out, network)
    keys = NoiseSource(seed, "check").uniform(0, 0, len(held_out))
    order = np.argsort(keys, kind="stable")[: count + ASIDE]
    cut = min(count, len(order) // 2)
    return held_out, order[:cut], order[cut:]


def _networks(
    network: WrappedDenoiser, other: WrappedDenoiser | None
) -> Iterator[tuple[WrappedDenoiser, str]]:
    """Yield what is called, with words for what it is besides the network as it is."""
    yield network, ""
    if other is not None:
        yield other, "the other weights"
    module = network.network
    norms = nn.modules.batchnorm._BatchNorm
    if isinstance(module, nn.Module) and any(isinstance(m, norms) for m in module.modules()):
        moving = copy(network)
        moving.network = _InTraining(deepcopy(module))
        yield moving, "its batch norms in training mode (their running means do not fit)"


class _InTraining:
    """A copy of a network whose batch norms see the examples at hand."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        for part in module.modules():
            part.training = isinstance(part, nn.modules.batchnorm._BatchNorm)

    def __call__(self, *given: Any) -> Any:
        """Return what the network answers; its copy's own means move."""
        return self.module(*given)
