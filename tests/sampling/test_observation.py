"""Samples given a linear measurement: exact on Gaussian laws, in any units; and refusals."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.data.channel_units import ChannelStandardisation
from girsanov.data.standardise import ImageStandardisation, VectorStandardisation
from girsanov.sampling.conjugate import conjugate
from girsanov.sampling.observation import Measured

D, N, TAU = 6, 30_000, 0.3
BLUR = np.exp(-0.5 * np.subtract.outer(np.arange(D), np.arange(D)) ** 2)
AXES, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(D, D)))
MEAN = np.array([3.0, -1.0, 0.5, 10.0, -4.0, 0.0])
COV = AXES @ np.diag([9.0, 2.0, 1.0, 0.5, 0.1, 0.01]) @ AXES.T
OPERATORS = {
    "mask": np.array([True, False, False, True, True, False]),
    "blur": BLUR / BLUR.sum(1, keepdims=True),
    "means of two": np.kron(np.eye(3), [[0.5, 0.5]]),
    "dense": np.random.default_rng(3).normal(size=(2, D)),
}


@pytest.fixture(scope="module")
def law():
    """Anisotropic and off-centre: deviations of 0.1 to 3 along axes that are no coordinates."""
    return gv.Gaussian(MEAN, COV)


@pytest.fixture(scope="module")
def model(law):
    return gv.ExactDenoiser(law)


@pytest.fixture(scope="module")
def audit(model, law):
    return gv.audit(model, law, levels=33, flow=0)


@pytest.fixture(scope="module")
def plan(audit):
    return audit.plan(steps=6, sampler="analytic-dpm", covariance="pca", last="draw")


def posterior(operator, y, tau):
    """The mean and the covariance of x given y, by Bayes."""
    a = np.eye(D)[operator] if operator.dtype == bool else operator
    noise = np.diag(np.broadcast_to(np.square(tau), len(a)))
    gain = COV @ a.T @ np.linalg.inv(a @ COV @ a.T + noise)
    return MEAN + gain @ (y - a @ MEAN), COV - gain @ a @ COV


def off(x, mean, covariance):
    """How far a sample's means and covariances are from the truth, in standard errors."""
    var = np.diag(covariance)
    z = (x.mean(0) - mean) / np.sqrt(var / len(x))
    se = np.sqrt((np.outer(var, var) + covariance**2) / len(x))
    return np.abs(z).max(), np.abs((np.cov(x.T) - covariance) / se).max()


@pytest.mark.parametrize("name", OPERATORS)
def test_exact_on_a_gaussian_law(law, model, plan, name):  # (1) and (2) of conjugate.py
    a = OPERATORS[name]
    rows = np.eye(D)[a] if a.dtype == bool else a
    y = rows @ MEAN + np.linspace(-2, 1.5, len(rows))
    x = gv.sample(model, plan, N, observed=gv.Observation(a, TAU, y), seed=1)
    mean, covariance = posterior(a, y, TAU)
    assert max(off(x, mean, covariance)) < 4.5
    prior = gv.sample(model, plan, N, seed=1)
    assert max(off(prior, mean, covariance)) > 20  # or this test could not fail


def test_numbers_with_noise_of_their_own(law, model, plan):
    tau, y = np.array([0.05, 2.0]), np.array([1.0, -3.0])
    seen = gv.Observation(OPERATORS["dense"], tau, y)
    x = gv.sample(model, plan, N, observed=seen, seed=2)
    assert max(off(x, *posterior(OPERATORS["dense"], y, tau))) < 4.5


def far(model, audit, covariance, steps):
    """How far samples are from the posterior: of means, in its deviation; of covariances."""
    plan = audit.plan(steps=steps, sampler="analytic-dpm", covariance=covariance, last="draw")
    y = OPERATORS["dense"] @ MEAN + [1.0, -1.0]
    seen = gv.Observation(OPERATORS["dense"], TAU, y)
    x = gv.sample(model, plan, N, observed=seen, seed=3)
    mean, cov = posterior(OPERATORS["dense"], y, TAU)
    return off(x, mean, cov), np.linalg.norm(x.mean(0) - mean) / np.sqrt(np.trace(cov))


