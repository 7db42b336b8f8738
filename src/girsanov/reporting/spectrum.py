r"""The spectrum of the error: how it spreads over the coordinates of every measured basis.

Drawn is s M_j(s), coordinate by coordinate, largest first. A step that adds this spread as
covariance pays 1/2 sum_j log(1 + delta M_j), which for one total is the less the more uneven M_j
is (Jensen): the steeper the line, the more a basis is worth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from .._typing import Array
from ..ledger.record import Audit
from .svg import NARROW, WIDE, Axis, el, frame, polyline, responsive, svg
from .words import number

LEFT, RIGHT, TOP = 54.0, 12.0, 30.0
LINES = 4  # noise levels drawn
POINTS = 96  # of a line, at most
NAMES = {
    "pca": "principal components",
    "dct": "cosines (spatial frequencies)",
    "coordinate": "single coordinates (pixels or columns)",
}


def levels_shown(audit: Audit) -> list[int]:
    """Return the indices of a few noise levels, where the error is neither nothing nor all."""
    scaled = audit.levels * audit.total().value / audit.curve.dimension
    inside = np.flatnonzero((scaled > 0.02) & (scaled < 0.98))
    few = len(inside) <= LINES
    first, last = (0, len(scaled) - 1) if few else (int(inside[0]), int(inside[-1]))
    return sorted({int(k) for k in np.linspace(first, last, LINES).round()})


def spectra(audit: Audit, basis: str, rows: Sequence[int]) -> Array:
    """Return s M_j(s) at measured levels `rows` of 0..K-1 for every coordinate, [R, d], falling.

    Coordinates of one band share its mean.
    """
    bands = audit.frame.bases[basis][1]
    errors = audit.curve.mean_errors(basis)[1:][list(rows)] * audit.levels[list(rows), None]
    return np.asarray(-np.sort(-bands.spread(errors), axis=1))


def spectrum_figures(audit: Audit, ident: str = "spectrum") -> list[tuple[str, Markup]]:
    """Return the name and the figure of every measured basis, all on one scale."""
    if audit.curve.dimension < 2:
        return []
    rows = levels_shown(audit)
    every = {name: spectra(audit, name, rows) for name in audit.curve.errors}
    top = max(1e-12, *(float(v.max()) for v in every.values()))
    noise = audit.levels[rows] ** -0.5
    return [
        (NAMES[name], _figure(f"{ident}-{name}", NAMES[name], values, noise, top))
        for name, values in every.items()
    ]


def _figure(ident: str, name: str, values: Array, noise: Array, top: float) -> Markup:
    return responsive(
        ident, lambda part, width: _drawn(values, noise, top, (part, name), width / WIDE)
    )


def _drawn(
    values: Array, noise: Array, top: float, names: tuple[str, str], share: float
) -> Markup:
    width = NARROW if share < 1 else WIDE / 2 - 10
    tall, d = 170.0, values.shape[1]
    x = Axis(1, d, LEFT, width - RIGHT, log=d > 32, whole=True)
    y = Axis(0.0, 1.05 * top, TOP + tall, TOP)
    at = np.unique(np.geomspace(1, d, POINTS).astype(int)) - 1
    lines = [
        el("path", d=polyline(x(at + 1.0), y(row[at])), class_=f"line level-{k}")
        for k, row in enumerate(values)
    ]
    told = "; ".join(
        f"at noise level {number(float(n))} from {number(float(row[0]))} down to "
        f"{number(float(row[-1]))}"
        for n, row in zip(noise, values, strict=True)
    )
    frames = frame(x, y, "coordinates, the worst first", "error × SNR")
    title = f"Spectrum of the error in {names[1]}"
    return svg(names[0], (width, tall + TOP + 46), title, told, frames, *lines)
