"""The default of calibration: only for a denoiser that a straight line beats under much noise."""

import re

import numpy as np
import pytest
import torch

from girsanov.auditing import audit
from girsanov.denoise.calibrate import CalibratedDenoiser
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture
from girsanov.ledger.score_entry import corrected_bound
from girsanov.path_kl.grid_cost import prices
from girsanov.planning.calibrate_or_not import advised, calibration_gain
from girsanov.planning.make_plan import make_plan
from girsanov.sampling.registry import SAMPLERS

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)
LEVELS = np.geomspace(0.01, 500, 25)


class Wrong(ExactDenoiser):
    """The exact denoiser with something done to its prediction; nothing knows that it is exact."""

    exact = False

    def __init__(self, law, change):
        super().__init__(law)
        self.change = change

    def __call__(self, x, snr, label=None):
        level = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return self.change(self.law.denoise(x, snr), x, level)


CHANGES = {
    "none": lambda m, x, s: m,
    "scaled": lambda m, x, s: 0.8 * m,
    "shifted": lambda m, x, s: m + 0.3,
    # what dividing a network's noise prediction by a small alpha does (theory 12)
    "noisy end": lambda m, x, s: m + 0.2 * (x - m) * (s < 3),
    "fine end": lambda m, x, s: m + 0.3 * (x - m) * (s > 20),
}


@pytest.fixture(scope="module")
def audits():
    return {
        name: audit(Wrong(LAW, change), LAW, levels=LEVELS, examples=1200, seed=5)
        for name, change in CHANGES.items()
    }


@pytest.mark.parametrize("name", CHANGES)
def test_only_one_broken_where_noise_hides_the_data_is_calibrated_by_default(audits, name):
    assert (audits[name].broken() is not None) == (name == "noisy end")
    for steps in (5, 12):  # with 7 the gain of the noisy end cannot be told from 0
        plan = make_plan(audits[name], steps=steps)
        assert (plan.calibration is not None) == (name == "noisy end")
        assert ("straight line" in plan.why) == (name == "noisy end")
    best = make_plan(audits[name])
    assert ("straight line" in best.why) == (best.calibration is not None)
    assert name == "noisy end" or best.calibration is None


@pytest.mark.parametrize("name", CHANGES)
def test_the_reason_and_the_ledger_bound_the_score_error_alike(audits, name):
    told = 0
    for calibrate in (False, True):
        plan = make_plan(audits[name], calibrate=calibrate)
        low = plan.ledger[2].low
        bound = r"at least ([0-9.e+-]+[0-9]) nats of the path"
        found = re.search(bound, plan.why)
        assert (found is None) == (low == 0)
        assert found is None or found[1] == f"{low:.2g}"
        told += found is not None
    assert told or name in ("none", "scaled", "fine end")


def test_the_worst_level_is_told_by_how_often_the_straight_line_beats_it(audits):
    made = audits["noisy end"]
    noise, times = made.broken()
    variance = LAW.variance / LAW.dimension
    assert noise**2 >= variance
    k = int(np.abs(made.levels - noise**-2).argmin())
    lam = np.linalg.eigvalsh(LAW.covariance())
    line = (lam / (1 + made.levels[k] * lam)).sum()
    found = made.curve.total()
    assert times == pytest.approx(found.value[k + 1] / line, rel=0.15)
    assert times > 1.5
    assert all(audits[name].broken() is None for name in CHANGES if name != "noisy end")


def test_it_can_be_asked_for_and_refused(audits):
    assert make_plan(audits["shifted"], steps=4, calibrate=True).calibration is not None
    assert make_plan(audits["noisy end"], steps=4, calibrate=False).calibration is None


def test_every_sampler_of_a_broken_model_is_corrected(audits):
    for sampler in ("ddpm", "analytic-dpm", "mixed", None):
        plan = make_plan(audits["noisy end"], steps=8, sampler=sampler)
        assert plan.calibration is not None
        assert sampler or plan.sampler == "mixed"


@pytest.mark.parametrize("name", CHANGES)
def test_equation_1_is_the_difference_of_path_kls(audits, name):
    """The gain on fresh examples, for the grids and the correction that were chosen, agrees."""
    price = prices(audits[name], SAMPLERS["analytic-dpm"], levels=audits[name].levels)
    nodes = price.choice().nodes(5, len(LEVELS) - 3)
    found = calibration_gain(price, nodes)
    low, high = found.interval(0.9999)
    made, raw = (
        make_plan(audits[name], steps=5, calibrate=calibrate, resolution=LEVELS[-4] ** -0.5,
                  sampler="analytic-dpm", weight=0.0)
        for calibrate in (True, False)
    )  # fmt: skip
    fresh = [fresh_cost(CHANGES[name], plan) for plan in (raw, made)]
    gap = fresh[0] - fresh[1]
    error = gap.std(ddof=1) / len(gap) ** 0.5
    # levels between the measured ones were open to the plans, not to `price`: a little room
    assert low - 4 * error - 0.05 <= gap.mean() <= high + 4 * error + 0.05
    if name in ("shifted", "noisy end"):
        assert found.interval()[0] > 0
    if name == "none":
        assert found.interval()[0] <= 1e-9


def fresh_cost(change, plan, count=4000):
    """Return what each fresh example costs along the plan: theory 6.2 by coordinate, [n]."""
    denoiser = Wrong(LAW, change)
    if plan.calibration is not None:
        denoiser = CalibratedDenoiser(denoiser, plan.calibration)
    rng = np.random.default_rng(11)
    x0 = LAW.sample(count, seed=77).double().reshape(count, -1)
    (basis,) = plan.axes
    s = plan.levels
    spread = plan.start_noise**2 - 1 / s[0]  # variance of the start, without noise
    along = plan.moments.basis.to_coordinates(x0 - torch.tensor(plan.moments.mean)).numpy()
    out = kernel(along**2, spread, s[0])
    for k in range(len(s) - 1):
        x = x0 + torch.tensor(rng.normal(size=x0.shape)) / s[k] ** 0.5
        miss = basis.to_coordinates(x0 - denoiser(x, float(s[k]))).numpy()
        out = out + kernel(miss**2, plan.variances[k], s[k + 1] - s[k])
    return out


def kernel(square, variance, delta):
    """Equation of theory 6.2 by coordinate: 1/2 (log(1 + dv) + d (r^2 - v)/(1 + dv)), summed."""
    grown = 1 + delta * variance
    return (np.log(grown) + delta * (square - variance) / grown).sum(axis=1) / 2


def test_an_exact_denoiser_is_never_calibrated():
    known = audit(ExactDenoiser(LAW), LAW, levels=LEVELS)
    price = prices(known, SAMPLERS["analytic-dpm"], levels=known.levels)
    assert not advised(price, np.array([3, 9, 20]))
    assert calibration_gain(price, np.array([3, 9, 20])) is None


def test_where_bands_hold_several_coordinates_only_ei_relative_has_no_corrected_price():
    law = Gaussian(np.linspace(-1, 1, 70), np.diag(np.geomspace(4, 0.01, 70)))
    made = audit(
        Wrong(law, CHANGES["scaled"]), law, levels=np.geomspace(0.05, 20, 9), examples=200
    )
    assert len(made.curve.probe_sizes) < 70
    nodes = np.array([1, 8])
    for sampler in ("analytic-dpm", "ddpm"):
        assert calibration_gain(prices(made, SAMPLERS[sampler]), nodes).interval()[0] > 0
        assert corrected_bound(prices(made, SAMPLERS[sampler]), nodes).value > 0
    assert calibration_gain(prices(made, SAMPLERS["ei-relative"]), nodes) is None
