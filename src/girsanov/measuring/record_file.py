"""The file of an audit, written and read: what is not one, or was changed, is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._checks import InputError, require
from .._files import read_beside, read_format, require_free, write_pair
from .._records import as_json
from ..error_curve.bands import Bands
from ..error_curve.curve import AboutClass, Curve
from ..error_curve.exact_arrays import HALF_NAME, known_from, known_tensors
from ..error_curve.flow_curve import FlowCurve
from ..error_curve.frame import Frame, make_frame
from ..moments import Moments, moments_from_tensors
from ..score_error.calibration import Corrected
from ..score_error.lower_bound import kept_probe
from .facts import AuditFacts
from .record import AuditRecord
from .record_arrays import OF_CORRECTED, require_whole
from .trajectories import trajectories_from_tensors as paths_from_tensors

if TYPE_CHECKING:
    from .._typing import Json, PathLike

ABOUT_CLASS = ("class_shares", "class_errors", "class_main")
BENDS = ("total", "traces", "probe", "calibrated")
# the fields of `summary`, which no record holds
SUMMARISED = (
    *("levels", "error", "standard_error", "probe", "martingale", "reference_gain"),
    *("memorised", "rounding", "untrained", "beaten", "cannot_tell"),
)
DERIVED = {"format", "arrays", "bases", *SUMMARISED}  # fields of the file that are no facts


def load_record(path: PathLike, content: Json | None = None) -> AuditRecord:
    """Return the audit saved in `path`; refuse files that are not one, or were changed.

    content: of the file, where it has been read.
    """
    content = read_format(path, "audit") if content is None else content
    facts = AuditFacts.from_json({k: v for k, v in content.items() if k not in DERIVED}, str(path))
    t = read_beside(path, content.get("arrays"), "girsanov audit")
    moments = moments_from_tensors(
        {k[8:]: v for k, v in t.items() if k[:8] == "moments."}, str(path)
    )
    require_whole(str(path), t, moments.basis.dimension)
    rule = "must be of an exact denoiser without examples, as its curve is exact"
    require(HALF_NAME not in t or (facts.exact and not facts.examples), str(path), rule)
    measured = HALF_NAME in t or facts.examples > 0
    require(measured, str(path), "must have the number of examples it measured", facts.examples)
    try:
        return _from_arrays(facts, content["bases"], t, moments)
    except (KeyError, IndexError, ValueError, TypeError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(
            f"{path}: is not a whole audit ({cause!r}). Run girsanov audit again"
        ) from cause


def _from_arrays(
    facts: AuditFacts, names: Any, t: dict[str, Any], moments: Moments
) -> AuditRecord:
    if math.prod(facts.shape) != moments.basis.dimension:
        raise ValueError(f"shape is {list(facts.shape)}")
    data_frame = make_frame(moments, facts.shape)
    if names != list(data_frame.bases):
        raise ValueError(f"bases are {names}")
    bands = {name: Bands(t[f"bands.{name}"]) for name in names}
    frame = Frame(
        moments,
        bands[names[0]],
        Bands(t["probe_bands"]),
        {name: (basis, bands[name]) for name, (basis, _) in data_frame.others.items()},
    )
    curve = known_from(t, {name: b.sizes for name, b in bands.items()}) if HALF_NAME in t else None
    curve = curve or _measured(t, frame)
    paths = paths_from_tensors(t, (len(curve.levels) - 1, curve.dimension))
    out = AuditRecord(
        curve, frame, t.get("memorisation"), facts, paths, line_seen=t.get("line_seen"),
        flow=FlowCurve.from_tensors(t),
        corrected_flow=FlowCurve.from_tensors(
            {name.removeprefix(OF_CORRECTED): t[name] for name in t if
            name.startswith(OF_CORRECTED)}
        ),
    )  # fmt: skip
    if "probe.gains" in t:  # not in audits of the first versions
        probe = {name[6:]: value for name, value in t.items() if name.startswith("probe.")}
        object.__setattr__(out, "_probe", kept_probe(curve, probe))
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
    about, classes = AboutClass(*(t[name] for name in ABOUT_CLASS)), frame.moments.classes
    shape = None if classes is None else frame.class_variances.shape
    if about.errors.shape[1:] != shape or about.main.shape[1:] != (frame.bands.count,):
        raise ValueError("the moments of classes do not fit the examples about them")
    return about


def summary(audit: AuditRecord) -> Json:
    """Return the curve as lists, the probe, and what is said of the model, by name."""
    total = audit.total()
    out: Json = {
        "levels": audit.levels.tolist(),
        "error": total.value.tolist(),
        "standard_error": total.se.tolist(),
    }
    if audit.probe is not None:
        out |= audit.probe.summary()
    for name, fault in (("untrained", audit.untrained()), ("beaten", audit.beaten())):
        out[name] = None if fault is None else as_json(fault)
    out["cannot_tell"] = audit.cannot_tell()
    for name, nats in (("memorised", audit.memorised()), ("rounding", audit.rounding())):
        if nats is not None:
            low, high = nats.interval()
            out[name] = {"nats": float(nats.value), "low": float(low), "high": float(high)}
    return out


def save_record(audit: AuditRecord, path: PathLike, *, force: bool = False) -> None:
    """Write `path` (JSON, to read) and its arrays beside it (safetensors).

    force: replace a file that holds something else than an audit.
    """
    rule = "cannot be saved: save the audit it was made from, which says the same"
    require(audit.calibration is None, "calibrated audit", rule)
    target = require_free(path, "audit", force)
    curve = audit.curve
    tensors: dict[str, Any] = {f"errors.{name}": value for name, value in curve.errors.items()}
    tensors |= {f"bends.{name}": value for name, value in curve.bends.items()}
    tensors |= {f"bands.{name}": b.index for name, (_, b) in audit.frame.bases.items()}
    tensors |= {
        "levels": curve.levels,
        "shares": curve.shares,
        "traces": curve.traces,
        "second_moments": curve.second_moments,
        "probe_bands": audit.frame.probe_bands.index,
    }
    tensors |= known_tensors(curve)
    optional = (("products", curve.products), ("full", curve.full),
                *zip(ABOUT_CLASS, curve.about_class or (), strict=False),
                ("gamma", curve.gamma), ("plain", curve.plain), ("line", curve.line),
                ("memorisation", audit.memorisation),
                ("line_seen", audit.line_seen))  # fmt: skip
    tensors |= {name: value for name, value in optional if value is not None}
    tensors |= {f"moments.{k}": v for k, v in audit.frame.moments.tensors().items()}
    tensors |= {} if audit.trajectories is None else audit.trajectories.tensors()
    tensors |= {} if audit.flow is None else audit.flow.tensors()
    if audit.corrected_flow is not None:
        own = audit.corrected_flow.tensors()
        tensors |= {OF_CORRECTED + name: value for name, value in own.items()}
    # what follows from all this takes more time than a plan, so it is kept as well
    if audit.probe is not None:
        tensors |= {f"probe.{name}": value for name, value in audit.probe.tensors().items()}
    if audit.corrected is not None:
        own = audit.corrected._asdict()
        tensors |= {f"calibrated.{name}": value for name, value in own.items()}
    record = {"format": "girsanov/audit/1", **audit.facts.to_json(), **summary(audit)}
    write_pair(target, {**record, "bases": list(audit.frame.bases)}, tensors)
