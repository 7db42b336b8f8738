"""The sweep of `benchmarks/bounds_sweep.py` in small; whether its truths and its alarm work."""

import math
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sweep_cases import geometric_case, time_case
from sweep_chains import Phase, chain_kl, frozen_kl, gamma_kl, start_kl, told
from sweep_laws import Line, Product, Truth, disguised_gaussian, random_law
from sweep_outputs import (
    geometric_steps,
    lipschitz_distance,
    output_distances,
    time_steps,
    w2_noised,
)
from sweep_tally import Tally, facts_of

from girsanov.paper.bounds import chen2023_ddpm
from girsanov.paper.bounds.chen2023_cld import exact_discretisation

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from bounds_sweep import control, one_law, rows, shown

SKEWED = Line(np.array([0.3, 0.7]), np.array([-1.5, 1.0]), np.array([0.04, 0.15]))


def swept(numbers, seed=3):
    tally = Tally()
    for k in numbers:
        rng = np.random.default_rng([seed, k])
        one_law(tally, rng, random_law(rng, k), k)
    return tally


def test_no_bound_is_below_the_truth_of_five_laws():
    tally = swept([0, 1, 2, 3, 7])
    control(tally, 5, 3)
    assert {name: cases for name, cases in tally.broken.items() if cases} == {}
    assert sum(map(len, tally.ratios.values())) > 200
    assert "| any_law ddpm | 5 | 0 |" in shown(rows(tally))


def test_a_bound_that_is_too_small_is_found(monkeypatch):
    # the module of this name, which a function of the package hides
    any_law = import_module("girsanov.paper.bounds.any_law")
    whole, grid = any_law.geometric_discretisation, chen2023_ddpm.grid_discretisation
    monkeypatch.setattr(any_law, "geometric_discretisation", lambda *a, **k: 0.5 * whole(*a, **k))
    monkeypatch.setattr(chen2023_ddpm, "grid_discretisation", lambda *a: 0.98 * grid(*a))
    tally = Tally()
    for k in (1, 4, 8, 9):
        rng = np.random.default_rng([3, k])
        law = random_law(rng, k)
        facts = facts_of(rng, law)
        geometric_case(tally, rng, law, facts)
        time_case(tally, rng, law, facts)
    assert tally.broken["any_law ddpm-halfway"]
    assert tally.broken["theorem2_on_grid"]


def test_what_a_bound_exceeds_by_less_than_the_truth_is_known_to_is_no_violation():
    tally = Tally()
    tally.add("a", Truth(1.0, 1e-3), 0.9995, None)
    tally.add("b", Truth(1.0, 1e-4), 0.9995, None)
    tally.add("c", Truth(1.0, 0.0), math.inf, None)
    assert (len(tally.broken["a"]), len(tally.broken["b"])) == (0, 1)
    assert tally.silent["c"] == 1


def test_truths_of_gaussians_are_the_closed_forms():
    rng = np.random.default_rng(5)
    for _ in range(10):
        law = disguised_gaussian(rng)
        v, t = law.variance, 10 ** rng.uniform(-2, 0.5)
        noised = 1 + (v - 1) * math.exp(-2 * t)
        kl = (noised - 1 - math.log(noised) + math.exp(-2 * t) * law.mean**2) / 2
        found = gamma_kl(law, t)
        assert abs(found.value - kl) <= found.slack
        assert told(law, 3 / v).value == pytest.approx(math.log(4) / 2, rel=1e-9)
        times = np.array([0.0, 0.1, 0.5, 0.7])
        h = np.diff(times)
        at = 1 / (1 + (v - 1) * np.exp(-2 * times))
        exact = math.log((1 + (v - 1) * math.exp(-1.4)) / v) / 2 + 0.7
        exact -= (-2 * np.expm1(-h) - h) @ at[1:]
        found = frozen_kl(law, times, relative=False)
        assert abs(found.value - exact) <= found.slack + 1e-12
        assert start_kl(Product((law, law)), 1 / v).value == pytest.approx(1 - math.log(2))


def test_phase_space_truths_are_those_of_the_closed_formula():
    # equation (3) of chen2023_cld.py, given the Fisher information by this quadrature
    def information(t):
        return np.array([SKEWED.at(math.expm1(2 * x)).fisher * math.exp(2 * x) for x in t.ravel()])

    found = Phase(SKEWED).path_kl(4, 2.0)
    assert found.value == pytest.approx(
        exact_discretisation(1, information, 4, time=2.0), rel=1e-8
    )


def test_the_output_costs_no_more_than_its_path_and_start():
    times = np.linspace(0.05, 3, 9)
    steps = time_steps(SKEWED, times, relative=False, wave=0.0)
    kl, tv = output_distances(SKEWED, (math.expm1(0.1), math.exp(-0.05)), (0.0, 1.0), steps)
    path = frozen_kl(SKEWED, times, relative=False).value + gamma_kl(SKEWED, 3.0).value
    assert 0.2 * path < kl.value < path
    assert 2 * tv.value**2 < kl.value  # Pinsker


def test_a_rare_wide_part_is_not_cut_off():
    # where the sampler hardly ever comes: its density there is e^-50, and not nothing
    law = Line(np.array([0.002, 0.998]), np.array([9.0, 1.0]), np.array([25.0, 0.02]))
    levels = np.geomspace(0.8, 3.0, 5)
    steps = geometric_steps(law, levels, "ddpm", 0.0)
    start = (law.mean, levels[0] ** -0.5)
    kl, tv = output_distances(law, (1 / levels[-1], 1.0), start, steps)
    path = start_kl(law, levels[0]).value + chain_kl(law, levels, "ddpm").value
    assert 0.1 * path < kl.value < path
    assert tv.value < 0.03


def test_distances_on_a_line():
    # two points a apart and q moved by b: both distances are known
    two = Line(np.array([0.25, 0.75]), np.array([0.0, 0.5]), np.zeros(2))
    moved = Line(two.w, two.mu + 0.1, two.v + 1e-12)
    found = lipschitz_distance(moved, two)
    assert found.value == pytest.approx(0.1, abs=found.slack)
    normal = Line(np.ones(1), np.array([2.0]), np.array([4.0]))
    # W2^2 of N(2 a, a^2 (4 + n)) and N(2, 4), from below: the ends of quantiles are left out
    exact = (0.8 * 2 - 2) ** 2 + (0.8 * math.sqrt(5) - 2) ** 2
    assert exact * 0.99 < w2_noised(normal, 1.0, 0.8) <= exact


def test_chains_of_independent_lines_add_up():
    levels = np.geomspace(0.1, 50, 6)
    one, both = (
        chain_kl(SKEWED, levels, "ddpm"),
        chain_kl(Product((SKEWED, SKEWED)), levels, "ddpm"),
    )
    assert both.value == pytest.approx(2 * one.value, rel=1e-10)
