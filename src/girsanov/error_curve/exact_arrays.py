"""An exact curve as arrays, and back: what stands in the file of an audit without sampling.

It takes no torch, so that planning needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from .curve import Curve

if TYPE_CHECKING:
    from .._typing import Array, Levels

HALF_NAME, FINER_PREFIX = "half", "finer."
RISES = "must have half of an integral that does not fall"


def curve_of(
    levels: Levels, errors: dict[str, Array], sizes: dict[str, Array], second_moment: float
) -> Curve:
    """Return the exact curve with these errors by basis, [K+1, 1, J], at `levels` [K+1]."""
    main = next(iter(errors))
    traces = np.repeat((errors[main] @ sizes[main])[:, :, None], 3, axis=2)
    square = np.array([second_moment])
    return Curve(levels, np.ones(1), errors, sizes, traces, square, exact=True)


def known_tensors(curve: Curve) -> dict[str, Array]:
    """Return what the file of an exact curve holds beside levels, errors and traces by name."""
    if curve.half is None or curve.finer is None or curve.finer.half is None:
        return {}
    finer = curve.finer
    named = {f"errors.{name}": value for name, value in finer.errors.items()}
    named |= {"levels": finer.levels, HALF_NAME: curve.finer.half}
    return {HALF_NAME: curve.half, **{FINER_PREFIX + name: value for name, value in named.items()}}


def known_from(t: Mapping[str, Array], sizes: dict[str, Array]) -> Curve:
    """Return the exact curve whose arrays are `t`, which were found to fit together."""
    second = float(t["second_moments"][0])
    errors = {name: t[f"errors.{name}"] for name in sizes}
    more = {name: t[f"{FINER_PREFIX}errors.{name}"] for name in sizes}
    finer = replace(
        curve_of(t[FINER_PREFIX + "levels"], more, sizes, second), half=t[FINER_PREFIX + HALF_NAME]
    )
    return replace(curve_of(t["levels"], errors, sizes, second), half=t[HALF_NAME], finer=finer)


def known_forms(arrays: Mapping[str, Array]) -> dict[str, tuple[str, ...]]:
    """Return the form of each array of an exact curve, in the letters of `record_arrays.py`."""
    bases = [name[6:] for name in arrays if name.startswith("bands.")]
    forms: dict[str, tuple[str, ...]] = {
        "levels": ("K1",), "shares": ("1",), "second_moments": ("1",), "traces": ("K1", "1", "3"),
        "probe_bands": ("d",), HALF_NAME: ("K1",), FINER_PREFIX + "levels": ("L1",),
        FINER_PREFIX + HALF_NAME: ("L1",),
    }  # fmt: skip
    for basis in bases:
        forms[f"bands.{basis}"] = ("d",)
        forms[f"errors.{basis}"] = ("K1", "1", f"J.{basis}")
        forms[f"{FINER_PREFIX}errors.{basis}"] = ("L1", "1", f"J.{basis}")
    return forms


def require_known(path: str, arrays: Mapping[str, Array]) -> None:
    """Refuse an exact curve whose arrays contradict each other; their forms are right."""
    for prefix in ("", FINER_PREFIX):
        half = arrays[prefix + HALF_NAME]
        require(half[0] == 0 and bool((np.diff(half) >= 0).all()), path, RISES, None)
    coarse, fine = arrays["levels"], arrays[FINER_PREFIX + "levels"]
    held = np.isin(fine, coarse)
    same = bool(held.sum() == len(coarse)) and fine[-1] == coarse[-1]
    for name in (HALF_NAME, *(n for n in arrays if n.startswith("errors."))):
        same = same and np.array_equal(arrays[FINER_PREFIX + name][held], arrays[name])
    require(bool(same), path, "must have an exact curve that is one with its finer one", None)
