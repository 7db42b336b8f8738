"""`girsanov export`: a plan for the samplers of diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import outputs
from .options import AsJson, Force, app


@app.command()
def export(
    plan: Annotated[Path, typer.Argument(help="What `girsanov plan` wrote.")],
    pipeline: Annotated[Path, typer.Option(help="The pipeline's folder.")],
    out: Annotated[Path, typer.Option(help="A new folder, or a .json file for a list.")],
    to: Annotated[str, typer.Option(help="diffusers, timesteps or sigmas.")] = "diffusers",
    audit: Annotated[
        Path | None, typer.Option(help="The plan's audit, where it does not lie beside the plan.")
    ] = None,
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Use a plan of another model.")
    ] = False,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Put a plan back into diffusers: a ready pipeline folder, or a list for another sampler.

    The folder runs the best grid for any number of steps when the audit lies beside the plan. A
    list is planned again from the audit, for a sampler that starts from bare noise.
    """
    outputs.require_place(out, folder=to == "diffusers")
    from ..diffusers_export.export import export as write
    from . import show

    done = write(plan, pipeline, out, to=to, audit=audit, any_model=any_model, force=force)
    show.result(json, done, lambda: _print(done, out))


def _print(done: dict[str, object], out: Path) -> None:
    from .show import wrote

    if done["cannot_tell"]:
        typer.echo(f"# {done['cannot_tell']}")
    lines = done["python"]
    assert isinstance(lines, list)
    calls = done["calls"]
    if isinstance(calls, list):
        ends = f"{calls[0]} to {calls[-1]}" if len(calls) > 1 else str(calls[0])
        noun = "network call" if calls == [1] else "network calls"
        typer.echo(f"grids for {ends} {noun}")
    typer.echo("\n".join(lines))
    if "lost" in done:
        typer.echo(f"# {done['lost']}")
    wrote(out)
