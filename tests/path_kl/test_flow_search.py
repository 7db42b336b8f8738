"""Prices along the flow, and the search for levels, kernels and noise by them."""

import itertools
import math

import numpy as np
import pytest
from flow_truth import LineMixture, random_mixture

import girsanov as gv
from girsanov.measuring.exact_flow import exact_flow
from girsanov.path_kl.flow_cells import ancestral_prices, step_prices
from girsanov.path_kl.flow_search import (
    GAUSSIAN,
    OVERSHOOTS,
    FlowSearch,
    StepTable,
    flow_table,
    inner_of,
    with_gaussian,
)
from girsanov.sampling.exponential_integrators import DDPM, EI_RELATIVE, EI_SCORE

PARTS = ([0.3, 0.7], [-1.5, 1.0], [0.04, 0.15])
LAW = gv.GaussianMixture(PARTS[0], [[m] for m in PARTS[1]], [[[v]] for v in PARTS[2]])
TRUTH = LineMixture(*PARTS)
FLOW = exact_flow(LAW, np.geomspace(0.005, 2000, 65), 0, None)


def test_the_price_of_ddpm_is_that_of_its_own_noise():
    levels = np.geomspace(0.02, 200, 9)
    steps = DDPM.recipe(levels, start=(0.0, 1.0, None), last="sample").steps
    own = step_prices(FLOW, list(steps), levels[1:]).nats
    ancestral = ancestral_prices(FLOW, levels[:-1], levels[1:], levels[1:] ** 2 / levels[:-1], 1)
    np.testing.assert_allclose(own, ancestral.nats, rtol=1e-9)


@pytest.mark.parametrize("sampler", [DDPM, EI_SCORE, EI_RELATIVE], ids=lambda s: s.name)
def test_a_step_costs_what_its_kernel_misses_of_the_flow(sampler):
    s, t = 0.8, 1.3
    (step,) = sampler.recipe(np.array([s, t]), start=(0.0, 1.0, None), last="sample").steps
    x, share = TRUTH.points(s)
    rest = 1 / t - step.noise**2  # rho^2: with it both kernels have the same noise
    flown = TRUTH.flow(x, s, math.log(1 / (s * rest)) / 2)
    mean = step.state * x + step.prediction * TRUTH.denoise(x, s)
    truth = share @ (flown - mean) ** 2 / (2 * step.noise**2)
    price = step_prices(FLOW, [step], np.array([t]))
    assert price.known.all()
    assert price.nats[0, 0] == pytest.approx(truth, rel=0.03)


def test_a_step_with_more_noise_than_there_is_has_no_price():
    levels = np.array([0.5, 40.0])
    (step,) = EI_SCORE.recipe(levels, start=(0.0, 1.0, None), last="sample").steps
    assert step.noise**2 > 1 / levels[1]
    price = step_prices(FLOW, [step], levels[1:])
    assert not price.known.any()
    assert np.isinf(price.nats).all()


def test_a_gaussian_law_in_one_dimension_agrees_with_its_closed_form():
    law = gv.Gaussian([2.0], [[0.5]])
    flow = exact_flow(law, np.geomspace(0.01, 500, 65), 0, None)
    s, t, to = 0.7, 1.6, 2.6
    own = np.sqrt((0.5 + 1 / to) / (0.5 + 1 / s))  # the flow of a Gaussian scales
    shrink = 0.5 * s / (1 + 0.5 * s)
    u = math.log(to / s) / 2
    step = shrink + math.exp(-u) * (1 - shrink)
    truth = (own - step) ** 2 * (0.5 + 1 / s) / (2 * (1 / t - 1 / to))
    price = ancestral_prices(flow, *(np.array([v]) for v in (s, t, to)), 1)
    assert price.nats[0, 0] == pytest.approx(truth, rel=0.02)


def brute(search, calls, end):
    """The least cost over all ways to spend `calls` on steps that end at `end`."""
    best = math.inf
    for count in range(calls + 1):
        for stops in itertools.combinations(range(end), count):
            path = (*stops, end)
            for ways in itertools.product((1, 2), repeat=len(path) - 1):
                if sum(ways) != calls:
                    continue
                cost = search.cost[0][path[0]] + sum(
                    (search.one, search.two)[w - 1].cost[i, j]
                    for w, (i, j) in zip(ways, itertools.pairwise(path), strict=True)
                )
                best = min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_search_finds_the_least_of_all_ways(seed):
    rng = np.random.default_rng(seed)
    k = 7
    tables = [
        StepTable(np.where(np.triu(np.ones((k, k)), 1) > 0, rng.exponential(size=(k, k)), np.inf),
                  np.zeros((k, k), dtype=int))
        for _ in range(2)
    ]  # fmt: skip
    search = FlowSearch(np.geomspace(0.1, 10, k), rng.exponential(size=k), *tables)
    for calls in range(6):
        route = search.route(calls, k - 1)
        least = brute(search, calls, k - 1)
        assert (route is None) == math.isinf(least)
        if route is not None:
            found = search.cost[calls][k - 1]
            assert found == pytest.approx(least, rel=1e-12)
            assert sum(calls for calls, _ in route.ways) == calls


