r"""The spectrum of the error: how it spreads over the coordinates of every measured basis.

Drawn is s M_j(s), coordinate by coordinate, largest first. A step that adds this spread as
covariance pays 1/2 sum_j log(1 + delta M_j), which for one total is the less the more uneven M_j
is (Jensen): the steeper the line, the more a basis is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from ...ledger.numbers import number
from .svg import LEFT, NARROW, RIGHT, TOP, WIDE, Axis, el, frame, polyline, responsive, svg

if TYPE_CHECKING:
    from ..._typing import Array
    from ...measuring.record import AuditRecord

GAP = 16.0  # pixels between figures that stand side by side
LINES = 4  # noise levels drawn
POINTS = 96  # of a line, at most
NAMES = {
    "pca": "principal components",
    "dct": "spatial frequencies",
    "coordinate": "pixels or columns",
}
OF_CHANNELS = {**NAMES, "dct": "frequencies", "coordinate": "single values"}


def levels_shown(audit: AuditRecord) -> list[int]:
    """Return the indices of a few noise levels, where the error is neither nothing nor all."""
    scaled = audit.levels * audit.total().value / audit.curve.dimension
    inside = np.flatnonzero((scaled > 0.02) & (scaled < 0.98))
    few = len(inside) <= LINES
    first, last = (0, len(scaled) - 1) if few else (int(inside[0]), int(inside[-1]))
    return sorted({int(k) for k in np.linspace(first, last, LINES).round()})


def spectra(audit: AuditRecord, basis: str, rows: Sequence[int]) -> Array:
    """Return s M_j(s) at measured levels `rows` of 0..K-1 for every coordinate, [R, d], falling.

    Coordinates of one band share its mean.
    """
    bands = audit.frame.bases[basis][1]
    errors = audit.curve.mean_errors(basis)[1:][list(rows)] * audit.levels[list(rows), None]
    return np.asarray(-np.sort(-bands.spread(errors), axis=1))


def spectrum_figures(audit: AuditRecord, ident: str = "spectrum") -> list[tuple[str, Markup]]:
    """Return the name and the figure of every measured basis, all on one scale."""
    if audit.curve.dimension < 2:
        return []
    rows = levels_shown(audit)
    every = {name: spectra(audit, name, rows) for name in audit.curve.errors}
    top = max(1e-12, *(float(v.max()) for v in every.values()))
    noise = audit.levels[rows] ** -0.5
    across = WIDE / across_of(len(every)) - GAP
    names = OF_CHANNELS if audit.facts.kind == "channels" else NAMES
    return [
        (names[name], _figure((f"{ident}-{name}", names[name]), values, noise, (top, across)))
        for name, values in every.items()
    ]


def across_of(count: int) -> int:
    """Return how many of so many figures stand side by side on a wide screen."""
    return 3 if count == 3 else 2


def _figure(
    names: tuple[str, str], values: Array, noise: Array, size: tuple[float, float]
) -> Markup:
    """Return one basis's figure; size: the largest value, and the width on a wide screen."""
    top, across = size
    return responsive(
        names[0],
        lambda part, width: _drawn(
            values, noise, top, (part, names[1]), width if width <= NARROW else across
        ),
    )


def _drawn(
    values: Array, noise: Array, top: float, names: tuple[str, str], width: float
) -> Markup:
    tall, d = 170.0, values.shape[1]
    x = Axis(1, d, LEFT, width - RIGHT, log=d > 32, whole=True)
    y = Axis(0.0, 1.05 * top, TOP + tall, TOP)
    at = np.unique(np.geomspace(1, d, POINTS).astype(int)) - 1
    lines = [
        el("path", d=polyline(x(at + 1.0), y(row[at])), class_=f"line level-{k}")
        for k, row in enumerate(values)
    ]
    words = "; ".join(
        f"at noise level {number(float(n))} from {number(float(row[0]))} down to "
        f"{number(float(row[-1]))}"
        for n, row in zip(noise, values, strict=True)
    )
    frames = frame(x, y, "coordinates, worst first", "error × SNR")
    title = f"Spectrum of the error in {names[1]}"
    return svg(names[0], (width, tall + TOP + 46), title, words, frames, *lines)
