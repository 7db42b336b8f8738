"""The page: an audit, its plans and its samples in one HTML file that needs nothing else.

Every section is built by a function of `page_sections.py` that returns plain values, so that the
template holds words and no arithmetic. One script of ours moves the page to other numbers of
steps; without it the page is of the plan that was given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from markupsafe import Markup

from .._checks import plural, require
from .._files import write_text
from .._signatures import takes
from ..ledger.numbers import count, data_name, number
from ..measuring.record import AuditRecord
from ..planning.all_step_counts import relatives
from ..planning.plan import Plan
from .code_snippets import lines, snippets
from .figure_files import write_figures
from .figures.samples import Pictures, Shown, pictures
from .live import digest, island, live
from .page_sections import (
    certificate_section,
    comparison_section,
    curve_section,
    ledger_section,
    levels_section,
    plan_row,
    remedies_of,
    run_section,
    total_section,
    verdict_section,
)
from .samples_origin import Drawn, opened, require_like, require_made_from
from .share_card import share_card
from .two_models import versus
from .words.tournament import contest

if TYPE_CHECKING:
    from jinja2 import Template

    from .._typing import Json, PathLike, Progress
    from ..comparison.result import Comparison

NO_PAGE = (
    "must be of held-out data: a page speaks of the model's error, and samples of its own "
    "(--no-data) do not show it"
)
PERCENT = re.compile(r"(\d) %")
UNPLAIN = re.compile(r"[^A-Za-z0-9]+")  # in names of columns, which may hold anything
PLANS = 12  # more do not fit one page


class PageKeywords(TypedDict, total=False):
    """What a page shows besides an audit and its plans; `report` says what each is."""

    others: Sequence[AuditRecord]
    samples: Shown | PathLike | Drawn | None
    data: Shown | None
    comparison: Comparison | None
    commands: Sequence[str]
    theory: str


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """The options of a page; `report` says what each is."""

    others: Sequence[AuditRecord] = ()
    samples: Shown | PathLike | Drawn | None = None
    data: Shown | None = None
    comparison: Comparison | None = None
    commands: Sequence[str] = ()
    theory: str = ""


@takes(PageOptions)
def report(
    audit: AuditRecord,
    *plans: Plan,
    out: PathLike,
    figures: PathLike | None = None,
    progress: Progress | None = None,
    **options: Unpack[PageKeywords],
) -> Path:
    """Write the page to `out` and return its path; the first plan is the one it speaks of.

    others: audits of further models, to compare with the first; their plans may be among
    `plans`. samples, data: drawn next to each other when given: a Dataset, or an array in the
    user's own units (structured for a table); samples may be the file that `girsanov sample`
    wrote, which is held against the record beside it; comparison: of them, from `compare`;
    commands: what to type to run it all again; theory: what a theorem promises beside the first
    plan, in words;
    figures: a folder for every figure as a file, and a picture to share (`write_figures`);
    progress(done, total) counts those. Raises `InputError` when a plan was made from none of
    these audits, when samples do not match data, or when their record says that another plan drew
    them.
    """
    folder = figures is None or isinstance(figures, str | Path)
    require(folder, "figures", "must be a folder for them", figures)
    page = content(audit, plans, PageOptions(**options))
    write_text(out, _written(page))
    if figures is not None:
        write_figures(figures_of(page), figures, progress, share=share_of(page))
    return Path(out)


def render(audit: AuditRecord, *plans: Plan, **options: Unpack[PageKeywords]) -> str:
    """Return the page as text; arguments as `report`. The same input gives the same page."""
    return _written(content(audit, plans, PageOptions(**options)))


def _written(page: Json) -> str:
    """Return the page, in which no line ends between a number and its sign of percent."""
    return PERCENT.sub("\\1\u00a0%", str(_template().render(**page)))


def content(audit: AuditRecord, plans: tuple[Plan, ...], options: PageOptions) -> Json:
    """Return what the template needs, by name."""
    others, data, commands = options.others, options.data, options.commands
    for one in (audit, *others):
        require(isinstance(one, AuditRecord), "audit", "must be an audit, others in others=", one)
    for plan in plans:
        require(isinstance(plan, Plan), "plans", "must be plans, one argument each", plan)
    require(len(plans) <= PLANS, "plans", f"must be at most {PLANS}", len(plans))
    require_made_from(plans, (audit, *others))
    for one in (audit, *others):
        require(not one.facts.no_data, "audit", NO_PAGE, one.facts.data_name)
    require(not isinstance(commands, str), "commands", "must be a list of commands", commands)
    require_like(data, audit)
    drawn = opened(options.samples, data, (audit, *others), plans)
    shown = pictures(drawn.rows, data, tuple(audit.facts.shape))
    beside = versus((audit, *others), plans)
    plans = tuple(p for p in plans if p.audit.identity == audit.facts.identity)
    remedies = remedies_of(audit, plans)
    kin = relatives(audit, plans[0]) if plans and not plans[0].cannot_tell else []
    states = live(audit, plans[0], kin) if plans else None
    script = shipped("live.js")
    return {
        "style": Markup(shipped("style.css")),  # ours, not the user's
        "script": Markup(script),
        "script_hash": digest(script),
        "version": audit.facts.girsanov,
        "name": data_name(audit.facts.data_name),
        "exact": audit.facts.exact,
        "in_units": audit.facts.in_units,
        "known": audit.curve.exact,
        "cannot_tell": [a.cannot_tell() for a in (audit, *others)] if beside or not plans else [],
        "verdict": verdict_section(audit, plans[0], remedies) if plans else None,
        "ledger": ledger_section(plans[0]) if plans else None,
        "certificate": certificate_section(audit, plans[0]) if plans else None,
        "theory": options.theory,
        "contest": contest(plans[0]) if plans else None,
        "versus": beside,
        "curve": curve_section(audit, plans, remedies),
        "total": total_section(audit, plans, kin),
        "sampler": plans[0].sampler_words if plans else "",
        "plans": [plan_row(k, plan) for k, plan in enumerate(plans, start=1)],
        "levels": [levels_section(k, plan) for k, plan in enumerate(plans, start=1)],
        "pictures": shown,
        "drawn": drawn.notes,
        "compared": comparison_section(options.comparison),
        "snippets": snippets(plans[0], commands) if plans else [],
        "run": [run_section(a) for a in (audit, *others)],
        "commands": [str(c) for c in commands],
        "island": None if states is None else island(states),
        "states": states,
    }


def share_of(page: Json) -> Markup | None:
    """Return the picture to share, None where the page has no verdict or compares models."""
    verdict = None if page["versus"] else page["verdict"]
    return share_card(verdict, page["name"], page["pictures"])


def figures_of(page: Json) -> dict[str, Markup]:
    """Return every figure of the page's content by the name of its file."""
    figures = {
        name: (page[name] or {}).get("figure") for name in ("ledger", "certificate", "total")
    }
    figures |= {"curve": page["curve"]["figure"], "training": page["curve"]["gain"]}
    for name, figure in page["curve"]["spectra"]:
        figures[f"spectrum-{name.split()[0]}"] = figure
    figures |= _shown(page["pictures"])
    for one in (page["versus"] or {}).get("shared", ()):
        figures[f"models-{one.ident}"] = one.figure
    for k, pair in enumerate((page["versus"] or {}).get("pairs", ()), start=2):
        figures |= {f"models-1-{k}": pair["curves"], f"ahead-1-{k}": pair["gain"]}
    return {name: figure for name, figure in figures.items() if figure is not None}


def _shown(pictures: Pictures | None) -> dict[str, Markup]:
    """Return the figures of samples beside data: columns by place and name, pairs, series and
    pictures."""
    if pictures is None:
        return {}
    figures = {}
    for k, (name, figure) in enumerate(zip(pictures.names, pictures.histograms, strict=True), 1):
        plain = UNPLAIN.sub("-", name)[:40].strip("-")
        figures["-".join(filter(None, ("column", str(k), plain)))] = figure
    figures |= {} if pictures.pairs is None else {"pairs": pictures.pairs}
    figures |= {f"series-{lines.caption}": lines.figure for lines in pictures.lines}
    return figures | {f"pictures-{grid.caption}": grid.figure for grid in pictures.grids}


def shipped(name: str) -> str:
    """Return the text of a file that comes with this room."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    environment.globals["lines"] = lines
    environment.filters["count"] = count
    environment.filters["plural"] = plural
    return environment.from_string(shipped("page.html.j2"))
