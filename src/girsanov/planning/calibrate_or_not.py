r"""Whether the denoiser is to be corrected: by default one that a straight line beats.

With K the path KL of the best grid of n levels to the same end, for the denoiser as it is and for
the calibrated one (`score_error/calibration.py`), whose correction each group of examples is
judged by was fitted without it,

    gain = K - K' = cost(best grid) - cost'(best grid'),                                   (1)

because 1/2 int M ds of the unknown exact denoiser, which both lack, is the same. Its standard
error is that of the difference, group by group.

Nats are not samples: (1) was certain of networks whose samples came no closer to the data, or a
little less close (`benchmarks/calibrate.py`). What calibration mends for the eye as well is a
network that is broken where the noise hides the data ((3) of `score_error/straight_line.py`). So
both are asked for: (1) above 0 and (3), each for certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ledger.score_entry import corrected

if TYPE_CHECKING:
    from .._typing import Indices
    from ..measuring.record import AuditRecord
    from ..montecarlo import Estimate
    from ..path_kl.grid_cost import Prices

WHY = "calibrated, because a straight line beats this model where noise hides the data"
KNOWS_NOTHING = (
    "calibrated, because this model knows nothing about this data: its samples are little more "
    "than a Gaussian with the data’s mean and covariance"
)


def calibration_gain(price: Prices, nodes: Indices) -> Estimate | None:
    """Return (1) in nats for a grid of nodes 1..K; None where there is no calibrated price."""
    better = None if price.exact else corrected(price)
    if better is None:
        return None
    best = better.choice().nodes(len(nodes), int(nodes[-1]))
    raw, mended = (start + cells for start, cells in (price.groups(nodes), better.groups(best)))
    return price.estimate(raw - mended)


def advised(price: Prices, nodes: Indices) -> str:
    """Return why a plan on this grid is to be calibrated unless the user says otherwise, or ""."""
    if price.process != "vp" or price.audit.broken() is None:
        return ""
    saving = calibration_gain(price, nodes)
    if saving is None:
        return ""
    sure = price.audit.untrained() is not None or float(saving.interval()[0]) > 0
    return reason_to_correct(price.audit) if sure else ""


def corrected_along_flow(audit: AuditRecord, calibrate: bool | None) -> bool:
    """Return whether steps along the flow are those of the corrected network.

    calibrate: as asked; None: where the audit followed that one's flow, of a broken model.
    """
    return audit.corrected_flow is not None if calibrate is None else calibrate


def reason_to_correct(audit: AuditRecord) -> str:
    """Return why a broken model is corrected."""
    return WHY if audit.untrained() is None else KNOWS_NOTHING
