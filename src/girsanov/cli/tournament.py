"""`girsanov plan --by`: the wiring of a tournament, and its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._checks import figure, plural, refuse, require
from .options import require_measures

if TYPE_CHECKING:
    from pathlib import Path

    from .._typing import Json
    from ..denoise.base import Denoiser
    from ..measuring.record import Audit
    from ..planning.plan import Plan

# each candidate has its own of these
ALONE = (
    *("kl", "tv", "distance", "covariance"),
    *("resolution", "calibrate", "process", "last", "start"),
)
NEEDS = ("data", "candidates", "calls", "drop", "class_order")  # what means nothing without --by


def planned(path: Path, by: str | None, usual: Json, contest: Json) -> tuple[Audit, Plan]:
    """Return an audit and its plan: as `make_plan` makes it, or the winner of a tournament.

    usual: options of `make_plan`; contest: those of a tournament.
    """
    from ..planning.allowed_levels import Limits

    if by is not None:
        from ..comparison.measures.registry import distances

        require_measures([by], distances())
    for name in ALONE if by is not None else ():
        rule = "cannot be given with --by, whose candidates try several"
        require(not usual[name], f"--{name}", rule, usual[name])
    for name in Limits.__annotations__ if by is not None else ():
        require(name not in usual, f"--{name}", "cannot be given with --by", usual.get(name))
    for name in NEEDS if by is None else ():
        remedy = "Give --by sliced-w2"
        given = contest[name]
        named = ", ".join(given) if isinstance(given, list) else given
        require(not given, f"--{name.replace('_', '-')}", "belongs to --by", named, remedy)
    from ..measuring.load import load_audit
    from ..planning.make_plan import make_plan
    from .show import progress

    if by is None:
        audit = load_audit(path)
        return audit, make_plan(audit, **usual, denoiser=_judge(audit, contest["model"]))
    with progress("plan") as tick:
        options = {**contest, "steps": usual["steps"], "progress": tick}
        options["cache"] = path.absolute().parent
        audit = load_audit(path)
        return audit, by_samples(audit, by, **options)


def told(audit: Audit, made: Plan) -> Json:
    """Return what a plan's JSON says besides the plan: why, of a contest, of an ignorant model."""
    found = {k: v for k, v in made.about.items() if k in ("why", "tournament")}
    return {**found, "untrained": audit.summary()["untrained"]}


def _judge(audit: Audit, model: str | None) -> Denoiser | None:
    """Return the audited model, which measures a solver's distance to its teacher, if given."""
    if model is None:
        return None
    from ..denoise.load import load_model
    from ..workflow.pipelines import guided

    return guided(load_model(model), float(audit.about.get("guidance", 1.0)))


def by_samples(
    audit: Audit,
    by: str,
    *,
    model: str | None,
    data: str | None,
    labels: str | None,
    drop: list[str] | None,
    class_order: str | None,
    cache: Path,
    **options: Any,
) -> Plan:
    """Return the winner of a tournament for a model on the held-out part of its data."""
    from ..comparison.measures.registry import distance_of
    from ..comparison.sets import vectors
    from ..data import Dataset
    from ..data.origin import refuse_drawn
    from ..denoise.load import load_model
    from ..denoise.pipelines.pipeline import PipelineDenoiser
    from ..planning.tournament.tournament import tournament
    from ..workflow.data_sources import parts, read_source
    from ..workflow.pipelines import guided, latents_of, told

    if model is None or data is None:
        missing = "--model" if model is None else "--data"
        refuse(missing, "must be given with --by, whose candidates draw samples to be compared")
    weight, denoiser = float(audit.about.get("guidance", 1.0)), load_model(model)
    refuse_drawn(data, denoiser.fingerprint)
    order = class_order or str(audit.about.get("class_order", "number"))
    source = read_source(data, labels, drop or [], denoiser, order)
    denoiser = guided(denoiser, weight)
    if isinstance(source, Dataset):
        denoiser = told(denoiser, (source,), data, cache)
    measure: Any = by
    if isinstance(source, Dataset):
        source, train = parts(denoiser, source, data, labelled=True)
        if isinstance(denoiser, PipelineDenoiser):
            source = latents_of(denoiser, source, cache)[0]
            train = None if train is None else latents_of(denoiser, train, cache)[0]
        distance = distance_of(by)
        if distance.of_labels and train is not None and train.labels is not None:
            # features must not know the rows that they are to judge samples by
            seen = vectors(train, argument="train")
            measure = distance.fit(seen.x, seen.labels, 0)
    given = {name: value for name, value in options.items() if value is not None}
    return tournament(audit, denoiser, source, by=measure, **given)


def shown(plan: Plan, out: Path, *, whole: bool = False, frontier: bool = False) -> None:
    """Print a plan, after the table of the tournament that it won; options as `planned`'s."""
    from .plan_view import planned

    if "tournament" in plan.about:
        table(plan)
    planned(plan, out, whole=whole, frontier=frontier)


def table(plan: Plan) -> None:
    """Print the candidates of a tournament, those that stayed longest first, the closest on top.

    How far each is behind the chosen one is told from as many samples of both; the
    distances themselves are printed of the last round alone, whose samples are equally many.
    """
    from rich.console import Console
    from rich.table import Table

    told, console = plan.about["tournament"], Console(highlight=False)
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("candidate")
    for heading in ("behind", "samples", told["by"], "95 % interval"):
        rows.add_column(heading, justify="right", no_wrap=True)
    most = max(row.get("samples", 0) for row in told["table"])
    for row in told["table"]:
        cells = _cells(row, most)
        rows.add_row(row["candidate"], *cells, style="bold" if row["won"] else None)
    console.print(rows)
    console.print(f"[dim]{_footnote(told)}[/]")


def _cells(row: Json, most: int) -> tuple[str, ...]:
    """Return a candidate's cells; most: the samples of the last round."""
    if row["failure"]:
        return ("failed", "", "", "")
    half = (row["behind_high"] - row["behind_low"]) / 2
    behind = "chosen" if row["won"] else f"{figure(row['behind'], 2)} ± {figure(half, 1)}"
    if row["samples"] < most:
        return (behind, str(row["samples"]), "", "")
    interval = f"{figure(row['low'], 2)} .. {figure(row['high'], 2)}"
    return (behind, str(row["samples"]), figure(row["value"]), interval)


def _footnote(told: Json) -> str:
    paths, cost = told.get("trajectories", 0), told.get("trajectory_calls", 0)
    calls, of = plural(told["calls"], "network call"), plural(paths, "trajectory")
    spent = f", {cost} of them for {of} of the calibrated network" if paths else ""
    left_out = f"; left out: {told['left_out']}" if told["left_out"] else ""
    return (
        "behind: squared distance beyond that of the chosen one, with as many samples of both; "
        "candidates with fewer samples were knocked out earlier, which a pipeline's own never is. "
        f"{told['by']} {told['note']}, to "
        f"{told['examples']} held-out examples; {calls}{spent}; the chosen one's "
        f"own figure is flattered by the choice{left_out}"
    )
