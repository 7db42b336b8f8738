"""Likelihood bounds against their definition, and never below the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from chain_truth import gaussian_bound, line_truth, random_law

import girsanov as gv
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture

SAMPLERS = ("ddpm", "analytic-dpm", "euler-ancestral", "analytic-dpm")


def exact_audit(law, levels):
    return gv.audit(ExactDenoiser(law), law, levels=levels)


def noised(found):
    return next(b for b in found.bounds if b.of == "noised data")


def planned(audit, rng, sampler, steps=8):
    """A plan on some of the measured levels, about evenly."""
    if sampler == "euler-ancestral":  # priced along a flow, which was followed for short steps
        end = 2 * audit.levels[-1] ** -0.5
        return audit.plan(steps=17, sampler=sampler, last="denoise", resolution=end)
    wide = (len(audit.levels) - 1) // steps
    inner = np.arange(1, steps) * wide + rng.integers(0, wide, steps - 1)
    levels = audit.levels[[0, *inner.tolist(), len(audit.levels) - 1]]
    covariance = str(rng.choice(["scalar", "pca"])) if sampler == "analytic-dpm" else None
    last = "draw" if covariance else "denoise"
    return gv.evaluate_grid(
        audit, levels, sampler=sampler, covariance=covariance, last=last, start="gaussian"
    )


@pytest.mark.parametrize("k", range(16))
def test_it_is_the_bound_of_a_gaussian_and_above_what_the_sampler_draws(k):
    rng = np.random.default_rng(k)
    law = random_law(rng, "gaussian")
    audit = exact_audit(law, np.geomspace(0.02, 10 ** rng.uniform(1, 2.5), 17))
    plan = planned(audit, rng, SAMPLERS[k % 4])
    found = noised(audit.likelihood(plan)).nats
    assert found.low == found.value == found.high
    assert found.value == pytest.approx(gaussian_bound(law, plan.recipe(), plan.levels), abs=1e-3)
    from catalogue import output_of

    mean, spread = output_of(law, replace_last(plan))
    target, off = law.covariance() + np.eye(law.dimension) / plan.levels[-1], law.mean - mean
    away = target + np.outer(off, off)
    truth = (
        np.linalg.slogdet(2 * np.pi * spread)[1] + np.trace(np.linalg.solve(spread, away))
    ) / 2
    assert found.value >= truth - 1e-9


def replace_last(plan):
    """The plan's recipe without its last prediction or draw, which ends at the state."""
    whole = plan.recipe()
    return replace(whole, steps=whole.steps[:-1])


@pytest.mark.parametrize("k", range(8))
def test_it_is_the_bound_of_a_skewed_law_and_above_what_the_sampler_draws(k):
    rng = np.random.default_rng(100 + k)
    law = random_law(rng, "mixture")
    audit = exact_audit(law, np.geomspace(0.05, 10 ** rng.uniform(1, 2), 17))
    plan = planned(audit, rng, SAMPLERS[k % 4], steps=4)
    found = noised(audit.likelihood(plan)).nats.value
    bound, truth = line_truth(law, replace_last(plan), plan.levels)
    assert found == pytest.approx(bound, abs=1e-3)
    assert found >= truth - 1e-6


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative"])
def test_the_bound_of_an_sde_is_above_that_of_its_chain(sampler):
    law = random_law(np.random.default_rng(5), "gaussian")
    audit = exact_audit(law, np.geomspace(0.02, 50, 65))
    plan = gv.evaluate_grid(audit, audit.levels, sampler=sampler)
    found = noised(audit.likelihood(plan)).nats.value
    chain = gaussian_bound(law, plan.recipe(), plan.levels)
    assert chain < found < chain + 0.05 * law.dimension


def wrong(law, gain):
    """A denoiser that is the exact one scaled about the law's mean, which no audit is told of."""

    class Wrong(ExactDenoiser):
        exact = False

        def __call__(self, x, snr, label=None):
            mean = torch.as_tensor(law.mean).to(x)
            return mean + gain * (super().__call__(x, snr, label) - mean)

    return Wrong(law)


