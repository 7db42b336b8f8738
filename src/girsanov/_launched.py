"""What a launcher (torchrun, accelerate launch) says in the environment; imports nothing heavy."""

from __future__ import annotations

import os


def launched() -> bool:
    """Return whether a launcher started this process and others beside it."""
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def is_first() -> bool:
    """Return whether this process prints and writes: process 0, or one that is alone."""
    return not launched() or os.environ["RANK"] == "0"
