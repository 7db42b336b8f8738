"""The lower bound on the score error: equations (1), (2) of lower_bound.py on known laws."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.audited import load_audit
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.exact import exact_curve
from girsanov.error_curve.integrals import half_integral
from girsanov.law import Gaussian, GaussianMixture
from girsanov.ledger.score_entry import score_bound
from girsanov.measuring.examples import LawExamples
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.measuring.options import Pass
from girsanov.montecarlo import group_estimate
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.ideal_grid import reference_between
from girsanov.sampling.registry import SAMPLERS
from girsanov.score_error.corrections import correction_gain, normal_equations
from girsanov.score_error.lower_bound import probe

LAWS = {
    "line": GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "plane": GaussianMixture(
        [0.25, 0.75],
        [[-1.0, 2.0], [1.5, 0.5]],
        [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
    ),
}
GRID = np.geomspace(0.02, 100, 13)
N = 2000


class Denoiser(ExactDenoiser):
    """The exact denoiser, made wrong by `error`(m, x, s)."""

    exact = False

    def __init__(self, law, error):
        super().__init__(law)
        self.error = error

    def __call__(self, x, snr, label=None):
        m = self.law.denoise(x, snr)
        level = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return self.error(m, x, level, self.law)


def network(d):
    """A fixed random function of (x, log s), which no affine correction undoes."""
    rng = np.random.default_rng(5)
    into, out = (
        torch.as_tensor(rng.normal(size=(d + 1, 32))),
        torch.as_tensor(rng.normal(size=(32, d))),
    )

    def error(m, x, s, law):
        level = s.log().expand(len(x), 1)
        return m + 0.1 * torch.tanh(torch.cat([2 * x, level], 1) @ into) @ out / 4

    return error


ERRORS = {
    "scaled": lambda m, x, s, law: 0.8 * m + 0.2 * torch.tensor(law.mean),
    "shifted": lambda m, x, s, law: m + 0.2,
    "noisy": lambda m, x, s, law: m + 0.3 * (x - m) * s / (1 + s),  # part of the noise is kept
    "linear": lambda m, x, s, law: (
        torch.tensor(law.mean) + s * law.variance / law.dimension
        / (1 + s * law.variance / law.dimension) * (x - torch.tensor(law.mean))
    ),
    "network": lambda m, x, s, law: network(law.dimension)(m, x, s, law),
}  # fmt: skip
AFFINE = ("scaled", "shifted", "noisy")
MEASURED = {}


def measured(name, error):
    """The audit and the true eps^2(s) [K] with its standard error, by Monte Carlo."""
    if (name, error) not in MEASURED:
        law = LAWS[name]
        denoiser = Denoiser(law, ERRORS[error])
        x0 = law.sample(20_000, seed=77)
        z = torch.as_tensor(np.random.default_rng(8).normal(size=x0.shape))
        off = []
        for s in GRID:
            x = x0 + z / s**0.5
            off.append(((denoiser(x, float(s)) - law.denoise(x, float(s))) ** 2).sum(1).numpy())
        off = np.array(off)
        report = audit(denoiser, law, levels=GRID, examples=N, seed=2)
        MEASURED[name, error] = report, off.mean(1), off.std(1) / len(x0) ** 0.5
    return MEASURED[name, error]


def half_log_integral(values):
    """1/2 int values ds by the trapezium rule in log s, as planning/make_plan.py sums gains."""
    return np.trapezoid(values.T * GRID, np.log(GRID)) / 2


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", LAWS)
def test_gain_never_exceeds_the_score_error(name, error):
    report, truth, se = measured(name, error)
    gain = report.probe.gain()
    assert (gain.value - 4.5 * np.hypot(gain.se, se) <= truth).all()


@pytest.mark.parametrize("error", AFFINE)
@pytest.mark.parametrize("name", LAWS)
def test_gain_finds_most_of_an_affine_error(name, error):
    report, truth, _ = measured(name, error)
    total = half_log_integral(report.probe.gains).mean()
    assert 0.5 * half_log_integral(truth) < total < 1.2 * half_log_integral(truth)


@pytest.mark.parametrize("name", LAWS)
def test_gain_finds_a_shift_at_every_level(name):  # the constant of equation (2)
    report, truth, _ = measured(name, "shifted")
    gain = report.probe.gain()
    assert (gain.value > 0.7 * truth - 4.5 * gain.se).all()
    assert gain.value[-1] == pytest.approx(truth[-1], rel=0.1)


def test_gain_is_measured_on_examples_that_did_not_fit_it():
    law, gains = LAWS["plane"], []
    for seed in range(40):
        options = {"levels": GRID[::4], "examples": 64, "draws": 1, "seed": seed}
        gains.append(probe(audit(ExactDenoiser(law), law, **options).curve).gain().value)
    gains = np.array(gains)
    se = gains.std(axis=0, ddof=1) / len(gains) ** 0.5
    assert (gains.mean(axis=0) < 3 * se).all()
    assert (gains.mean(axis=0) < 0).any()  # a fit to noise costs, on other examples


@pytest.mark.parametrize("name", LAWS)
def test_gain_of_a_linear_denoiser_is_its_distance_from_the_best_linear_one(name):
    # (2) spans the lines, and the line before on the path knows nothing more of x0
    report, _, _ = measured(name, "linear")
    lam, s = np.linalg.eigvalsh(LAWS[name].covariance()), GRID[:, None]
    keep = s * lam.mean() / (1 + s * lam.mean())
    best = lam / (1 + s * lam)
    truth = ((1 - keep) ** 2 * lam + keep**2 / s - best).sum(axis=1)
    gain = report.probe.gain()
    assert (gain.value <= truth + 4.5 * gain.se + 1e-9).all()
    found, there = half_log_integral(gain.value), half_log_integral(truth)
    assert found == pytest.approx(there, rel=0.2, abs=0.02)


@cache
def dense(name):
    """Levels from 0 and 1/2 int_0^s M ds up to each, by (1) of integrals.py on many levels."""
    law = LAWS[name]
    levels = np.geomspace(1e-3, 20, 60)
    errors = np.concatenate([[law.variance], law.curve(levels).value])[:, None] / law.dimension
    grid, sizes = np.concatenate([[0.0], levels]), np.array([1.0 * law.dimension])
    return grid, np.concatenate([[0.0], half_integral(grid, errors, sizes).cumsum()])


def true_integral(name, level):
    return np.interp(level, *dense(name))


def score_shares(name, error, levels, seed):
    """The bound in nats and R - 1/2 int M, up to noise level 0.25, by group."""
    law, grid = LAWS[name], np.geomspace(1e-3, 16, levels)
    report = audit(Denoiser(law, ERRORS[error]), law, levels=grid, examples=600, seed=seed)
    price = prices(report, SAMPLERS["analytic-dpm"], "pca")
    shares = (
        reference_between(price, 0, 1)
        + reference_between(price, 1, levels)
        - true_integral(name, 16)
    )
    return score_bound(price, np.arange(1, levels + 1)), group_estimate(shares, price.folds)


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("error", [*AFFINE, "network"])
@pytest.mark.parametrize("name", LAWS)
def test_ledger_bound_is_below_the_true_score_error_and_half_of_an_affine_one(name, error, seed):
    bound, truth = score_shares(name, error, 33, seed)
    # both hold R of the same examples, so they differ by the error of the ceiling alone
    assert bound.value - 4.5 * np.hypot(bound.se, truth.se) <= truth.value
    if error in ("scaled", "shifted"):
        assert bound.value >= 0.5 * truth.value
        assert bound.interval()[0] > 0


def test_ledger_bound_grows_with_the_levels():  # (2) is loose by less when they are closer
    (few, _), (many, truth) = (score_shares("line", "noisy", k, 14) for k in (17, 129))
    assert few.value < many.value <= truth.value + 4.5 * many.se
    assert few.interval()[0] < 0
    assert many.interval()[1] > 0


@pytest.mark.parametrize("levels", [3, 5, 9])
@pytest.mark.parametrize("name", LAWS)
def test_single_crossing_bounds_between_few_levels(name, levels):  # (2)
    law = LAWS[name]
    grid = np.geomspace(0.01, 20, levels)
    report = audit(Denoiser(law, ERRORS["noisy"]), law, levels=grid, examples=600)
    crossing = report.probe.crossing(report.curve.levels).sum(axis=1)
    found = group_estimate(crossing, report.curve.shares)
    truth = true_integral(name, 20)
    assert found.value + 4.5 * found.se >= truth
    assert found.se < 0.1 * found.value


@pytest.mark.parametrize("levels", [5, 9, 17])
@pytest.mark.parametrize("name", LAWS)
def test_the_ceiling_is_measured_between_the_levels(name, levels):  # cross_fitted.py (1), (2)
    law = LAWS[name]
    grid = np.geomspace(0.01, 20, levels)
    report = audit(Denoiser(law, ERRORS["noisy"]), law, levels=grid, examples=4000)
    found = group_estimate(report.probe.ceiling(20.0), report.curve.shares)
    loose = group_estimate(
        report.probe.crossing(report.curve.levels).sum(axis=1), report.curve.shares
    )
    truth = true_integral(name, 20)
    assert -4.5 * found.se < found.value - truth < 4.5 * found.se + 0.05 * (loose.value - truth)
    assert found.se < 0.03 * truth


def test_the_ceiling_ends_where_it_is_told_to():
    law, grid = LAWS["plane"], np.geomspace(0.01, 20, 9)
    probe = audit(Denoiser(law, ERRORS["scaled"]), law, levels=grid, examples=2000).probe
    ends = [grid[3], np.sqrt(grid[3] * grid[4]), grid[4]]
    low, middle, high = (probe.ceiling(float(s)).mean() for s in ends)
    truths = [true_integral("plane", s) for s in ends]
    assert low < middle < high
    assert middle - low == pytest.approx(truths[1] - truths[0], rel=0.2)
    assert probe.ceiling(float(grid[-1])).mean() == pytest.approx(
        true_integral("plane", 20), rel=0.1
    )


def test_a_gap_that_nobody_looks_into_is_bounded_by_single_crossing():
    report, _, _ = measured("plane", "shifted")
    probe = report.probe
    blind = replace(probe, corrected=replace(probe.corrected, bends={}))
    crossing = probe.crossing(report.curve.levels)
    assert blind.ceiling(float(GRID[-1])) == pytest.approx(crossing.sum(axis=1))
    assert blind.ceiling(float(GRID[-1])).mean() > probe.ceiling(float(GRID[-1])).mean()


def test_single_crossing_of_a_gaussian_law_is_its_integral():  # (2) is an equality for it
    law = Gaussian([0.3, -1.0], [[2.0, 0.4], [0.4, 0.1]])
    report = audit(Denoiser(law, ERRORS["scaled"]), law, levels=[0.1, 1.0, 30.0], examples=4000)
    truth = np.log1p(30.0 * np.linalg.eigvalsh(law.covariance())).sum() / 2
    probe = report.probe
    for by_group in (probe.crossing(report.curve.levels).sum(axis=1), probe.ceiling(30.0)):
        found = group_estimate(by_group, report.curve.shares)
        assert abs(found.value - truth) < 4.5 * found.se
        assert found.se < 0.02 * truth


@pytest.mark.parametrize("name", LAWS)
def test_exact_denoisers_gain_nothing(name):
    law = LAWS[name]
    report = audit(ExactDenoiser(law), law, levels=GRID, examples=N, seed=4)
    found = probe(report.curve)
    gain = found.gain()
    assert (np.abs(gain.value) <= 5 * gain.se + 1e-12).all()
    assert (gain.value < 0.02 * report.total().value).all()
    assert report.probe is None  # there is nothing to probe
    se = found.defect.std(axis=1, ddof=1) / found.defect.shape[1] ** 0.5
    assert (np.abs(found.defect.mean(axis=1)) < 5 * se).all()


@pytest.mark.parametrize("error", ["noisy", "shifted", "scaled"])
@pytest.mark.parametrize("name", LAWS)
def test_martingale_defect_bounds_the_score_error(name, error):  # (3), theory 11.3
    report, truth, se = measured(name, error)
    found = report.probe
    defect, bound = found.martingale(), found.martingale_bound()
    assert (bound <= truth + 4.5 * se).all()
    low, high = defect.interval(0.975)
    assert ((bound > 0) == ((low > 0) | (high < 0))).all()
    if error == "noisy":
        assert (bound > 0).any()


def test_martingale_bound_is_what_the_previous_prediction_alone_gains():
    report, _, _ = measured("line", "noisy")
    normal = normal_equations(report.curve, ("one", "previous"))
    whole = normal.averaged(report.curve.shares[None])
    beta = np.zeros_like(whole.right)
    beta[1] = whole.right[1] / whole.matrix[1, 1]
    found = report.probe
    defect = found.martingale().value
    between = found.between @ found.shares
    assert correction_gain(beta, whole)[0, :, 0] == pytest.approx(
        defect**2 / (4 * between), rel=1e-9
    )


def test_linear_denoiser_has_the_wiener_error():
    law = LAWS["plane"]
    report, _, _ = measured("plane", "shifted")
    lam = np.linalg.eigvalsh(law.covariance())
    wiener = (lam / (1 + GRID[:, None] * lam)).sum(axis=1)
    got = report.probe.linear
    se = got.std(axis=1, ddof=1) / got.shape[1] ** 0.5
    assert (np.abs(got.mean(axis=1) - wiener) < 4.5 * se).all()


def test_a_denoiser_worse_than_a_line_is_caught():
    law = LAWS["plane"]
    broken = Denoiser(law, lambda m, x, s, law: m + (x - m) * 3 * (s < 1))
    report = audit(broken, law, levels=GRID, examples=500)
    gain, total = report.probe.gain(), report.total().value
    assert (gain.value[GRID < 1] > 0.8 * total[GRID < 1]).all()
    assert (np.abs(gain.value[GRID > 10]) < 0.1 * total[GRID > 10]).all()


def test_probe_of_an_exact_curve_is_refused():
    with pytest.raises(InputError, match="curve: must be measured, not exact, to be probed"):
        probe(exact_curve(Gaussian([0.0], 1.0), GRID))


def plain_error(model, report, law):
    """Return E|x0 - m|^2 on the paths of an audit, [K]."""
    examples = LawExamples(law, N, report.facts.seed)
    options = Pass(seed=report.facts.seed, draws=report.facts.draws, control=False)
    return measure_curve(model, examples, report.levels, report.frame, options).total().value[1:]


@pytest.mark.parametrize("name", LAWS)
def test_a_better_model_gives_a_better_bound(name):
    law, options = LAWS[name], {"levels": GRID, "examples": N, "seed": 2}
    exact = ExactDenoiser(law)
    wrong = Denoiser(law, lambda m, x, s, law: m + 0.3 * torch.sin(5 * x))  # far from affine
    alone, report = audit(wrong, law, **options), audit(wrong, law, reference=exact, **options)
    assert report.facts.calls == alone.facts.calls + N * (2 * len(GRID) - 1)
    assert report.total().value == pytest.approx(alone.total().value)
    over = report.probe.gain_over_reference()
    own, same_paths = (plain_error(model, alone, law) for model in (wrong, exact))
    assert over.value == pytest.approx(own - same_paths, abs=1e-6)
    truth = 0.045 * law.dimension * np.ones(5)  # E sin^2 = 1/2 where the noise is wide
    assert (np.abs(over.value[:5] - truth) < 4.5 * over.se[:5] + 0.1 * truth).all()
    with_it, without = report.probe.gain(), alone.probe.gain()
    assert (with_it.value[:5] < 1.1 * truth + 4.5 * with_it.se[:5]).all()
    assert with_it.value.sum() > 1.2 * without.value.sum() > 0
    assert alone.probe.gain_over_reference() is None


def test_a_reference_that_does_not_fit_is_refused():
    law, other = LAWS["line"], LAWS["plane"]
    with pytest.raises(InputError, match=r"reference: must take examples of shape \(1,\)"):
        audit(Denoiser(law, ERRORS["noisy"]), law, reference=ExactDenoiser(other), examples=64)


def test_a_reference_is_saved_with_the_audit(tmp_path):
    law = LAWS["line"]
    wrong, exact = Denoiser(law, ERRORS["noisy"]), ExactDenoiser(law)
    report = audit(wrong, law, reference=exact, levels=5, examples=64)
    report.save(tmp_path / "audit.json")
    again = load_audit(tmp_path / "audit.json")
    assert again.summary() == report.summary()
    assert again.facts == report.facts
    assert again.probe.gain_over_reference().value == pytest.approx(
        report.summary()["reference_gain"]["value"]
    )
