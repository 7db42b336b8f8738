"""`init-network`: a file of Python that makes a denoiser of a network, to be filled in."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import refuse, require, require_choice
from .._files import write_text
from .shared.destinations import require_place

if TYPE_CHECKING:
    from .._typing import PathLike

CONVENTIONS = ("edm", "ddpm", "flow", "sde", "jax")


def init_network(kind: str, out: PathLike = "network.py", *, force: bool = False) -> Path:
    """Write a file that runs as it is, on a tiny network, and marks the lines to change.

    kind: one of `CONVENTIONS`; out: the file, FILE.py; force: replace it. Returned is the file,
    whose denoiser is ``FILE.py:load``. Raises InputError for a kind that is none, and for a file
    that is there.
    """
    require_choice("kind", kind, CONVENTIONS)
    file, remedy = Path(out), "Choose another --out or use --force"
    require(file.suffix == ".py", "--out", "must end in .py", str(file))
    require_place(file)
    if file.is_dir():
        refuse(f"--out {file}", "must be a file, and is a folder")
    require(force or not file.exists(), str(file), "exists", None, remedy)
    template = resources.files(__package__) / "templates" / f"{kind}.py.txt"
    write_text(file, template.read_text(encoding="utf-8").replace("FILE:", f"{file}:"))
    return file
