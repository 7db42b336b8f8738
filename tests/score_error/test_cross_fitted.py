"""What corrections leave between the levels: products, and (1), (2) of cross_fitted.py."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.error_curve.between_levels import places_between
from girsanov.error_curve.curve import GROUPS, upper_triangle
from girsanov.error_curve.frame import make_frame
from girsanov.error_curve.interpolate import stretches
from girsanov.measuring import measuring_pass as measure
from girsanov.measuring.examples import FIRST_AUDITED_DRAW, LawExamples
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.measuring.options import Pass
from girsanov.moments import moments_from_covariance
from girsanov.score_error.corrections import CALIBRATED_TERMS, PROBED_TERMS

LAW = gv.GaussianMixture(
    [0.25, 0.75], [[-1.0, 2.0], [1.5, 0.5]], [np.diag([0.5, 0.4]), [[0.05, -0.02], [-0.02, 0.2]]]
)
FRAME = make_frame(moments_from_covariance(LAW.mean, LAW.covariance()), (2,))
GRID = np.array([0.1, 1.0, 10.0])
N = 160


class Recorder(gv.ExactDenoiser):
    """A denoiser off by a scale and a shift that remembers every call."""

    def __init__(self, law, scale=0.9):
        super().__init__(law)
        self.exact, self.scale, self.calls = False, scale, []

    def __call__(self, x, snr, label=None):
        m = self.scale * self.law.denoise(x, snr) + 0.2
        self.calls.append((snr, x.clone(), m))
        return m


@pytest.fixture
def caught(monkeypatch):
    """The arguments of `with_corrections`, as `measure_curve` calls it."""
    found = []
    monkeypatch.setattr(measure, "with_corrections", lambda *a: found.append(a) or a[0])
    return found


def test_products_between_the_levels_are_plain_means_over_what_was_called(caught):
    model, other = Recorder(LAW), Recorder(LAW, 0.5)
    between = places_between(GRID, GROUPS, 3)
    options = {"between": between, "reference": other, "batch_size": N}
    measure_curve(model, LawExamples(LAW, N, 3), GRID, FRAME, Pass(**options))
    (_, (at, products, _), examples), x0 = (
        caught[0],
        LAW.sample(N, seed=3, first=FIRST_AUDITED_DRAW),
    )
    assert (at, examples) == (between, N)
    axes = np.linalg.eigh(LAW.covariance())[1][:, ::-1]
    # calls: level 1, level 2, the gap between them, level 3, its gap
    inside = [(1, 2, 0), (2, 4, 1)]  # gap, its call, the call at its noisier end
    for gap, call, before in inside:
        s, x, m = model.calls[call]
        assert s.numpy() == pytest.approx(between.levels[gap][np.arange(N) % GROUPS])
        assert torch.equal(other.calls[call][0], s)
        assert torch.equal(other.calls[call][1], x)
        known = [x0 - x, x0 - m, x0 - model.calls[before][2], x0 - torch.tensor(LAW.mean)]
        known.append(x0 - other.calls[call][2])
        vector = [np.ones((N, 2)), *((v.numpy() @ axes) for v in known)]
        for place, (a, b) in enumerate(upper_triangle(6)):
            plain = [(vector[a] * vector[b])[g::GROUPS].mean(axis=0) for g in range(GROUPS)]
            assert products[gap, :, :, place] == pytest.approx(
                np.array(plain), rel=1e-9, abs=1e-12
            )


def test_the_coefficients_are_linear_in_log_snr_between_the_levels():  # (1), (2)
    """By hand: the error that the interpolated calibration leaves, of a fine audit's levels."""
    law, grid = LAW, np.geomspace(0.05, 20.0, 6)
    wrong = Recorder(law, 0.7)
    report = gv.audit(wrong, law, levels=grid, examples=20_000, seed=1)
    weights = report.calibrated().calibration.weights  # a, w, c [K, P, 3]
    x0, rng = law.sample(200_000, seed=9), np.random.default_rng(4)
    basis, mean = report.frame.moments.basis, torch.tensor(report.frame.moments.mean)
    lam = torch.tensor(report.frame.moments.variances)
    centred = basis.to_coordinates(x0 - mean)
    s, left = np.exp(np.linspace(np.log(grid[2]), np.log(grid[3]), 9)), []
    for t in s:
        x = x0 + torch.tensor(rng.normal(size=x0.shape)) / t**0.5
        u = np.log(t / grid[2]) / np.log(grid[3] / grid[2])
        a, w, c = torch.tensor((1 - u) * weights[2] + u * weights[3]).T
        m = basis.to_coordinates(wrong(x, float(t)) - mean)
        keep = lam * t / (1 + lam * t)
        m = a * m + w * keep * basis.to_coordinates(x - mean) + c
        left.append(float((centred - m).square().sum(1).mean()))
    truth = np.trapezoid(np.array(left) * s, np.log(s)) / 2
    found = stretches(report.calibrated().curve, grid)[3]
    se = found.std(ddof=1) / len(found) ** 0.5
    assert found.mean() == pytest.approx(truth, abs=4 * se + 0.01 * truth)


def test_calibrated_curves_bend_as_measured_and_not_as_the_total_does():
    law, grid = LAW, np.geomspace(0.05, 20.0, 6)
    report = gv.audit(Recorder(law), law, levels=grid, examples=800)
    curve = report.calibrated().curve
    assert np.array_equal(curve.bends[curve.main], report.curve.bends["calibrated"])
    assert curve.bends[curve.main].shape == (len(grid), GROUPS, 2, 2)
    assert not np.array_equal(curve.bends[curve.main][..., :1, :], curve.bends["total"])


def test_features_are_those_a_sampler_has_or_the_pass_knows():
    assert set(CALIBRATED_TERMS) < set(PROBED_TERMS)
    assert PROBED_TERMS[-1] == "reference"
