"""Reading an audit from its file: what is not one, or was changed, is refused."""

from __future__ import annotations

import math
from typing import Any

from .._checks import InputError, require
from .._files import read_beside, read_format
from .._typing import PathLike
from ..error_curve.bands import Bands
from ..error_curve.class_means import AboutClass
from ..error_curve.curve import Curve
from ..error_curve.exact_arrays import HALF, known_from
from ..error_curve.frame import Frame, make_frame
from ..moments import Moments, moments_from_tensors
from ..score_error.calibration import Corrected
from ..score_error.lower_bound import kept_probe
from .facts import AuditFacts
from .record import ABOUT_CLASS, BENDS, Audit
from .record_arrays import require_whole
from .summary import SUMMARISED
from .trajectories import trajectories_from_tensors as paths_from_tensors

DERIVED = {"format", "arrays", "bases", *SUMMARISED}  # fields of the file that are no facts


def load_audit(path: PathLike) -> Audit:
    """Return the audit saved in `path`; refuse files that are not one, or were changed."""
    content = read_format(path, "audit")
    facts = AuditFacts.from_json({k: v for k, v in content.items() if k not in DERIVED}, str(path))
    t = read_beside(path, content.get("arrays"), "girsanov audit")
    moments = moments_from_tensors(
        {k[8:]: v for k, v in t.items() if k[:8] == "moments."}, str(path)
    )
    require_whole(str(path), t, moments.basis.dimension)
    rule = "must be of an exact denoiser without examples, as its curve is exact"
    require(HALF not in t or (facts.exact and not facts.examples), str(path), rule)
    measured = HALF in t or facts.examples > 0
    require(measured, str(path), "must have the number of examples it measured", facts.examples)
    try:
        return _from_arrays(facts, content["bases"], t, moments)
    except (KeyError, IndexError, ValueError, TypeError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(
            f"{path}: is not a whole audit ({cause!r}). Run girsanov audit again"
        ) from cause


def _from_arrays(facts: AuditFacts, names: Any, t: dict[str, Any], moments: Moments) -> Audit:
    if math.prod(facts.shape) != moments.basis.dimension:
        raise ValueError(f"shape is {list(facts.shape)}")
    made = make_frame(moments, facts.shape)
    if names != list(made.bases):
        raise ValueError(f"bases are {names}")
    bands = {name: Bands(t[f"bands.{name}"]) for name in names}
    frame = Frame(
        moments,
        bands[names[0]],
        Bands(t["probe_bands"]),
        {name: (basis, bands[name]) for name, (basis, _) in made.others.items()},
    )
    curve = known_from(t, {name: b.sizes for name, b in bands.items()}) if HALF in t else None
    curve = curve or _measured(t, frame)
    paths = paths_from_tensors(t, (len(curve.levels) - 1, curve.dimension))
    out = Audit(curve, frame, t.get("memorisation"), facts, paths, line_seen=t.get("line_seen"))
    if "probe.gains" in t:  # not in audits of the first versions
        known = {name[6:]: value for name, value in t.items() if name.startswith("probe.")}
        object.__setattr__(out, "_probe", kept_probe(curve, known))
    if "calibrated.errors" in t:
        parts = (t[f"calibrated.{name}"] for name in Corrected._fields)
        object.__setattr__(out, "_corrected", Corrected(*parts))
    return out


def _measured(t: dict[str, Any], frame: Frame) -> Curve:
    """Return the measured curve whose arrays are `t`, in the bases of a frame."""
    names = tuple(frame.bases)
    return Curve(
        t["levels"],
        t["shares"],
        {name: t[f"errors.{name}"] for name in names},
        {name: b.sizes for name, (_, b) in frame.bases.items()},
        t["traces"],
        t["second_moments"],
        t["products"],
        frame.probe_bands.sizes,
        t.get("full"),
        probe_variances=frame.probe_variances,
        bends={name: t[f"bends.{name}"] for name in BENDS + names},
        gamma=t.get("gamma"),
        plain=t.get("plain"),
        line=t.get("line", t.get("probe.linear")),
        about_class=_about_class(t, frame),
    )


def _about_class(t: dict[str, Any], frame: Frame) -> AboutClass | None:
    """Return what an audit of a model with classes holds of each; older ones hold nothing."""
    if ABOUT_CLASS[0] not in t:
        return None
    made, known = AboutClass(*(t[name] for name in ABOUT_CLASS)), frame.moments.classes
    shape = None if known is None else frame.class_variances.shape
    if made.errors.shape[1:] != shape or made.main.shape[1:] != (frame.bands.count,):
        raise ValueError("the moments of classes do not fit the examples about them")
    return made
