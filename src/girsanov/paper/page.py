"""The page about a run of `girsanov verify`: one file, nothing fetched."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..ledger.numbers import number
from .statement import K, figure_in_words
from .tables import Table, reproduced

if TYPE_CHECKING:
    from .._typing import Json
    from .outcome import Outcome, Verification
    from .statement import Row

ALLOWED = (
    f"“Allowed” is what may lie between a claim and what was measured: {K:g} standard errors of "
    "what was sampled, the rounding of a figure in print, and the error of quadratures."
)
SIGNS = {"=": "=", "<=": "≤", ">=": "≥"}


def render_verification(run: Verification, about: Json) -> str:
    """Return the page as text; the same run gives the same page but for the seconds.

    about: the run as JSON.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    here, reporting = files(__package__), files("girsanov.reporting")
    style = "".join(
        place.joinpath(name).read_text(encoding="utf-8")
        for place, name in ((reporting, "style.css"), (here, "verify.css"))
    )
    template = environment.from_string(here.joinpath("verify.html.j2").read_text(encoding="utf-8"))
    return template.render(
        style=Markup(style),
        about={k: v for k, v in about.items() if k not in ("statements", "tables")},
        tables=[_table(table, rows) for table, rows in reproduced(run)],
        headline=_headline(run),
        allowed=ALLOWED,
        statements=[_statement(o) for o in run.outcomes],
    )


def _headline(run: Verification) -> str:
    held = sum(o.result.holds for o in run.outcomes)
    total = len(run.outcomes)
    if held == total:
        return f"All {total} statements hold" if total > 1 else "The statement holds"
    return f"{total - held} of {total} statements {'does' if total - held == 1 else 'do'} not hold"


def _statement(outcome: Outcome) -> Json:
    r = outcome.result
    head = _row(r.headline)
    return {
        **outcome.to_json(),
        "figure": r.figure,
        "headline": head,
        "rows": [_row(row) for row in r.rows],
        "held": sum(row.holds for row in r.rows),
        "sources": any(row.source for row in r.rows),
        "seconds": number(outcome.seconds, 2),
    }


def _table(table: Table, rows: list[tuple[str, Row]]) -> Json:
    """Return a table in print with its figures, those of one statement together."""
    return {
        "number": table.number,
        "title": table.title,
        "notes": table.notes,
        "rows": [{**_row(row), "name": name} for name, row in rows],
        "held": sum(row.holds for _, row in rows),
    }


def _row(row: Row) -> dict[str, Any]:
    ratio = row.ratio
    return {
        "what": row.what,
        "claimed": figure_in_words(row.claimed),
        "measured": figure_in_words(row.measured),
        "sign": SIGNS[row.relation],
        "ratio": "–" if ratio is None or not math.isfinite(ratio) else figure_in_words(ratio),
        "tolerance": "–" if row.tolerance == 0 else "± " + figure_in_words(row.tolerance, 2),
        "holds": row.holds,
        "source": row.source,
    }
