r"""Whether the denoiser is to be corrected: by default one that a straight line beats.

With K the path KL of the best grid of n levels to the same end, for the denoiser as it is and for
the calibrated one (`score_error/calibration.py`), whose correction each group of examples is
judged by was fitted without it,

    gain = K - K' = cost(best grid) - cost'(best grid'),                                   (1)

because 1/2 int M ds of the unknown exact denoiser, which both lack, is the same. Its standard
error is that of the difference, group by group.

Nats are not samples: (1) was certain of networks whose samples came no closer to the data, or a
little less close (`benchmarks/calibrate.py`). What calibration mends for the eye as well is a
network that is broken where the noise hides the data: there the linear denoiser is nearly the
best there is, so a network whose error is `BROKEN` times as large has failed. So both are asked
for: (1) above 0 and, at some level with 1/s >= V/d, M^ > BROKEN M_linear, each for certain.
"""

from __future__ import annotations

import numpy as np

from .._typing import Indices
from ..ledger.score_entry import corrected
from ..measuring.record import Audit
from ..montecarlo import Estimate, group_estimate
from ..path_kl.grid_cost import Prices

BROKEN = 1.5  # times the error of the linear denoiser
WHY = "calibrated, since a straight line beats this model where noise hides the data"
NOTHING = (
    "calibrated, since this model knows nothing of this data: its samples are little more than a "
    "Gaussian with the data’s mean and covariance"
)
SURE = 4.0  # standard errors, since the worst of many levels is looked at


def gain(price: Prices, nodes: Indices) -> Estimate | None:
    """Return (1) in nats for a grid of nodes 1..K; None where there is no calibrated price."""
    better = None if price.exact else corrected(price)
    if better is None:
        return None
    found = better.choice().nodes(len(nodes), int(nodes[-1]))
    raw, mended = (start + cells for start, cells in (price.groups(nodes), better.groups(found)))
    return price.estimate(raw - mended)


def broken(audit: Audit) -> bool:
    """Return whether a straight line certainly beats the model where noise hides the data."""
    return worst(audit) is not None


def worst(audit: Audit) -> tuple[float, float] | None:
    """Return the noise level where a straight line beats a broken model most, and how often.

    That is M^ over M_linear there; None of a model that is not broken.
    """
    if audit.probe is None or audit.calibration is not None:
        return None
    variance = float(audit.curve.total().value[0]) / audit.curve.dimension
    hidden = np.flatnonzero(audit.levels * variance <= 1)
    mine, line = audit.curve.traces[1:, :, 0][hidden], audit.probe.linear[hidden]  # [K, B]
    behind = group_estimate((mine - BROKEN * line).T, audit.curve.shares)
    sure = np.asarray(behind.value) > SURE * np.asarray(behind.se)
    if not sure.any():
        return None
    times = np.where(sure, (mine @ audit.curve.shares) / (line @ audit.curve.shares), 0.0)
    k = int(times.argmax())
    return float(audit.levels[hidden[k]] ** -0.5), float(times[k])


def advised(price: Prices, nodes: Indices) -> str:
    """Return why a plan on this grid is to be calibrated unless the user says otherwise, or "".

    Only plans for KL are: of another objective (the x0 hold's s^-a) the gain (1) says nothing.
    """
    if price.menu.weight or price.process != "vp" or not broken(price.audit):
        return ""
    found = gain(price, nodes)
    if found is None:
        return ""
    if price.audit.untrained() is not None:
        return NOTHING
    return WHY if float(found.interval()[0]) > 0 else ""
