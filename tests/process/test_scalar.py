"""Clocks: equations (1) to (3), exact inverses, and what lies beyond their ends."""

import math

import numpy as np
import pytest
from catalogue import ENDLESS, PROCESSES, over_processes
from scipy import integrate

from girsanov._checks import InputError
from girsanov.process import OrnsteinUhlenbeck, VarianceExploding, VariancePreserving

# worst relative error of snr(time(s)) for s in 1e-12..1e12: the clocks that end at t = 1 lose
# digits there because 1 - t is all that is left of a float64 t
LIMITS = {
    "ou": 4e-15,
    "linear": 2e-14,
    "rate": 1e-13,
    "ve": 2e-15,
    "cosine": 1e-9,
    "flow": 1e-9,
}
TIMES = np.array([1e-9, 1e-4, 0.03, 0.4, 0.77, 0.999])


def snrs(name):
    low = 1e-12 if name in ENDLESS else 4.4e-5  # the linear clock ends at 4.3e-5
    return np.geomspace(low, 1e12, 121)


@over_processes
def test_snr_and_time_undo_each_other(name):
    process, s = PROCESSES[name], snrs(name)
    times = process.time(s)
    assert (np.diff(times) < 0).all()
    np.testing.assert_allclose(process.snr(times), s, rtol=LIMITS[name])
    np.testing.assert_allclose(
        process.log_snr(times), np.log(s), rtol=0, atol=LIMITS[name] + 1e-14
    )
    np.testing.assert_allclose(process.time(process.snr(TIMES)), TIMES, rtol=1e-12)


@over_processes
def test_high_snrs_keep_their_digits(name):
    s = np.geomspace(1.0, 1e12, 61)
    process = PROCESSES[name]
    np.testing.assert_allclose(process.snr(process.time(s)), s, rtol=1e-14)


@over_processes
def test_snr_is_the_ratio_of_alpha_and_sigma(name):  # equation (1)
    process = PROCESSES[name]
    ratio = (process.alpha(TIMES) / process.sigma(TIMES)) ** 2
    np.testing.assert_allclose(process.snr(TIMES), ratio, rtol=1e-12)


@over_processes
def test_scalars_come_back_as_float64_scalars(name):
    process = PROCESSES[name]
    for value in (process.alpha(0.3), process.sigma(0.3), process.snr(0.3), process.time(2.0)):
        assert np.shape(value) == ()
        assert value.dtype == np.float64


@pytest.mark.parametrize("name", ["ou", "linear", "rate", "cosine"])
def test_variance_is_preserved(name):
    process = PROCESSES[name]
    total = process.alpha(TIMES) ** 2 + process.sigma(TIMES) ** 2
    np.testing.assert_allclose(total, 1.0, rtol=1e-14)


def test_alpha_and_sigma_by_their_definitions():
    t = TIMES
    expected = {
        "ou": (np.exp(-t), np.sqrt(1 - np.exp(-2 * t))),
        "ve": (np.ones_like(t), t),
        "cosine": (np.cos(math.pi * t / 2), np.sin(math.pi * t / 2)),
        "flow": (1 - t, t),
    }
    for name, (alpha, sigma) in expected.items():
        np.testing.assert_allclose(PROCESSES[name].alpha(t), alpha, rtol=1e-14)
        np.testing.assert_allclose(PROCESSES[name].sigma(t), sigma, rtol=1e-7)


def test_ornstein_uhlenbeck_is_the_constant_rate_two():
    constant = VariancePreserving.from_rate(lambda t: 2.0, 30.0)
    t = np.array([1e-6, 0.1, 1.0, 7.0, 29.0])
    ou = OrnsteinUhlenbeck()
    for what in ("alpha", "sigma", "snr"):
        np.testing.assert_allclose(getattr(constant, what)(t), getattr(ou, what)(t), rtol=1e-12)
    s = ou.snr(t)
    np.testing.assert_allclose(constant.time(s), t, rtol=1e-12)
    np.testing.assert_allclose(ou.time(s), 0.5 * np.log1p(1 / s), rtol=1e-14)


