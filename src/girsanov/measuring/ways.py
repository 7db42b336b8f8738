r"""One way of calling a network of one's own: what it is shown, told and answers, and its errors.

Of noisy examples x_ik of x0_i at levels s_k a way c has the error

    r_c = exp mean_k log( sum_i |x0_i - m_c(x_ik)|^2 / sum_i |x0_i - l(x_ik)|^2 ),         (1)

l being the straight line (the linear denoiser of the data's moments) in the same units. Standard
errors of log r, and of differences of two ways on the same examples, are by its linear part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import InputError, figure
from ..denoise.base import per_call
from ..denoise.own_clock import OwnClock
from ..denoise.wrapped import WrappedDenoiser
from ..moments import Moments
from ..montecarlo import Estimate
from ..noise import NoiseSource
from .tried_units import TriedUnits

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor

RELATIVE = np.geomspace(0.1, 30.0, 6)  # s v, v being the variance of a coordinate
STANDARD_ERRORS_OF_WAYS = 4.0  # standard errors, since the nearest of many ways is looked at
ALIKE = math.log(1.05)  # ways this near are not told apart
HUGE = 1e12  # times the line's error, where numbers end
MOST_SAID = 60.0  # of log r: beyond, no number says more
FAR = 30.0  # times the line's mean error at a level: farther is no farther where ways are compared


@dataclass(frozen=True, eq=False)
class CallingWay:
    """One way of calling a network, and its squared errors.

    options: of `girsanov.wrap`, where they differ from what was told; words: the same for people;
    errors, line, simple, silent: by level and example [K, n], of the network, of the straight
    line, of a guess by the data's mean and spread alone (of a picture one mean and one spread for
    all its numbers), and of the same way with 0 in place of every answer.
    """

    options: Json
    words: str
    errors: Array
    line: Array
    simple: Array
    silent: Array

    @property
    def ratio(self) -> Estimate:
        """The logarithm of (1)."""
        return log_ratio_of_errors(self.errors, self.line)

    def times(self) -> tuple[str, str]:
        """Return (1) and its 95 % interval in words."""
        value, low, high = times_of(self.ratio)
        return figure(value), f"{figure(low)} .. {figure(high)}"

    def beyond(self, other: CallingWay) -> Estimate:
        """Return log r of this way less that of another one."""
        return log_ratio_of_errors(self._scaled(self.errors), other._scaled(other.errors))

    def farther(self, other: CallingWay) -> bool:
        """Return whether this way is farther than another one for certain."""
        one, two = (np.minimum(w._scaled(w.errors), FAR) for w in (self, other))
        return surely(log_ratio_of_errors(one, two))

    @property
    def beaten(self) -> bool:
        """Whether a guess by the data's mean and spread alone is nearer for certain."""
        one, two = (np.minimum(self._scaled(e), FAR) for e in (self.errors, self.simple))
        return surely(log_ratio_of_errors(one, two))

    @property
    def speaks(self) -> bool:
        """Whether the network's answers bring it nearer for certain."""
        one, two = (np.minimum(self._scaled(e), FAR) for e in (self.silent, self.errors))
        return surely(log_ratio_of_errors(one, two))

    def _scaled(self, errors: Array) -> Array:
        return np.asarray(errors / self.line.mean(axis=1, keepdims=True))


def log_ratio_of_errors(one: Array, two: Array) -> Estimate:
    """Return mean_k log(mean_i one / mean_i two) of errors [K, n] of the same examples."""
    a, b = one.mean(axis=1, keepdims=True), two.mean(axis=1, keepdims=True)
    tiny = np.finfo(np.float64).tiny
    value = float(np.log(np.maximum(a, tiny) / np.maximum(b, tiny)).mean())
    parts = (one / np.maximum(a, tiny) - two / np.maximum(b, tiny)).mean(axis=0)
    return Estimate(value, float(parts.std(ddof=1)) / math.sqrt(len(parts)), len(parts) - 1)


def times_of(ratio: Estimate) -> tuple[float, float, float]:
    """Return exp of an estimate, and of the ends of its 95 % interval."""
    low, high = (float(end) for end in ratio.interval())
    return tuple(math.exp(min(v, MOST_SAID)) for v in (float(ratio.value), low, high))  # type: ignore[return-value]


def surely(difference: Estimate) -> bool:
    """Return whether a way is farther than another, or than the line, for certain."""
    return bool(difference.value > max(ALIKE, STANDARD_ERRORS_OF_WAYS * difference.se))


