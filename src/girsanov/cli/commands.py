"""The commands; everything heavy is imported inside them, so that --help appears at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from .._launched import is_first
from . import outputs
from .nexts import after_fit
from .options import (
    DATA,
    DATA_FILES,
    W2,
    Against,
    Among,
    AsJson,
    AuditFile,
    By,
    Calibrate,
    Calls,
    Candidates,
    ClassOrder,
    Compile,
    Covariance,
    Device,
    Distance,
    Drop,
    Force,
    Frontier,
    Guidance,
    HalfWidth,
    Judge,
    Keep,
    Labels,
    Last,
    Levels,
    Model,
    Only,
    PlannedSteps,
    Precision,
    Process,
    Reference,
    Resolution,
    Sampler,
    Seed,
    Spend,
    Start,
    TrainData,
    Trajectories,
    Verbose,
    Weight,
    Widest,
    app,
)

SHOWN = ("force", "json", "frontier", "verbose")  # of `plan`: what changes nothing of its result


@app.command()
def fit(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help=f"Training data: {DATA}.")],
    out: Annotated[Path, typer.Option(help="A new folder: a model is never replaced.")],
    minutes: Annotated[float | None, typer.Option(help="Train for so long (default 3).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Or for so many steps.")] = None,
    held_out: Annotated[float, typer.Option(help="Share kept back for the audit; 0: none.")] = 0.2,
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Learn the classes that come with the data.")
    ] = False,
    labels: Labels = None,
    drop: Drop = None,
    only: Only = None,
    network: Annotated[str, typer.Option(help="auto, mlp or unet.")] = "auto",
    process: Annotated[
        str, typer.Option(help="vp, or cld: learn on positions and velocities.")
    ] = "vp",
    objective: Annotated[str, typer.Option(help="edm or ledger.")] = "edm",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Examples a step.")] = None,
    precision: Annotated[
        str, typer.Option(help="Of matrix products in the network: float32 or bfloat16.")
    ] = "float32",
    compiled: Compile = False,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    json: AsJson = False,
) -> None:
    """Train a denoiser on DATA; a share is kept back, and `girsanov audit` will find it.

    Labels are learnt with --conditional or --labels, and are left aside otherwise.
    """
    outputs.require_new_folder(out)
    from ..workflow import commands as work
    from . import show

    wanted: dict[str, Any] = {"labels": labels, "drop": drop or [], "only": only or []}
    wanted |= {"held_out": held_out, "seed": seed, "say": show.warned}
    try:
        with show.progress("fit") as tick:
            model = work.fit_command(
                data,
                out,
                # minutes depend on the machine; the steps they came to give this model again
                lambda steps: outputs.typed(context, "minutes", "resume", "json", steps=steps),
                **wanted,
                conditional=conditional,
                minutes=minutes,
                steps=steps,
                network=network,
                process=process,
                objective=objective,
                batch_size=batch_size,
                precision=precision,
                compiled=compiled,
                resume=resume,
                progress=tick,
            )
    except KeyboardInterrupt:
        show.stopped(out)
        raise
    show.result(
        json,
        {"model": str(out), "fingerprint": model.fingerprint, **model.training},
        lambda: show.fitted(model, out, after_fit(str(out), data, labels, held_out > 0)),
    )


@app.command()
def audit(
    context: typer.Context,
    model: Model,
    data: Annotated[str, typer.Option(help=f"Held-out data: {DATA}, or law.json.")],
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("audit.json"),
    train_data: TrainData = None,
    labels: Labels = None,
    class_order: ClassOrder = None,
    drop: Drop = None,
    examples: Annotated[int | None, typer.Option(min=1, help="Use only so many examples.")] = None,
    levels: Levels = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Noise paths per example.")] = None,
    trajectories: Trajectories = 0,
    calls: Spend = None,
    half_width: HalfWidth = None,
    steps: PlannedSteps = None,
    guidance: Guidance = 1.0,
    reference: Reference = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Examples a network call (default: up to 512).")
    ] = None,
    device: Device = None,
    precision: Precision = "float32",
    compiled: Compile = False,
    seed: Seed = 0,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Measure MODEL on held-out data in one pass, from which everything else is computed.

    Given the file that MODEL was fitted on, only the share kept back is used. With --precision,
    MODEL is called in float32 as well, and the audit says what the rounding costs in nats.
    """
    outputs.require_result(out, "audit", force)
    from ..workflow import commands as work
    from . import show

    kept = outputs.parts_path(str(out))
    with show.going_on(kept), show.progress("audit") as tick:
        told: dict[str, Any] = {"levels": levels, "examples": examples, "draws": draws}
        told |= {"trajectories": trajectories, "batch_size": batch_size, "seed": seed}
        told |= {"precision": precision, "compiled": compiled, "reference": reference}
        told |= {"calls": calls, "guidance": guidance, "device": device, "progress": tick}
        told |= {"half_width": half_width, "steps": steps}
        told |= {"cache": out.absolute().parent, "keep": kept, "force": force}
        told |= {"drop": drop or [], "class_order": class_order or "number"}
        done = work.audit_command(model, data, train_data, labels, **told)
    if not is_first():
        return
    work.remember(done, model, outputs.typed(context, "force", "json"))
    done.save(out, force=True)
    work.remove_sums(kept)
    from ..reporting.words.advice import audit_spoken

    said = audit_spoken(done)
    content = {"audit": str(out), **done.about, **done.summary(), "verdict": said}
    show.result(json, content, lambda: show.audited(done, out), said)


