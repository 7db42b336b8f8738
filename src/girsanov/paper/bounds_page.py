"""The figures of `girsanov bounds` on a page of their own: steps against TV, and against d."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from .._checks import InputError
from .._files import write_text
from ..reporting.figures.svg import el
from .bounds import THEOREMS, compare_bounds
from .bounds_words import HEADS, columns, legend, notes
from .chart import Series, chart

if TYPE_CHECKING:
    from .._typing import PathLike
    from .beside_audit import Asked
    from .bounds import Facts

TVS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
SIZES = (1 / 256, 1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, 16.0)  # of the dimension
KINDS = ("both", "dashed", "line")  # with five tones: as many curves as there are theorems
Steps = dict[str, list[tuple[float, float]]]


def write_bounds_page(asked: Asked, folder: PathLike) -> Path:
    """Write FOLDER/bounds.html, the table, figures and what is assumed, and return its path."""
    here, reporting = files(__package__), files("girsanov.reporting")
    style = "".join(
        place.joinpath(name).read_text(encoding="utf-8")
        for place, name in ((reporting, "style.css"), (here, "verify.css"))
    )
    title = _begun(asked.target_in_words())
    body = [el("h1", title), _table(asked), el("p", f"{legend(asked.rows)}.")]
    if promised := asked.in_words() or asked.for_your_data():
        body.append(el("p", f"{_begun(promised)}."))
    for ident, words, axis, curves in (
        ("by-tv", "Steps against the total variation promised", "TV", steps_by_tv(asked)),
        ("by-d", "Steps against the dimension: E|x0|² grows as d, radius and W2 as its root, all "
         "else stays", "dimension d", steps_by_dimension(asked)),
    ):  # fmt: skip
        if any(curves.values()):
            counts = [n for points in curves.values() for _, n in points]
            ends = (min(counts) / 2, max(counts) * 2)
            drawn = chart(ident, words, _series(curves), (axis, "steps N"), log="xy", y_range=ends)
            body.append(el("section", el("h2", words), drawn))
    for head, lines in notes(asked.rows).items():
        items = el("ul", *(el("li", line) for line in lines))
        body.append(el("section", el("h2", head.capitalize()), items))
    page = el(
        "html",
        el("head", el("meta", charset="utf-8"), el("title", title), el("style", Markup(style))),
        el("body", el("main", *body)),
        lang="en",
    )
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / "bounds.html", "<!doctype html>\n" + str(page) + "\n")
    return place / "bounds.html"


def _begun(text: str) -> str:
    """Return text that begins with a capital."""
    return f"{text[0].upper()}{text[1:]}"


def _table(asked: Asked) -> Markup:
    rows = [columns(row) for row in asked.rows if row.bound is not None]
    head = el("tr", *(el("th", name) for name in HEADS))
    return el("table", el("thead", head), el("tbody", *(
        el("tr", *(el("td", cell) for cell in row)) for row in rows)))  # fmt: skip


def steps_by_tv(asked: Asked) -> Steps:
    """Return by theorem (TV, steps) for the targets TVS and the one that was asked."""
    curves: Steps = {}
    for tv in sorted({*TVS, asked.tv}, reverse=True):
        _add(curves, asked, asked.facts, tv, tv=tv, w2=asked.w2)
    return curves


def steps_by_dimension(asked: Asked) -> Steps:
    """Return by theorem (d, steps) where moments grow as d and radius and W2 as its root."""
    curves: Steps = {}
    for size in SIZES:
        facts = asked.facts
        d = round(facts.dimension * size)
        if d < 1:
            continue
        share = d / facts.dimension
        scaled = replace(
            facts,
            dimension=d,
            second_moment=facts.second_moment * share,
            variance=None if facts.variance is None else facts.variance * share,
            radius=None if facts.radius is None else facts.radius * math.sqrt(share),
        )
        w2 = None if asked.w2 is None else asked.w2 * math.sqrt(share)
        _add(curves, asked, scaled, d, tv=asked.tv, w2=w2)
    return curves


def _add(
    curves: Steps, asked: Asked, facts: Facts, at: float, *, tv: float, w2: float | None
) -> None:
    try:
        rows = compare_bounds(facts, tv=tv, w2=w2, score_error=asked.score_error)
    except InputError:  # nothing is said of such numbers
        return
    wanted = {row.theorem for row in asked.rows}
    for row in rows:
        if row.bound is not None and row.theorem in wanted:
            curves.setdefault(row.theorem, []).append((at, float(row.bound.steps)))


def _series(curves: Steps) -> list[Series]:
    """Return the curves, the highest first, each theorem in one tone and line in both figures."""
    drawn = [(k, name, curves[name]) for k, name in enumerate(THEOREMS) if curves.get(name)]
    drawn.sort(key=lambda one: -max(steps for _, steps in one[2]))
    return [
        Series(name, [p[0] for p in points], [p[1] for p in points], 1 + k % 5, KINDS[k // 5 % 3])
        for k, name, points in drawn
    ]
