r"""The pass that measures what steps along the network's own flow miss
(`error_curve/flow_curve.py`).

Every start is forward noise about a held-out example, x = x0 + z/sqrt(s): the flow of a network
leaves that law, which a certificate is about, so that no path is followed from one start level to
the next. The flow dx/dlambda = m - x, lambda = log(s)/2, is followed by the classical Runge-Kutta
method from length to length; one call more at each length is the midpoint's. Examples take turns:
each is seen at every `stride`-th start level, so that all of them are, and a level costs a part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from .._checks import InputError
from ..denoise.base import Denoiser, around, is_told, process_of, trained_levels
from ..error_curve.curve import GROUPS, Examples
from ..error_curve.flow_curve import FLOW_MOMENTS, LENGTHS, FlowCurve
from ..noise import NoiseSource
from .options import Pass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._typing import Array, Indices, Levels, Tensor

START_SPACING = 0.25  # of start levels, in log(1/sigma)
START_CALLS = 5 * len(LENGTHS) + 4  # of one start: of Runge and Kutta, and midpoints
USUAL_CALLS = 2.0  # a level and example
LEAST_ROWS, MOST_ROWS = GROUPS, 1024  # examples at a start level, where there are as many


class Turns(NamedTuple):
    """Which start levels an example is seen at.

    draws: noise paths of each; blocks: of examples, one of each group, in a draw.
    """

    stride: int
    draws: int
    blocks: int

    def seen(self, number: Indices, draw: int, start: int) -> NDArray[np.bool_]:
        """Return which of the examples of these numbers are seen at a start level, in a draw."""
        turn = draw * self.blocks + number // GROUPS
        return np.asarray((turn + start) % self.stride == 0)

    def starts(self, examples: int, levels: Levels) -> int:
        """Return how many starts all examples make; levels: of the audit."""
        number, count = np.arange(examples), len(start_levels(levels))
        return sum(
            int(self.seen(number, draw, k).sum())
            for draw in range(self.draws)
            for k in range(count)
        )


def turns_of(
    denoiser: Denoiser, examples: int, draws: int, levels: Levels, calls: float | None
) -> Turns | None:
    """Return who is seen where for so many calls a level and example, None for the usual.

    None where nothing is to be measured: of models of phase space and guided fields, which follow
    no flow between laws of data.
    """
    guided = getattr(denoiser, "guidance", 1.0) != 1
    if calls == 0 or guided or process_of(denoiser) != "vp":
        return None
    return turns_for(examples, draws, levels, USUAL_CALLS if calls is None else calls)


def turns_for(examples: int, draws: int, levels: Levels, calls: float) -> Turns:
    """Return who is seen where, for about so many calls a level and example.

    levels: of the audit; every start level has at least `LEAST_ROWS` examples, if there are.
    """
    budget = calls * examples * draws * len(levels)
    rows = budget / (START_CALLS * len(start_levels(levels)))
    rows = min(examples * draws, MOST_ROWS, max(LEAST_ROWS, rows))
    blocks = max(1, examples // GROUPS)  # whole ones, so that all groups are seen everywhere
    return Turns(min(blocks * draws, max(1, int(examples * draws / rows))), draws, blocks)


def start_levels(levels: Levels) -> Levels:
    """Return those of the audit's levels that steps are measured from."""
    lam = np.log(levels) / 2
    count = max(2, round((lam[-1] - lam[0]) / START_SPACING) + 1)
    wanted = np.linspace(lam[0], lam[-1], count)
    return np.asarray(levels[np.unique(np.abs(lam[None] - wanted[:, None]).argmin(axis=1))])


