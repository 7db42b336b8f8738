"""Costs of cells and grids: equations (2)-(7) of cells.py and theory 9.6."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate

from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.exact import exact_curve
from girsanov.error_curve.integrals import half_integral, leave_one_out
from girsanov.law import Gaussian, GaussianMixture
from girsanov.measuring.examples import LawExamples
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.measuring.options import Pass
from girsanov.path_kl.cells import cells, path_cost
from girsanov.path_kl.shortest_path import shortest_paths
from girsanov.sampling.registry import SAMPLERS, sampler_named
from girsanov.sampling.step_kl import analytic_dpm_kl

THEORY = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
PLANE = GaussianMixture(
    [0.25, 0.75], [[-1.0, 2.0], [1.5, 0.5]], [np.diag([0.5, 0.4]), [[0.05, -0.02], [-0.02, 0.2]]]
)
KINDS = [("ddpm", None), ("ei-score", None), ("ei-relative", None)] + [
    ("analytic-dpm", c) for c in ("scalar", "pca", "coordinate", "full")
]


def planned(law, levels, sampler):
    """N times the discretisation of the best N cells with both ends fixed, by N."""
    curve = exact_curve(law, levels)
    start = np.full(len(levels), np.inf)
    start[0] = 0.0
    covariance = "scalar" if sampler == "analytic-dpm" else None
    best = shortest_paths(start, cells(curve, SAMPLERS[sampler], covariance), 65).costs[:, -1]
    information = half_integral(curve.levels, curve.errors["coordinate"][:, 0], np.ones(1))
    return best - information[1:].sum()


def test_planned_grids_of_a_gaussian_reach_the_known_optimum():  # theory 7.1, 9.6
    v, low, high = 25.0, 1e-3, 1e3
    levels = (np.geomspace(1 + low * v, 1 + high * v, 1501) - 1) / v
    got = planned(Gaussian([0.0], v), levels, "ddpm")
    length = math.log((1 + high * v) / (1 + low * v))
    for steps, value in ((4, 17.943), (16, 1.9906), (64, 0.42056)):
        optimum = (steps * math.expm1(length / steps) - length) / 2
        assert got[steps] == pytest.approx(value, rel=1e-3)
        assert optimum - 1e-9 <= got[steps] <= optimum * 1.001


@pytest.mark.parametrize(
    ("sampler", "values", "limit"),
    [
        ("ddpm", [21.0, 14.4, 12.2, 11.2, 10.8], 10.399),
        ("analytic-dpm", [0.815, 0.851, 0.872, 0.885, 0.896], 0.8996),
    ],
)
def test_planned_grids_of_a_mixture_are_those_of_the_theory(sampler, values, limit):  # theory 9.6
    got = planned(THEORY, np.geomspace(1e-3, 1e3, 1501), sampler)
    steps = np.array([4, 8, 16, 32, 64])
    assert steps * got[steps] == pytest.approx(values, rel=6e-3)
    gaps = np.abs(steps * got[steps] - limit)
    assert (gaps[1:] < 0.66 * gaps[:-1]).all()  # N D -> Lambda^2/4, theory 7.1


def test_planned_costs_fall_and_are_convex_in_the_number_of_steps():  # theory 7.2
    got = planned(THEORY, np.geomspace(1e-2, 1e2, 200), "ddpm")[1:]
    assert (got >= -1e-12).all()
    assert (np.diff(got) < 0).all()
    assert (np.diff(got, 2) > -1e-10).all()


@pytest.fixture(scope="module")
def plane():
    return audit(ExactDenoiser(PLANE), PLANE, levels=np.geomspace(0.05, 50, 7), examples=801)


@pytest.mark.parametrize(("sampler", "covariance"), KINDS, ids=[f"{h}-{c}" for h, c in KINDS])
def test_cells_add_up_to_paths(plane, sampler, covariance):
    table = cells(plane.curve, SAMPLERS[sampler], covariance)
    assert np.isinf(table[np.tril_indices(7)]).all()
    assert np.isfinite(table[np.triu_indices(7, 1)]).all()
    nodes = np.array([1, 3, 4, 7])
    direct = sum(table[i - 1, j - 1] for i, j in pairwise(nodes))
    fitted = path_cost(plane.curve, nodes, SAMPLERS[sampler], covariance)
    weights = plane.curve.shares
    if len(fitted) != len(weights):
        weights = np.array([weights[f::4].sum() for f in range(4)])
    # cross-fitted variances can only cost more, by (relative se)^2 / 4 a coordinate and step
    gap = fitted @ weights - direct
    assert -1e-9 <= gap < (0.05 if sampler == "analytic-dpm" else 1e-9)


def test_richer_covariances_never_cost_more(plane):  # Hadamard, Jensen: theory 11.1
    told = {"full": True, "control": False}  # of one and the same matrix
    curve = measure_curve(
        ExactDenoiser(PLANE), LawExamples(PLANE, 801, 0), plane.levels, plane.frame, Pass(**told)
    )
    by = {
        c: cells(curve, SAMPLERS["analytic-dpm"], c)
        for c in ("scalar", "pca", "coordinate", "full")
    }
    x0, upper = cells(curve, SAMPLERS["ddpm"], None), np.triu_indices(7, 1)
    for rich, poor in (("full", "pca"), ("full", "coordinate"), ("pca", "scalar")):
        assert (by[rich][upper] <= by[poor][upper] + 1e-12).all()
    assert (by["scalar"][upper] < x0[upper]).all()


def test_analytic_dpm_kl_is_least_at_the_measured_variance():  # equations (2), (3)
    m, sizes, delta = np.array([0.3, 0.01]), np.array([2.0, 5.0]), np.array(4.0)
    best = analytic_dpm_kl(delta, m, m, sizes)
    assert best == pytest.approx(np.log1p(4 * m) @ sizes / 2)
    assert analytic_dpm_kl(delta, 0 * m, m, sizes) == pytest.approx(4 * m @ sizes / 2)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert analytic_dpm_kl(delta, factor * m, m, sizes) > best


def test_leave_one_out_is_the_mean_of_the_others():
    rng = np.random.default_rng(0)
    values, w = rng.normal(size=(3, 5, 2)), rng.dirichlet(np.ones(5))
    got = leave_one_out(values, w)
    for g in range(5):
        others = np.delete(np.arange(5), g)
        expected = np.average(values[:, others], axis=1, weights=w[others])
        assert got[:, g] == pytest.approx(expected)
    assert leave_one_out(values[:, :1], np.ones(1)) == pytest.approx(values[:, :1])


@pytest.mark.parametrize("count", [2, 5, 40])
def test_half_integral_is_exact_for_gaussian_coordinates(count):  # equation (8)
    v = np.array([25.0, 0.3, 0.0, 1e-8])
    sizes = np.array([1.0, 3.0, 2.0, 1.0])
    s = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, count)])
    got = half_integral(s, v / (1 + s[:, None] * v), sizes)
    exact = np.log1p(s[:, None] * v) @ sizes / 2
    assert got == pytest.approx(np.diff(exact), rel=1e-9)


def test_half_integral_converges_for_mixtures():
    truth = integrate.quad(lambda u: THEORY.curve([math.exp(u)]).value[0] * math.exp(u), -4, 5)
    errors = []
    for count in (10, 20, 40, 80):
        s = np.geomspace(math.exp(-4), math.exp(5), count)
        value = half_integral(s, THEORY.curve(s).value[:, None], np.ones(1)).sum()
        errors.append(abs(value - truth[0] / 2))
    assert errors[-1] < 1e-4
    assert errors[0] > 20 * errors[-1]  # second order or better
    assert errors[0] < 0.05


def test_half_integral_bears_flat_rising_and_vanishing_curves():
    s = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    noisy = np.array([1.0, 1.0 + 1e-9, 1.5, 0.0, 0.0])[:, None]
    got = half_integral(s, noisy, np.ones(1))
    assert np.isfinite(got).all()
    assert got[0] == pytest.approx(0.5)
    assert got[1] == pytest.approx(0.5 * math.log(1.5) / (1 - 1 / 1.5))
    assert 0 <= got[2] < 0.5 * 1.5 / 100
    assert 0 <= got[3] < 1e-290
    for eps in (1e-3, 1.01e-4, 0.99e-4, 1e-6, -0.99e-4, -1.01e-4):  # series and formula
        pair = np.array([1.0, math.exp(-eps)])[:, None]
        mean = half_integral(np.array([0.0, 2.0]), pair, np.ones(1))[0]
        assert mean == pytest.approx(1 - eps / 2 + eps**2 / 12, abs=1e-10)


def test_covariances_that_were_not_measured_are_refused(plane):
    with pytest.raises(InputError, match="covariance: must be one that the audit measured"):
        cells(plane.curve, SAMPLERS["analytic-dpm"], "dct")
    with pytest.raises(InputError, match="covariance: full was not measured"):
        cells(exact_curve(THEORY, [1.0, 2.0]), SAMPLERS["analytic-dpm"], "full")
    with pytest.raises(InputError, match="sampler: must be one of ei-score, ei-relative, ddpm"):
        sampler_named("karras")
