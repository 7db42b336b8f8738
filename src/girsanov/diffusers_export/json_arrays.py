"""Arrays and bases as JSON values, in base64, so that a scheduler stays one small file.

As float32 wherever that is enough.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import require, require_choice
from ..basis import Basis, coordinate_basis, dct_basis

if TYPE_CHECKING:
    from .._typing import Array, Json

KINDS = {"float32": np.float32, "float64": np.float64, "uint16": np.uint16}


def pack_array(values: Any, dtype: str = "float32") -> Json:
    """Return an array as {dtype, shape, base64}, little-endian."""
    array = np.ascontiguousarray(values, dtype=np.dtype(KINDS[dtype]).newbyteorder("<"))
    text = base64.b64encode(array.tobytes()).decode()
    return {"dtype": dtype, "shape": list(array.shape), "base64": text}


def unpack_array(content: Json, argument: str) -> Any:
    """Return the array that `pack_array` described; InputError when numbers are missing."""
    kind = np.dtype(KINDS.get(str(content.get("dtype")), np.float32)).newbyteorder("<")
    shape = tuple(int(n) for n in content["shape"])
    raw = base64.b64decode(content["base64"])
    whole = len(raw) == math.prod(shape) * kind.itemsize
    require(whole, argument, f"must hold an array of shape {shape}", f"{len(raw)} bytes")
    array = np.frombuffer(raw, kind).reshape(shape)
    if array.dtype.kind == "f":
        require(bool(np.isfinite(array).all()), argument, "must hold finite numbers")
        return array.astype(np.float64)
    return array.astype(np.int64)


def pack_rows(rows: Array) -> Json:
    """Return rows [K, d] by their distinct columns: coordinates of one band are written once."""
    columns, index = np.unique(rows.astype(np.float32), axis=1, return_inverse=True)
    return {"columns": pack_array(columns), "index": pack_array(index.reshape(-1), "uint16")}


def unpack_rows(content: Json, argument: str) -> Array:
    """Return the rows that `pack_rows` described, float64 [K, d]."""
    columns, index = (unpack_array(content[name], argument) for name in ("columns", "index"))
    require(int(index.max(initial=0)) < columns.shape[1], argument, "must name its own columns")
    return np.asarray(columns[:, index])


def pack_basis(basis: Basis | None) -> Json | None:
    """Return a basis: its kind and shape, and the matrix of principal axes."""
    if basis is None:
        return None
    out: Json = {"kind": basis.kind, "shape": list(basis.shape)}
    return out | ({"matrix": pack_array(basis.factors[0])} if basis.kind == "pca" else {})


def unpack_basis(content: Json | None) -> Basis | None:
    """Return the basis that `pack_basis` described."""
    if content is None:
        return None
    shape = tuple(int(n) for n in content["shape"])
    require_choice("axes", content["kind"], ("pca", "dct", "coordinate"))
    if content["kind"] == "pca":
        return Basis("pca", shape, (unpack_array(content["matrix"], "axes"),))
    return dct_basis(shape) if content["kind"] == "dct" else coordinate_basis(math.prod(shape))
