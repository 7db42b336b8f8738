"""`girsanov fit`: a model of data, of which a share is kept back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from typer import Argument, Option

from .. import workflow
from .._checks import figure, plural, three_digits
from ..data.id_columns import LIKE_AN_ID
from . import console
from .nexts import after_fit
from .options import DATA_HELP, AsJson, command

if TYPE_CHECKING:
    from .._typing import Json
    from ..workflow.fit_model import FitResult

PICTURE_AXES = 3  # [C, H, W]


@command(
    workflow.FitRequest,
    data=Argument(help=f"The training data: {DATA_HELP}."),
    out="The new folder for the model. A model is never replaced.",
    minutes="Train for so many minutes (default 3).",
    steps=Option(min=1, help="Or train for so many steps."),
    held_out="The share of the data to keep back for the audit (default: 0.2, or more if the "
    "audit needs it; 0 keeps none).",
    conditional=Option("--conditional", help="Learn the classes that come with the data."),
    only="Or a column to keep; all others are left out, except the labels. Repeat it for more.",
    series=Option("--series", help="Read rows of numbers ([n, L], [n, C, L]) as series."),
    network="The network: auto, mlp, columns (tables), conv or unet.",
    width=Option(min=8, help="The width of the network's finest level."),
    process="vp, or cld to learn on positions and velocities.",
    objective="The training objective: edm (best looks) or ledger (fewest nats).",
    batch_size=Option(min=1, help="Examples per step."),
    precision="Precision of the network's matrix products: float32 or bfloat16.",
    resume=Option("--resume", help="Go on with the stopped run in --out."),
)
def fit(request: workflow.FitRequest, *, json: AsJson = False) -> None:
    """Train a denoiser on DATA. A share is kept back, and `girsanov audit` finds it.

    Labels are learnt with --conditional or --labels. Otherwise they are ignored.
    """
    try:
        with console.progress("fit") as tick:
            fitted = workflow.fit(request, progress=tick, say=console.warned)
    except KeyboardInterrupt:
        if (Path(request.out) / "checkpoint" / "state.json").is_file():
            console.aside(f"{request.out} keeps the run; the same command with --resume goes on")
        raise
    kept_back = request.held_out != 0
    then = after_fit(str(request.out), str(request.data), kept_back, request.given)
    console.result(json, fitted.to_json(), lambda: _print(fitted, then))


def _print(fitted: FitResult, then: str) -> None:
    """Print what was trained, and the next command."""
    from ..measuring.learnt import learnt_nothing

    run, terminal = fitted.model.training, console.console_of()
    why = "the time was up" if run.get("out_of_time") else "enough by validation"
    early = "" if run["steps_run"] == run["steps"] else f" of {run['steps']}, {why},"
    width = run["options"]["width"]
    network = run["network"] + ("" if width is None else f", {width} wide")
    terminal.print(
        f"trained {plural(run['steps_run'], 'step')}{early} on "
        f"{plural(run['examples'], 'example')} in {run['seconds']:.0f} s ({network})"
    )
    last = run.get("held_out_ledger", {})
    if "held_out_ledger" in last:
        terminal.print(
            f"validation loss {three_digits(last['held_out_ledger'])} ± "
            f"{figure(1.96 * last['se'], 2)} "
            "nats; no model brings it to 0, and an audit says how much of it is error"
        )
    nothing = learnt_nothing(run)
    if nothing:
        terminal.print(f"{nothing}. {_advice(run)}", style="yellow", markup=False)
    console.wrote(fitted.out)
    if run["network"] == "conv" and len(fitted.model.shape) == PICTURE_AXES:
        terminal.print("diffusers does not open it: --network unet makes a folder that it does")
    console.next_command(then)


def _advice(run: Json) -> str:
    """Return what to do for a network that training did not make better."""
    if run["steps_run"] == run["steps"]:
        advice = "Give it more --steps"
    elif run.get("out_of_time"):
        advice = "Give it more --minutes"
    else:
        advice = "More steps do not help; more examples or another --network might"
    ids = any(LIKE_AN_ID in str(note) for note in run.get("notes") or ())
    return advice + (". Leave out the columns that look like ids" if ids else "")
