"""What a second model proves of a first: (1) of second_model.py, where score errors are known."""

from dataclasses import replace

import numpy as np
import pytest

import girsanov as gv
from girsanov.ledger.score_entry import ENTRY_RISK
from girsanov.planning.second_model import proven, rival_floor

LAW = gv.GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)
LEVELS = np.geomspace(1e-3, 60, 33)


class Wrong(gv.ExactDenoiser):
    """The exact denoiser, which nothing knows, with a ripple that no affine correction undoes."""

    exact = False

    def __init__(self, size):
        super().__init__(LAW)
        self.size = size
        self.fingerprint = f"{size}".ljust(64, "0")

    def __call__(self, x, snr, label=None):
        m = self.law.denoise(x, snr)
        return m + self.size * (6 * m.flip(1)).sin()


def made(size, seed=3, examples=600):
    data = gv.load_data(LAW.sample(examples, seed=seed))
    return gv.audit(Wrong(size), data, levels=LEVELS, draws=1, seed=seed)


def truth(size, end):
    """1/2 int |m - m*|^2 ds down to the noise level `end`, by Monte Carlo and its error."""
    s = np.geomspace(1e-3, end**-2, 60)
    x0 = LAW.sample(4000, seed=99)
    off = []
    for level in s:
        x = x0 + np.random.default_rng(7).normal(size=x0.shape) / level**0.5
        ripple = (6 * LAW.denoise(x, float(level)).flip(1)).sin()
        off.append((size**2 * ripple**2).sum(1).numpy())
    each = np.trapezoid(np.array(off).T * s, np.log(s)) / 2
    return each.mean(), each.std() / len(each) ** 0.5


def score(plan):
    return next(e for e in plan.ledger if e.name == "score")


def ignorant(plan):
    """The plan, as if its own audit had proven nothing."""
    rows = tuple(replace(e, low=0.0) if e.name == "score" else e for e in plan.ledger)
    return replace(plan, ledger=rows)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_better_model_proves_most_of_the_score_error_and_never_more(seed):
    poor, good = made(0.3, seed), made(0.05, seed)
    # ddpm's paths cover nothing of a wrong denoiser's error, so that R is 1/2 int M
    plan = poor.plan(steps=6, calibrate=False, sampler="ddpm", weight=0.0)
    value, se = truth(0.3, plan.resolution)
    told = proven(ignorant(plan), poor, [poor, good])
    assert 0.6 * value < score(told).low <= value + 4 * se
    assert told.ledger[:2] == plan.ledger[:2]
    assert "another model" in score(told).note
    assert f"at least {score(told).low:.3g} nats" in told.promised.words()
    assert score(proven(plan, poor, [good])).low >= score(plan).low


def test_a_worse_model_and_other_data_prove_nothing():
    poor, good, elsewhere = made(0.3), made(0.05), made(0.05, seed=8)
    plan = good.plan(steps=6, calibrate=False)
    assert proven(plan, good, [poor, good]) is plan
    assert rival_floor(plan, good, poor, ENTRY_RISK) == 0
    mine = poor.plan(steps=6, calibrate=False)
    assert proven(mine, poor, [elsewhere]) is mine


def test_two_exact_denoisers_prove_nothing_of_each_other():
    for seed in range(6):
        one, two = made(0.0, seed, 100), made(1e-9, seed, 100)
        plan = one.plan(steps=5, calibrate=False)
        assert rival_floor(plan, one, two, ENTRY_RISK) == 0


def test_a_full_covariance_is_held_against_what_the_rival_has_measured():
    poor, good = made(0.3), made(0.05)  # a calibrated audit has no full covariance
    plan = ignorant(poor.plan(steps=6, calibrate=False, covariance="full"))
    assert score(proven(plan, poor, [good])).low > 0


def test_the_page_of_two_models_shows_it(tmp_path):
    poor, good = made(0.3), made(0.05)
    plan = ignorant(poor.plan(steps=6, calibrate=False))
    low = score(proven(plan, poor, [good])).low
    gv.report(poor, plan, others=[good], out=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert f"≥ {low:.3g}" in page
    assert "This is what its own audit shows." in page