class Calls:
    """Calls of a network, which are counted; noise and levels are the same for every way."""

    def __init__(self, network: WrappedDenoiser, label: Tensor | None, seed: int) -> None:
        self.first, self.source, self.runs, self.calls = network, NoiseSource(seed, "ways"), 0, 0
        self.label = None if label is None else label.to(network.device)

    @contextmanager
    def skipping(self, unit: TriedUnits, told: str, weights: str) -> Iterator[None]:
        """Leave out what the network cannot be told or shown, but for what it was told first."""
        try:
            yield
        except InputError:
            if not unit.options and told == self.first.clock.told and not weights:
                raise
            self.runs += 1

    def ways(
        self, model: WrappedDenoiser, unit: TriedUnits, told: str, weights: str
    ) -> list[CallingWay]:
        """Return every reading of the answers of a network that is shown these and told so."""
        clock = replace(model.clock, told=told)
        d = len(unit.moments.mean)
        levels = _levels(clock, RELATIVE * d / unit.moments.variance)
        errors: dict[str, list[Array]] = {kind: [] for kind in clock.answerable}
        silent: dict[str, list[Array]] = {kind: [] for kind in clock.answerable}
        line: list[Array] = []
        simple: list[Array] = []
        alone = _alone(unit.moments, pictures=unit.x0.ndim == 4)
        for k, s in enumerate(levels):
            z = self.source.normal(k, 0, len(unit.x0), d).reshape(unit.x0.shape).to(unit.x0)
            x, level = unit.x0 + z * s**-0.5, np.array([s])
            line.append(_squares(_straight(unit.moments, x, s) - unit.x0))
            simple.append(_squares(_straight(alone, x, s) - unit.x0))
            answer = self._answer(model, x, level, clock)
            for kind in clock.answerable:
                read = replace(clock, predicts=kind)
                m, none = (read.x0(a, x, level) for a in (answer, torch.zeros_like(answer)))
                errors[kind].append(_limited(_squares(m - unit.x0), line[-1]))
                silent[kind].append(_limited(_squares(none - unit.x0), line[-1]))
        self.runs += 1
        return [
            self._way(unit, kind, told, weights, (errors[kind], line, simple, silent[kind]))
            for kind in clock.answerable
        ]

    def _way(
        self, unit: TriedUnits, kind: str, told: str, weights: str, errors: Sequence[list[Array]]
    ) -> CallingWay:
        options, words, as_told = dict(unit.options), [unit.words, weights], self.first.clock
        for name, value, before in (
            ("predicts", kind, as_told.predicts), ("time", told, as_told.told)
        ):  # fmt: skip
            if value != before:
                options[name] = value
                words.append(f'{name}="{value}"')
        said = ", ".join(filter(None, words)) or "as told"
        return CallingWay(options, said, *(np.stack(e) for e in errors))

    def _answer(self, model: WrappedDenoiser, x: Tensor, level: Array, clock: OwnClock) -> Tensor:
        self.calls += len(x)
        size = per_call(model, len(x))
        parts = [
            model.answer(x[a : a + size], level,
                         None if self.label is None else self.label[a : a + size], clock)
            for a in range(0, len(x), size)
        ]  # fmt: skip
        return torch.cat(parts)


def _levels(clock: OwnClock, wanted: Array) -> Array:
    """Return the levels nearest to those wanted that a network knows."""
    if clock.snrs is not None:
        off = np.abs(np.log(clock.snrs)[None] - np.log(wanted)[:, None])
        return np.asarray(clock.snrs[off.argmin(axis=1)])
    low, high = clock.snr_range
    return np.clip(wanted, low * (1 + 1e-9), high * (1 - 1e-9))


def _straight(moments: Moments, x: Tensor, s: float) -> Tensor:
    """Return the linear denoiser of these moments."""
    mean = torch.as_tensor(moments.mean, device=x.device)
    v = torch.as_tensor(moments.variances, device=x.device)
    c = moments.basis.to_coordinates(x.flatten(1).double() - mean) * (s * v / (1 + s * v))
    return (mean + moments.basis.from_coordinates(c)).reshape(x.shape)


def _alone(moments: Moments, *, pictures: bool) -> Moments:
    """Return moments of one spread for all numbers, of pictures with one mean."""
    mean = np.full_like(moments.mean, moments.mean.mean()) if pictures else moments.mean
    spread = moments.variance + float(np.square(moments.mean - mean).sum())
    return replace(moments, mean=mean, variances=np.full(len(mean), spread / len(mean)))


def _squares(error: Tensor) -> Array:
    return np.asarray(error.double().flatten(1).square().sum(1).cpu().numpy())


def _limited(errors: Array, line: Array) -> Array:
    """Return errors without NaN and infinity, which no number of a line's errors reaches."""
    most = HUGE * max(float(line.mean()), np.finfo(np.float64).tiny)
    return np.asarray(np.nan_to_num(np.minimum(errors, most), nan=most, posinf=most))
