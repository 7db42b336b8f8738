"""`report`: one page of audits, their plans, and samples beside data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import require
from ..audited import Audit, load_audit
from ..comparison.result import load_comparison
from ..data.origin import content_of, read_origin
from ..data.table.selected_columns import AsWritten, left_out_of
from ..law.base import Law
from ..planning.plan_file import load_plan
from ..reporting.figure_files import browser
from ..reporting.samples_origin import opened
from ..reporting.words.advice import headline
from .shared.data_sources import read_source
from .shared.destinations import require_page, require_place

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress
    from ..comparison.result import Comparison
    from ..planning.plan import Plan
    from ..reporting.figures.samples import Shown
    from .requests import ReportRequest

SHOWN = 4000  # draws of a law that a report shows beside samples


@dataclass(frozen=True)
class ReportResult:
    """A page and where it was written; replaced: whether one was there.

    models: what it says of each model; notes: of where the samples are from; figures: the files
    of figures, None where none were asked for; formats: of each figure.
    """

    out: Path
    replaced: bool
    models: list[Json]
    notes: tuple[str, ...]
    figures: tuple[Path, ...] | None = None
    formats: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """Return where the page is, and what it says of each model and of the samples."""
        page = {"report": str(self.out), "replaced": self.replaced, "models": self.models,
                "notes": self.notes}  # fmt: skip
        if self.figures is None:
            return page
        return {**page, "figures": [*map(str, self.figures)], "formats": [*self.formats]}


def report(request: ReportRequest, *, progress: Progress | None = None) -> ReportResult:
    """Write the page for audits, their plans, and samples beside data when they are given.

    It lists the commands recorded in all of these, and the one that made it of them.
    progress(done, total) counts the files of figures. Raises InputError, before any work, for a
    place that cannot be written to or holds something else, and as `girsanov.report`.
    """
    # the page, its figures and the theorems are loaded once there is something to show
    from ..paper.beside_audit import promised_beside
    from ..reporting.page import report as write_page

    out, figures = Path(request.out), None if request.figures is None else Path(request.figures)
    replaced = require_page(out, request.force)
    if figures is not None:
        require_place(figures, folder=True, option="--figures")
    audits = [load_audit(path) for path in request.audit]
    plans = [load_plan(path) for path in request.plan]
    given = next((a.facts.given for a in audits if a.facts.given), "")
    rule = f"are of a model of x given y ({given}): no data of x alone are held against them"
    alone = not given or request.samples is None
    require(alone, "--samples", rule, None, "Check them with girsanov coverage")
    data = _data(request, audits[0])
    samples = opened(request.samples, data, audits, plans)
    comparison = _comparison(request)
    recorded = [*[a.facts for a in audits], *[p.audit for p in plans]]
    commands = [line for facts in recorded for line in facts.commands]
    told = "" if comparison is None else comparison.command
    commands += [line for line in (samples.command, told, request.command()) if line]
    first, *others = audits
    own = next((p for p in plans if p.audit.identity == first.facts.identity), None)
    write_page(
        first, *plans, out=out, others=others, samples=samples, data=data, comparison=comparison,
        commands=list(dict.fromkeys(commands)), figures=figures, progress=progress,
        theory="" if own is None else promised_beside(first, own),
    )  # fmt: skip
    models = [_verdicts(path, a, plans) for path, a in zip(request.audit, audits, strict=True)]
    if figures is None:
        return ReportResult(out, replaced, models, samples.notes)
    drawn = tuple(sorted(p for p in figures.iterdir() if p.suffix == ".svg"))
    formats = ("svg", "png", "pdf") if browser() else ("svg",)
    return ReportResult(out, replaced, models, samples.notes, drawn, formats)


def _data(request: ReportRequest, audit: Audit) -> Shown | None:
    """Return what samples are shown beside, without the columns that the model left out."""
    origin = {} if request.samples is None else read_origin(str(request.samples))
    left_out = [*audit.facts.left_out, *left_out_of(origin)]
    like = {"left_out": left_out, "reading": origin.get("reading")}
    if request.data is None:
        return None
    written = AsWritten(decimal=request.decimal, dates=request.dates)
    data = read_source(request.data, request.labels, request.drop, like, written=written)
    return data.sample(SHOWN, seed=0).numpy() if isinstance(data, Law) else data


def _comparison(request: ReportRequest) -> Comparison | None:
    """Return the comparison that was asked for; refuse one of other samples."""
    if request.comparison is None:
        return None
    comparison = load_comparison(request.comparison)
    if request.samples is not None:
        same = comparison.content == content_of(str(request.samples))
        rule = "must be a comparison of the samples that are shown"
        remedy = "Compare these: girsanov compare ... --out"
        require(same, str(request.comparison), rule, comparison.command or "another", remedy)
    return comparison


def _verdicts(path: PathLike, audit: Audit, plans: Sequence[Plan]) -> Json:
    """Return the verdicts on a model: of its plans, and whether it knows nothing about data."""
    own = [headline(audit, p) for p in plans if p.model == audit.facts.model]
    return {"audit": str(path), "untrained": audit.summary()["untrained"], "verdict": own}
