"""A folder beside a result, where a run that may be stopped keeps what it has.

Its index says of which run the parts are; another run's are refused, or removed with force.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ._checks import require
from ._files import read_json, write_json

if TYPE_CHECKING:
    from ._typing import Json

INDEX = "index.json"


def claim(folder: Path, identity: Json, ours: re.Pattern[str], *, force: bool = False) -> bool:
    """Return whether `folder` holds parts of the run of this identity to go on with.

    ours: the names of parts; force: remove parts of another run. Raises InputError for a folder
    that holds anything else.
    """
    what, index, kind = str(folder), folder / INDEX, str(identity["format"]).split("/")[1]
    require(not folder.exists() or folder.is_dir(), what, "must be a folder", "a file")
    held = [p for p in folder.iterdir()] if folder.exists() else []
    foreign = next((p.name for p in held if not ours.fullmatch(p.name)), None)
    require(foreign is None, what, f"holds something else than {kind}", foreign, "Move it away")
    if held and (not index.is_file() or read_json(index) != identity):
        rule = f"holds {kind} of another run"
        free = force or not any(p.name[0] != "." for p in held)
        require(free, what, rule, None, "Remove it, or use --force")
        remove(folder, ours)
        return False
    return bool(held)


def sign(folder: Path, identity: Json) -> None:
    """Write the index of a folder that `claim` has found free."""
    write_json(folder / INDEX, identity)


def remove(folder: Path, ours: re.Pattern[str]) -> None:
    """Remove the parts in a folder, and the folder if nothing else is in it."""
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if ours.fullmatch(file.name) and file.is_file():
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
