r"""Critically damped Langevin diffusion on a law: its path KL, by steps and by Monte Carlo.

With the velocity's score S_v = a_v ((1 + s) m - s x) - V (sampling/cld.py), freezing S_v or
R_v = S_v + V over steps of CLD time costs

    D = 2 E sum over steps of int |frozen - true|^2 dt,                                    (1)

measured along forward paths Z_t here, and by sampling/step_kl_cld.py in closed form. ddpm
costs the likelihood ratio of its chain of (x, w), the whole of phase space, like path_kl.py (3).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..montecarlo import Estimate, mean_estimate
from ..noise import NoiseSource
from ..sampling.registry import cld_recipe
from ..sampling.step_kl_cld import CLD, cld_ei_relative_kl, cld_ei_score_kl
from .path_kl import CELL_NODES, half_information

if TYPE_CHECKING:
    from .._typing import Array, Tensor
    from ..law.base import Law

FIRST = 1e-5  # the CLD time that stands for 0


def cld_levels(time: float, steps: int, first: float = FIRST) -> Array:
    """Return the SNRs of `steps` equal steps of CLD time from `time` to `first`."""
    return CLD.snr(np.linspace(time, first, steps + 1))


def cld_discretisation(law: Law, levels: Array, sampler: str) -> float:
    """Return D of ei-score or ei-relative in phase space, by its closed form."""
    cell = {"ei-score": cld_ei_score_kl, "ei-relative": cld_ei_relative_kl}[sampler]
    error = np.asarray(law.curve(levels[:-1]).value)
    traces = np.repeat(error[:, None], 3, axis=1)
    moment = np.array(law.second_moment)
    costs = cell(levels[:-1], levels[1:], traces, law.dimension, moment)
    return float(costs.sum() - half_information(law, levels[0], levels[-1], 20))


def cld_forward(law: Law, times: Array, count: int, seed: int) -> list[Tensor]:
    """Return Z [count, 2] (law on a line) of the same forward paths at increasing CLD times."""
    noise = NoiseSource(seed, "verify-phase")
    velocity = noise.normal(0, 0, count, 1).double()
    z, states = torch.cat([law.sample(count, seed=seed), velocity], dim=1), []
    for k, h in enumerate(np.diff(times, prepend=0.0), start=1):
        root = torch.from_numpy(np.linalg.cholesky(CLD.noise(float(h))))
        flow = torch.from_numpy(CLD.transition(float(h)))
        z = z @ flow.T + noise.normal(k, 0, count, 2).double() @ root.T
        states.append(z)
    return states


def cld_monte_carlo(
    law: Law, time: float, steps: int, sampler: str, *, count: int = 4000, seed: int = 0
) -> Estimate:
    """Return (1) for equal steps from `time` to 0, on a law on a line."""
    u, w = np.polynomial.legendre.leggauss(CELL_NODES)
    edges, h = np.linspace(0.0, time, steps + 1), time / steps
    inside = edges[:-1, None] + h / 2 * (1 + u)
    times = np.concatenate([inside, edges[1:, None]], axis=1)  # [steps, NODES + 1]
    z = cld_forward(law, times.ravel(), count, seed)
    total = torch.zeros(count, dtype=torch.float64)
    for k, row in enumerate(times):
        at = k * (CELL_NODES + 1)
        frozen = _drift(law, sampler, z[at + CELL_NODES], float(row[-1]))
        for j, weight in enumerate(w):
            gap = frozen - _drift(law, sampler, z[at + j], float(row[j]))
            total += 2 * h / 2 * weight * gap.square()
    return mean_estimate(total.numpy())


def cld_chain_monte_carlo(
    law: Law, levels: Array, *, count: int = 4000, seed: int = 0
) -> Estimate:
    """Return the path KL of ddpm in phase space by likelihood ratios of (x, w)."""
    times = CLD.time(levels)
    z = cld_forward(law, times[::-1].copy(), count, seed)[::-1]
    y = [
        one @ torch.from_numpy(CLD.statistics(float(t))).T for one, t in zip(z, times, strict=True)
    ]
    plan = cld_recipe("ddpm", levels, start=(0.0, 1.0, None), last="sample")
    # w is standard normal and independent of x at both ends
    ratio = law.log_prob(y[-1][:, :1], float(levels[-1])) - law.log_prob(
        y[0][:, :1], float(levels[0])
    )
    ratio = ratio + (y[0][:, 1] ** 2 - y[-1][:, 1] ** 2) / 2
    for k, (here, there) in enumerate(pairwise(times.tolist())):
        ratio += _forward_log(y[k], y[k + 1], here, there)
        step = plan.steps[k]
        part, c = step.complement, float(np.max(step.noise))
        assert part is not None
        x, w = y[k][:, 0], y[k][:, 1]
        m = law.denoise(y[k][:, :1], float(levels[k]))[:, 0]
        xi = y[k + 1][:, 0] - step.state * x - step.prediction * m - part.into * w
        mean = part.state * x + part.own * w + part.prediction * m + part.shared * xi
        ratio -= _log_normal(xi, c) + _log_normal(y[k + 1][:, 1] - mean, part.noise)
    return mean_estimate(ratio.numpy())


def _forward_log(here: Tensor, there: Tensor, t: float, t_next: float) -> Tensor:
    """Return log q of (x, w) at the noisier time t given (x, w) at t_next."""
    read = CLD.statistics(t)
    matrix = read @ CLD.transition(t - t_next) @ CLD.axes(t_next)
    cov = read @ CLD.noise(t - t_next) @ read.T
    gap = here - there @ torch.from_numpy(matrix).T
    inverse = torch.from_numpy(np.linalg.inv(cov))
    log = math.log(float(np.linalg.det(cov))) / 2 + math.log(2 * math.pi)
    return -((gap @ inverse) * gap).sum(1) / 2 - log


def _drift(law: Law, sampler: str, z: Tensor, t: float) -> Tensor:
    s, read = float(CLD.snr(t)), torch.from_numpy(CLD.statistics(t))
    x = (z @ read.T)[:, :1]
    m = law.denoise(x, s)
    pull = t * math.exp(-t) * (m + s * (m - x))[:, 0]
    return pull - z[:, 1] if sampler == "ei-score" else pull


def _log_normal(x: Tensor, scale: float) -> Tensor:
    return -((x / scale) ** 2) / 2 - math.log(scale) - math.log(2 * math.pi) / 2
