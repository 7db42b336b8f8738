"""Where results go, refused before any work when they cannot be written.

What cost network calls (an audit, samples, a plan that samples decided) is replaced only with
--force, and a model never; what is made of these in seconds (a plan, a page, a list of levels)
replaces one of its own kind and says so; anything else is replaced only with --force.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..._checks import InputError, refuse, require
from ..._files import read_json
from ..._launched import is_first

if TYPE_CHECKING:
    from ..._typing import PathLike

SIGNATURE = "Written by girsanov"  # what our page says of itself


def require_place(out: Path, folder: bool = False, option: str = "--out") -> None:
    """Refuse a path that cannot be written to, by writing a file that has no name there.

    folder: whether `out` is a folder that files will go into; option: which one named it.
    """
    inside = out / "file" if folder else out
    require("\0" not in str(out), option, "must be a name that a file can have", str(out))
    parent = next(p for p in inside.absolute().parents if p.exists())
    what, remedy = f"{option} {out}", "Choose another path"
    require(parent.is_dir(), what, f"cannot be written: {parent} is a file", None, remedy)
    try:
        tempfile.TemporaryFile(dir=parent).close()
    except OSError as cause:
        rule = f"cannot be written: {parent} takes no files ({cause.strerror})"
        refuse(what, rule, None, remedy)


def require_new_folder(out: Path) -> None:
    """Refuse a folder that holds other things than a model or a run, which `fit` knows itself."""
    require_place(out, folder=True)
    if not is_first() or not out.is_dir():  # others find what the first has made
        return
    held = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
    if held and not {"girsanov.json", "model_index.json", "checkpoint", "log.jsonl"} & {*held}:
        rule = "must be a new folder or an empty one"
        refuse(f"--out {out}", rule, f"one with {held[0]}", "Choose another path")


def require_result(out: Path, kind: str, force: bool, source: Path | None = None) -> bool:
    """Refuse `out` for an audit, a plan or a comparison unless it is new or may be replaced.

    Their arrays go beside them, NAME.safetensors, which is protected in the same way. source: the
    file that the result is made from, which is never replaced. Arrays without their JSON are the
    rest of an audit that was killed where its parts lie there too. Returns whether something is
    replaced.
    """
    require(out.suffix == ".json", "--out", "must end in .json", str(out))
    own = source is not None and out.resolve() == source.resolve()
    require(not own, "--out", "must be another file than the audit it is made from", str(out))
    require_place(out)
    require(not out.is_dir(), f"--out {out}", "must be a file, and is a folder")
    beside = out.with_suffix(".safetensors")
    taken = next((path for path in (out, beside) if path.exists()), None)
    ours = out.is_file() and format_of(out) == f"girsanov/{kind}/1"
    killed = kind == "audit" and taken == beside and parts_path(out).is_dir()
    if taken and not ours and not killed and not force:
        refuse(str(taken), f"exists and is not of a girsanov {kind}", None, "Use --force")
    if ours and not force and (kind == "audit" or "tournament" in read_json(out)):
        what = "an audit" if kind == "audit" else "a plan that samples decided"
        refuse(str(out), f"holds {what}, which cost network calls", None,
               "Choose another --out or use --force")  # fmt: skip
    return taken is not None


def require_page(out: Path, force: bool) -> bool:
    """Refuse `out` for a page unless it is new or a page of ours; return whether it is there."""
    require(out.suffix in (".html", ".htm"), "--out", "must end in .html", str(out))
    require_place(out)
    require(not out.is_dir(), f"--out {out}", "must be a file, and is a folder")
    if out.exists() and not force:
        ours = SIGNATURE in out.read_text(encoding="utf-8", errors="replace")
        require(ours, str(out), "exists and is not a page of girsanov's", None, "Use --force")
    return out.exists()


def format_of(path: Path) -> str:
    """Return the "format" of a JSON file, empty for any other file."""
    try:
        return str(read_json(path).get("format", ""))
    except InputError:
        return ""


def parts_path(out: PathLike) -> Path:
    """Return where work on a result is kept until it is finished: NAME.parts beside it."""
    bare = Path(str(out).rstrip("/"))
    return bare.with_name(bare.name + ".parts")
