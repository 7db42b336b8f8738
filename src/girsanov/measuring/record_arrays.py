r"""What the arrays of an audit file must be: named sizes that agree, and numbers that can be such.

A file can be damaged, edited or hostile and still carry the right SHA-256. Sizes: K1 levels with
the one at s = 0, K gaps between them, B groups, d coordinates, J bands of the main basis, P of
the probe, F folds, T traces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..error_curve.control_variate import MOST_GAMMA
from ..error_curve.curve import VECTOR, upper_triangle
from ..error_curve.exact_arrays import FINER_PREFIX, HALF_NAME, known_forms, require_known
from ..error_curve.flow_curve import FLOW_MOMENTS
from ..error_curve.second_moments import matrices

if TYPE_CHECKING:
    from .._typing import Array

FORMS: dict[str, tuple[str, ...]] = {
    "levels": ("K1",), "shares": ("B",), "second_moments": ("B",), "traces": ("K1", "B", "T"),
    "probe_bands": ("d",), "bends.total": ("K", "B", "1", "2"),
    "bends.traces": ("K", "B", "T", "2"), "products": ("K1", "B", "P", "V"),
    "bends.probe": ("K", "B", "P", "2"), "bends.calibrated": ("K", "B", "P", "2"),
    "full": ("K1", "F", "d", "d"), "memorisation": ("K1", "B"), "gamma": ("B",),
    "plain": ("K1", "B"), "line": ("K", "B"), "line_seen": ("K", "B"),
}  # fmt: skip
PROBE: dict[str, tuple[str, ...]] = {
    "probe.gains": ("K", "B"), "probe.corrected": ("K1", "B", "P"), "probe.linear": ("K", "B"),
    "probe.defect": ("K", "B"), "probe.between": ("K", "B"), "probe.reference": ("K", "B"),
}  # fmt: skip
CALIBRATED_ARRAYS: dict[str, tuple[str, ...]] = {
    "calibrated.errors": ("K1", "B", "P"), "calibrated.traces": ("K1", "B", "3"),
    "calibrated.weights": ("K", "P", "3"),
}  # fmt: skip
CLASS_ARRAYS: dict[str, tuple[str, ...]] = {
    "class_shares": ("B", "C"), "class_errors": ("B", "C", "I"), "class_main": ("B", "M"),
}  # fmt: skip
FLOW_ARRAYS: dict[str, tuple[str, ...]] = {
    "flow.levels": ("S",), "flow.lengths": ("U",), "flow.shares": ("G",), "flow.rows": ("S",),
    "flow.finest": ("1",), **{f"flow.{name}": ("S", "U", "G") for name in FLOW_MOMENTS},
}  # fmt: skip
OF_CORRECTED = "calibrated."  # before the names of arrays of the corrected denoiser's flow
CORRECTED_FLOW = {OF_CORRECTED + name: form for name, form in FLOW_ARRAYS.items()}
OPTIONAL = ("full", "memorisation", "gamma", "plain", "line", "line_seen", "probe.reference")
UNKNOWN = {"calibrated.traces": 2}  # of which the last may be unknown, NaN: known ones
WIDTHS = [
    len(upper_triangle(len(VECTOR) - 1)),
    len(upper_triangle(len(VECTOR))),
]  # without and with a reference
ROUNDING = 1e-6  # of a correlation, far above what sums in float64 lose
POSITIVE = (
    "shares",
    "second_moments",
    "gamma",
    "class_shares",
    "class_errors",
    "class_main",
)  # not negative, that is
# of a group a little may be, of which what chance made of its noise was taken off
POSITIVE_MEANS = (
    "memorisation",
    "plain",
    "line",
    "line_seen",
    "probe.corrected",
    "calibrated.errors",
)


def require_whole(path: str, arrays: Mapping[str, np.ndarray], dimension: int) -> None:
    """Refuse arrays of an audit that do not fit together or cannot have been measured.

    dimension: d of the moments beside them. Raises InputError that names the file and the array.
    """
    sizes = {"d": dimension}
    exact = HALF_NAME in arrays
    forms = known_forms(arrays) if exact else {**FORMS, **_forms_by_basis(arrays)}
    parts = (PROBE, CALIBRATED_ARRAYS, CLASS_ARRAYS, FLOW_ARRAYS, CORRECTED_FLOW)
    for results in parts:  # all of each, or none
        forms |= results if results.keys() & arrays.keys() else {}
    for name, form in forms.items():
        if name not in arrays:
            require(name in OPTIONAL, path, f"must hold {name}")
            continue
        _require_form(path, name, arrays[name], form, sizes)
    if not exact:
        _require_measured(path, sizes)
    for name in ("levels", FINER_PREFIX + "levels") if exact else ("levels",):
        _require_levels(path, arrays[name])
    for before in ("flow.", f"{OF_CORRECTED}flow."):
        if f"{before}levels" in arrays:
            _require_flow(path, arrays, before)
    share = float(arrays["shares"].sum())
    require(abs(share - 1) < 1e-6, path, "must have shares that add up to 1", share)
    for name, value in arrays.items():
        mean = value
        if name in POSITIVE_MEANS or name.startswith(("errors.", FINER_PREFIX + "errors.")):
            mean = np.average(value, axis=1, weights=arrays["shares"])
        elif name not in POSITIVE:
            continue
        low = float(mean.min(initial=0.0))
        require(low >= 0, path, f"must have {name} that are not negative", low)
    most = float(arrays["gamma"].max()) if "gamma" in arrays else 0.0
    require(most <= MOST_GAMMA, path, f"must have gamma of at most {MOST_GAMMA}", most)
    if exact:
        return require_known(path, arrays)
    require(_are_moments(arrays["products"]), path, "must have products that are second moments")


def _require_measured(path: str, sizes: dict[str, int]) -> None:
    """Refuse sizes that no measured curve has."""
    width = f"must have products of {WIDTHS[0]} or {WIDTHS[1]} pairs"
    require(sizes["V"] in WIDTHS, path, width, sizes["V"])
    width = "must have 3 traces, or 4 of a model of phase space"
    require(sizes["T"] in (3, 4), path, width, sizes["T"])
    rule = "must have bends of one gap fewer than levels"
    require(sizes["K"] == sizes["K1"] - 1, path, rule, sizes["K"])


def _are_moments(products: Array) -> bool:
    """Return whether every upper triangle [..., V] is of a matrix without negative eigenvalues."""
    gram = matrices(products)
    square = np.einsum("...ii->...i", gram)
    if bool((square < 0).any()):
        return False
    scale = np.sqrt(np.where(square > 0, square, 1.0))
    unit = gram / scale[..., :, None] / scale[..., None, :]
    try:
        np.linalg.cholesky(unit + ROUNDING * np.eye(gram.shape[-1]))
    except np.linalg.LinAlgError:
        return False
    return True


def _forms_by_basis(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, ...]]:
    """Return the form of the bands of each basis, and of the errors in them."""
    bases = [name[6:] for name in arrays if name.startswith("bands.")]
    forms: dict[str, tuple[str, ...]] = {}
    for basis in bases:
        forms[f"bands.{basis}"] = ("d",)
        forms[f"errors.{basis}"] = ("K1", "B", f"J.{basis}")
        forms[f"bends.{basis}"] = ("K", "B", f"J.{basis}", "2")
    return forms


def _require_form(
    path: str, name: str, value: Array, form: tuple[str, ...], sizes: dict[str, int]
) -> None:
    bands = name == "probe_bands" or name.startswith("bands.")
    kind = value.dtype == (np.int64 if bands else np.float64)
    require(kind, path, f"must have {name} in {'int64' if bands else 'float64'}", value.dtype)
    expected = [int(n) if n.isdigit() else sizes.get(n) for n in form]
    fits = value.ndim == len(form) and all(
        want in (None, got) for want, got in zip(expected, value.shape, strict=True)
    )
    shape = ", ".join(
        n if size is None else str(size) for n, size in zip(form, expected, strict=True)
    )
    require(fits and value.size > 0, path, f"must have {name} of shape [{shape}]", value.shape)
    sizes |= {n: got for n, got in zip(form, value.shape, strict=True) if not n.isdigit()}
    if bands:
        used = np.unique(value)
        good = used[0] == 0 and used[-1] == len(used) - 1
        require(bool(good), path, f"must number the bands in {name} from 0 without gaps")
        sizes["P" if name == "probe_bands" else f"J.{name[6:]}"] = len(used)
    else:
        good = bool(np.isfinite(value[..., : UNKNOWN.get(name)]).all())
        require(good, path, f"must have finite {name}; it holds NaN or infinity")


def _require_flow(path: str, arrays: Mapping[str, np.ndarray], before: str) -> None:
    """Refuse what no measurement along a flow gives; before: how its arrays' names begin."""
    for name in (f"{before}levels", f"{before}lengths"):
        value = arrays[name]
        rising = len(value) > 1 and value[0] > 0 and bool((np.diff(value) > 0).all())
        require(rising, path, f"must have {name} that are positive and increase")
    for part in ("rows", "one", "two", "bb", "mm", "shares"):
        low = float(arrays[before + part].min())
        require(low >= 0, path, f"must have {before}{part} that are not negative", low)
    share = float(arrays[f"{before}shares"].sum())
    require(abs(share - 1) < 1e-6, path, f"must have {before}shares that add up to 1", share)
    finest = float(arrays[f"{before}finest"][0])
    require(finest > 0, path, f"must have a positive {before}finest", finest)


def _require_levels(path: str, levels: Array) -> None:
    rising = len(levels) > 2 and levels[0] == 0 and bool((np.diff(levels) > 0).all())
    require(rising, path, "must have levels that start at 0 and increase, 2 or more of them")