def test_a_full_covariance_is_exact(model, audit):
    (of_mean, of_covariance), _ = far(model, audit, "full", 6)
    assert max(of_mean, of_covariance) < 4.5


@pytest.mark.parametrize("covariance", ["scalar", "coordinate"])
def test_covariances_along_no_axis_of_the_law_are_near(model, audit, covariance):
    """Of a Gaussian law too C is then not that of x0 given x: a few percent of a deviation."""
    few, many = (far(model, audit, covariance, steps)[1] for steps in (6, 64))
    assert max(few, many) < 0.05
    assert min(few, many) > 0.001  # it is an approximation, and this test can tell


def test_rows_of_measurements_with_gaps(law, model, plan):
    """Each row is its own posterior, and a NaN is a number that was not measured."""
    a = np.eye(D)
    y = np.full((3, D), np.nan)
    y[0, :2], y[1, 3:], y[2, 5] = (1.0, -2.0), (9.0, -4.5, 0.5), 1.0
    x = gv.sample(model, plan, 10_000, observed=gv.Observation(a, TAU, y), seed=4)
    assert x.shape == (3, 10_000, D)
    for drawn, row in zip(x, y, strict=True):
        known = np.isfinite(row)
        assert max(off(drawn, *posterior(a[known], row[known], TAU))) < 4.5


def test_a_plan_that_ends_in_a_prediction_ends_in_the_posterior_mean(law, model, audit):
    """At its last level C is that of a Gaussian law, exactly so here."""
    plan = audit.plan(steps=5, sampler="analytic-dpm", covariance="pca", last="denoise")
    y = np.array([1.0, -3.0])
    seen = Measured(OPERATORS["dense"] / TAU, y[None] / TAU, 4000)
    recipe, given = conjugate(plan, seen, None)
    assert [step.state for step in recipe.steps] == [0.0] * 6  # no state goes along
    known = given.known[plan.levels[-1]]
    assert not known.draws
    axes = np.asarray(known.basis.factors[0])
    cov = COV
    exact = np.linalg.inv(np.linalg.inv(cov) + plan.levels[-1] * np.eye(D))
    np.testing.assert_allclose(axes * known.variance @ axes.T, exact, atol=2e-2 * exact.max())
    draws = gv.sample(model, plan, N, observed=gv.Observation(OPERATORS["dense"], TAU, y))
    mean, cov = posterior(OPERATORS["dense"], y, TAU)
    assert off(draws, mean, cov)[0] < 4.5


def test_nothing_measured_leaves_the_law(law, model, plan):
    x = gv.sample(model, plan, N, observed=gv.Observation(np.eye(D)[:1], 1e5, [0.0]), seed=5)
    assert max(off(x, MEAN, COV)) < 4.5


def test_samples_are_the_same_in_any_batch_and_number(model, plan):
    y = np.array([[1.0, -3.0], [np.nan, 2.0]])
    seen = gv.Observation(OPERATORS["dense"], TAU, y)
    x = gv.sample(model, plan, 30, observed=seen, seed=6)
    again = gv.sample(model, plan, 30, observed=seen, seed=6, batch_size=7)
    np.testing.assert_allclose(x, again, atol=1e-10)
    assert np.abs(x - gv.sample(model, plan, 30, observed=seen, seed=7)).max() > 0.1


def test_shards_hold_the_same(model, plan, tmp_path):
    seen = gv.Observation(OPERATORS["dense"], TAU, np.array([[1.0, -3.0], [0.0, 2.0]]))
    shards = gv.sample_shards(model, plan, 700, tmp_path / "a", observed=seen, seed=6)
    whole = np.concatenate(list(shards)).reshape(2, 700, D)
    np.testing.assert_allclose(whole, gv.sample(model, plan, 700, observed=seen, seed=6))
    other = gv.Observation(OPERATORS["dense"], TAU, np.array([[1.0, -3.0], [0.0, 2.5]]))
    with pytest.raises(gv.InputError, match="holds shards of another run"):
        gv.sample_shards(model, plan, 700, tmp_path / "a", observed=other, seed=6)