@pytest.mark.parametrize("covariance", ["scalar", "pca", "full"])
def test_of_a_wrong_model_it_is_the_bound_within_its_error(covariance):
    law = Gaussian([3.0, -1.0, 0.5], [[1.0, 0.8, -0.6], [0.8, 0.9, -0.3], [-0.6, -0.3, 0.6]])
    gaps = []
    for seed in range(4):
        data = gv.load_data(law.sample(1500, seed=seed).numpy() * 1.0)
        audit = gv.audit(wrong(law, 0.9), data, levels=np.geomspace(0.02, 50, 17), seed=seed,
                         flow=0)  # fmt: skip
        plan = gv.evaluate_grid(audit, audit.levels[::4], covariance=covariance, calibrate=False)
        found = noised(audit.likelihood(plan)).nats
        recipe = plan.recipe()
        truth = gaussian_bound(law, recipe, plan.levels, gain=0.9)
        gaps.append((found.value - truth) / (found.high - found.low))
    # a 95 % interval is about four standard errors; another plan's mean and spread are its own
    assert max(abs(g) for g in gaps) < 1.25


def test_many_steps_of_ddpm_tend_to_the_continuous_limit():
    law = random_law(np.random.default_rng(3), "mixture")
    audit = exact_audit(law, np.geomspace(0.02, 50, 33))
    gaps = []
    for count in (50, 100, 200):
        plan = gv.evaluate_grid(audit, np.geomspace(0.02, 50, count), sampler="ddpm")
        bound = noised(audit.likelihood(plan))
        gaps.append(bound.nats.value - bound.continuous.value)
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[0] / gaps[2] == pytest.approx(4, rel=0.1)


def test_without_a_plan_it_is_the_limit_over_all_levels():
    law = Gaussian([1.0, 2.0], [[1.0, 0.3], [0.3, 0.4]])
    audit = exact_audit(law, np.geomspace(1e-4, 1e3, 65))
    found = audit.likelihood()
    entropy = np.linalg.slogdet(2 * np.pi * np.e * (law.covariance() + np.eye(2) / 1e3))[1] / 2
    assert found.steps is None
    assert found.nats.value == pytest.approx(entropy, abs=1e-3)
    assert found.bits_per_dimension.value == pytest.approx(entropy / (2 * math.log(2)), abs=1e-3)


def test_a_last_draw_is_a_density_of_the_data():
    law = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
    audit = exact_audit(law, np.geomspace(1e-2, 1e4, 65))
    plan = audit.plan(steps=64, sampler="analytic-dpm", resolution=0.012)
    found = audit.likelihood(plan)
    assert found.bounds[0].of == "data"
    x = np.linspace(-4, 4, 20001)
    p = law.log_prob(torch.as_tensor(x)[:, None]).exp().numpy()
    entropy = -float(p @ np.log(np.maximum(p, 1e-300))) * (x[1] - x[0])
    assert entropy <= found.nats.value <= entropy + 0.05
    m = float(law.curve(plan.levels[-1:]).value[0])
    parts = found.bounds[0].parts
    assert parts["last"] == pytest.approx((math.log(2 * math.pi * m) + 1) / 2, abs=1e-6)


@pytest.mark.parametrize("last", ["draw", "denoise"])
def test_whole_values_have_a_probability_above_their_entropy(last):
    rng = np.random.default_rng(8)
    raw = rng.poisson(3.0, (600, 1))
    values, counts = np.unique(raw, return_counts=True)
    p = counts / counts.sum()
    entropy = -float(p @ np.log(p))
    data = gv.load_data(raw)
    scaled = (values - data.standardisation.mean[0]) / data.standardisation.scale[0]
    law = gv.Points(scaled[:, None], p)
    model = ExactDenoiser(law)
    model.standardisation = data.standardisation  # the atoms are the data, in its units
    audit = gv.audit(model, data, levels=np.geomspace(0.02, 2e3, 17), flow=0)
    plan = audit.plan(steps=40, sampler="analytic-dpm", last=last, resolution=0.05)
    found = audit.likelihood(plan)
    by_noise = next(b for b in found.bounds if b.of == "by noise")
    assert found.bounds[0].of == ("values" if last == "draw" else "by noise")
    for bound in (found.bounds[0], by_noise):
        assert bound.nats.high >= entropy
    # at this noise the values are told apart: the decoder adds nothing, the steps a little
    assert by_noise.nats.value <= entropy + 0.15
    assert by_noise.parts["units"] == 0