@app.command()
def plan(
    context: typer.Context,
    audit: AuditFile,
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("plan.json"),
    steps: Annotated[
        int | None, typer.Option(min=1, help="Network calls a sample may cost.")
    ] = None,
    kl: Annotated[float | None, typer.Option(help="Or nats the sampler may add.")] = None,
    tv: Annotated[float | None, typer.Option(help="Or total variation it may add.")] = None,
    distance: Distance = None,
    sampler: Sampler = "gaussian",
    process: Process = None,
    covariance: Covariance = None,
    start: Start = None,
    last: Last = None,
    resolution: Resolution = None,
    w2: W2 = None,
    among: Among = None,
    keep: Keep = None,
    widest: Widest = None,
    weight: Weight = None,
    calibrate: Calibrate = None,
    by: By = None,
    model: Judge = None,
    data: Against = None,
    labels: Labels = None,
    class_order: ClassOrder = None,
    drop: Drop = None,
    candidates: Candidates = None,
    calls: Calls = None,
    frontier: Frontier = False,
    verbose: Verbose = False,
    seed: Seed = 0,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Find the best grid for a number of steps, the fewest for a target, or the best number.

    With --by, samplers, end levels and grids compete, and those closest to held-out data win.
    """
    replaced = outputs.require_result(out, "plan", force, audit)
    from ..reporting.words.advice import spoken
    from . import show, tournament

    usual: dict[str, Any] = {"steps": steps, "kl": kl, "tv": tv, "distance": distance}
    usual |= {"sampler": sampler, "covariance": covariance, "process": process, "start": start}
    usual |= {"resolution": resolution, "calibrate": calibrate, "last": last, "force": force}
    limits = {"w2": w2, "among": among, "keep": keep, "widest": widest, "weight": weight}
    usual |= {name: value for name, value in limits.items() if value not in (None, [])}
    contest = {"model": model, "data": data, "labels": labels, "drop": drop, "calls": calls}
    contest |= {"candidates": candidates, "seed": seed, "class_order": class_order, "force": force}
    measured, made = tournament.planned(audit, by, usual, contest)
    commands = [*made.about["audit"].get("commands", ()), outputs.typed(context, *SHOWN)]
    made.about["audit"] = {**made.about["audit"], "commands": commands}
    made.save(out, force=True)
    said, told = spoken(measured, made), tournament.told(measured, made)
    content = {"plan": str(out), **made.summary(), **told, "verdict": said, "replaced": replaced}
    view = partial(tournament.shown, made, out, whole=verbose, frontier=frontier)
    show.result(json, content, view, said)
    outputs.say_replaced(replaced, "an older plan", json)


@app.command()
def sample(
    context: typer.Context,
    model: Model,
    plan: Annotated[Path, typer.Option(help="What `girsanov plan` wrote.")],
    count: Annotated[int, typer.Option(min=1, help="Samples to draw.")],
    out: Annotated[str, typer.Option(help=f"{DATA_FILES}, or FOLDER/ of images.")],
    seed: Seed = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Samples a network call (default: up to 1000); changes nothing."),
    ] = None,
    device: Device = None,
    precision: Precision = "float32",
    compiled: Compile = False,
    label: Annotated[str | None, typer.Option(help="The one class to draw, by name.")] = None,
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Use a plan of another model.")
    ] = False,
    as_drawn: Annotated[
        bool,
        typer.Option("--as-drawn", help="Leave a table's numbers beyond those seen as drawn."),
    ] = False,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Draw samples with a plan, in the data's own units and types.

    In a table, whole numbers are kept to the range of the training data, and columns without
    negative numbers to 0 and above, unless --as-drawn is given.

    A model with classes draws them as often as they occur in its training data, and writes them
    along, unless --label names one.
    """
    outputs.require_place(Path(out))
    from ..workflow import commands as work
    from . import show

    kept = outputs.parts_path(out)
    with show.going_on(kept), show.progress("sample") as tick:
        drawn = work.sample_command(
            model,
            plan,
            count,
            out,
            outputs.typed(context, "force", "json"),
            label=label,
            force=force,
            seed=seed,
            batch_size=batch_size,
            device=device,
            precision=precision,
            compiled=compiled,
            any_model=any_model,
            as_drawn=as_drawn,
            progress=tick,
            resumed=partial(show.resumed, kept),
        )
    if drawn is None:
        return
    content = {"samples": out, "count": count, "shape": list(drawn.values.shape), "seed": seed}
    content |= {"labels": drawn.tally, "bounded": list(drawn.bounded)}
    show.result(json, content, lambda: show.sampled(drawn, out))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything it makes.")] = Path("demo"),
    minutes: Annotated[float, typer.Option(help="Training time.")] = 2.5,
    network: Annotated[str, typer.Option(help="auto, mlp or unet.")] = "auto",
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Do all of it on scikit-learn's digits: fit, audit, plan, sample, report.

    Run again with the same options, it goes on where it was stopped.
    """
    outputs.require_place(out, folder=True)
    from ..workflow.demo import run_demo
    from . import show

    with show.stages() as stage:
        done = run_demo(out, minutes=minutes, network=network, seed=seed, stage=stage)
    from ..reporting.words.verdict import verdict

    said = [verdict(done.plan)]
    show.result(json, done.to_json(), lambda: show.demonstrated(done), said)


@app.command()
def doctor(json: AsJson = False) -> None:
    """Say what is installed and what is wrong with it; exit 1 if something is."""
    from . import show
    from .doctor import examine

    findings = examine()
    show.result(
        json, {"findings": [f._asdict() for f in findings]}, lambda: show.examined(findings)
    )
    if any(f.state == "broken" for f in findings):
        raise typer.Exit(1)
