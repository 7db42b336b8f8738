"""The commands; everything heavy is imported inside them, so that --help appears at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .._checks import require

# typer reads these annotations at run time, where Optional is what it understands everywhere
app = typer.Typer(
    name="girsanov",
    help="Diffusion sampling with an error budget: measure, plan, sample, report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Model = Annotated[str, typer.Argument(help="A model folder, or a law in a .json file.")]
Out = Annotated[Path, typer.Option(help="Where to write.")]
Seed = Annotated[int, typer.Option(help="Seed of all randomness.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Force = Annotated[bool, typer.Option(help="Replace the output if it exists.")]
DATA = ".npy, .npz, .csv, .parquet, a folder of images, digits, or law.json"


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"girsanov {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Measure what limits your diffusion model, plan its sampling, draw samples, report."""


@app.command()
def fit(
    data: Annotated[str, typer.Argument(help=f"Training data: {DATA.rsplit(',', 1)[0]}.")],
    out: Out,
    minutes: Annotated[float | None, typer.Option(help="Train for so long (default 3).")] = None,
    steps: Annotated[int | None, typer.Option(help="Or for so many steps.")] = None,
    held_out: Annotated[float, typer.Option(help="Share kept back for the audit; 0: none.")] = 0.2,
    labels: Annotated[str | None, typer.Option(help="Column that holds the classes.")] = None,
    conditional: Annotated[
        bool, typer.Option(help="Learn the classes, if data has them.")
    ] = False,
    network: Annotated[str, typer.Option(help="auto, mlp or unet.")] = "auto",
    objective: Annotated[str | None, typer.Option(help="edm or ledger.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option(help="Go on with the run in --out.")] = False,
    json: AsJson = False,
) -> None:
    """Train a denoiser on DATA; part of it is kept back, and `audit` will find that part."""
    from . import show, work

    with show.progress("fit") as tick:
        model = work.fit_command(
            data,
            out,
            labels=labels if labels or not conditional else None,
            held_out=held_out,
            conditional=conditional or labels is not None,
            seed=seed,
            progress=tick,
            minutes=minutes,
            steps=steps,
            network=network,
            batch_size=batch_size,
            resume=resume,
            **({"objective": objective} if objective else {}),
        )
    show.result(
        json,
        {"model": str(out), "fingerprint": model.fingerprint, **model.training},
        lambda: show.fitted(model, out),
    )


@app.command()
def audit(
    model: Model,
    data: Annotated[str, typer.Option(help=f"Held-out data: {DATA}.")],
    out: Out = Path("audit.json"),
    train_data: Annotated[str | None, typer.Option(help="Training data: memorisation.")] = None,
    labels: Annotated[str | None, typer.Option(help="Column that holds the classes.")] = None,
    examples: Annotated[int | None, typer.Option(help="Use only so many examples.")] = None,
    levels: Annotated[int, typer.Option(help="Noise levels to measure.")] = 65,
    draws: Annotated[int | None, typer.Option(help="Noise paths per example.")] = None,
    batch_size: Annotated[int, typer.Option(help="Examples a network call.")] = 512,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Measure MODEL on held-out data, in one pass; everything else is computed from it."""
    from . import show, work

    require(out.suffix == ".json", "--out", "must end in .json", str(out))
    with show.progress("audit") as tick:
        done = work.audit_command(
            model,
            data,
            train_data,
            labels,
            levels=levels,
            examples=examples,
            draws=draws,
            batch_size=batch_size,
            seed=seed,
            progress=tick,
        )
    done.save(out)
    show.result(
        json, {"audit": str(out), **done.about, **done.summary()}, lambda: show.audited(done, out)
    )


@app.command()
def plan(
    audit: Annotated[Path, typer.Argument(help="What `girsanov audit` wrote.")],
    out: Out = Path("plan.json"),
    steps: Annotated[int | None, typer.Option(help="Network calls a sample may cost.")] = None,
    kl: Annotated[float | None, typer.Option(help="Or nats the sampler may add.")] = None,
    tv: Annotated[float | None, typer.Option(help="Or total variation it may add.")] = None,
    sampler: Annotated[str, typer.Option(help="gaussian, x0, score or relative.")] = "gaussian",
    covariance: Annotated[
        str | None, typer.Option(help="scalar, coordinate, pca, dct or full (gaussian only).")
    ] = None,
    resolution: Annotated[
        float | None, typer.Option(help="Noise level at which to stop (standardised units).")
    ] = None,
    json: AsJson = False,
) -> None:
    """Find the best grid for a number of steps, the fewest steps for a target, or the best."""
    from ..ledger.audit import load_audit
    from ..plan.make import make_plan
    from . import show

    require(out.suffix == ".json", "--out", "must end in .json", str(out))
    made = make_plan(
        load_audit(audit),
        steps=steps,
        kl=kl,
        tv=tv,
        sampler=sampler,
        covariance=covariance,
        resolution=resolution,
    )
    made.save(out)
    show.result(
        json,
        {"plan": str(out), **made.summary(), "why": made.about["why"]},
        lambda: show.planned(made, out),
    )


@app.command()
def sample(
    model: Model,
    plan: Annotated[Path, typer.Option(help="What `girsanov plan` wrote.")],
    count: Annotated[int, typer.Option(help="Samples to draw.")],
    out: Annotated[str, typer.Option(help=".npy, .npz, .csv, .parquet, or FOLDER/ of images.")],
    seed: Seed = 0,
    batch_size: Annotated[
        int, typer.Option(help="Samples a network call; changes nothing.")
    ] = 1000,
    label: Annotated[str | None, typer.Option(help="Class to draw, by name.")] = None,
    any_model: Annotated[bool, typer.Option(help="Use a plan of another model.")] = False,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Draw samples with a plan, in the data's own units and types."""
    from . import show, work

    with show.progress("sample") as tick:
        drawn = work.sample_command(
            model,
            plan,
            count,
            out,
            label=label,
            force=force,
            seed=seed,
            batch_size=batch_size,
            any_model=any_model,
            progress=tick,
        )
    show.result(
        json,
        {"samples": out, "count": count, "shape": list(drawn.shape), "seed": seed},
        lambda: show.sampled(drawn, out),
    )


@app.command()
def report(
    audit: Annotated[Path, typer.Argument(help="What `girsanov audit` wrote.")],
    plan: Annotated[list[Path] | None, typer.Option(help="A plan (may be repeated).")] = None,
    samples: Annotated[str | None, typer.Option(help="What `girsanov sample` wrote.")] = None,
    data: Annotated[str | None, typer.Option(help="Data to show beside the samples.")] = None,
    out: Out = Path("report.html"),
    json: AsJson = False,
) -> None:
    """Write one self-contained page with the ledger, the curve, the plan and the samples."""
    from . import show, work

    work.report_command(audit, plan or [], samples, data, out)
    show.result(json, {"report": str(out)}, lambda: show.wrote(out))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything it makes.")] = Path("demo"),
    minutes: Annotated[float, typer.Option(help="Training time.")] = 2.5,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Do all of it on scikit-learn's digits: fit, audit, plan, sample, report."""
    from ..study.demo import run_demo
    from . import show

    with show.stages() as stage:
        done = run_demo(out, minutes=minutes, seed=seed, stage=stage)
    show.result(json, done.to_json(), lambda: show.demonstrated(done))


@app.command()
def doctor(json: AsJson = False) -> None:
    """Say what is installed and what is wrong with it."""
    from . import show
    from .doctor import examine

    findings = examine()
    show.result(
        json, {"findings": [f._asdict() for f in findings]}, lambda: show.examined(findings)
    )
    if any(f.state == "broken" for f in findings):
        raise typer.Exit(1)


def run(arguments: list[str]) -> Any:
    """Run the command line on `arguments` in this process, for tests."""
    return app(arguments, standalone_mode=False)
