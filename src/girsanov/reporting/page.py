"""The page: an audit, its plans and its samples in one HTML file that needs nothing else.

Every section is built by a function of `sections.py` that returns plain values, so that the
template holds words and no arithmetic. One script of ours moves the page to other numbers of
steps; without it the page is of the plan that was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from .._checks import require
from .._files import write_text
from .._typing import PathLike
from ..ledger.audit import Audit
from ..plan.plan import Plan
from .live import digest, island, live, relatives
from .pictures import Shown, pictures
from .sections import (
    certificate_section,
    curve_section,
    ledger_section,
    levels_section,
    plan_row,
    remedies_of,
    run_section,
    sampler_of,
    total_section,
    verdict_section,
)
from .snippets import snippets
from .words import count, data_name, number

if TYPE_CHECKING:
    from jinja2 import Template

PLANS = 12  # more do not fit one page


def report(
    audit: Audit,
    *plans: Plan,
    out: PathLike,
    samples: Shown | None = None,
    data: Shown | None = None,
    commands: Sequence[str] = (),
) -> Path:
    """Write the page to `out` and return its path; the first plan is the one it speaks of.

    samples, data: drawn next to each other when given: a Dataset, or an array in the user's own
    units (structured for a table); commands: what to type to run it all again. Raises
    `InputError` when a plan was made from another audit's model, or samples do not match data.
    """
    text = render(audit, *plans, samples=samples, data=data, commands=commands)
    write_text(out, text)
    return Path(out)


def render(
    audit: Audit,
    *plans: Plan,
    samples: Shown | None = None,
    data: Shown | None = None,
    commands: Sequence[str] = (),
) -> str:
    """Return the page as text; arguments as `report`. The same input gives the same page."""
    require(len(plans) <= PLANS, "plans", f"must be at most {PLANS}", len(plans))
    for plan in plans:
        require(
            plan.about.get("model") == audit.about["model"],
            "plan",
            "must be of the model that was audited",
            str(plan.about.get("model"))[:12] + "…",
            "Plan again from this audit",
        )
    require(not isinstance(commands, str), "commands", "must be a list of commands", commands)
    shown = pictures(samples, data)
    found = remedies_of(audit, plans)
    kin = relatives(audit, plans[0]) if plans else []
    states = live(audit, plans[0], kin) if plans else None
    script = shipped("live.js")
    return _template().render(
        style=Markup(shipped("style.css")),  # ours, not the user's
        script=Markup(script),
        script_hash=digest(script),
        about=audit.about,
        name=data_name(str(audit.about["data_name"])),
        exact=bool(audit.about["exact"]),
        verdict=verdict_section(audit, plans[0], found) if plans else None,
        ledger=ledger_section(plans[0]) if plans else None,
        certificate=certificate_section(audit, plans[0]) if plans else None,
        curve=curve_section(audit, plans, found),
        total=total_section(audit, plans, kin),
        sampler=sampler_of(plans[0]) if plans else "",
        plans=[plan_row(k, plan) for k, plan in enumerate(plans, start=1)],
        levels=[levels_section(k, plan) for k, plan in enumerate(plans, start=1)],
        pictures=shown,
        snippets=snippets(plans[0], commands) if plans else [],
        run=run_section(audit, plans),
        commands=[str(c) for c in commands],
        island=None if states is None else island(states),
        states=states,
    )


def shipped(name: str) -> str:
    """Return the text of a file that comes with this room."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["number"] = number
    made.filters["count"] = count
    return made.from_string(shipped("page.html.j2"))
