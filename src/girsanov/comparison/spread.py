r"""How much of the data's variance samples keep, direction by direction.

For samples x and data y, along a direction u (a principal one of the data, or a column),

    ratio = Var(u.x)/Var(u.y),    se(log ratio)^2 = sum over both of (E c^4/(E c^2)^2 - 1)/n,   (1)

c = u.x - mean. Directions that are found and measured on the same rows look wider than they are,
the last ones narrower: so they are found on one half of the data and measured on the other, or
found on the training data where these are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import quantile
from .measures.gaussian_w2 import principal_axes

if TYPE_CHECKING:
    from .._typing import Array

PRINCIPAL = 10  # principal directions that are looked at
NAMED_COLUMNS = 30  # of a table, at most, by name
MISSED = 0.05  # share of the variance by which an interval must miss 1 to be spoken of
NO_VARIANCE = 1e-9  # of the largest variance: directions in which the data vary at all


@dataclass(frozen=True)
class Spread:
    """The variance of samples over that of data in one direction, with its interval."""

    name: str
    ratio: float
    low: float
    high: float


def spreads(
    x: Array, y: Array, names: Sequence[str], train: Array | None, confidence: float
) -> tuple[Spread, ...]:
    """Return (1) of all coordinates together, of principal directions, and of named columns.

    x: samples [n, d]; y: data [m, d]; names: of the d columns, empty where they have none.
    """
    half = quantile(0.5 + confidence / 2, math.inf)
    seen, rest = (train, y) if train is not None else (y[::2], y[1::2])
    axes, variances, _ = principal_axes(seen, PRINCIPAL)
    axes = axes[:, variances > NO_VARIANCE * variances.max(initial=0.0)]
    rows = [_row("all", _whole(x), _whole(y), half)]
    rows += [
        _row(f"direction {k}", _squares(x @ u), _squares(rest @ u), half)
        for k, u in enumerate(axes.T, start=1)
    ]
    pairs = zip(names[:NAMED_COLUMNS], x.T, y.T, strict=False)
    rows += [_row(name, _squares(a), _squares(b), half) for name, a, b in pairs if b.std() > 0]
    return tuple(rows)


def spread_words(spreads: Sequence[Spread]) -> str:
    """Return in a sentence in which directions samples are certainly too narrow or too wide."""
    off = [s for s in spreads if s.high < 1 - MISSED or s.low > 1 + MISSED]
    if not off:
        return "no direction is certainly too narrow or too wide by more than 5 %"
    off = sorted(off, key=lambda s: -abs(math.log(max(s.ratio, 1e-300))))[:5]
    return "samples are " + ", ".join(map(_words_of, off))


def _words_of(s: Spread) -> str:
    side = "narrow" if s.ratio < 1 else "wide"
    where = "overall" if s.name == "all" else f"in {s.name}"
    off = f"{100 * abs(s.ratio - 1):.0f} % too {side} {where}"
    return f"{off} (variance {s.ratio:.2f} of the data's)"


def _squares(values: Array) -> Array:
    """Return squared distances from the mean of values [n]."""
    return np.asarray(np.square(values - values.mean()))


def _whole(rows: Array) -> Array:
    return np.asarray(np.square(rows - rows.mean(axis=0)).sum(axis=1))


def _row(name: str, samples: Array, data: Array, half: float) -> Spread:
    """Return (1) of squared distances from the mean, [n] and [m]."""
    ratio = float(samples.mean() / data.mean())
    spare = sum(float(v.var() / v.mean() ** 2) / len(v) for v in (samples, data) if v.mean() > 0)
    far = math.exp(half * math.sqrt(spare))
    return Spread(name, ratio, ratio / far, ratio * far)
