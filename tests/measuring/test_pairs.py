"""Audits, plans and samples of x given y, beside truths that are computed without them."""

import numpy as np
import pytest
import torch
from given_truth import Pairs, two_moons, two_moons_posterior

import girsanov as gv
from girsanov.montecarlo import group_estimate

MANY = 20_000


def within(value, se, truth, truth_se=0.0, k=3.0):
    assert abs(value - truth) <= k * np.hypot(se, truth_se), (value, se, truth, truth_se)


def entry(plan, name):
    found = next(e for e in plan.ledger if e.name == name)
    return found.value, (found.high - found.low) / 3.92


@pytest.fixture(scope="module", params=[(2, 1, 1), (20, 3, 1), (3, 2, 3)], ids=str)
def audited(request):
    """A linear Gaussian pair in 2 and 20 dimensions, and a mixture whose weights depend on y."""
    law = Pairs.drawn(*request.param, seed=sum(request.param))
    model = law.model(law.data(3000, 10))
    return law, model, gv.audit(model, law.data(2500, 11), levels=25, flow=0)


def test_the_curve_is_the_mean_error_over_pairs(audited):
    law, _, audit = audited
    total = audit.curve.errors[audit.curve.main] @ audit.curve.sizes[audit.curve.main]
    for k in (4, 9, 13, 17):
        got = group_estimate(total[k + 1], audit.curve.shares)
        within(got.value, got.se, *law.mse(float(audit.levels[k]), MANY, 40 + k), k=3.5)


def test_what_steps_cost_is_the_mean_kl_over_y(audited):
    law, _, audit = audited
    plan = audit.plan(steps=10, sampler="ddpm")
    s = plan.levels
    ends = [law.information(float(v), MANY, 60 + k) for k, v in enumerate((s[0], s[-1]))]
    errors = [law.mse(float(v), MANY, 70 + k) for k, v in enumerate(s[:-1])]
    value = np.diff(s) @ [m for m, _ in errors] / 2 - (ends[1][0] - ends[0][0])
    parts = [*(np.diff(s) * [e for _, e in errors] / 2), *(e for _, e in ends)]
    within(*entry(plan, "discretisation"), value, float(np.linalg.norm(parts)))


