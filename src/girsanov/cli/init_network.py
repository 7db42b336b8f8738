"""`girsanov init-network`: a file that makes a denoiser of one's own network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from .. import workflow
from . import console
from .options import OUTPUT, AsJson, plain_command

KINDS = "edm, ddpm, flow, sde or jax: how your network is called."


@plain_command
def init_network(
    kind: Annotated[str, Argument(help=KINDS)],
    out: Annotated[Path, Option(help="The file to write.", rich_help_panel=OUTPUT)] = Path(
        "network.py"
    ),
    force: Annotated[
        bool, Option("--force", help="Replace the file.", rich_help_panel=OUTPUT)
    ] = False,
    json: AsJson = False,
) -> None:
    """Write a file of Python that hands your own network to girsanov.

    It runs as it is on a tiny network, and marks the three lines to change. Its model is
    FILE.py:load wherever a command takes MODEL.
    """
    file = workflow.init_network(kind, out, force=force)
    model = f"{file}:load"

    def view() -> None:
        console.wrote(file)
        console.next_command(shlex.join(["girsanov", "check", model, "--data", "digits"]))

    console.result(json, {"network": str(file), "model": model}, view)
