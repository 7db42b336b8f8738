"""What people see in the terminal: progress on stderr, tables on stdout, or JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import figure, plural, three_digits
from .._launched import is_first
from .._typing import Progress
from .nexts import after_audit
from .tables import sparkline

if TYPE_CHECKING:
    from ..measuring.record import Audit
    from ..workflow.commands import Drawn
    from ..workflow.demo import Demo
    from .doctor import Finding


def console_of(stderr: bool = False) -> Any:
    """Return the terminal, which shows numbers as plain as words."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


@contextmanager
def progress(name: str) -> Iterator[Progress]:
    """Yield a callback (done, total) that draws a bar on stderr when that is a terminal."""
    with stages() as stage:
        yield stage(name)


@contextmanager
def stages() -> Iterator[Callable[[str], Progress]]:
    """Yield a function that opens a named bar and returns its callback."""
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = console_of(stderr=True)
    columns = (
        TextColumn("{task.description:10s}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, disable=not (console.is_terminal and is_first())
    ) as bars:

        def stage(name: str) -> Any:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield stage


def result(
    as_json: bool, content: dict[str, Any], show: Callable[[], None], said: Sequence[str] = ()
) -> None:
    """Print `content` as one JSON object, or the sentences `said` first and call `show`.

    The first sentence is the verdict, and bold.
    """
    if not is_first():
        return
    if as_json:
        sys.stdout.write(json.dumps(content, allow_nan=False) + "\n")
    else:
        for k, line in enumerate(said):
            console_of().print(line, style=None if k else "bold", markup=False)
        if said:
            console_of().print()
        show()


def few(names: Sequence[str], most: int = 8) -> str:
    """Return names in a line; of many, the first ones and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 2])} and {len(names) - most + 2} more"


def fitted(model: Any, out: Path, then: str) -> None:
    """Print what was trained; then: the next command."""
    last = model.training.get("held_out_ledger", {})
    console = console_of()
    run = model.training
    why = "the time was up" if run.get("out_of_time") else "enough by validation"
    early = "" if run["steps_run"] == run["steps"] else f" of {run['steps']}, {why},"
    console.print(
        f"trained {plural(run['steps_run'], 'step')}{early} on "
        f"{plural(run['examples'], 'example')} in {run['seconds']:.0f} s"
    )
    if "held_out_ledger" in last:
        console.print(
            f"error on validation data {three_digits(last['held_out_ledger'])} ± "
            f"{figure(1.96 * last['se'], 2)} "
            "nats (1/2 of its integral over SNR)"
        )
    if run["best_step"] == 0:
        told = f"it is no better than before training: {_advice(run)}"
        console.print(told, style="yellow", markup=False)
    wrote(out)
    next_command(then)


def _advice(run: dict[str, Any]) -> str:
    """Return what to do for a network that training did not make better."""
    if run["steps_run"] == run["steps"]:
        told = "give it more --steps"
    elif run.get("out_of_time"):
        told = "give it more --minutes"
    else:
        told = "more steps teach it nothing; more examples or another --network might"
    return told + ("; leave out the columns that look like ids" if run.get("notes") else "")


def audited(audit: Audit, out: Path) -> None:
    """Print the curve in one line and what was spent."""
    import numpy as np

    about, total = audit.about, audit.total()
    share = audit.levels * total.value / math.prod(about["shape"])
    console = console_of()
    paths = about.get("trajectories", 0)
    again, inside = about.get("training_examples", 0), about.get("levels_between", 0)
    seen = f", and {plural(again, 'training example')} once for memorisation" if again else ""
    seen += f", and {plural(paths, 'trajectory')} of the teacher" if paths else ""
    counts = ((about["examples"], "example"), (about["draws"], "draw"))
    spent = " x ".join(plural(*one) for one in (*counts, (len(audit.levels), "level")))
    spent += f" and {inside} between them" if inside else ""
    if audit.curve.exact:
        spent = f"the law knows its curve, at {plural(len(audit.levels), 'level')}"
    console.print(
        f"{spent}{seen}: {plural(about['calls'], 'network call')} in {about['seconds']:.1f} s"
    )
    low, high = audit.levels[-1] ** -0.5, audit.levels[0] ** -0.5
    console.print(f"error x SNR per dimension, from noise {high:.3g} to {low:.3g}")
    console.print(f"  {sparkline(share[:: -(-len(share) // 65)])}")
    if not audit.curve.exact:
        relative = float(np.median(total.se / total.value))
        console.print(
            f"relative standard error of the curve {100 * relative:.1f} % (median over levels)"
        )
    if about.get("without_neighbours"):
        why = f"{about['without_neighbours']}: no bound is made of what they say by themselves"
        console.print(f"[yellow]training or other examples: {why}[/]")
    rounding = audit.rounding()
    if rounding is not None:
        low, high = rounding.interval()
        kind = about["arithmetic"]["precision"]
        console.print(f"{kind} costs {rounding.value:.3g} nats ({low:.3g} to {high:.3g})")
    memorised = audit.memorised()
    if memorised is not None:
        from ..reporting.words.faults import another_law

        low, high = memorised.interval()
        own = audit.known_by_heart() or memorised
        told = "memorisation" if low > 0 else "no memorisation was found"
        if low > 0 >= own.interval()[0]:
            told = "no more than few examples and rare values make of a straight line as well"
        told = another_law(memorised) or told
        console.print(
            f"on held-out examples the error is {memorised.value:.3g} nats more than on training "
            f"ones (95 % interval {low:.3g} to {high:.3g}): {told}, down to noise "
            f"{audit.levels[-1] ** -0.5:.3g}"
        )
    if "vae" in about:
        lost = about["vae"]
        value, low, high = (three_digits(lost[name]) for name in ("value", "low", "high"))
        console.print(f"autoencoder: {value} ({low} .. {high}), {lost['note']}")
    noted(about.get("notes", ()))
    wrote(out)
    steps = about.get("precision", {}).get("steps")
    next_command(after_audit(str(out), steps))


def sampled(drawn: Drawn, out: str) -> None:
    """Print what was drawn, and the next command."""
    values = drawn.values
    form = f" of shape {values.shape[1:]}" if values.ndim > 1 else ""
    names = values.dtype.names
    kind = f"columns {few(names)}" if names else str(values.dtype)
    console = console_of()
    console.print(f"drew {plural(len(values), 'sample')}{form}, {kind}", markup=False)
    if drawn.bounded:
        told = f"kept to numbers that the training data could hold: {few(drawn.bounded)}"
        console.print(f"{told} (--as-drawn leaves them)", markup=False)
    if drawn.tally:
        console.print("  ".join(f"{name}: {n}" for name, n in drawn.tally.items()), markup=False)
    wrote(out)
    next_command(drawn.then)


def stopped(out: Path) -> None:
    """Say on stderr how to go on with a run that was stopped, if it can be gone on with."""
    if (out / "checkpoint" / "state.json").is_file():
        console_of(stderr=True).print(
            f"{out} keeps the run; the same command with --resume goes on", soft_wrap=True
        )


def resumed(parts: Path, count: int) -> None:
    """Say on stderr that what a stopped run has drawn is used."""
    told = (
        f"{parts} keeps {count} of these samples from a run that was stopped; going on with them"
    )
    console_of(stderr=True).print(told, soft_wrap=True, markup=False)


@contextmanager
def going_on(parts: Path) -> Iterator[None]:
    """On Ctrl-C, say on stderr how to go on with what was stopped, if some of it is finished."""
    try:
        yield
    except KeyboardInterrupt:
        from ..measuring.resume import kept_in

        held = [p for p in kept_in(parts) if any(p.glob("*.npy")) or any(p.glob("*.safetensors"))]
        if held:
            console_of(stderr=True).print(
                f"{held[-1]} keeps what is finished; the same command goes on",
                soft_wrap=True, markup=False,
            )  # fmt: skip
        raise


def demonstrated(demo: Demo) -> None:
    """Print the demo's plan, ledger and files."""
    from .plan_view import planned

    planned(demo.plan, None)
    console = console_of()
    console.print(f"took {demo.seconds:.0f} s")
    for name, path in demo.files.items():
        console.print(f"{name:8s} {path}", soft_wrap=True, markup=False)


def examined(findings: list[Finding]) -> None:
    """Print the doctor's findings."""
    from rich.markup import escape

    colours = {"ok": "green", "absent": "yellow", "broken": "red"}
    console = console_of()
    for f in findings:
        line = f"[{colours[f.state]}]{f.state:6s}[/]  {f.name:12s}  {escape(f.detail)}"
        console.print(line, soft_wrap=True)  # so that a command in it can be copied


def warned(notes: Sequence[str]) -> None:
    """Say on stderr what is worth knowing before the work begins, a line each."""
    for note in notes if is_first() else ():
        console_of(stderr=True).print(f"note: {note}", soft_wrap=True, markup=False)


def noted(notes: Sequence[str]) -> None:
    """Print what is worth knowing of a result, a line each."""
    for note in notes:
        console_of().print(f"note: {note}", markup=False)


def wrote(path: Path | str) -> None:
    """Print the path that was written."""
    console_of().print(f"wrote {path}", soft_wrap=True, markup=False)


def next_command(line: str) -> None:
    """Print what to type next, in one line, so that it can be copied."""
    console_of().print(f"next: {line}", soft_wrap=True, markup=False)