def test_init_is_the_mean_kl_to_the_regression(audited):
    """KL(p(x_s | y) | N(line of y, rest + 1/s)) in the mean over y, with densities by hand."""
    law, model, audit = audited
    plan = audit.plan(steps=6, sampler="analytic-dpm")
    s, moments = float(plan.levels[0]), plan.moments
    x, y = law.sample(MANY, 90)
    seen = x + np.random.default_rng(91).normal(size=x.shape) / s**0.5
    covariance = (np.asarray(moments.basis.factors[0]) * moments.variances) @ np.asarray(
        moments.basis.factors[0]
    ).T + np.eye(law.dimension) / s
    off = seen - model.told.told(y) - moments.mean
    square = (off @ np.linalg.inv(covariance) * off).sum(axis=1)
    start = -(square + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2
    nats = law.log_density(seen, y, s) - start
    within(*entry(plan, "init"), nats.mean(), nats.std() / MANY**0.5)
    if len(law.means) == 1:  # a line is all there is
        assert entry(plan, "init")[0] < 0.05


def _alone(law):
    """The denoiser of x alone."""
    whole = law.covariances[0] + law.lines @ law.lines.T
    return gv.ExactDenoiser(gv.Gaussian(law.means[0], whole))


def test_it_says_that_it_is_of_each_y(audited):
    _, model, audit = audited
    plan = audit.plan(steps=6, sampler="ddpm")
    assert "E_y KL" in plan.certificate().words()
    assert audit.facts.given == model.told.title


def test_draws_have_the_posterior_of_their_row(audited):
    law, model, audit = audited
    plan = audit.plan(steps=24, sampler="analytic-dpm")
    rows = np.random.default_rng(1).normal(size=(3, law.lines.shape[1]))
    drawn = gv.sample(model, plan, 1500, given=rows)
    assert drawn.shape == (3, 1500, law.dimension)
    w = law.weights(rows)
    means = np.einsum("nk,nkd->nd", w, law.moments(rows)[0])
    se = drawn.std(axis=1) / 1500**0.5
    assert (np.abs(drawn.mean(axis=1) - means) < 4.5 * se + 0.03).all()
    within_parts = np.einsum("nk,kij->nij", w, law.covariances)
    apart = law.moments(rows)[0] - means[:, None]
    covariance = within_parts + np.einsum("nk,nki,nkj->nij", w, apart, apart)
    for row in range(3):
        ratio = drawn[row].var(axis=0) / np.diag(covariance[row])
        assert (np.abs(ratio - 1) < 0.25).all()


def test_a_draw_depends_on_its_place_and_seed_alone(audited):
    law, model, audit = audited
    plan = audit.plan(steps=6, sampler="analytic-dpm")
    rows = np.random.default_rng(1).normal(size=(3, law.lines.shape[1]))
    drawn = gv.sample(model, plan, 4, given=rows, seed=5)
    np.testing.assert_allclose(gv.sample(model, plan, 4, given=rows, seed=5, batch_size=5), drawn)
    np.testing.assert_allclose(gv.sample(model, plan, 4, given=rows[:2], seed=5), drawn[:2])
    if rows.shape[1] > 1:
        np.testing.assert_allclose(gv.sample(model, plan, 4, given=rows[0], seed=5), drawn[:1])
    assert not np.allclose(gv.sample(model, plan, 4, given=rows, seed=6), drawn)


def test_rows_far_out_are_warned_of_and_no_rows_refused(audited):
    law, model, audit = audited
    plan = audit.plan(steps=6, sampler="analytic-dpm")
    p = law.lines.shape[1]
    with pytest.warns(UserWarning, match="y0 of row 1 lies outside the training range"):
        gv.sample(model, plan, 1, given=np.array([[0.0] * p, [50.0] * p]))
    with pytest.raises(gv.InputError, match="given: must be rows of what the model was given"):
        gv.sample(model, plan, 1)
    with pytest.raises(gv.InputError, match="given: does not fit the model"):
        gv.sample(model, plan, 1, given=np.zeros((2, p + 1)))
    with pytest.raises(gv.InputError, match="given: must be left out"):
        gv.sample(_alone(law), gv.recipe("ddpm", plan.levels, start=(0.0, 1.0, None)), 1,
                  given=np.zeros((1, p)))  # fmt: skip


def test_wrong_networks_cost_what_they_are_wrong_by():
    """The lower bound of the score error stays below E_y KL of what is drawn, and sees it."""
    law = Pairs.drawn(2, 1, 1, seed=3)
    wrong = law.wrong(0.8).model(law.data(3000, 10))
    audit = gv.audit(wrong, law.data(3000, 11), levels=33, flow=0)
    low = audit.plan(steps=20, sampler="ddpm").ledger[-1].low
    truth = 2 * (np.log(0.8) + (1 / 0.8**2 - 1) / 2)  # KL of the two Gaussians
    assert 0.3 * truth < low < truth


def moons_network(theta: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """E[theta | theta_s, y] of two moons over draws of the exact posterior of each y."""
    out = torch.empty_like(theta)
    for row, told in enumerate(y.double().numpy()):
        key = told.tobytes()
        if key not in KNOWN:
            if len(KNOWN) > 600:
                KNOWN.clear()
            KNOWN[key] = two_moons_posterior(told, 1500, seed=len(KNOWN))
        off = theta[row].double().numpy() - KNOWN[key]
        log = -(off**2).sum(axis=1) / (2 * float(t[row]) ** 2)
        w = np.exp(log - log.max())
        out[row] = torch.from_numpy((w / w.sum()) @ KNOWN[key])
    return out


KNOWN: dict[bytes, np.ndarray] = {}


def test_two_moons_of_which_the_posterior_is_drawn_exactly():
    theta, seen = two_moons(400, 0)
    held, held_seen = two_moons(96, 1)
    train = gv.load_data(theta, given=seen)
    model = gv.wrap(
        moons_network, (2,), times=(0.05, 10.0), train=train, units=(0.0, 1.0), given=2,
        weights={"moons": torch.zeros(1)},
    )  # fmt: skip
    audit = gv.audit(model, gv.load_data(held, given=held_seen), levels=9, flow=0)
    total = audit.curve.errors[audit.curve.main] @ audit.curve.sizes[audit.curve.main]
    for k in (2, 5):
        got = group_estimate(total[k + 1], audit.curve.shares)
        within(got.value, got.se, *_moons_error(float(audit.levels[k])))


def _moons_error(snr, n=150):
    """M(s) with posteriors of its own, none of which the network has seen."""
    theta, seen = two_moons(n, 7)
    rng, squares = np.random.default_rng(8), []
    for own, told in zip(theta, seen, strict=True):
        cloud = two_moons_posterior(told, 1500, seed=int(rng.integers(1e9)))
        x = own + rng.normal(size=2) / snr**0.5
        log = -snr * ((x - cloud) ** 2).sum(axis=1) / 2
        w = np.exp(log - log.max())
        squares.append(((own - (w / w.sum()) @ cloud) ** 2).sum())
    return float(np.mean(squares)), float(np.std(squares) / n**0.5)


def test_shards_hold_the_draws_of_each_row(audited, tmp_path):
    law, model, audit = audited
    plan = audit.plan(steps=4, sampler="analytic-dpm")
    rows = np.random.default_rng(1).normal(size=(3, law.lines.shape[1]))
    shards = gv.sample_shards(model, plan, 5, tmp_path / "parts", given=rows)
    whole = gv.sample(model, plan, 5, given=rows)
    np.testing.assert_allclose(np.concatenate(list(shards)), whole.reshape(15, -1), rtol=1e-6)
    with pytest.raises(gv.InputError, match="given: must be rows of what the model was given"):
        gv.sample_shards(model, plan, 5, tmp_path / "others")


def test_a_reference_of_another_line_is_refused(audited):
    law, model, _ = audited
    other = law.model(law.data(2000, 99))
    with pytest.raises(gv.InputError, match="reference: must work in the same units"):
        gv.audit(model, law.data(500, 12), levels=5, reference=other)
