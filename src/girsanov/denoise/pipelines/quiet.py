"""Calls into diffusers that may fail in many ways, and talk: one line instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..._checks import InputError, need, shown


def quietly(where: Path, load: Callable[[], Any]) -> Any:
    """Return what `load` gives; what diffusers or torch raise becomes one line about `where`."""
    logs = need("diffusers", "diffusers").utils.logging
    level = logs.get_verbosity()
    logs.set_verbosity_error()
    try:
        return load()
    except InputError:
        raise
    except Exception as cause:  # a damaged configuration fails anywhere, with any error
        raise InputError(f"{where}: cannot be read; {shown(str(cause), 160)}") from cause
    finally:
        logs.set_verbosity(level)
