"""Rules (1), (2) of straight_line.py: a model that a straight line beats is told, no other."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.montecarlo import trapezium
from girsanov.score_error.straight_line import BETTER_AT, WORSE_AT, beaten

SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.04, 0.15])
WIDE = 2.5
GAUSSIAN = gv.Gaussian([1.0, -2.0], [[0.5, 0.2], [0.2, 1.5]])


def column(snr, x):
    """SNRs as [b, 1] or a number's tensor."""
    return torch.as_tensor(snr, dtype=x.dtype).reshape(-1, 1)


class Of(gv.ExactDenoiser):
    """The exact denoiser of one law, moved by `change`, audited on another."""

    exact = False

    def __init__(self, law, change=lambda x, m, s: m):
        super().__init__(law)
        self.change = change

    def __call__(self, x, snr, label=None):
        return self.change(x, super().__call__(x, snr, label), column(snr, x))


def audited(model, law, **options):
    return gv.audit(model, law, examples=600, levels=17, seed=3, **options)


def wide(law):
    """The Gaussian of a law's moments, too wide: worse than the right one everywhere."""
    return Of(gv.Gaussian(law.mean, WIDE * law.covariance()))


@pytest.fixture(scope="module")
def worse():
    return audited(wide(SKEWED), SKEWED)


def test_a_model_that_a_line_beats_everywhere_is_no_better_than_a_gaussian(worse):
    found = worse.beaten()
    assert found.levels == 17
    assert found.worse >= WORSE_AT * 17
    s = worse.levels
    v = np.linalg.eigvalsh(SKEWED.covariance())[:, None]
    keep = s * WIDE * v / (1 + s * WIDE * v)
    mine, line = (1 - keep) ** 2 * v + keep**2 / s, v / (1 + s * v)
    truth = float((trapezium(np.log(s)) * s / 2 * (mine - line).sum(0)).sum())
    assert found.low < truth < found.high
    assert worse.untrained() is None  # it does beat pulling to the mean


def test_the_verdict_says_so_whatever_the_plan_avoids(worse):
    for plan in (worse.plan(), worse.plan(steps=1), worse.plan(steps=8)):
        said = gv.verdict(worse, plan)
        assert said.startswith("It is the model: it is no better than a Gaussian.")
        assert plan.verdict.startswith("It is the model: it is no better than a Gaussian.")
        assert "A better model would help" in said
    assert "This plan avoids the model" in worse.plan(steps=1, calibrate=False).verdict
    assert worse.verdict.startswith("It is the model: it is no better than a Gaussian.")
    assert "This plan is calibrated" in worse.plan(steps=4, calibrate=True).verdict


GOOD = {
    "exact": lambda x, m, s: m,
    "a little off": lambda x, m, s: 0.97 * m,
    "broken under much noise": lambda x, m, s: torch.where(s < 0.1, 3 * m, m),
    "broken at fine noise": lambda x, m, s: torch.where(s > 30, m + 0.3, m),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_model_that_beats_a_line_where_it_can_is_not(name):
    assert audited(Of(SKEWED, GOOD[name]), SKEWED).beaten() is None


def test_the_right_gaussian_is_not():
    assert audited(Of(GAUSSIAN), GAUSSIAN).beaten() is None


def test_a_gaussian_a_little_off_on_gaussian_data_costs_too_little_to_be_named():
    nearly = Of(gv.Gaussian(GAUSSIAN.mean, 1.15 * GAUSSIAN.covariance()))
    audit = audited(nearly, GAUSSIAN)
    assert audit.beaten() is None


def test_the_shares_of_levels_that_decide(worse):
    curve, line = worse.curve, worse.probe.linear.copy()
    count = len(line)
    some = line.copy()
    some[: int(BETTER_AT * count) + 1] += 1e3 * np.abs(
        some[: int(BETTER_AT * count) + 1]
    )  # better there
    assert beaten(curve, some) is None
    even = curve.plain[1:].copy()  # a line as good as the model, but at a few levels
    even[5:8] = line[5:8]
    assert WORSE_AT * count > 3
    assert beaten(curve, even) is None
    assert beaten(curve, line) is not None


def test_a_saved_audit_and_a_saved_plan_say_the_same(worse, tmp_path):
    worse.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json")
    assert again.beaten() == worse.beaten()
    plan = again.plan(steps=3)
    plan.save(tmp_path / "plan.json")
    assert gv.load_plan(tmp_path / "plan.json").verdict == plan.verdict
    assert plan.audit.beaten == worse.beaten()


def test_nothing_of_it_is_said_of_a_calibrated_or_an_exact_denoiser(worse):
    assert worse.calibrated().beaten() is None
    assert gv.audit(gv.ExactDenoiser(SKEWED), SKEWED, examples=300).beaten() is None
    assert worse.with_facts(guidance=2.0).beaten() is None


@pytest.mark.parametrize("levels", [17, 65])
def test_a_line_drawn_in_by_a_little_is_no_better_whatever_the_levels(levels):
    """0.97 of the straight line is never better than it, and costs nats at fine noise."""
    short = Of(gv.Gaussian(GAUSSIAN.mean, GAUSSIAN.covariance()), lambda x, m, s: 0.97 * m)
    audit = gv.audit(short, GAUSSIAN, examples=800, levels=levels, seed=3)
    found = audit.beaten()
    assert found.better == 0
    assert "at none the model" in audit.verdict
