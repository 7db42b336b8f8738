"""The calibration a curve buys: better where the denoiser is wrong, never worse elsewhere."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.denoise.calibrate import CalibratedDenoiser
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture
from girsanov.planning.plan_file import load_plan
from girsanov.score_error.corrections import CALIBRATION_MARGIN
from girsanov.train import TrainOptions

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)
GRID = np.geomspace(0.02, 100, 13)
NOISY = GRID < 1


class Wrong(ExactDenoiser):
    """The exact denoiser made wrong: `error`(m, x, s)."""

    exact = False

    def __init__(self, error, law=LAW):
        super().__init__(law)
        self.error, self.fingerprint = error, "f" * 64

    def __call__(self, x, snr, label=None):
        level = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return self.error(self.law.denoise(x, snr), x, level)


ERRORS = {
    "scaled": lambda m, x, s: 0.7 * m,
    "shifted": lambda m, x, s: m + 0.3,
    "broken at the noisy end": lambda m, x, s: m + (x - m) * 3 * (s < 1),
    "exact": lambda m, x, s: m,
}
MADE = {}


def made(name):
    if name not in MADE:
        MADE[name] = audit(Wrong(ERRORS[name]), LAW, levels=GRID, examples=800, seed=6)
    return MADE[name]


@pytest.mark.parametrize("name", ERRORS)
def test_the_calibrated_curve_is_that_of_the_calibrated_denoiser_on_new_examples(name):
    report = made(name)
    better = report.calibrated()
    model = CalibratedDenoiser(Wrong(ERRORS[name]), better.calibration)
    fresh = audit(model, LAW, levels=GRID, examples=4000, seed=77)
    there, here = fresh.total(), better.total()
    # the fit of all 800 is a little better than the fits of 15/16 of them that the curve judges
    assert (np.abs(there.value - here.value) < 4.5 * np.hypot(there.se, here.se)).all()
    by_band = better.curve.mean_errors("pca").sum(axis=1)
    assert by_band[1:] == pytest.approx(here.value)
    for trace in (1, 2):
        a, b = (np.einsum("kb,b->k", q.curve.traces[1:, :, trace], q.curve.shares)
                for q in (fresh, better))  # fmt: skip
        se = fresh.curve.traces[1:, :, trace].std(axis=1) / 4
        rough = better.curve.traces[1:, :, trace].std(axis=1) / 4
        assert (np.abs(a - b) < 5 * np.hypot(se, rough) + 1e-12).all()


@pytest.mark.parametrize("name", ["scaled", "shifted", "broken at the noisy end"])
def test_a_calibration_finds_an_affine_error(name):
    report = made(name)
    raw, better = report.total().value, report.calibrated().total().value
    exact = made("exact").total().value  # on the same paths
    wrong = raw > 1.1 * exact
    assert wrong.sum() >= 6
    assert (better - exact)[wrong].sum() < 0.1 * (raw - exact)[wrong].sum()


def test_an_exact_denoiser_is_left_alone_and_never_made_worse():
    report = made("exact")
    better = report.calibrated()
    assert better.calibration.share < 0.2
    assert (better.total().value < (1 + CALIBRATION_MARGIN / 2) * report.total().value).all()


def test_only_levels_where_it_helps_are_touched():
    report = made("broken at the noisy end")
    weights = report.calibrated().calibration.weights
    assert (weights[NOISY] != (1, 0, 0)).any(axis=-1).all()
    assert (weights[~NOISY] == (1, 0, 0)).all(axis=-1).mean() > 0.8


def test_small_data_is_not_made_worse_on_new_examples():
    excess = []
    for seed in range(12):
        report = audit(Wrong(ERRORS["exact"]), LAW, levels=GRID[::3], examples=48, draws=1,
                       seed=seed)  # fmt: skip
        model = CalibratedDenoiser(Wrong(ERRORS["exact"]), report.calibrated().calibration)
        fresh = audit(model, LAW, levels=GRID[::3], examples=1000, seed=100 + seed).total().value
        raw = audit(ExactDenoiser(LAW), LAW, levels=GRID[::3], examples=1000, seed=100 + seed)
        excess.append(fresh / raw.total().value - 1)
    assert np.mean(excess) < 2 * CALIBRATION_MARGIN


def test_plans_carry_the_calibration_and_samples_use_it(tmp_path):
    report = made("shifted")
    raw, plan = report.plan(steps=5), report.plan(steps=5, calibrate=True)
    assert raw.calibration is None
    assert plan.summary()["calibrated"]
    plan.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert again.calibration.fingerprint == plan.calibration.fingerprint
    model = Wrong(ERRORS["shifted"])
    x = gv.sample(model, again, 4000, seed=3)
    by_hand = CalibratedDenoiser(model, plan.calibration)
    by_hand.fingerprint = model.fingerprint
    assert np.array_equal(x, gv.sample(by_hand, plan.recipe(), 4000, seed=3))
    far = np.abs(x.mean(axis=0) - LAW.mean)
    assert (far < 0.1).all()
    assert (np.abs(gv.sample(model, raw, 4000, seed=3).mean(axis=0) - LAW.mean) > 0.2).all()


def test_the_ledger_of_a_calibrated_plan_is_the_cheaper_one():
    report = made("scaled")
    price = {}
    for calibrate in (False, True):
        found = report.calibrated() if calibrate else report
        price[calibrate] = gv.make_plan(found, steps=6).ledger
        assert found.probe.corrected is report.probe.corrected
    assert price[True][-1].low < price[False][-1].low  # less of the score error is left to find


def test_what_cannot_be_calibrated_is_refused(tmp_path):
    exact = audit(ExactDenoiser(LAW), LAW, levels=5, examples=64)
    with pytest.raises(InputError, match="calibrate: is not for an exact denoiser"):
        exact.calibrated()
    with pytest.raises(InputError, match="calibrated audit: cannot be saved"):
        made("scaled").calibrated().save(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_large_dimensions_are_calibrated_in_bands():
    d = 100
    law = Gaussian(np.linspace(-1, 1, d), np.diag(np.geomspace(1, 1e-3, d)))
    report = audit(Wrong(lambda m, x, s: 0.5 * m, law), law, levels=[0.1, 1.0, 10.0], examples=200)
    better = report.calibrated()
    assert better.calibration.weights.shape[1] < 64 < d
    model = CalibratedDenoiser(Wrong(lambda m, x, s: 0.5 * m, law), better.calibration)
    fresh = audit(model, law, levels=[0.1, 1.0, 10.0], examples=1000, seed=5).total()
    here = better.total()
    assert (np.abs(fresh.value - here.value) < 4.5 * np.hypot(fresh.se, here.se)).all()
    with pytest.raises(InputError, match="sampler: cannot be calibrated in so many dimensions"):
        report.plan(steps=2, sampler="ei-relative", calibrate=True)
    assert torch.isfinite(model(torch.zeros(2, d, dtype=torch.float64), 3.0)).all()


def test_classes_of_more_coordinates_than_bands_are_calibrated_and_planned():
    """What is known of each class goes into the bands of the calibrated curve: sums stay."""
    rng = np.random.default_rng(4)
    label = np.arange(160) % 2
    x = rng.gamma(2.0, size=(160, 100)).cumsum(axis=1) + label[:, None]
    train, held_out = gv.load_data(x, labels=label).split(0.6)
    options = TrainOptions(width=8, depth=1)
    model = gv.fit(train, steps=3, batch_size=32, options=options, network="mlp")
    raw = gv.audit(model, held_out, levels=9, draws=2, flow=0)
    better = raw.calibrated()
    sums = [a.curve.about_class.main @ a.curve.sizes[a.curve.main] for a in (raw, better)]
    assert len(better.curve.sizes[better.curve.main]) < 100
    np.testing.assert_allclose(sums[1], sums[0], rtol=1e-12)
    assert better.plan(steps=4).steps == 4
    assert raw.plan().steps > 0
