r"""Teacher trajectories: what ODE samplers are planned on and judged by.

An ODE sampler has no path KL. It is judged by its distance to a teacher instead: the
probability-flow ODE followed with Heun's method (`ode_samplers.py`) in so many cells between each
two levels that its own error is small beside the error of any plan on these levels. Kept at every
level s_k are

    x_k and m_k = m(x_k, s_k),    k = 1..K,                                               (1)

of n starts x_1 = mean + U sqrt(v + 1/s_1) z, the Gaussian that a plan starts from, so that the
sampler with the same z starts at the same point. The last prediction m_K is the end point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import InputError, require, require_count
from ..denoise.base import Denoiser, process_of
from ..noise import NoiseSource
from ..sampling.loop import coloured, walk
from ..sampling.registry import ode_recipe
from ..sampling.sample import proportional_labels
from .model_record import moved_to_trained
from .options import Pass
from .trajectories import REFINE, teacher_calls
from .trajectories import Trajectories as Trajectories

if TYPE_CHECKING:
    from .._typing import Levels, Tensor
    from ..error_curve.frame import Frame

ENOUGH_TRAJECTORIES = 256  # trajectories: half to plan on, half to judge by
STREAM = "trajectories"
IN_BATCHES = Pass(batch_size=256)


def start_points(frame: Frame, snr: float, noise: Tensor) -> Tensor:
    """Return the x_1 of (1) at the SNR of a start for standard normals z [b, d]."""
    spread = np.sqrt(frame.bands.spread(frame.variances) + 1 / snr)
    x = coloured(noise.clone(), spread, frame.moments.basis)
    return x + torch.tensor(frame.moments.mean).to(x)


def start_noise(seed: int, first: int, count: int, dimension: int) -> Tensor:
    """Return z of trajectories first..first+count-1, float32 [count, d]."""
    return NoiseSource(seed, STREAM).normal(0, first, count, dimension)


def measure_trajectories(
    denoiser: Denoiser,
    frame: Frame,
    levels: Levels,
    count: int = ENOUGH_TRAJECTORIES,
    *,
    refine: int = REFINE,
    options: Pass = IN_BATCHES,
) -> Trajectories:
    """Return `count` trajectories over `levels` [K]; count * teacher_calls(K) network calls.

    A model with classes gets labels in the proportions of its training data; options: of which
    seed, batch_size, processes and progress count.
    """
    seed, progress = options.seed, options.progress
    n, refine = require_count("trajectories", count), require_count("refine", refine)
    rule = "are of the flow in x alone, and this model takes phase space (x, w)"
    require(process_of(denoiser) != "cld", "trajectories", rule)
    d, done, total = frame.moments.basis.dimension, 0, count * teacher_calls(len(levels), refine)
    fine = moved_to_trained(denoiser, refined_levels(levels, refine))
    teacher = ode_recipe("heun", fine, start=(0.0, 1.0, None))
    labels = proportional_labels(denoiser, n, seed)
    states, predictions = (np.zeros((len(levels), n, d), np.float32) for _ in range(2))
    for begin in options.batches(n):
        rows = slice(begin, min(begin + options.batch_size, n))
        z = start_noise(seed, begin, rows.stop - begin, d).to(denoiser.device, denoiser.dtype)
        label = None if labels is None else labels[rows]
        with torch.inference_mode():
            x = start_points(frame, float(levels[0]), z)
            for k, visit in enumerate(walk(denoiser, teacher, x, label)):
                if k % (2 * refine) == 0:
                    states[k // (2 * refine), rows] = visit.state.cpu().numpy()
                    predictions[k // (2 * refine), rows] = visit.prediction.cpu().numpy()
                done += len(z)
                if progress is not None:
                    progress(done, total)
    options.processes.add(torch.from_numpy(states), torch.from_numpy(predictions))
    if not (np.isfinite(states).all() and np.isfinite(predictions).all()):
        raise InputError("denoiser: gave NaN or infinite values along the teacher's trajectories")
    return Trajectories(states, predictions)


def refined_levels(levels: Levels, refine: int) -> Levels:
    """Return levels with every cell cut into `refine` parts, uniform in log-SNR."""
    if len(levels) < 2:
        return levels
    at = np.arange(refine * (len(levels) - 1) + 1) / refine
    grid = np.exp(np.interp(at, np.arange(len(levels)), np.log(levels)))
    grid[::refine] = levels
    return np.asarray(grid)
