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
    plan=Argument(help="The plan: a file of `girsanov plan`."),
    pipeline="The folder of the diffusers pipeline.",
    out="The new folder to write, or a .json file for a list.",
    to="What to write: diffusers (a pipeline folder), timesteps, sigmas or eta.",
    audit="The plan's audit, if it does not lie beside the plan.",
)
def export(request: workflow.ExportRequest, *, json: AsJson = False) -> None:
    """Put a plan back into diffusers: as a ready pipeline folder, or as a list for other samplers.

    If the audit lies beside the plan, the folder runs the best grid for any number of steps. A
    list is planned again from the audit, because other samplers start from bare noise. With
    --to eta you learn how DDIM, k-diffusion and EDM come closest to an euler-ancestral plan, and
    what the difference costs.
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
