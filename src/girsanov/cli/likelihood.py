"""`girsanov likelihood`: held-out data in nats and in bits per dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument

from .. import workflow
from . import console
from .options import AsJson, command
from .tables import labelled, table

if TYPE_CHECKING:
    from ..likelihood.result import Likelihood, LikelihoodBound


@command(
    workflow.LikelihoodRequest,
    audit=Argument(help="What `girsanov audit` wrote."),
    plan="The plan whose sampler is evaluated (default: infinitely many steps).",
)
def likelihood(request: workflow.LikelihoodRequest, *, json: AsJson = False) -> None:
    """Bound the negative log-likelihood of held-out data under a sampler, without network calls.

    Each number is an upper bound of the mean over the audited examples, in nats and in bits per
    dimension. It holds for any model. Beside it stands which distribution it belongs to.
    """
    found = workflow.likelihood(request)
    console.result(json, found.to_json(), lambda: _print(found.likelihood))


def _print(found: Likelihood) -> None:
    """Print a line a law, what each law is, and what the numbers assume."""
    terminal = console.console_of()
    terminal.print(f"negative log-likelihood at most, of {found.sampler}", markup=False)
    grid = table("law", "bits/dimension", "nats", "with infinitely many steps")
    for b in found.bounds:
        bits, nats = str(b.bits_per_dimension), f"{b.nats.value:.5g}"
        grid.add_row(b.of, bits, nats, f"{b.continuous_bits.value:.5g}")
    terminal.print(grid)
    rows = [(b.of, b.law + _units(b)) for b in found.bounds]
    terminal.print(labelled([*rows, *(("note", note) for note in found.notes)]))


def _units(bound: LikelihoodBound) -> str:
    """Return the units of a density; a probability has none."""
    return f", in units of the {bound.units}" if "data" in bound.of else ""
