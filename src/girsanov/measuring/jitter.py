r"""Whether a network is too rough in the noise level for steps of two calls.

A midpoint step takes the answer at one level for the mean of those it passes. Where answers jitter
by a variance J(lambda) sigma^2 a coordinate from level to level, lambda = log(1/sigma), short
steps that follow the flow a share e farther than they go cost in all about

    (1 + e)^2/(4 e) d int J dlambda                                                       (1)

nats for that alone, however many they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import three_digits
from ..denoise.base import Denoiser, around, is_told, trained_levels
from ..score_error.roughness import FOURTH, roughness
from .facts import Jitter

if TYPE_CHECKING:
    from .._typing import Levels
    from ..error_curve.curve import Examples

ROUGH_EXAMPLES = 32  # that are asked
OVERSHOOT = 0.2  # e of (1), the best of smooth networks
ROUGH_NATS = 0.02  # nats that these may cost before it is said


def jitter_of(denoiser: Denoiser, examples: Examples, levels: Levels, seed: int) -> Jitter | None:
    """Return the jitter of a network at SNRs `levels`, None where it knows some levels only."""
    if trained_levels(denoiser) is not None:
        return None
    rows = slice(0, min(len(examples), ROUGH_EXAMPLES))
    x0 = examples.batch(rows).to(around(denoiser))
    label = examples.batch_labels(rows) if is_told(denoiser) else None
    with torch.inference_mode():
        found = roughness(denoiser, x0, levels, label=label, seed=seed)
    calls = len(FOURTH) * len(levels) * len(x0)
    value, se = (tuple(np.asarray(x, dtype=np.float64).tolist()) for x in (found.value, found.se))
    return Jitter(tuple((levels**-0.5).tolist()), value, se, calls)


def jitter_nats(jitter: Jitter, dimension: int) -> float:
    """Return (1) over the measured levels."""
    total = float(np.trapezoid(jitter.variance, -np.log(jitter.noise)))
    return (1 + OVERSHOOT) ** 2 / (4 * OVERSHOOT) * dimension * total


def rough_notes(jitter: Jitter | None, dimension: int) -> list[str]:
    """Return a sentence on a network that is too rough for steps of two calls, [] of others."""
    if jitter is None:
        return []
    nats = jitter_nats(jitter, dimension)
    if nats < ROUGH_NATS:
        return []
    worst = jitter.noise[int(np.argmax(jitter.variance))]
    return [
        f"the network jitters from noise level to noise level, most near {three_digits(worst)}: "
        f"steps of two calls over all levels cost about {three_digits(nats)} nats for that alone, "
        "however many they are"
    ]
