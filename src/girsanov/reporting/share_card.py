"""The share picture: the verdict, the grade, a row of samples and three numbers, 1200 x 630."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from markupsafe import Markup

from .figures.svg import el

if TYPE_CHECKING:
    from .._typing import Json
    from .figures.samples import Grid, Pictures
    from .number_cards import Card

SIZE = (1200, 630)
EDGE, LETTERS, SENTENCE_LINES = 64, 54, 4  # of the headline
INK, QUIET, ACCENT, BAD, RULE = "#1b1f24", "#5b6470", "#0f6e6e", "#b3402a", "#e3e3de"
COLOURS = {"good": ACCENT, "usable": QUIET, "bad": BAD}
FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
ROW = 96.0  # pixels that a row of samples is high at most


def share_card(verdict: Json | None, name: str, shown: Pictures | None) -> Markup | None:
    """Return the picture as an SVG file, None for a page without a verdict.

    verdict: as in `page_sections.verdict_section`; name: of the data; shown: the page's samples.
    """
    if verdict is None:
        return None
    width, height = SIZE
    strip = None if shown is None else shown.strip
    parts = [
        el("rect", width=width, height=height, fill="#fdfdfc"),
        _text(EDGE, 76, 24, f"girsanov · {name} · {verdict['words']}", QUIET),
        *_headline(verdict["winner"] or verdict["sentence"]),
        *_grade(verdict["grade"]),
        *([] if strip is None else [_strip(strip)]),
        *_numbers(verdict["numbers"]),
    ]
    return el(
        "svg", *parts, xmlns="http://www.w3.org/2000/svg", width=width, height=height,
        viewBox=f"0 0 {width} {height}", font_family=FONT,
    )  # fmt: skip


def _text(x: float, y: float, size: int, text: str, fill: str, weight: int = 400) -> Markup:
    return el("text", text, x=x, y=y, font_size=size, fill=fill, font_weight=weight)


def _headline(sentence: str) -> list[Markup]:
    """Return a sentence in lines; one that is too long ends in three dots."""
    lines = wrap(sentence, LETTERS)
    if len(lines) > SENTENCE_LINES:
        lines = [*lines[: SENTENCE_LINES - 1], f"{lines[SENTENCE_LINES - 1]} …"]
    return [_text(EDGE, 142 + 50 * k, 38, line, INK, 600) for k, line in enumerate(lines)]


def _grade(grade: str) -> list[Markup]:
    if not grade:
        return []
    width, colour, right = 30 + 14 * len(grade), COLOURS[grade], SIZE[0] - EDGE
    box = {"x": right - width, "y": 48, "width": width, "height": 40, "rx": 20}
    return [
        el("rect", **box, fill="none", stroke=colour, stroke_width=2),
        el("text", grade, x=right - width / 2, y=75, font_size=24, fill=colour, font_weight=600,
           text_anchor="middle"),
    ]  # fmt: skip


def _strip(strip: Grid) -> Markup:
    times = min((SIZE[0] - 2 * EDGE) / strip.width, ROW / strip.height)
    size = {"width": times * strip.width, "height": times * strip.height}
    return el("image", href=strip.url, x=EDGE, y=348, **size, style="image-rendering: pixelated")


def _numbers(cards: Sequence[Card]) -> list[Markup]:
    step = (SIZE[0] - 2 * EDGE) / 3
    parts = []
    for k, card in enumerate(cards[:3]):
        left = EDGE + k * step
        parts += [
            el("rect", x=left, y=478, width=step - 32, height=3, fill=ACCENT),
            _text(left, 512, 20, card.name, QUIET),
            _text(left, 558, 40, f"{card.value} {card.unit}".strip(), INK, 600),
            _text(left, 588, 18, card.interval, QUIET),
        ]
    return parts
