"""What an audit says of itself in JSON, beside its record: made from its arrays every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._records import as_json
from .._typing import Json

if TYPE_CHECKING:
    from .record import Audit

# the fields of `summary`, which no record holds
SUMMARISED = (
    *("levels", "error", "standard_error", "probe", "martingale", "reference_gain"),
    *("memorised", "rounding", "untrained", "beaten", "cannot_tell"),
)


def summary(audit: Audit) -> Json:
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
