"""How results look in a notebook: a small card that takes the notebook's own colours and font."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

GRADES = {"good": "#0f8a7e", "usable": "#8a7a2a", "bad": "#c2503a"}  # on light and on dark
CARD = (
    "max-width:44rem;border-left:3px solid #0f8a7e;padding:.3rem 0 .3rem 1rem;line-height:1.45;"
    "font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:14px"
)
CELL = (
    "padding:.2rem 1.1rem .2rem 0;border:0;border-bottom:1px solid rgba(128,128,128,.3);"
    "background:none;font-variant-numeric:tabular-nums;text-align:"
)
QUIET = "opacity:.68;font-size:12.5px;margin:.35rem 0 0"


def notebook_card(
    sentences: Sequence[str],
    heads: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    notes: Sequence[str] = (),
    *,
    grade: str = "",
    drawing: Markup | str = "",
) -> str:
    """Return a result as HTML that needs no style sheet; every text is escaped.

    sentences: the first stands out; heads, rows: of a table whose first column is of words; notes:
    quiet lines below; grade: good, usable or bad; drawing: our own markup, below the sentences.
    """
    parts = [_headline(sentences[0], grade)] if sentences else []
    parts += [_line("margin:.35rem 0 0", text) for text in sentences[1:]]
    if drawing:
        parts.append(Markup(drawing))
    if rows:
        parts.append(_table(heads, rows))
    parts += [_line(QUIET, text) for text in notes]
    return str(Markup('<div style="{}">{}</div>').format(CARD, Markup("").join(parts)))


def _line(style: str, text: str) -> Markup:
    return Markup('<p style="{}">{}</p>').format(style, text)


def _headline(sentence: str, grade: str) -> Markup:
    pill = Markup("")
    if grade:
        colour = GRADES[grade]
        style = f"border:1.5px solid {colour};color:{colour};border-radius:99px;padding:0 .55rem"
        pill = Markup(' <span style="{};font-size:12.5px">{}</span>').format(style, grade)
    return Markup('<p style="font-size:16px;font-weight:600;margin:0">{}{}</p>').format(
        sentence, pill
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    def line(cells: Sequence[str], tag: str) -> Markup:
        made = [
            Markup('<{0} style="{1}{2}">{3}</{0}>').format(
                Markup(tag), CELL, "left" if k == 0 else "right", escape(cell)
            )
            for k, cell in enumerate(cells)
        ]
        return Markup("<tr>{}</tr>").format(Markup("").join(made))

    body = Markup("").join([line(heads, "th"), *(line(row, "td") for row in rows)])
    style = "border-collapse:collapse;margin:.6rem 0 .3rem;border:0;color:inherit"
    return Markup('<table style="{}">{}</table>').format(style, body)


def spark(values: Sequence[float], label: str) -> Markup:
    """Return values as a small line, low to high."""
    low, high = min(values), max(values)
    wide, tall = 320.0, 44.0
    points = " ".join(
        f"{wide * k / max(1, len(values) - 1):.1f},"
        f"{tall - 2 - (tall - 4) * (v - low) / ((high - low) or 1.0):.1f}"
        for k, v in enumerate(values)
    )
    return Markup(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}" '
        'style="display:block;margin:.5rem 0"><polyline points="{3}" fill="none" '
        'stroke="#0f8a7e" stroke-width="2"/></svg>'
    ).format(int(wide), int(tall), label, points)
