"""Bounds by intrinsic dimension, along the flow, and what an audit tells, against exact values."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.paper.bounds import Facts, flow_any_law, intrinsic, mutual_information, steps_for
from girsanov.paper.bounds.any_law import (
    CERTIFIED_SAMPLERS,
    any_law_score_term,
    geometric_discretisation,
)
from girsanov.paper.bounds.flow_any_law import bend, flow_discretisation, flow_score_term
from girsanov.paper.bounds.intrinsic import intrinsic_discretisation
from girsanov.paper.measured_information import measured_information
from girsanov.paper.output_law import kl_divergence, law_density, line_output
from girsanov.paper.path_kl import half_information
from girsanov.sampling.exponential_integrators import DDPM

sys.path.append(str(Path(__file__).parents[1]))
from bound_truth import flow_price, geometric_path_kl, random_spectrum

SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
POINTS = gv.GaussianMixture([0.2, 0.5, 0.3], [[-1.0], [0.3], [2.0]], 0.0)
ENTROPY = -sum(p * math.log(p) for p in (0.2, 0.5, 0.3))


def test_no_bound_is_below_the_path_kl_of_gaussians():
    rng = np.random.default_rng(3)
    for _ in range(1000):
        law, n = random_spectrum(rng), int(10 ** rng.uniform(0, 2.5))
        ends = np.sort(10 ** rng.uniform(-5, 6, 2))
        at = tuple((float(u), law.told(u)) for u in 10 ** rng.uniform(-6, 7, 2))
        d, variance = int(law.counts.sum()), float(law.values @ law.counts)
        facts = Facts(d, variance, information_at=at)
        given = {"first": ends[0], "last": ends[1]}
        true, size = geometric_path_kl(law, np.geomspace(*ends, n + 1))
        for sampler in CERTIFIED_SAMPLERS:
            bound = intrinsic_discretisation(facts, sampler, n, **given)
            assert true[sampler] <= bound * (1 + 1e-9) + 1e-12 * size
        halfway = geometric_discretisation(facts, "ddpm-halfway", n, **given)
        assert true["ddpm-halfway"] <= halfway * (1 + 1e-9) + 1e-12 * size
        along = flow_price(law, np.geomspace(*ends, n + 1))
        assert along <= flow_discretisation(d, n, **given)
        snr = 10 ** rng.uniform(-6, 7)
        assert law.told(snr) <= mutual_information(facts, snr) * (1 + 1e-12)


def test_halfway_needs_no_curve_and_has_the_order_of_analytic_dpm():
    facts, ends = Facts(3, 9.0, 8.0), {"first": 1e-3, "last": 1e4}
    n = 4000
    names = ("ddpm-halfway", "analytic-dpm", "ddpm")
    halfway, measured, ddpm = (geometric_discretisation(facts, s, n, **ends) for s in names)
    assert halfway == pytest.approx(measured, rel=1e-3)
    assert halfway == pytest.approx(ddpm / 2, rel=3e-3)
    assert halfway == pytest.approx(3 * math.log(1e7) ** 2 / (8 * n), rel=2e-2)


def test_what_is_told_of_points_is_their_entropy():
    assert half_information(POINTS, 1e-9, 1e9, 40) == pytest.approx(ENTROPY, rel=1e-6)
    facts = Facts(1, POINTS.second_moment, POINTS.variance, points=3)
    assert mutual_information(facts, 1e9) == pytest.approx(math.log(3))
    assert mutual_information(facts, 1e-6) == pytest.approx(POINTS.variance * 5e-7, rel=1e-5)
    two = Facts(1, POINTS.second_moment, POINTS.variance, coverings=((0.65, 2.0), (0.0, 3.0)))
    middle = half_information(POINTS, 1e-9, 1.0, 40)
    assert middle <= mutual_information(two, 1.0) < math.log(3)


@pytest.mark.parametrize("sampler", CERTIFIED_SAMPLERS)
def test_points_in_high_dimension(sampler):
    levels = np.geomspace(1e-3, 1e4, 33)
    m = np.asarray(POINTS.curve(levels[:-1]).value)
    used = half_information(POINTS, 1e-3, 1e4, 40)
    for d in (1, 10**4):
        spent = np.diff(levels) * m
        cost = spent if sampler == "ddpm" else d * np.log1p(spent / d)
        facts = Facts(d, POINTS.second_moment, POINTS.variance, points=3)
        bound = intrinsic(facts, sampler, 32, first=1e-3, last=1e4)
        assert cost.sum() / 2 - used <= bound.discretisation <= 5 * (cost.sum() / 2 - used) + 0.2
    assert "the data are 3 points" in bound.assumptions


def test_every_bound_of_ddpm_is_above_its_output():
    for law in (SKEWED, gv.GaussianMixture([0.9, 0.1], [[0.0], [4.0]], [0.01, 0.5])):
        for n in (8, 32):
            levels = np.geomspace(0.01, 100.0, n + 1)
            start = (float(law.mean[0]), levels[0] ** -0.5, None)
            plan = DDPM.recipe(levels, start=start, last="sample")
            out = line_output(law, plan)
            true = kl_divergence(law_density(law, float(levels[-1]), out.x), out)
            told = half_information(law, 1e-10, 100.0, 40)
            facts = Facts(1, law.second_moment, law.variance, information_at=((100.0, told),))
            ends = {"first": 0.01, "last": 100.0}
            for bound in (flow_any_law(facts, n, **ends), intrinsic(facts, "ddpm", n, **ends)):
                assert true <= bound.kl


def test_the_flow_bound_falls_as_the_square_and_holds_for_learned_means():
    ends = {"first": 0.01, "last": 100.0}
    one, two = (flow_discretisation(5, n, **ends) for n in (1000, 2000))
    assert one / two == pytest.approx(4, rel=0.02)
    assert one == pytest.approx(bend(5) * math.log(1e4) ** 3 / (8 * 1000**2), rel=0.02)
    rng = np.random.default_rng(1)
    for _ in range(300):
        law = random_spectrum(rng, extreme=False)
        levels, e = np.geomspace(*ends.values(), int(rng.integers(2, 60))), rng.uniform(0, 0.5)
        # a score that is off by e sqrt(d) along itself: the denoiser by e sqrt(M's own noise)
        price, clean = flow_price(law, levels, e), flow_price(law, levels)
        size = e**2 * law.counts.sum()
        error = np.sum(np.diff(levels) * size) / 2
        assert price <= clean + flow_score_term(clean, error) * (1 + 1e-9) + 1e-12
        d = int(law.counts.sum())
        bound = flow_any_law(
            Facts(d, 1e4 * d), len(levels) - 1, score_errors=math.sqrt(size), **ends
        )
        assert price <= bound.discretisation + bound.score


def test_no_denoiser_changes_faster_along_the_flow_than_any_law_may():
    """(2) for clouds: dm/dlambda = sigma E[a (a.z) | x], by its definition and by differences."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        d, k, sigma = int(rng.integers(1, 6)), int(rng.integers(2, 9)), 10 ** rng.uniform(-1.5, 1)
        points, weights = (
            rng.normal(size=(k, d)) * 10 ** rng.uniform(-1, 1),
            rng.dirichlet(np.ones(k)),
        )
        x = points[rng.choice(k, 2000, p=weights)] + sigma * rng.normal(size=(2000, d))

        def mean(x, sigma, points=points, weights=weights):
            logs = np.log(weights) - ((x[:, None] - points) ** 2).sum(-1) / (2 * sigma**2)
            p = np.exp(logs - logs.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            return p, p @ points

        p, m = mean(x, sigma)
        z = (x[:, None] - points) / sigma
        a = z - ((x - m) / sigma)[:, None]
        slope = (p[..., None] * a * (a * z).sum(-1, keepdims=True)).sum(1)
        step = 1e-4  # of lambda, along dx/dlambda = m - x
        ends = [mean(x + h * (m - x), sigma * np.exp(-h))[1] for h in (-step, step)]
        change = (ends[1] - ends[0]) / (2 * step)
        assert change == pytest.approx(sigma * slope, abs=1e-4 * np.abs(change).max() + 1e-6)
        assert (slope**2).sum(1).mean() <= bend(d)


def test_the_flow_gains_most_for_small_targets():
    facts = Facts(1, 1.0)
    steps = {
        tv: [steps_for(name, facts, tv=tv, w2=0.1).steps for name in ("ddpm", "ddpm-flow")]
        for tv in (0.1, 0.001)
    }
    assert steps[0.001][1] < steps[0.001][0] / 200
    assert steps[0.1][1] == pytest.approx(0.3 * steps[0.1][0], rel=0.01)


def test_table_of_pictures():  # theory 13.9
    facts = Facts(3072, 55.0**2, radius=55.0, points=10**6)
    found = [steps_for(n, facts, tv=0.1, w2=5.0) for n in ("ddpm", "ddpm-intrinsic")]
    assert found[0].steps == pytest.approx(1.44e7, rel=0.01)
    assert found[1].steps == pytest.approx(1.4e4, rel=0.02)
    learned = steps_for("ddpm-intrinsic", facts, tv=0.1, w2=5.0, score_error=0.02)
    assert learned.steps > found[1].steps
    assert learned.score >= 0.02**2 * (learned.time - learned.stop)


def test_an_audit_tells_at_least_what_there_is():
    true = [half_information(SKEWED, 1e-10, s, 40) for s in (0.1, 2.0, 30.0)]
    known = measured_information(
        gv.audit(gv.ExactDenoiser(SKEWED), SKEWED, examples=4000, levels=33)
    )
    exact = gv.audit(gv.ExactDenoiser(SKEWED), SKEWED, levels=33, examples=100)
    assert [s for s, _ in known] == sorted(s for s, _ in known)
    for audited in (known, measured_information(exact)):
        facts = Facts(1, SKEWED.second_moment, information_at=audited)
        for s, told in zip((0.1, 2.0, 30.0), true, strict=True):
            assert told * 0.999 <= mutual_information(facts, s) <= 1.5 * told + 0.3


def test_a_score_error_is_shrunk_by_more_noise():
    ends = {"first": 0.1, "last": 50.0}
    facts = Facts(2, 3.0, points=5)
    plain = any_law_score_term(0.1, 10, **ends)
    bound = intrinsic(facts, "ddpm", 10, score_errors=0.1, **ends)
    assert bound.score == pytest.approx(49.9 * 0.01 / 2)
    assert plain > 0
    with pytest.raises(InputError, match="score_errors: must be one number, or one of each of 10"):
        intrinsic(facts, "ddpm", 10, score_errors=[0.1], **ends)
    with pytest.raises(InputError, match="too few for a bound"):
        intrinsic(facts, "ddpm", 1, first=1e-150, last=1e150)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": 0}, "points: must be a whole number >= 1"),
        ({"coverings": ((1.0, 0.5),)}, "coverings: must be of 1 to"),
        ({"coverings": (1.0, 2.0)}, "coverings: must be a tuple of pairs"),
        ({"information_at": ((0.0, 1.0),)}, "information_at: must be positive"),
        ({"information_at": ((1.0, -1.0),)}, "information_at: must be >= 0"),
    ],
)
def test_facts_that_cannot_be(given, message):
    with pytest.raises(InputError, match=message):
        Facts(2, 2.0, **given)
