"""`girsanov plan`: the best grid for an audit, and what is printed of it.

By default the sampler, the ledger, one line of certificate, one of cost and the next command; with
--verbose the levels, the notes of the ledger, the certificate level by level and what theory
promises for the data as well.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

from typer import Argument, Option

from .. import workflow
from . import console
from .nexts import after_plan
from .options import AsJson, command
from .print_plan import print_plan

MORE = "(--verbose prints the levels, the ledger's notes and the certificate level by level)"
Frontier = Annotated[bool, Option("--frontier", help="Print what every number of steps costs.")]
Verbose = Annotated[
    bool, Option("--verbose", help="Print levels, notes and every level's certificate.")
]


@command(
    workflow.PlanRequest,
    audit=Argument(help="What `girsanov audit` wrote."),
    steps=Option(min=1, help="Network calls a sample may cost."),
    kl="Or nats the sampler may add.",
    tv="Or total variation it may add.",
    distance="Or distance of an ODE sampler to its teacher (standardised).",
    sampler=(
        "mixed (default where the audit followed the flow), analytic-dpm (default elsewhere), "
        "euler-ancestral, dpm2-ancestral, ddpm, ei-score or ei-relative; or, after audit "
        "--trajectories, the ODE samplers ddim, heun or dpmpp-2m."
    ),
    process="Sample as vp or cld (default: as the model was trained).",
    covariance="scalar, coordinate, pca, dct or full (analytic-dpm only).",
    start=(
        "class (default of models with classes, which then start each from its own moments), "
        "gaussian (of all the data), mean or standard."
    ),
    last=(
        "draw (default of vectors and tables), denoise (of pictures, and of other samplers "
        "than analytic-dpm) or sample: how the last step ends."
    ),
    resolution="Noise level at which to stop (standardised units).",
    w2="Or the W2 distance that stopping there may leave.",
    among="An SNR to choose from (repeat it; only these).",
    keep="An SNR that must be visited (may be repeated).",
    widest="The most log-SNR between two levels.",
    weight=(
        "0: the fewest nats (default with --kl and --tv, and of vectors and tables); 1: nats at "
        "noise that hides more of the data count more (default of pictures: they look better)."
    ),
    calibrate=Option(
        "--calibrate/--no-calibrate",
        help="Correct the model as the audited examples advise (default: where it is broken).",
    ),
    by="Let samples decide: sliced-w2, gaussian-w2, mmd or frechet.",
    model=(
        "The model: to match the noise to the data's spread, measure an ODE sampler's distance, "
        "or draw with --by."
    ),
    data="With --by: held-out data to compare them with.",
    candidates="With --by: a sampler to try (may be repeated).",
    calls=Option(
        min=1,
        help="With --by: network calls to spend (default 200000). At least 40 samples of each of "
        "4 candidates, 60 of each of 6, about 85 of each of 13, times the steps of a sample.",
    ),
)
def plan(
    request: workflow.PlanRequest,
    *,
    frontier: Frontier = False,
    verbose: Verbose = False,
    json: AsJson = False,
) -> None:
    """Find the best grid for a number of steps, the fewest for a target, or the best number.

    With --by, samplers, end levels and grids compete, and those closest to held-out data win.
    """
    with console.progress("plan") if request.by else nullcontext() as tick:
        planned = workflow.plan(request, progress=tick)

    def view() -> None:
        print_plan(planned.plan, whole=verbose, frontier=frontier)
        if verbose and planned.theory:
            console.console_of().print(f"{planned.theory}\n", markup=False)
        console.wrote(planned.out)
        console.next_command(after_plan(planned.plan, str(planned.out)))
        if not verbose:
            console.console_of().print(f"[dim]{MORE}[/]")

    console.result(json, planned.to_json(), view, planned.verdict)
    if planned.replaced:
        console.replaced("an older plan", json)
