"""`girsanov audit`: a model measured on held-out data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from typer import Option

from .. import workflow
from .._checks import plural, three_digits
from .._launched import is_first
from . import console
from .nexts import after_audit, check_first
from .options import DATA_HELP, MODEL, PRECISION, AsJson, command
from .tables import sparkline

if TYPE_CHECKING:
    from ..audited import Audit


@command(
    workflow.AuditRequest,
    model=MODEL,
    data=f"Held-out data: {DATA_HELP}; or a known distribution, law.json (for tests).",
    no_data=Option(
        "--no-data",
        help="There are no held-out data: measure fine samples of the model itself. Plans are "
        "then relative to the model's own distribution, and nothing is said of the model.",
    ),
    train_data="The training data, to measure memorisation. A model of `fit` finds its own.",
    examples=Option(min=1, help="Use only so many examples (default: all)."),
    levels=Option(min=2, help="How many noise levels to measure (default 65)."),
    draws=Option(min=1, help="How many noise paths to draw per example."),
    trajectories=Option(
        min=0,
        help="Also follow so many accurate ODE solutions. They are needed to plan ddim, heun or "
        "dpmpp-2m; 256 are enough.",
    ),
    flow=Option(
        min=0,
        help="Network calls per level and example that price steps along the flow (default 2).",
    ),
    calls=Option(min=1, help="Spend at most so many network calls in all."),
    half_width="Measure until the cost of a plan is known to this share of itself (0.03: 3 %).",
    steps=Option(
        min=1, help="The number of steps that --half-width is for (default: the best number)."
    ),
    quick=Option(
        "--quick", help="Give a first verdict by some 2,600 network calls, and how sure it is."
    ),
    guidance="The weight of a pipeline's classifier-free guidance; 1 is none.",
    reference="A better model, which gives a higher bound on MODEL's error.",
    batch_size=Option(min=1, help="Examples per network call (default: up to 512)."),
    precision=PRECISION,
)
def audit(request: workflow.AuditRequest, *, json: AsJson = False) -> None:
    """Measure MODEL on held-out data. Everything else is computed from this one pass.

    If you give the file that MODEL was fitted on, only the share that `fit` kept back is used.
    With --precision, MODEL also runs in float32, and the audit says what the rounding costs.
    """
    with console.going_on(request.out), console.progress("audit") as tick:
        audited = workflow.audit(request, progress=tick)
    if not is_first():
        return
    steps = audited.audit.facts.planned_steps

    def view() -> None:
        _print(audited.audit)
        console.wrote(audited.out)
        if audited.to_check:
            console.noted([f"{check_first(request)} says whether it is called the right way"])
        console.next_command(after_audit(str(audited.out), steps))

    console.result(json, audited.to_json(), view, audited.verdict)


def _along_flow(audit: Audit) -> str:
    """Return what was spent on steps along the flow, in words."""
    calls = audit.facts.flow_calls
    return f" and {plural(calls, 'call')} for steps along the flow" if calls else ""


def _print(audit: Audit) -> None:
    """Print the curve in one line and what was spent."""
    import numpy as np

    facts, total = audit.facts, audit.total()
    share = audit.levels * total.value / math.prod(facts.shape)
    terminal = console.console_of()
    paths = facts.trajectories
    again, inside = facts.training_examples, facts.levels_between
    seen = f", and {plural(again, 'training example')} for memorisation" if again else ""
    seen += f", and {plural(paths, 'accurate ODE solution')}" if paths else ""
    counts = ((facts.examples, "example"), (facts.draws, "draw"))
    spent = " x ".join(plural(*one) for one in (*counts, (len(audit.levels), "level")))
    spent += f" and {inside} between them" if inside else ""
    if audit.curve.exact:
        spent = f"the curve is known exactly, at {plural(len(audit.levels), 'level')}"
    terminal.print(
        f"{spent}{seen}: {plural(facts.calls, 'network call')}"
        f"{_along_flow(audit)} in {facts.seconds:.1f} s"
    )
    low, high = audit.levels[-1] ** -0.5, audit.levels[0] ** -0.5
    terminal.print(f"error x SNR per dimension, from noise {high:.3g} to {low:.3g}")
    terminal.print(f"  {sparkline(share[:: -(-len(share) // 65)])}")
    if not audit.curve.exact:
        relative = float(np.median(total.se / total.value))
        terminal.print(
            f"relative standard error of the curve {100 * relative:.1f} % (median over levels)"
        )
    if facts.without_neighbours:
        why = f"{facts.without_neighbours}, so they are not used to bound the model’s error"
        terminal.print(f"[yellow]training or other examples: {why}[/]")
    rounding = audit.rounding()
    if rounding is not None and facts.arithmetic is not None:
        low, high = rounding.interval()
        kind = facts.arithmetic.precision
        terminal.print(f"{kind} costs {rounding.value:.3g} nats ({low:.3g} to {high:.3g})")
    memorised = audit.memorised()
    if memorised is not None:
        from ..ledger.model_faults import another_law

        low, high = memorised.interval()
        own = audit.known_by_heart() or memorised
        words = "the model memorises" if low > 0 else "no memorisation was found"
        if low > 0 >= own.interval()[0]:
            words = "a straight line shows as large a gap, so this is no memorisation"
        words = another_law(memorised) or words
        terminal.print(
            f"the error on held-out examples is {memorised.value:.3g} nats higher than on "
            f"training ones (95 % interval {low:.3g} to {high:.3g}, down to noise "
            f"{audit.levels[-1] ** -0.5:.3g}): {words}"
        )
    if facts.vae is not None:
        lost = facts.vae
        terminal.print(f"autoencoder: {three_digits(lost.value)} ({three_digits(lost.low)} .. "
                      f"{three_digits(lost.high)}), {lost.note}")  # fmt: skip
    console.noted(facts.notes)