def test_units_of_the_data_are_counted():
    law = Gaussian([1.0, 2.0], [[1.0, 0.3], [0.3, 0.4]])
    rows, found = law.sample(400, seed=1).numpy(), []
    for scale in (np.array([1.0, 1.0]), np.array([1000.0, 0.25])):
        data = gv.load_data(rows * scale)
        model = ExactDenoiser(Gaussian(np.zeros(2), np.corrcoef(rows.T)))
        model.standardisation = data.standardisation
        audit = gv.audit(model, data, levels=np.geomspace(0.02, 50, 9), seed=3, flow=0)
        plan = gv.evaluate_grid(audit, audit.levels, sampler="analytic-dpm")
        found.append(audit.likelihood(plan))
    for one, other in zip(found[0].bounds, found[1].bounds, strict=True):
        more = math.log(1000) + math.log(0.25)
        assert one.units == "data"
        assert other.nats.value - one.nats.value == pytest.approx(more, abs=1e-4)


def test_a_plan_of_another_audit_is_priced_as_it_is():
    law = Gaussian([1.0, 2.0], [[1.0, 0.3], [0.3, 0.4]])
    train = gv.load_data(law.sample(3000, seed=0).numpy())
    model, levels = wrong(law, 0.8), np.geomspace(0.02, 50, 9)
    audits = [
        gv.audit(model, gv.load_data(law.sample(800, seed=k).numpy(), like=None), train=train,
                 levels=levels, seed=k, flow=0)
        for k in (1, 2)
    ]  # fmt: skip
    plan = gv.evaluate_grid(audits[0], levels, covariance="pca", calibrate=False)
    own, other = (noised(a.likelihood(plan)).nats for a in audits)
    truth = gaussian_bound_of(plan, law)
    for found in (own, other):
        assert abs(found.value - truth) < 1.25 * (found.high - found.low)


def gaussian_bound_of(plan, law):
    return gaussian_bound(law, plan.recipe(), plan.levels, gain=0.8)


def test_refusals():
    law = Gaussian([1.0, 2.0], [[1.0, 0.3], [0.3, 0.4]])
    audit = gv.audit(ExactDenoiser(law), law, levels=9, trajectories=16)
    ode = audit.plan(steps=4, sampler="heun")
    with pytest.raises(gv.InputError, match=r"heun follows the ODE.*analytic-dpm"):
        audit.likelihood(ode)
    two = audit.plan(steps=5, sampler="dpm2-ancestral")
    with pytest.raises(gv.InputError, match="one network call a step") as refusal:
        audit.likelihood(two)
    line = str(refusal.value).split("has one: ")[1]
    assert line == 'audit.plan(steps=5, sampler="analytic-dpm")'
    assert eval(line, {"audit": audit}).steps == two.steps  # as a reader would
    other = exact_audit(Gaussian([0.0, 2.0], [[1.0, 0.3], [0.3, 0.4]]), audit.levels)
    with pytest.raises(gv.InputError, match="must be of the audited model"):
        audit.likelihood(other.plan(steps=4, sampler="ddpm"))
    with pytest.raises(gv.InputError, match="must be a plan"):
        audit.likelihood("plan.json")


def test_an_audit_without_units_says_so(tmp_path):
    law = Gaussian([1.0, 2.0], [[1.0, 0.3], [0.3, 0.4]])
    audit = exact_audit(law, np.geomspace(0.02, 50, 9)).with_facts(volume=None)
    found = audit.likelihood()
    assert found.bounds[0].units == "model"
    assert "earlier version" in found.notes[0]
    kept = exact_audit(law, np.geomspace(0.02, 50, 9))
    kept.save(tmp_path / "a.json")
    assert gv.load_audit(tmp_path / "a.json").likelihood() == kept.likelihood()