def test_a_mixture_comes_nearer_with_more_steps():
    """Two modes that the start cannot tell apart: what an early level got wrong is mended."""
    law = gv.GaussianMixture(
        np.array([0.3, 0.7]), np.array([[-2.0, 1.0], [2.0, 1.5]]), np.array([0.2, 0.3])
    )
    model = gv.ExactDenoiser(law)
    audit = gv.audit(model, law, levels=25, flow=0)
    a, y, tau = np.array([[0.2, 1.0]]), np.array([1.2]), 0.3
    logs = [np.log(w) - (y - a @ m)[0] ** 2 / (2 * v) - np.log(v) / 2
            for w, m, c in ((0.3, [-2.0, 1.0], 0.2), (0.7, [2.0, 1.5], 0.3))
            for v in [c * 1.04 + tau**2]]  # fmt: skip
    share = 1 / (1 + np.exp(logs[0] - logs[1]))  # of the right mode
    errors = []
    for steps in (4, 64):
        plan = audit.plan(steps=steps, sampler="analytic-dpm", last="draw")
        x = gv.sample(model, plan, 4000, observed=gv.Observation(a, tau, y), seed=8)
        errors.append(abs((x[:, 0] > 0).mean() - share))
    assert errors[1] < 0.05
    assert errors[1] < errors[0] + 0.02


# --- units -----------------------------------------------------------------------------------

UNITS = {
    "vector": VectorStandardisation((4,), np.dtype("f8"), np.array([1.0, -2, 3, 9]),
                                    np.array([2.0, 0.5, 0.0, 3])),
    "image": ImageStandardisation((2, 3, 3), "hwc", np.dtype("f4"), 0.0, 255.0),
    "own": ImageStandardisation((2, 3), "hw", np.dtype("f4"), 0.0, 1.0, np.full((1, 2, 3), 0.4),
                                np.full((1, 1, 1), 0.2)),
    "channels": ChannelStandardisation((5, 2), "lc", np.dtype("f8"), np.array([1.0, 5]),
                                       np.array([2.0, 0.1])),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNITS)
def test_operators_act_on_the_data_as_they_come_out(kind):  # (2) of observation.py
    units, rng = UNITS[kind], np.random.default_rng(0)
    a = rng.normal(size=(3, *units.example))
    x = rng.normal(size=(7, *units.shape)).clip(-0.9, 0.9)
    raw = units.decode(x).astype(float).reshape(7, -1)
    matrix, shift = units.linear(a)
    expected = raw @ a.reshape(3, -1).T
    np.testing.assert_allclose(x.reshape(7, -1) @ matrix.T + shift, expected, rtol=1e-5, atol=1e-4)
    flat, _ = units.linear(a.reshape(3, -1))
    np.testing.assert_array_equal(flat, matrix)
    with pytest.raises(gv.InputError, match="must have rows of shape"):
        units.linear(np.ones((3, 7)))


def test_a_network_of_data_in_units_of_their_own(tmp_path):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(800, 3)) @ np.diag([10.0, 1.0, 0.1]) + [100.0, -5.0, 1e3]

    def wiener(z, t):
        return z / (1 + t[:, None] ** 2)  # exact: columns are standardised and independent

    data = gv.load_data(x)
    model = gv.wrap(wiener, (3,), times=(1e-3, 100.0), train=data,
                    weights={"none": torch.zeros(1)})  # fmt: skip
    plan = gv.audit(model, gv.load_data(x[:400] + 0.0), levels=17, flow=0).plan(
        steps=12, sampler="analytic-dpm", last="draw"
    )
    drawn = gv.sample(model, plan, 2000, observed=gv.Observation([[1.0, 0, 0]], 0.5, [112.0]))
    deviation = 1 / np.sqrt(1 / x[:, 0].var() + 1 / 0.5**2)
    mean = (x[:, 0].mean() / x[:, 0].var() + 112.0 / 0.5**2) * deviation**2
    assert abs(drawn[:, 0].mean() - mean) < 5 * deviation / np.sqrt(2000) + 0.02
    assert abs(drawn[:, 0].std() - deviation) < 0.06
    assert abs(drawn[:, 2].mean() - x[:, 2].mean()) < 0.02


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([1.0, 2.0], 0.1, [1.0]), "must have a row for every number measured"),
        ((np.zeros(4, bool), 0.1, [1.0]), "measure something: the mask is true nowhere"),
        ((np.full((1, 6), np.nan), 0.1, [1.0]), "operator: must be finite"),
        ((np.array([["a"]]), 0.1, [1.0]), "must be numbers"),
        ((np.ones((2, 6)), 0.0, [1.0, 2]), "noise: must be a deviation above 0.*got 0"),
        ((np.ones((2, 6)), np.nan, [1.0, 2]), "noise: must be a deviation above 0"),
        ((np.ones((2, 6)), None, [1.0, 2]), "noise: must be a deviation above 0"),
        ((np.ones((2, 6)), [1.0, 1, 1], [1.0, 2]), r"or 2 of them; got \(3,\)"),
        ((np.ones((2, 6)), 0.1, [1.0, 2, 3]), r"must be the 2 numbers measured.*got \(3,\)"),
        ((np.ones((2, 6)), 0.1, [np.inf, 2]), "must be finite, or NaN for a gap"),
        ((np.ones((2, 6)), 0.1, ["a", "b"]), "must be the 2 numbers measured"),
        ((np.ones((5000, 1)), 0.1, np.ones(5000)), "at most 4096 numbers"),
    ],
)
def test_what_can_be_no_observation(given, said):
    with pytest.raises(gv.InputError, match=said):
        gv.Observation(*given)


