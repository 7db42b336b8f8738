"""The application and the options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ..comparison.measures.registry import distances
from ..data.formats.registry import FORMATS, suffixes


def one_of(names: Iterable[str]) -> str:
    """Return names as a choice: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


app = typer.Typer(name="girsanov", add_completion=False, pretty_exceptions_enable=False)

DATA_FILES = ", ".join(FORMATS)
DATA = f"{DATA_FILES}, a folder of images, {' or '.join(suffixes(folders=True))} files, or digits"
Model = Annotated[
    str,
    typer.Argument(
        help="A model folder, a diffusers pipeline (its folder, or hub:owner/name), or a law in "
        "a .json file."
    ),
]
AuditFile = Annotated[Path, typer.Argument(help="What `girsanov audit` wrote.")]
Labels = Annotated[
    str | None, typer.Option(help="Column (or array of a .npz) that holds the classes.")
]
ClassOrder = Annotated[
    str | None,
    typer.Option(
        help="Which class of a pipeline without class names a folder (or label) of digits is: "
        "number (default), or text: 0, 1, 10, 11, 2, ..., as image-folder loaders sort them."
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(help="A column of a table to leave out (may be repeated); a model remembers."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Or a column to keep, beside the labels, of no others (may be repeated)."),
]
Levels = Annotated[int | None, typer.Option(min=2, help="Noise levels to measure (default 65).")]
Trajectories = Annotated[
    int, typer.Option(min=0, help="Of the teacher, to plan ddim, heun, dpmpp-2m on; 256 do.")
]
Spend = Annotated[
    int | None,
    typer.Option(min=1, help="Spend at most so many network calls, of all models."),
]
HalfWidth = Annotated[
    float | None,
    typer.Option(help="Know what a plan costs to this share of it (0.03: 3 %), by few calls."),
]
PlannedSteps = Annotated[
    int | None, typer.Option(min=1, help="Of the plan of --half-width (default: the best number).")
]
TrainData = Annotated[str | None, typer.Option(help="Training data, to measure memorisation.")]
Reference = Annotated[
    str | None, typer.Option(help="A better model, for a higher bound on MODEL's error.")
]
Guidance = Annotated[
    float,
    typer.Option(help="Weight of classifier-free guidance, for pipelines; 1 is none."),
]
Device = Annotated[
    str | None, typer.Option(help="cpu, cuda, cuda:1, ... (default: a GPU if there is one).")
]
Precision = Annotated[
    str, typer.Option(help="Of matrix products in the network: float32, bfloat16 or float16.")
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network (torch.compile).")]
Sampler = Annotated[
    str,
    typer.Option(
        help="gaussian, x0, score or relative; or, after audit --trajectories, the deterministic "
        "ddim, heun or dpmpp-2m."
    ),
]
Judge = Annotated[
    str | None,
    typer.Option(
        help="The model: to match the noise to the data's spread, measure a solver's distance, "
        "or draw with --by."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        help="class (default of models with classes, which then start each from its own moments), "
        "gaussian (of all the data), mean or standard."
    ),
]
Last = Annotated[
    str | None,
    typer.Option(
        help="draw (default of vectors and tables), denoise (of pictures, and of other samplers "
        "than gaussian) or sample: how the last step ends."
    ),
]
Process = Annotated[
    str | None, typer.Option(help="Sample as vp or cld (default: as the model was trained).")
]
Distance = Annotated[
    float | None, typer.Option(help="Or distance of a solver to its teacher (standardised).")
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all randomness.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Covariance = Annotated[
    str | None, typer.Option(help="scalar, coordinate, pca, dct or full (gaussian only).")
]
Resolution = Annotated[
    float | None, typer.Option(help="Noise level at which to stop (standardised units).")
]
Candidates = Annotated[
    list[str] | None, typer.Option(help="With --by: a sampler to try (may be repeated).")
]
Calibrate = Annotated[
    bool | None,
    typer.Option(
        "--calibrate/--no-calibrate",
        help="Correct the model as the audited examples advise (default: where it is broken).",
    ),
]
Calls = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --by: network calls to spend (default 200000). At least 40 samples of each of "
        "4 candidates, 60 of each of 6, about 85 of each of 13, times the steps of a sample.",
    ),
]
W2 = Annotated[
    float | None, typer.Option(help="Or the W2 distance that stopping there may leave.")
]
Among = Annotated[
    list[float] | None, typer.Option(help="An SNR to choose from (repeat it; only these).")
]
Keep = Annotated[
    list[float] | None, typer.Option(help="An SNR that must be visited (may be repeated).")
]
Widest = Annotated[float | None, typer.Option(help="The most log-SNR between two levels.")]
Weight = Annotated[float | None, typer.Option(help="a of the objective s^-a (x0 only); 0 is KL.")]
Frontier = Annotated[
    bool, typer.Option("--frontier", help="Print what every number of steps costs.")
]
By = Annotated[
    str | None,
    typer.Option(help=f"Let samples decide: {one_of(distances())}."),
]
Against = Annotated[
    str | None, typer.Option(help="With --by: held-out data to compare them with.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Print levels, notes and every level's certificate.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace the output, whatever it is. Without it audits, samples and plans of --by, "
        "which cost network calls, are never replaced; plans and pages replace their own kind. "
        "`plan` also plans from an audit that cannot tell.",
    ),
]


NO_FID = (
    "frechet is the same formula in other features than Inception's, so its numbers are no FID"
)


def require_measures(names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a --by that is none of `known`, before anything is read."""
    from .._checks import require

    for name in names:
        remedy = NO_FID if name.lower() in ("fid", "fréchet") else ""
        require(name in known, "--by", f"must be one of {', '.join(known)}", name, remedy)


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"girsanov {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Measure what limits a diffusion model, plan its sampling, draw samples, report."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
