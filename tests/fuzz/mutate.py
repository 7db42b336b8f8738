"""Hostile files from good ones: bytes, JSON trees and arrays changed at random, by a seed."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from random import Random
from typing import Any

import numpy as np

VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320,
    float("nan"), float("inf"), "", "x", "nan", "../../etc/passwd", "\x00", "\ud800", "é" * 50,
    [], {}, [[]], [0], [None], [1, "a"], [1e308] * 3, {"": None}, {"law": "gaussian"},
]  # fmt: skip
NUMBERS = [float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e308, -1e308, 1e-320, 1e19]


def mutated_bytes(data: bytes, random: Random) -> bytes:
    """Return `data` cut, flipped, repeated, filled or spliced in one to four places."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(out) + 1)
        span = min(random.choice((1, 1, 2, 8, 64)), len(out) - at)
        match random.randrange(7):
            case 0:
                del out[at:]
            case 1:
                del out[at : at + span]
            case 2 if out:
                at = min(at, len(out) - 1)
                out[at] ^= 1 << random.randrange(8)
            case 3:
                out[at : at + span] = random.randbytes(span)
            case 4:
                out[at:at] = out[max(0, at - span) : at] * random.choice((1, 2, 50))
            case 5:
                out[at : at + span] = random.choice((b"\xff", b"\x00", b"9", b",", b"\n")) * span
            case _:
                other = random.randrange(len(out) + 1)
                out[at:at] = out[other : other + 64]
    return bytes(out)


def mutated_json(content: Any, random: Random) -> Any:
    """Return a copy of a JSON tree with one to three nodes replaced, dropped, added or swapped."""
    tree = deepcopy(content)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return deepcopy(random.choice(VALUES))
        parent, key = random.choice(places)
        match random.randrange(5):
            case 0 | 1:
                parent[key] = _near(parent[key], random)
            case 2:
                del parent[key]
            case 3 if isinstance(parent, dict):
                parent[random.choice(("extra", "", "format", "levels"))] = deepcopy(
                    random.choice(VALUES)
                )
            case 3:
                parent.insert(key, deepcopy(random.choice(VALUES)))
            case _:
                other, place = random.choice(places)
                try:
                    parent[key] = deepcopy(other[place])
                except (KeyError, IndexError):
                    continue
    return tree


def _places(tree: Any) -> Any:
    """Yield (container, key) of every node; of long lists only the ends."""
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list):
        keep = {0, 1, len(tree) // 2, len(tree) - 1}
        items = ((k, v) for k, v in enumerate(tree) if k in keep)
    else:
        return
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


def _large(value: float) -> float:
    return value * 1e9 if abs(value) < 1e299 else value  # a whole number can exceed float64


def _near(value: Any, random: Random) -> Any:
    """Return something of the same kind but wrong, or of another kind."""
    if random.random() < 0.5:
        if isinstance(value, bool):
            return not value
        if isinstance(value, int | float):
            known = isinstance(value, int) or math.isfinite(value)  # or NaN by now
            whole = int(value) if known else 0
            return random.choice((-value, value + 1, _large(value), 0, float("nan"), whole))
        if isinstance(value, str):
            return value[: len(value) // 2] + random.choice(("", "x", "\x00", "ü"))
        if isinstance(value, list) and value:
            return random.choice((value[:-1], value[::-1], [value], value + value[:1], []))
    return deepcopy(random.choice(VALUES))


def mutated_arrays(arrays: dict[str, np.ndarray], random: Random) -> dict[str, np.ndarray]:
    """Return arrays of which one to three are missing, of another shape, type or content."""
    out = dict(arrays)
    for _ in range(random.choice((1, 1, 2, 3))):
        name = random.choice(sorted(out)) if out else ""
        if not name or random.random() < 0.08:
            out[random.choice(("extra", "full", "products"))] = np.ones(3)
        elif random.random() < 0.12:
            del out[name]
        else:
            with np.errstate(all="ignore"):
                out[name] = _changed(out[name], random)
    return out


def _changed(value: np.ndarray, random: Random) -> np.ndarray:
    value = np.array(value)
    match random.randrange(8):
        case 0:
            return value[..., None]
        case 1:
            return value[:-1] if value.ndim else value[None]
        case 2:
            return value[:0] if value.ndim else value[None][:0]
        case 3:
            return value.astype(random.choice(("f4", "i8", "u1", "?", "f8", "i2")))
        case 4:
            return np.concatenate([value, value]) if value.ndim else value
        case 5:
            return value[::-1].copy() if value.ndim else value
        case 6 if value.dtype.kind == "f":
            return np.full_like(value, random.choice(NUMBERS))
        case _:
            flat = value.reshape(-1).copy()
            if flat.size:
                at = random.randrange(flat.size)
                number = random.choice(NUMBERS if flat.dtype.kind == "f" else (-1, 0, 7, 100))
                flat[at] = np.asarray(number).astype(flat.dtype)
            return flat.reshape(value.shape)


def json_bytes(content: Any) -> bytes:
    """Return JSON as a careless program writes it: NaN, infinities and lone surrogates too."""
    return json.dumps(content).encode("utf-8", "surrogatepass")
