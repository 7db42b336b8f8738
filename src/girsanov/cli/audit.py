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
    data=f"Held-out data: {DATA_HELP}, or law.json.",
    train_data="Training data, to measure memorisation.",
    examples=Option(min=1, help="Use only so many examples."),
    levels=Option(min=2, help="Noise levels to measure (default 65)."),
    draws=Option(min=1, help="Noise paths per example."),
    trajectories=Option(min=0, help="Of the teacher, to plan ddim, heun, dpmpp-2m on; 256 do."),
    flow=Option(min=0, help="Calls a level and example for steps along the flow (2)."),
    calls=Option(min=1, help="Spend at most so many network calls, of all models."),
    half_width="Know what a plan costs to this share of it (0.03: 3 %), by few calls.",
    steps=Option(min=1, help="Of the plan of --half-width (default: the best number)."),
    quick=Option(
        "--quick", help="A first verdict by some 2,600 network calls, and how sure it is."
    ),
    guidance="Weight of classifier-free guidance, for pipelines; 1 is none.",
    reference="A better model, for a higher bound on MODEL's error.",
    batch_size=Option(min=1, help="Examples a network call (default: up to 512)."),
    precision=PRECISION,
)
def audit(request: workflow.AuditRequest, *, json: AsJson = False) -> None:
    """Measure MODEL on held-out data in one pass, from which everything else is computed.

    Given the file that MODEL was fitted on, only the share kept back is used. With --precision,
    MODEL is called in float32 as well, and the audit says what the rounding costs in nats.
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
    return f", and {plural(calls, 'call')} for steps along the flow" if calls else ""


def _print(audit: Audit) -> None:
    """Print the curve in one line and what was spent."""
    import numpy as np

    facts, total = audit.facts, audit.total()
    share = audit.levels * total.value / math.prod(facts.shape)
    terminal = console.console_of()
    paths = facts.trajectories
    again, inside = facts.training_examples, facts.levels_between
    seen = f", and {plural(again, 'training example')} once for memorisation" if again else ""
    seen += f", and {plural(paths, 'trajectory')} of the teacher" if paths else ""
    counts = ((facts.examples, "example"), (facts.draws, "draw"))
    spent = " x ".join(plural(*one) for one in (*counts, (len(audit.levels), "level")))
    spent += f" and {inside} between them" if inside else ""
    if audit.curve.exact:
        spent = f"the law knows its curve, at {plural(len(audit.levels), 'level')}"
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
        why = f"{facts.without_neighbours}: no bound is made of what they say by themselves"
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
        words = "memorisation" if low > 0 else "no memorisation was found"
        if low > 0 >= own.interval()[0]:
            words = "no more than few examples and rare values make of a straight line as well"
        words = another_law(memorised) or words
        terminal.print(
            f"on held-out examples the error is {memorised.value:.3g} nats more than on training "
            f"ones (95 % interval {low:.3g} to {high:.3g}): {words}, down to noise "
            f"{audit.levels[-1] ** -0.5:.3g}"
        )
    if facts.vae is not None:
        lost = facts.vae
        terminal.print(f"autoencoder: {three_digits(lost.value)} ({three_digits(lost.low)} .. "
                      f"{three_digits(lost.high)}), {lost.note}")  # fmt: skip
    console.noted(facts.notes)
