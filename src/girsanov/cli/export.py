"""`girsanov export`: a plan for the samplers of diffusers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from typer import Argument

from .. import workflow
from .._checks import plural
from . import console
from .options import AsJson, command

if TYPE_CHECKING:
    from .._typing import Json


@command(
    workflow.ExportRequest,
    plan=Argument(help="What `girsanov plan` wrote."),
    pipeline="The pipeline's folder.",
    out="A new folder, or a .json file for a list.",
    to="diffusers, timesteps, sigmas or eta.",
    audit="The plan's audit, where it does not lie beside the plan.",
)
def export(request: workflow.ExportRequest, *, json: AsJson = False) -> None:
    """Put a plan back into diffusers: a ready pipeline folder, or a list for another sampler.

    The folder runs the best grid for any number of steps when the audit lies beside the plan. A
    list is planned again from the audit, for a sampler that starts from bare noise; eta says how
    DDIM, k-diffusion and EDM come nearest to a plan of euler-ancestral, and what that costs.
    """
    exported = workflow.export(request)

    def view() -> None:
        _print(exported)
        console.wrote(request.out)

    console.result(json, exported, view)


def _print(exported: Json) -> None:
    if exported["cannot_tell"]:
        typer.echo(f"# {exported['cannot_tell']}")
    calls = exported["calls"]
    if isinstance(calls, list):
        first = f"{calls[0]} to " if len(calls) > 1 else ""
        typer.echo(f"grids for {first}{plural(calls[-1], 'network call')}")
    if "sentence" in exported:
        typer.echo("\n".join([exported["sentence"], *(f"- {way}" for way in exported["ways"])]))
    typer.echo("\n".join(exported["python"]))
    if "lost" in exported:
        typer.echo(f"# {exported['lost']}")