def test_linear_is_the_integral_of_its_rate():  # equation (3)
    process = VariancePreserving.linear(0.3, 7.0)
    for t in (0.01, 0.5, 1.0):
        b = integrate.quad(lambda u: 0.3 + u * 6.7, 0, t)[0]
        assert float(process.alpha(t)) == pytest.approx(math.exp(-b / 2), rel=1e-13)
        assert float(process.snr(t)) == pytest.approx(1 / math.expm1(b), rel=1e-13)


def test_a_given_rate_equals_the_closed_form():
    rate, linear = PROCESSES["rate"], PROCESSES["linear"]
    s = np.geomspace(4.4e-5, 1e12, 60)
    np.testing.assert_allclose(rate.time(s), linear.time(s), rtol=1e-12)
    for what in ("alpha", "sigma", "snr"):
        np.testing.assert_allclose(
            getattr(rate, what)(TIMES), getattr(linear, what)(TIMES), rtol=1e-12
        )


def test_a_rate_that_jumps_and_swings():
    edge = 0.3337

    def beta(t):
        return 1 + 0.9 * math.sin(200 * t) + (5 if t > edge else 0)

    def exact(t):
        return t + 0.9 * (1 - np.cos(200 * t)) / 200 + 5 * np.maximum(t - edge, 0)

    process = VariancePreserving.from_rate(beta, 2.0)
    t = np.array([1e-8, 0.2, 0.3336, 0.3338, 1.0, 1.99, 2.0])
    np.testing.assert_allclose(process.snr(t), 1 / np.expm1(exact(t)), rtol=1e-10)
    np.testing.assert_allclose(process.time(process.snr(t)), t, rtol=1e-12)


@pytest.mark.parametrize("name", ["linear", "rate"])
def test_the_end_itself_belongs_to_the_process(name):
    process = PROCESSES[name]
    assert float(process.time(process.snr(1.0))) == pytest.approx(1.0, rel=1e-12)
    for low in (4.3e-5, np.array([1.0, 1e-9])):
        with pytest.raises(InputError, match=r"^snr: must be at least 4\.3.*e-05, where this pro"):
            process.time(low)
    with pytest.raises(InputError, match=r"^t: must lie in \(0, 1\)"):
        process.snr(1.001)


@over_processes
@pytest.mark.parametrize("snr", [0.0, -1.0, math.inf, math.nan, [1.0, -2.0]])
def test_impossible_snrs_are_refused(name, snr):
    with pytest.raises(InputError, match=r"^snr: must be positive and finite; got"):
        PROCESSES[name].time(snr)


@over_processes
@pytest.mark.parametrize("t", [0.0, -0.1, math.nan, [0.5, 0.0]])
def test_impossible_times_are_refused(name, t):
    with pytest.raises(InputError, match=r"^t: must lie in \(0, "):
        PROCESSES[name].snr(t)
    with pytest.raises(InputError, match=r"^t: must lie in \(0, "):
        PROCESSES[name].log_snr(t)


@pytest.mark.parametrize("name", ["cosine", "flow"])
def test_the_pure_noise_end_is_refused(name):
    with pytest.raises(InputError, match=r"^t: must lie in \(0, 1\), where the SNR is finite"):
        PROCESSES[name].snr(1.0)
    assert VarianceExploding().snr(1e6) == pytest.approx(1e-12)


def test_impossible_rates_are_refused():
    with pytest.raises(InputError, match="beta_min: must be a finite number > 0"):
        VariancePreserving.linear(0.0, 1.0)
    with pytest.raises(InputError, match=r"beta_max: must be a finite number > 3"):
        VariancePreserving.linear(3.0, 2.0)
    with pytest.raises(InputError, match=r"beta: must be positive on \[0, end\]"):
        VariancePreserving.from_rate(lambda t: 1 - t, 1.5)
    with pytest.raises(InputError, match="end: must be a finite number > 0"):
        VariancePreserving.from_rate(lambda t: 1.0, math.inf)