def test_an_operator_of_other_examples(model, plan):
    seen = gv.Observation(np.ones((2, 5)), 0.1, [1.0, 2])
    with pytest.raises(gv.InputError, match=r"rows of shape \(6,\), as the data have"):
        gv.sample(model, plan, 5, observed=seen)


def test_nothing_measured_is_refused_and_so_is_what_is_none(model, plan):
    with pytest.raises(gv.InputError, match="measured: must be given"):
        gv.sample(model, plan, 5, observed=gv.Observation(np.ones((2, 6)), 0.1))
    with pytest.raises(gv.InputError, match=r"must be a girsanov.Observation; got ndarray"):
        gv.sample(model, plan, 5, observed=np.ones(3))
    seen = gv.Observation(np.ones((2, 6)), 0.1, [1.0, 2])
    with pytest.raises(gv.InputError, match="given: must be left out"):
        gv.sample(model, plan, 5, observed=seen, given=np.ones(3))


@pytest.mark.parametrize("sampler", ["ddpm", "ei-score"])
def test_a_sampler_without_a_covariance(model, audit, sampler):
    seen = gv.Observation(np.ones((1, 6)), 0.1, [1.0])
    plan = audit.plan(steps=4, sampler=sampler)
    with pytest.raises(gv.InputError, match=rf"got {sampler}\. Plan with --sampler analytic-dpm"):
        gv.sample(model, plan, 5, observed=seen)
    with pytest.raises(gv.InputError, match="got Recipe"):
        gv.sample(model, plan.recipe(), 5, observed=seen)


def test_coverage_of_simulated_measurements(law, model, plan):
    rng = np.random.default_rng(9)
    x = rng.multivariate_normal(MEAN, COV, 900)
    seen = gv.Observation(OPERATORS["dense"], TAU)
    found = gv.coverage(model, plan, gv.load_data(x), rows=800, draws=19, observed=seen)
    assert found.calibrated, found.verdict
    assert found.observed
    wrong = gv.Observation(OPERATORS["dense"], 3 * TAU)
    judged = _with_noise_of(gv, model, plan, x, seen, wrong)
    assert not judged.calibrated
    assert "conjugate step" in judged.verdict


def _with_noise_of(gv, model, plan, x, seen, wrong):
    """Coverage of draws that take the noise for three times what it is."""
    from girsanov.posterior import judge

    class Wrong(judge._Judge):
        def _given(self):
            _, measured = super()._given()
            ratio = seen.noise / wrong.noise
            return None, Measured(
                measured.operator * ratio[:, None], measured.values * ratio, measured.each
            )

    own, judge._Judge = judge._Judge, Wrong
    try:
        return gv.coverage(model, plan, gv.load_data(x), rows=800, draws=19, observed=seen)
    finally:
        judge._Judge = own


def test_coverage_refuses_what_it_cannot_observe(model, plan):
    x = gv.load_data(np.zeros((60, D)) + np.arange(60)[:, None])
    with pytest.raises(gv.InputError, match=r"a model of x alone\. Say how x is measured"):
        gv.coverage(model, plan, x)
