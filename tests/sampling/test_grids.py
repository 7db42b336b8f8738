"""Hand-made grids by their equations, with both ends kept."""

import math

import numpy as np
import pytest
from catalogue import PROCESSES, over_processes
from scipy.stats import beta

from girsanov._checks import InputError
from girsanov.sampling.align_your_steps import (
    STABLE_DIFFUSION_15,
    STABLE_DIFFUSION_XL,
    align_your_steps_grid,
)
from girsanov.sampling.grids import beta_grid, karras_grid, log_uniform_grid, time_grid

FIRST, LAST = 0.013, 4321.0
MAKERS = {
    "log": log_uniform_grid,
    "karras": karras_grid,
    "ays": align_your_steps_grid,
    "beta": lambda a, b, n: beta_grid(PROCESSES["cosine"], a, b, n),
    **{
        f"time {name}": lambda a, b, n, p=process: time_grid(p, a, b, n)
        for name, process in PROCESSES.items()
    },
}
over_makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


@over_makers
@pytest.mark.parametrize("count", [2, 3, 17, 1000])
def test_both_ends_are_kept_and_levels_rise(make, count):
    grid = make(FIRST, LAST, count)
    assert grid.shape == (count,)
    assert grid.dtype == np.float64
    assert (grid[0], grid[-1]) == (FIRST, LAST)
    assert (np.diff(grid) > 0).all()


def test_log_uniform():  # equation (1)
    steps = np.diff(np.log(log_uniform_grid(FIRST, LAST, 40)))
    np.testing.assert_allclose(steps, math.log(LAST / FIRST) / 39, rtol=1e-12)


@pytest.mark.parametrize("rho", [1.0, 7.0])
def test_karras_in_noise_levels(rho):  # equation (2) as it is printed in the paper
    sigma_max, sigma_min, n = FIRST**-0.5, LAST**-0.5, 12
    i = np.arange(n)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    sigmas = (high + i / (n - 1) * (low - high)) ** rho
    np.testing.assert_allclose(karras_grid(FIRST, LAST, n, rho), sigmas**-2.0, rtol=1e-11)
    if rho == 7.0:
        np.testing.assert_array_equal(karras_grid(FIRST, LAST, n), karras_grid(FIRST, LAST, n, 7))


@over_processes
def test_uniform_in_time(name):  # equation (3)
    process = PROCESSES[name]
    times = process.time(time_grid(process, FIRST, LAST, 25))
    steps = np.diff(times)
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-8)


def test_beta_times_are_quantiles():  # equation (4), by scipy's own quantiles
    process = PROCESSES["linear"]
    first, last = 0.01, 900.0
    times = process.time(beta_grid(process, first, last, 11))
    begin, end = float(process.time(first)), float(process.time(last))
    shares = beta.ppf(1 - np.linspace(0, 1, 11), 0.6, 0.6)
    np.testing.assert_allclose(times, end + (begin - end) * shares, rtol=1e-9)
    assert abs(np.diff(times))[5] > 2 * abs(np.diff(times))[0]  # they crowd at the ends


@pytest.mark.parametrize("table", [STABLE_DIFFUSION_15, STABLE_DIFFUSION_XL])
def test_align_your_steps_is_its_table_and_goes_between_it(table):
    first, last = table[0] ** -2, table[9] ** -2  # the eleventh level is replaced by 0
    ten = align_your_steps_grid(first, last, 10, table) ** -0.5
    np.testing.assert_allclose(ten, table[:10], rtol=1e-12)
    twenty = align_your_steps_grid(first, last, 20, table) ** -0.5
    # every second one of twenty is in the table, up to the stretch of the last half step
    half = math.log(table[0] / table[9]) / math.log(table[0] / (table[9] * table[10]) ** 0.5)
    np.testing.assert_allclose(
        np.log(twenty[::2] / table[0]), half * np.log(np.array(table[:10]) / table[0]), rtol=1e-10
    )
    stretched = np.log(align_your_steps_grid(0.02, 5e4, 10, table))
    np.testing.assert_allclose(np.diff(stretched) / np.diff(stretched)[0],
                               np.diff(np.log(ten)) / np.diff(np.log(ten))[0])  # fmt: skip


@over_makers
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 5), "^first: must be a finite number > 0"),
        ((2.0, 1.0, 5), "^last: must be a finite number > 2"),
        ((2.0, 2.0, 5), "^last: must be a finite number > 2"),
        ((1.0, math.inf, 5), "^last: must be a finite number"),
        ((1.0, 2.0, 1), "^count: must be a whole number >= 2"),
    ],
)
def test_impossible_grids_are_refused(make, arguments, message):
    with pytest.raises(InputError, match=message):
        make(*arguments)


def test_other_refusals():
    with pytest.raises(InputError, match=r"^rho: must be a finite number > 0"):
        karras_grid(1.0, 2.0, 3, rho=0.0)
    with pytest.raises(InputError, match=r"^snr: must be at least 4\.3.*where this process ends"):
        time_grid(PROCESSES["linear"], 1e-6, 1.0, 4)
