"""`girsanov check`: whether a network of one's own is called the right way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument, Option

from .. import workflow
from .._checks import shown
from . import console
from .options import DATA_HELP, AsJson, command
from .tables import table

if TYPE_CHECKING:
    from ..measuring.check import Check

SHOWN_WAYS = 5


@command(
    workflow.CheckRequest,
    model=Argument(help="FILE.py:function, your own code, which is run and wraps the network."),
    data=f"Held-out data: {DATA_HELP}, or law.json.",
    other="FILE.py:function of the same network with other weights, such as averaged ones.",
    examples=Option(min=16, help="Examples to try, at six noise levels in every way."),
)
def check(request: workflow.CheckRequest, *, json: AsJson = False) -> None:
    """Say whether your network is called the right way, and which way fits the data best.

    It tries every prediction (x0, epsilon, score, v, velocity) and its negative; the time
    reversed, times 1,000 or as a logarithm; the usual units of the data; and batch norms in
    training mode.
    """
    with console.progress("check") as tick:
        done = workflow.check(request, progress=tick).check
    console.result(json, done.to_json(), lambda: _print(done), [done.line])


def _print(done: Check) -> None:
    rows = table("way", "error", "95 % interval")
    for way in done.ways[:SHOWN_WAYS]:
        rows.add_row(way.words, *way.times())
    console.console_of().print(rows)
    terminal = console.console_of()
    terminal.print(
        f"error: times that of a straight line, of {done.told.errors.shape[1]} examples at "
        f"{done.told.errors.shape[0]} noise levels; the nearest of {len(done.ways)} ways",
        markup=False,
    )
    if done.options:
        given = ", ".join(
            f"{name}={shown(repr(value), 160)}" for name, value in done.options.items()
        )
        terminal.print(f"in gv.wrap: {given}", soft_wrap=True, markup=False)
