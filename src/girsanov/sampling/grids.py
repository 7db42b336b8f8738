r"""Grids that people choose by hand, to be compared with planned ones.

A grid is the increasing SNRs s_0 < ... < s_N that a sampler visits. Between s_first and s_last:

    uniform log-SNR:   log s_k linear in k,                                               (1)
    Karras et al. 2022: s_k^(-1/(2 rho)) linear in k,   rho = 7,                          (2)
    uniform time:      s_k = snr(t_k) with t_k linear in k, for any process.              (3)
    beta time:         t_k = t_last + (t_first - t_last) Q(1 - k/N),                       (4)

Q the quantiles of Beta(a, a), a = .6 (Lee et al. 2024, arXiv 2407.12173): times crowd at both
ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_count, require_number

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..process import Clock


def require_ends(first: float, last: float, count: int) -> tuple[float, float, int]:
    """Return both ends of a grid and its number of levels, checked."""
    low = require_number("first", first, above=0.0)
    high = require_number("last", last, above=low)
    return low, high, require_count("count", count, at_least=2)


def log_uniform_grid(first: float, last: float, count: int) -> Levels:
    """Return `count` SNRs by equation (1), both ends included."""
    low, high, n = require_ends(first, last, count)
    return np.asarray(np.geomspace(low, high, n))


def karras_grid(first: float, last: float, count: int, rho: float = 7.0) -> Levels:
    """Return `count` SNRs by equation (2), both ends included."""
    low, high, n = require_ends(first, last, count)
    power = -1 / (2 * require_number("rho", rho, above=0.0))
    grid = np.linspace(low**power, high**power, n) ** (1 / power)
    grid[0], grid[-1] = low, high
    return np.asarray(grid)


def time_grid(process: Clock, first: float, last: float, count: int) -> Levels:
    """Return `count` SNRs by equation (3), both ends included."""
    low, high, n = require_ends(first, last, count)
    times = np.linspace(float(process.time(low)), float(process.time(high)), n)
    require(bool((np.diff(times) < 0).all()), "process", "must have an SNR that falls with time")
    return _at_times(process, times, low, high)


def beta_grid(process: Clock, first: float, last: float, count: int, a: float = 0.6) -> Levels:
    """Return `count` SNRs by equation (4), both ends included."""
    from scipy import special  # slow to import, and for this alone

    low, high, n = require_ends(first, last, count)
    shares = special.betaincinv(require_number("a", a, above=0.0), a, np.linspace(1.0, 0.0, n))
    begin, end = float(process.time(low)), float(process.time(high))
    return _at_times(process, end + (begin - end) * shares, low, high)


def _at_times(process: Clock, times: Array, low: float, high: float) -> Levels:
    """Return the SNRs at these times, the ends exact."""
    grid = process.snr(times)
    grid[0], grid[-1] = low, high
    return np.asarray(grid)