def test_the_table_takes_the_best_overshoot_and_counts_the_score_error():
    levels = np.geomspace(0.05, 50, 12)
    none = np.zeros(12)
    plain = flow_table(FLOW, levels, 1, none)
    i, j = 3, 4
    h = math.log(levels[j] / levels[i]) / 2
    prices = [
        ancestral_prices(FLOW, levels[[i]], levels[[j]], levels[[i]] * np.exp(2 * (1 + e) * h), 1)
        for e in OVERSHOOTS
    ]
    costs = [float(p.nats[0, 0]) for p in prices]
    assert plain.cost[i, j] == pytest.approx(1.05 * min(costs), rel=1e-12)
    assert plain.choice[i, j] == int(np.argmin(costs))
    assert OVERSHOOTS[plain.choice[i, j]] < 1
    # with much score error ddpm's noise, which makes the least of it, is best
    wrong = flow_table(FLOW, levels, 1, np.arange(12) * 10.0)
    assert OVERSHOOTS[wrong.choice[i, j]] == 1
    cheap = with_gaussian(plain, np.where(np.isfinite(plain.cost), 1e-12, np.inf))
    assert (cheap.choice[np.isfinite(cheap.cost)] == GAUSSIAN).all()


def test_second_calls_are_at_levels_that_the_network_was_trained_at():
    levels = np.array([0.1, 1.0, 9.0])
    trained = np.geomspace(0.05, 200, 60)
    inner = inner_of(levels, [(2, 0), (1, 1)], trained)
    assert inner.middle[0] in trained
    assert math.isnan(inner.middle[1])
    inner.require_fits(levels)


# what refuted the first quadrature: modes that part between two points, rare ones, and broad
# beside narrow ones
REFUTED = {
    "two thin pairs": ([0.25] * 4, [0, 0.3, 100, 100.4], [1e-4] * 4, 31.9, 3.9),
    "rare and far": ([1 - 4e-4, 2e-4, 2e-4], [0, 998, 1002], [1e-4] * 3, 2.0, 1.2),
    "thin in broad": ([0.2, 0.4, 0.4], [0, 20, 20.5], [1e3, 1e-6, 1e-6], 0.2, 0.8),
}


@pytest.mark.parametrize("name", REFUTED)
@pytest.mark.parametrize("calls", [1, 2])
def test_prices_are_right_where_modes_part_sharply(name, calls):
    weights, means, variances, sigma, length = REFUTED[name]
    truth = LineMixture(weights, means, variances)
    law = gv.GaussianMixture(weights, [[m] for m in means], [[[v]] for v in variances])
    s = sigma**-2.0
    flow = exact_flow(law, s * np.exp(0.25 * np.arange(-2, 3)), 0, None)
    found = getattr(flow.at(np.array([s]), np.array([length]))[0], ("one", "two")[calls - 1])
    # the truth by points about every component and where the flow parts them
    x = np.unique(np.concatenate([
        m + np.sqrt(v + 1 / s) * np.linspace(-9, 9, 60_001)
        for m, v in zip(means, variances, strict=True)
    ]))  # fmt: skip
    square = (truth.flow(x, s, length, 200) - truth.step(x, s, length, calls)) ** 2
    wide = truth.v + 1 / s
    p = (truth.w * np.exp(-((x[:, None] - truth.mu) ** 2) / (2 * wide)) / np.sqrt(wide)).sum(
        axis=1
    )
    expected = np.trapezoid(p * square, x) / np.trapezoid(p, x)
    assert found[0, 0] == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("seed", range(4))
def test_prices_of_random_laws_and_steps_are_right(seed):
    rng = np.random.default_rng(seed)
    weights, means, variances = random_mixture(rng)
    truth = LineMixture(weights, means, variances)
    law = gv.GaussianMixture(weights, means[:, None], variances[:, None, None])
    scale = law.variance
    flow = exact_flow(law, np.geomspace(0.005 / scale, 500 / scale, 65), 0, None)
    levels = np.geomspace(0.05 / scale, 20 / scale, 5)
    to = levels[1:] ** 2 / levels[:-1]
    for calls, near in ((1, 0.05), (2, 0.15)):
        found = ancestral_prices(flow, levels[:-1], levels[1:], to, calls).nats.sum()
        lengths = np.log(to / levels[:-1]) / 2
        noise = 1 / levels[1:] - 1 / to
        squares = [truth.missed(s, u, calls) for s, u in zip(levels[:-1], lengths, strict=True)]
        assert found == pytest.approx(float((squares / (2 * noise)).sum()), rel=near)
