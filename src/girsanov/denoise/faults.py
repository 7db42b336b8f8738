"""What went wrong in somebody else's code: its own error, and the line where it was raised."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

from .._checks import shown

HOUSE = str(Path(__file__).resolve().parents[1])
INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
MOST = 160  # characters of an error's own words


def fault(cause: BaseException) -> str:
    """Return an error's kind and words, and the last line of the user's own code that led to it.

    Own code is what is neither ours nor installed.
    """
    if isinstance(cause, SyntaxError):
        where = f"{cause.filename}, line {cause.lineno}"
        return f"{type(cause).__name__}: {cause.msg} ({where})"
    words = shown(str(cause), MOST)
    kind = type(cause).__name__
    said = f"{kind}: {words}" if words else kind
    own = [f for f in traceback.extract_tb(cause.__traceback__) if _is_own(f.filename)]
    return f"{said} ({own[-1].filename}, line {own[-1].lineno})" if own else said


def _is_own(filename: str) -> bool:
    return not filename.startswith((HOUSE, "<frozen", *INSTALLED))


def out_of_memory(cause: BaseException) -> bool:
    """Return whether memory ran out, of which the command line says its own."""
    named = isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError"
    return named or "can't allocate memory" in str(cause)
