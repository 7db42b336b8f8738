"""Where a model may lie: what is refused of its name alone, before torch is imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import refuse, require

if TYPE_CHECKING:
    from .._typing import PathLike

HUB = "hub:"
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
ACCEPTED = (
    "a model folder, a diffusers pipeline folder, a known distribution in a .json file, or "
    "FILE.py:function"
)
CODE_PATH = re.compile(r"(?P<file>.+\.py)(:(?P<name>.*))?", re.I | re.S)


def code_of(path: str) -> str | None:
    """Return the file whose code `path` names, None where it names none."""
    form = CODE_PATH.fullmatch(path)
    return None if form is None else form["file"]


def require_model_place(path: PathLike) -> None:
    """Refuse a path that no model can have; what a folder holds is for `load_model` to say."""
    if str(path).startswith(HUB) or code_of(str(path)) is not None:
        return
    place = Path(path)
    require(place.exists(), f"model {path}", f"must exist: {ACCEPTED}")
    if place.is_dir():
        return
    if place.suffix.lower() in PICKLE_SUFFIXES:
        got = f"a {place.suffix} file, a pickle that can run code when opened"
        remedy = "Convert its weights to safetensors where it came from"
        refuse(f"model {path}", f"must be {ACCEPTED}", got, remedy)
    if place.suffix.lower() != ".json":
        refuse(f"model {path}", f"must be {ACCEPTED}", place.name)