@dataclass
class FlowSums:
    """Sums of the moments by start level, length and group, and how many each is of."""

    sums: Tensor  # [S, U, B, moments]
    rows: Tensor  # [S, B]

    @classmethod
    def empty(cls, starts: int) -> FlowSums:
        """Return sums of nothing."""
        shape = starts, len(LENGTHS), GROUPS, len(FLOW_MOMENTS)
        return cls(
            torch.zeros(shape, dtype=torch.float64),
            torch.zeros(starts, GROUPS, dtype=torch.float64),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the sums by name."""
        return {"sums": self.sums, "rows": self.rows}

    def add(self, start: Tensor, group: Tensor, moments: Tensor) -> None:
        """Add the moments of some rows [U, n, moments]."""
        self.rows.index_put_((start, group), torch.ones(len(start)).double(), accumulate=True)
        for k, one in enumerate(moments.double().cpu()):
            self.sums[:, k].index_put_((start, group), one, accumulate=True)

    def curve(self, levels: Levels, finest: float) -> FlowCurve:
        """Return the means by group; levels: of the starts [S]."""
        rows = self.rows.numpy()
        mean = self.sums.numpy() / np.maximum(rows, 1)[:, None, :, None]
        whole = rows.sum(axis=1)
        shares = (rows / whole[:, None]).mean(axis=0)
        moments = {name: np.ascontiguousarray(mean[..., k]) for k, name in enumerate(FLOW_MOMENTS)}
        return FlowCurve(levels, np.array(LENGTHS), shares, whole, moments, finest)


def measure_flow(
    denoiser: Denoiser, examples: Examples, levels: Levels, turns: Turns, options: Pass
) -> FlowCurve:
    """Return what steps along the flow of `denoiser` miss on `examples`.

    levels: of the audit [K]; options: of which seed, batch_size, processes, keep and progress
    count.
    """
    starts = start_levels(levels)
    sums, n = FlowSums.empty(len(starts)), len(examples)
    source = NoiseSource(options.seed, "audit flow")
    # examples read at once, of which few have their turn at each of a few start levels
    most = 2 * options.batch_size
    size = max(GROUPS, options.batch_size * turns.stride // len(starts) // GROUPS * GROUPS)
    size = min(size, max(most, GROUPS)) // GROUPS * GROUPS
    batches = [(d, i) for d in range(turns.draws) for i in range(0, n, size)]
    share = batches[options.processes.rank :: options.processes.count]
    total, done = turns.starts(n, levels) * START_CALLS, 0
    follow = Follow(denoiser, float(levels[-1]))
    with options.processes.together():
        first = 0 if options.keep is None else options.keep.begin(sums.tensors())
        for number, (draw, begin) in enumerate(share, start=1):
            rows = slice(begin, min(begin + size, n))
            start, row = _turn(turns, starts, rows, draw)
            done += len(start) * START_CALLS
            if number <= first or not len(start):
                continue
            x0 = examples.batch(rows).to(around(denoiser)).to(denoiser.device)
            label = examples.batch_labels(rows) if is_told(denoiser) else None
            z = torch.cat(
                [
                    source.normal(draw * len(starts) + k, begin, len(x0), x0[0].numel())[
                        row[start == k]
                    ]
                    for k in range(len(starts))
                ]
            ).to(x0)
            sigma = torch.from_numpy(starts[start.numpy()] ** -0.5).to(x0)[:, None]
            x = x0[row.to(x0.device)].flatten(1) + sigma * z
            own = None if label is None else label[row]
            moments = follow.moments(x, starts[start.numpy()], own)
            sums.add(start, (row + begin) % GROUPS, moments)
            if options.progress is not None:
                options.progress(min(done, total), total)
            if options.keep is not None:
                options.keep.after(number, sums.tensors())
    options.processes.add(*sums.tensors().values())
    return sums.curve(starts, float(levels[-1]))


def _turn(turns: Turns, starts: Levels, rows: slice, draw: int) -> tuple[Tensor, Tensor]:
    """Return the start levels and rows of a batch whose turn it is, start level by start level."""
    number = np.arange(rows.start, rows.stop)
    places = [np.flatnonzero(turns.seen(number, draw, k)) for k in range(len(starts))]
    start = np.repeat(np.arange(len(starts)), [len(p) for p in places])
    return torch.from_numpy(start), torch.from_numpy(np.concatenate(places))


class Missing(NamedTuple):
    """Where the flow takes states, where one call and two do, and m and x - m at their begin."""

    flown: Tensor
    one: Tensor
    two: Tensor
    m: Tensor
    b: Tensor

    def pairs(self) -> list[tuple[Tensor, Tensor]]:
        """Return the factors of the moments, in the order of `FLOW_MOMENTS`."""
        a, two, m, b = self.flown - self.one, self.flown - self.two, self.m, self.b
        return [(a, a), (two, two), (a, b), (a, m), (b, b), (b, m), (m, m)]


class Follow:
    """Steps along the flow of a denoiser over lengths u.

    finest: SNR beyond which it is not asked.
    """

    def __init__(
        self, denoiser: Denoiser, finest: float, lengths: Sequence[float] = LENGTHS
    ) -> None:
        self.denoiser, self.finest, self.lengths = denoiser, finest, lengths
        self.trained = trained_levels(denoiser)

    def moments(self, x: Tensor, snr: Array, label: Tensor | None) -> Tensor:
        """Return (2) of flow_curve.py for each row, [U, n, moments]; x: [n, d], snr: [n]."""
        return torch.stack(
            [
                torch.stack([(p * q).sum(dim=1) for p, q in step.pairs()], dim=1)
                for step in self.steps(x, snr, label)
            ]
        )

    def steps(self, x: Tensor, snr: Array, label: Tensor | None) -> Iterator[Missing]:
        """Yield what steps from x [n, d] at SNRs [n] miss, length by length."""
        lam = np.log(snr) / 2
        m = self._call(x, lam, label)
        b, state, before = x - m, x, 0.0
        for length in self.lengths:
            if not before:  # in two halves: else the midpoint's level would be its own judge
                state = self._runge_kutta(state, m, lam, length / 2, label)
                before = length / 2
            answer = self._call(state, lam + before, label)
            state = self._runge_kutta(state, answer, lam + before, length - before, label)
            before = length
            half = m + math.exp(-length / 2) * b
            middle = self._call(half, lam + length / 2, label)
            phi_one = m + math.exp(-length) * b
            phi_two = math.exp(-length) * x - math.expm1(-length) * middle
            yield Missing(state, phi_one, phi_two, m, b)

    def _runge_kutta(
        self, x: Tensor, answer: Tensor, lam: Array, step: float, label: Tensor | None
    ) -> Tensor:
        """Return the state a step further along dx/dlambda = m - x; answer: m at its begin."""
        k1 = answer - x
        k2 = self._slope(x + step / 2 * k1, lam + step / 2, label)
        k3 = self._slope(x + step / 2 * k2, lam + step / 2, label)
        k4 = self._slope(x + step * k3, lam + step, label)
        return x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def _slope(self, x: Tensor, lam: Array, label: Tensor | None) -> Tensor:
        return self._call(x, lam, label) - x

    def _call(self, x: Tensor, lam: Array, label: Tensor | None) -> Tensor:
        # past the finest level, where no length is valid, the finest stands for all
        snr = np.minimum(np.exp(2 * lam), self.finest)
        if self.trained is not None:
            snr = self.trained[np.abs(np.log(self.trained)[None] - np.log(snr)[:, None]).argmin(1)]
        model = self.denoiser
        seen = x.view(len(x), *model.shape).to(model.dtype)
        with torch.inference_mode():
            m = model(seen, torch.from_numpy(snr), label if is_told(model) else None)
        m = m.reshape(x.shape).to(x)
        if not bool(torch.isfinite(m).all()):
            raise InputError("denoiser: gave NaN or infinite values along its own flow")
        return m
