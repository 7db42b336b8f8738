"""The header of a `.npy`, whole or a part of a `.npz`: what it promises, and may raise."""

from __future__ import annotations

import math
import tokenize
from typing import IO

import numpy as np

from ..._checks import require

UNPARSED = (
    ValueError, EOFError, OverflowError, TypeError, SyntaxError, KeyError, MemoryError,
    tokenize.TokenError,  # NumPy tokenizes a header that it cannot parse
)  # fmt: skip


def content_bytes(file: IO[bytes], what: str) -> int:
    """Read the header of a `.npy` and return how many bytes must follow it."""
    version = np.lib.format.read_magic(file)
    # Version 3 differs from 2 in the encoding of field names only.
    old = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    require(not dtype.hasobject, what, "must hold numbers", "Python objects")
    require(all(n >= 0 for n in shape), what, "must have a shape", shape)
    return math.prod(shape) * dtype.itemsize


def brief(cause: BaseException) -> str:
    """Return what an error says, in a line."""
    return " ".join(str(cause).split())[:120] or type(cause).__name__
