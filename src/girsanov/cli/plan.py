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
from .options import OUTPUT, AsJson, command
from .print_plan import print_plan

MORE = "(--verbose prints all levels, notes and certificates)"
Frontier = Annotated[
    bool,
    Option("--frontier", rich_help_panel=OUTPUT, help="Print what every number of steps costs."),
]
Verbose = Annotated[
    bool,
    Option(
        "--verbose",
        rich_help_panel=OUTPUT,
        help="Print all noise levels, the notes of the ledger and every level's certificate.",
    ),
]


@command(
    workflow.PlanRequest,
    audit=Argument(help="The audit: a file of `girsanov audit`."),
    steps=Option(min=1, help="Plan so many network calls per sample (default: the best number)."),
    kl="Or take the fewest steps that add at most so many nats.",
    tv="Or the fewest steps that add at most so much total variation.",
    distance=(
        "Or, for an ODE sampler, the fewest steps that stay so close to an accurate solution."
    ),
    grid=(
        "Price a grid that others use, in place of a planned one: karras, exponential, cosine, "
        "linear-beta, beta, entropy, ays or ays-sdxl. Give --steps with it."
    ),
    sampler=(
        "The sampler: mixed (the default if the audit followed the flow), analytic-dpm (the "
        "default otherwise), euler-ancestral, dpm2-ancestral, ddpm, ei-score or ei-relative; or, "
        "after `audit --trajectories`, the ODE samplers ddim, heun and dpmpp-2m."
    ),
    process="The process to sample: vp or cld (default: as the model was trained).",
    covariance="The covariance of analytic-dpm: scalar, coordinate, pca, dct or full.",
    start=(
        "How to start: class (default for models with classes; each starts from its own moments), "
        "gaussian (the moments of all the data), mean or standard."
    ),
    last=(
        "How the last step ends: draw (default for vectors and tables), denoise (default for "
        "pictures and for samplers other than analytic-dpm) or sample."
    ),
    resolution="The noise level at which to stop, in standardised units.",
    w2="Or stop where at most this W2 distance to the data is left.",
    among="Choose only from these SNRs. Repeat it.",
    keep="Always visit this SNR. Repeat it for more.",
    widest="Allow at most this much log-SNR between two levels.",
    weight=(
        "0 plans the fewest nats (default with --kl and --tv, and for vectors and tables). 1 "
        "counts nats more where noise hides more of the data (default for pictures: it looks "
        "better)."
    ),
    calibrate=Option(
        "--calibrate/--no-calibrate",
        help="Correct the model as the audited examples advise (default: if it is broken).",
    ),
    by="Let samples decide, by sliced-w2, gaussian-w2, mmd or frechet.",
    model=(
        "The model. It is needed to draw samples with --by, to match the noise to the data's "
        "spread, and to measure an ODE sampler's distance."
    ),
    data="With --by: the held-out data to compare samples with.",
    candidates="With --by: a sampler to try. Repeat it for more.",
    calls=Option(
        min=1,
        help="With --by: the network calls to spend (default 200000). The least is about 40 "
        "samples each of 4 candidates, 60 of 6, or 85 of 13, times the steps of a sample.",
    ),
)
def plan(
    request: workflow.PlanRequest,
    *,
    frontier: Frontier = False,
    verbose: Verbose = False,
    json: AsJson = False,
) -> None:
    """Find the best noise levels for a number of steps, for a target, or for the best number.

    The verdict comes with a grade: good, usable or bad. With --by, samplers and noise levels
    compete, and the samples closest to held-out data win.
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
