r"""The density of training levels: where there is something to learn, and how hard it is.

A network in EDM's surroundings starts as the plain line (2) of `training_law.py`, whose error is
d v/(1 + s v), v = sigma_data^2. What training can gain at a level for certain is, in nats a
coordinate and a unit of log s,

    R(s) = s [d v/(1 + s v) - D(s)] / (2 d),                                              (1)

D the least error on new examples that needs no training, where (1) is above two standard errors.
If the excess that n examples at a level leave falls as R/n, the sum of R/n_s is least with

    q(log sigma) ~ sqrt(R).                                                               (2)

What is finest is also slowest to learn, which (2) knows nothing of. So the log-normal density that
is advised stands between EDM's own centre, exp(-1.2)/0.5 = 0.6 of sigma_data, and the mean of (2),
and goes halfway where R comes to `ENOUGH_GAIN` nats or more. It is as wide as (2) or as EDM's 1.2,
whichever is wider. How far it goes is a measured choice (`benchmarks/advice.py`), not a theorem.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import trapezium

if TYPE_CHECKING:
    from .._typing import Array
    from .training_law import Attainable

ENOUGH_GAIN = 0.1
SURE = 2.0  # standard errors
EDM_MEAN, EDM_STD, EDM_DATA = -1.2, 1.2, 0.5  # Karras et al. 2022, table 1


def training_density(errors: Attainable, scale: float, dimension: int) -> tuple[float, float]:
    """Return P_mean and P_std for the losses `errors` in d dimensions; scale: sigma_data."""
    certain = errors.gain.value > SURE * errors.gain.se
    gain = np.where(certain, errors.levels * errors.gain.value, 0.0)
    usual = EDM_MEAN + math.log(scale / EDM_DATA)
    if not gain.any():  # as of a Gaussian of one deviation, of which there is nothing to learn
        return usual, EDM_STD
    mean, std = log_normal(errors.levels, np.sqrt(gain))
    share = min(1.0, float(gain.max()) / (2 * dimension * ENOUGH_GAIN)) / 2
    return usual + share * (mean - usual), max(EDM_STD + 2 * share * (std - EDM_STD), EDM_STD)


def log_normal(levels: Array, density: Array) -> tuple[float, float]:
    """Return the mean and deviation of log sigma under a `density` at SNRs `levels` [K]."""
    log_sigma, weights = -np.log(levels) / 2, density * trapezium(np.log(levels))
    weights = weights / weights.sum()
    mean = float(weights @ log_sigma)
    return mean, math.sqrt(float(weights @ (log_sigma - mean) ** 2))
