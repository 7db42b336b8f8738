"""`girsanov plan`: the best grid for an audit, and what is printed of it.

By default the sampler, the ledger, one line of certificate, one of cost and the next command; with
--verbose the levels, the notes of the ledger and the certificate level by level as well.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from .. import workflow
from .._checks import three_digits
from . import console
from .nexts import after_plan
from .options import AsJson, command
from .tables import (
    certificate_table,
    frontier_line,
    frontier_table,
    labelled,
    ledger_table,
    noise_levels,
    tournament_footnote,
    tournament_table,
)

if TYPE_CHECKING:
    from ..planning.plan import Plan

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
        "analytic-dpm, ddpm, ei-score or ei-relative; or, after audit --trajectories, the ODE "
        "samplers ddim, heun or dpmpp-2m."
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
    weight="a of the objective s^-a (ddpm only); 0 is KL.",
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
        console.wrote(planned.out)
        console.next_command(after_plan(planned.plan, str(planned.out)))
        if not verbose:
            console.console_of().print(f"[dim]{MORE}[/]")

    console.result(json, planned.to_json(), view, planned.verdict)
    if planned.replaced:
        console.replaced("an older plan", json)


def print_plan(plan: Plan, *, whole: bool = False, frontier: bool = False) -> None:
    """Print a plan, after the table of the tournament that it won.

    whole: with its levels, notes and every level's certificate; frontier: with the cost of every
    number of steps.
    """
    terminal = console.console_of()
    if plan.tournament is not None:
        terminal.print(tournament_table(plan.tournament))
        terminal.print(f"[dim]{tournament_footnote(plan.tournament)}[/]")
    levels = noise_levels(plan, whole)
    rows = [("plan", _sampler(plan)), ("noise levels", levels), *_distance(plan)]
    terminal.print(labelled(rows))
    if plan.distance is None or whole:
        terminal.print()
        terminal.print(ledger_table(plan))
        for e in plan.ledger if whole else ():
            terminal.print(f"[dim]{e.name}: {e.note}[/]")
        terminal.print()
    if whole and plan.promised is not None and not plan.audit.untrained:
        terminal.print(certificate_table(plan.promised))
        terminal.print()
    below = {"certificate": plan.certified(), "cost": "" if frontier else frontier_line(plan)}
    terminal.print(labelled([(label, words) for label, words in below.items() if words]))
    if frontier and plan.frontier:
        terminal.print(frontier_table(plan))


def _sampler(plan: Plan) -> str:
    from ..planning.options import GIVEN  # which whoever gave it knows

    why = plan.why
    words = plan.in_words().removesuffix(", calibrated" if why.startswith("calibrated") else "")
    words += "" if why == GIVEN else f": {why}"
    if plan.calibration is not None:
        share = 100 * plan.calibration.share
        words += f"; calibrated at {share:.0f} % of coordinates and levels"
    return words


def _distance(plan: Plan) -> list[tuple[str, str]]:
    """Return what an ODE sampler has in the place of a ledger in nats."""
    entry = plan.distance
    if entry is None:
        return []
    ends = f"95 % interval {three_digits(entry.low)} to {three_digits(entry.high)}"
    words = f"{three_digits(entry.value)} ({ends}; standardised units, not nats), {entry.kind}: "
    lows = [three_digits(e.low) for e in plan.ledger if e.kind == "lower bound"]
    return [
        ("distance", words + entry.note),
        *(("score error", f">= {low} nats of the path") for low in lows),
    ]
