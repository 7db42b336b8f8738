"""Samples keep the spread of the data: the draw, where plans end, and the pilot's noise."""

import math
from dataclasses import replace

import numpy as np
import pytest
from catalogue import LAWS, agree

from girsanov import audit, sample
from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture, Points
from girsanov.ledger.kept_spread import kept_spread
from girsanov.planning.allowed_levels import ends_by, settled
from girsanov.planning.given_grid import evaluate_grid
from girsanov.planning.make_plan import make_plan
from girsanov.planning.options import PlanOptions
from girsanov.planning.plan_file import load_plan
from girsanov.sampling.step_kl import analytic_dpm_kl

THIN = Gaussian([5.0, -2.0, 1.0], [400.0, 1.0, 0.01])
MODES = GaussianMixture([0.2, 0.5, 0.3], [[-9, 1], [0, 0], [14, -2]], [0.09, 1.0, 0.36])
RARE = GaussianMixture([0.02, 0.03, 0.95], [[10, 3], [-8, 6], [0, 0]], [0.25, 0.64, 1.0])
COUNT = 40_000
KEPT = ("variance_kept", "variance_kept_se")


@pytest.fixture(scope="module")
def thin():
    return audit(ExactDenoiser(THIN), THIN, levels=33, examples=2000, seed=2)


@pytest.fixture(scope="module")
def modes():
    return audit(ExactDenoiser(MODES), MODES, levels=33, examples=4000, seed=2)


def variances(law, plan):
    """Variances of samples along the law's principal axes over the law's, with standard errors."""
    values, vectors = np.linalg.eigh(law.covariance())
    x = sample(ExactDenoiser(law), plan, COUNT, seed=4)
    square = np.square((x - x.mean(axis=0)) @ vectors) / values
    return square.mean(axis=0), square.std(axis=0) / math.sqrt(COUNT)


@pytest.mark.parametrize("steps", [1, 4, 12])
def test_a_thin_direction_keeps_its_variance_though_the_plan_ends_at_coarse_noise(thin, steps):
    plan = make_plan(thin, steps=steps)
    assert plan.last == "draw"
    assert plan.resolution > 1.0  # ten times the thin direction's deviation
    ratio, se = variances(THIN, plan)
    # the measured variances are known to about 3 % from 2,000 examples, and count by their share
    assert (np.abs(ratio - 1) < 5 * se + 0.05).all()
    lost, _ = variances(THIN, make_plan(thin, steps=steps, last="denoise"))
    assert lost.min() < 0.01


def test_a_draw_adds_the_measured_covariance_about_the_prediction(thin):
    plan = make_plan(thin, steps=3, sampler="analytic-dpm")
    step = plan.recipe().steps[-1]
    assert (step.state, step.prediction) == (0.0, 1.0)
    s = plan.levels[-1]
    want = thin.frame.moments.variances / (1 + s * thin.frame.moments.variances)
    assert step.noise**2 == pytest.approx(want, rel=0.2)
    assert plan.steps == 3 == len(plan.levels)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_w2_of_a_draw_counts_what_is_drawn(law):
    measured = audit(ExactDenoiser(law), law, levels=17, examples=2000, seed=1)
    plan = evaluate_grid(measured, measured.levels[[2, 5, 7]])
    error = law.curve([plan.levels[-1]])
    bound = plan.certificate().w2
    # E|x0 - x0'|^2 = 2 M for two draws of one posterior
    assert bound.value**2 == pytest.approx(2 * error.value[0], rel=0.2, abs=1e-9)
    assert bound.high**2 >= plan.drawn()


def test_where_a_plan_ends_follows_every_direction_but_not_a_gaussian_one(thin, modes):
    assert settled(thin, thin.levels) == 0
    end = modes.levels[settled(modes, modes.levels)]
    assert end**-0.5 < 0.6  # below the modes' own deviations, .3 to 1, of 9 in all
    dust = Points([[x, y] for x in (-2.0, 6.0) for y in (-1e-5, 1e-5)], [0.2, 0.1, 0.4, 0.3])
    near = audit(ExactDenoiser(dust), dust, levels=33, examples=2000, seed=1)
    assert near.levels[settled(near, near.levels)] ** -0.5 > 0.1  # rounding is no direction
    both = GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [6.0, 0.0]], [[0.25, 0.0], [0.25, 0.0]])
    flat = audit(ExactDenoiser(both), both, levels=33, examples=2000, seed=1)
    assert settled(flat, flat.levels) < len(flat.levels) - 1  # no direction without variance


def test_points_are_followed_until_they_are_told_apart():
    law = Points([[-2.0, 1.0], [6.0, -1.0]], [0.3, 0.7])
    plan = make_plan(audit(ExactDenoiser(law), law, levels=33, examples=2000, seed=1), steps=6)
    x = sample(ExactDenoiser(law), plan, 4000, seed=1)
    near = np.square(x[:, None] - law.points).sum(axis=2).min(axis=1)
    assert np.median(near) < 0.02 * law.variance


def test_pictures_are_denoised_and_vectors_drawn(thin):
    assert ends_by(thin, PlanOptions()) == "draw"
    assert ends_by(thin, PlanOptions(sampler="ddpm")) == "denoise"
    assert ends_by(thin, PlanOptions(sampler="ddim")) == "denoise"
    assert ends_by(thin.with_facts(shape=(1, 3, 1)), PlanOptions()) == "denoise"


def test_a_pilot_keeps_the_variance_that_few_steps_lose():
    rare = audit(ExactDenoiser(RARE), RARE, levels=33, examples=8000, seed=2)
    plain = make_plan(rare, steps=8, sampler="analytic-dpm")
    kept = make_plan(rare, steps=8, denoiser=ExactDenoiser(RARE))
    assert np.array_equal(plain.levels, kept.levels)
    few, se = variances(RARE, plain)
    assert (few < 0.95 - 5 * se).all()
    ratio, se = variances(RARE, kept)
    told = kept.pilot
    assert (told.samples, told.calls) == (20_000, 160_000)
    own = np.array([told.variance_kept, told.variance_kept_se])
    # the pilots are chance too: as many standard errors of theirs
    assert (np.abs(ratio - 1) < 5 * (se + own[1].max())).all()
    assert (np.abs(own[0] - 1) < 5 * own[1]).all()
    assert "too narrow" not in kept_spread(kept)
    assert f"{told.nats:.2g}"[:3] in kept_spread(kept)  # what matched noise costs
    assert "matched to the data's spread" in kept.in_words()


@pytest.mark.parametrize("covariance", ["scalar", "pca", "coordinate"])
def test_a_pilot_has_its_price(modes, covariance):
    plain, kept = (
        evaluate_grid(modes, modes.levels[[4, 9, 13, 20]], covariance=covariance, denoiser=model)
        for model in (None, ExactDenoiser(MODES))
    )
    more = kept.ledger[1].value - plain.ledger[1].value
    assert kept.pilot.nats == pytest.approx(more)
    nodes = np.array([4, 9, 13]) + 1
    delta = np.diff(kept.levels)[:, None]
    if covariance == "scalar":
        error = modes.curve.mean_traces()[nodes, :1] / 2
    else:
        error = modes.curve.mean_errors(covariance)[nodes]
    sizes = np.full(error.shape[1], 2.0 / error.shape[1])
    cost = [
        analytic_dpm_kl(delta[:, 0], v.reshape(len(delta), -1), error, sizes).sum()
        for v in (kept.variances[:3], error)
    ]
    assert more == pytest.approx(cost[0] - cost[1], rel=0.05, abs=2e-3)
    assert more > 0


@pytest.mark.parametrize("last", ["draw", "denoise"])
@pytest.mark.parametrize("covariance", ["scalar", "pca"])
def test_a_pilot_of_one_step_costs_nothing_more(thin, covariance, last):
    options = {"steps": 1, "covariance": covariance, "last": last}
    plain, kept = (make_plan(thin, **options, denoiser=m) for m in (None, ExactDenoiser(THIN)))
    assert kept.ledger[1] == plain.ledger[1]
    assert len(kept.variances) == (last == "draw")
    assert len(sample(ExactDenoiser(THIN), kept, 5)) == 5


def test_a_pilot_whose_end_is_a_noisy_state_is_held_against_one(thin):
    plan = make_plan(thin, steps=3, last="sample", denoiser=ExactDenoiser(THIN))
    kept, se = (np.array(getattr(plan.pilot, name)) for name in KEPT)
    assert plan.resolution > 1.0  # far from the thin direction's deviation
    assert (np.abs(kept - 1) < 5 * se).all()


def test_a_plan_with_a_pilot_is_kept_in_a_file(tmp_path, modes):
    plan = make_plan(modes, steps=4, denoiser=ExactDenoiser(MODES))
    plan.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert np.array_equal(again.variances, plan.variances)
    assert again.recorded() == plan.recorded()


def test_a_pilot_is_of_the_audited_model_and_of_axes_all_steps_share(modes, thin):
    with pytest.raises(InputError, match="model: must be the model that was audited"):
        make_plan(modes, steps=3, denoiser=ExactDenoiser(THIN))
    with pytest.raises(InputError, match="covariance: must be one whose axes all steps share"):
        make_plan(modes, steps=3, covariance="full", denoiser=ExactDenoiser(MODES))
    with pytest.raises(InputError, match="model: is for analytic-dpm"):
        make_plan(modes, steps=3, sampler="ddpm", denoiser=ExactDenoiser(MODES))
    with pytest.raises(InputError, match="model: is for scalar processes"):
        make_plan(modes, steps=3, process="cld", denoiser=ExactDenoiser(MODES))


def test_draws_of_one_seed_are_the_same_in_every_batch(thin):
    plan = make_plan(thin, steps=3)
    whole = sample(ExactDenoiser(THIN), plan, 50, seed=3)
    parts = sample(ExactDenoiser(THIN), plan, 50, seed=3, batch_size=7)
    agree(whole, parts, np.full(whole.shape, 1e-12))


def test_a_verdict_says_in_which_direction_samples_are_too_narrow(modes):
    plan = make_plan(modes, steps=4, denoiser=ExactDenoiser(MODES))
    kept = {"variance_kept": (0.97, 0.99, 0.78), "variance_kept_se": (0.01,) * 3, "nats": 0.0}
    plan = replace(plan, pilot=replace(plan.pilot, **kept))
    assert "22 % too narrow in direction 2" in plan.verdict
    assert "in all" not in kept_spread(plan)
    plan = replace(plan, pilot=replace(plan.pilot, variance_kept_se=(0.2,) * 3))
    assert kept_spread(plan) == ""


def test_a_plan_that_returns_a_coarse_prediction_says_what_it_leaves_out(thin):
    coarse = make_plan(thin, steps=2, last="denoise", resolution=float(thin.levels[8] ** -0.5))
    share = coarse.promised.w2.value**2 / THIN.variance
    assert share > 0.05
    assert f"{100 * share:.0f}"[:1] in kept_spread(coarse)
    assert "leaves out about" in coarse.verdict
    assert kept_spread(make_plan(thin, steps=2)) == ""
