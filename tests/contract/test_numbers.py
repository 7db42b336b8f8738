"""Numeric functions over all of their range, against 60 digits: signs, limits, precision."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from girsanov import InputError, kl_from_tv, tv_from_kl
from girsanov.error_curve.integrals import half_integral
from girsanov.process import CriticallyDampedLangevin
from girsanov.sampling.exponential_integrators import (
    analytic_dpm_step,
    ei_relative_step,
    ei_score_step,
    ou_time,
)
from girsanov.sampling.registry import SAMPLERS, ode_names
from girsanov.sampling.step_kl import analytic_dpm_kl

CLD = CriticallyDampedLangevin()
EPS = 2.0**-52


@pytest.fixture(autouse=True)
def sixty_digits():
    with mp.workdps(60):
        yield


def logarithmic(low: float, high: float):
    """Floats whose logarithm is spread over [log low, log high]."""
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@st.composite
def pairs(draw, low=1e-12, high=1e12):
    """SNRs s < s', from neighbours in float64 to twenty orders apart."""
    s = draw(logarithmic(low, high))
    ratio = draw(logarithmic(1e-14, 1e12))
    t = s * (1 + ratio)
    return s, (t if t > s else math.nextafter(s, math.inf))


def close(value, truth, digits=1e-12, floor=0.0):
    """`value` is `truth` to a relative error, or to `floor` where a sum cancels."""
    truth = mp.mpf(truth)
    assert abs(mp.mpf(float(value)) - truth) <= digits * abs(truth) + floor, (value, truth)


# stochastic samplers


def ou_step(s, t):
    s, t = mp.mpf(s), mp.mpf(t)
    return (mp.log(1 + 1 / s) - mp.log(1 + 1 / t)) / 2


@given(logarithmic(1e-300, 1e300))
def test_time_is_positive_and_exact(s):
    close(ou_time(s), mp.log1p(1 / mp.mpf(s)) / 2)


@given(pairs(), logarithmic(1e-12, 1e6))
def test_gaussian_steps(pair, v):
    s, t = pair
    step = analytic_dpm_step(s, t, v)
    S, T, V = mp.mpf(s), mp.mpf(t), mp.mpf(v)
    close(step.state, S / T)
    close(step.prediction, (T - S) / T)
    close(step.noise, mp.sqrt((T - S) * (1 + (T - S) * V)) / T)
    assert 0 <= step.state <= 1
    assert 0 <= step.prediction <= 1
    assert abs(step.state + step.prediction - 1) <= 2 * EPS
    # more variance, more noise; and x0 is the limit of none
    assert step.noise >= analytic_dpm_step(s, t).noise


@given(pairs())
def test_score_steps(pair):
    s, t = pair
    step, h = ei_score_step(s, t), ou_step(s, t)
    b = 2 * (1 - mp.exp(-h)) * (1 + mp.mpf(s))
    close(step.prediction, b)
    close(step.noise, mp.sqrt(mp.expm1(2 * h) * (1 + 1 / mp.mpf(t))))
    close(step.state, 1 - b, floor=4 * EPS * float(1 + b))
    assert step.prediction > 0
    assert step.noise > 0


@given(pairs())
def test_relative_steps(pair):
    s, t = pair
    step, h = ei_relative_step(s, t), ou_step(s, t)
    b = 2 * mp.exp(-h) * (1 - mp.exp(-h)) * (1 + mp.mpf(s))
    close(step.prediction, b)
    close(step.noise, mp.sqrt((1 - mp.exp(-2 * h)) * (1 + 1 / mp.mpf(t))))
    close(step.state, 2 * mp.exp(-h) - mp.exp(-2 * h) - b, floor=8 * EPS * float(1 + b))
    assert step.prediction > 0
    assert step.noise > 0


# ODE samplers


@given(pairs(1e-9, 1e9), logarithmic(1e-9, 1e6), st.sampled_from(ode_names()))
def test_ode_sampler_weights(pair, back, sampler):
    s, t = pair
    before = s / (1 + back)
    if not before < s:
        before = math.nextafter(s, 0.0)
    w = SAMPLERS[sampler].weights(before, s, t)
    h = mp.log(mp.mpf(t) / mp.mpf(s)) / 2
    q, back = 1 - mp.exp(-h), mp.log(mp.mpf(s) / mp.mpf(before)) / 2
    close(w.state, 1 - q)
    if sampler == "heun":
        b = q / (2 * (1 - q))
        close(w.corrector, b)
        close(w.prediction, q - b, floor=4 * EPS * float(q + b))
    elif sampler == "dpmpp-2m":
        close(w.prediction, q * (1 + h / (2 * back)))
        close(w.history, -q * h / (2 * back))
    else:
        close(w.prediction, q)
    total = sum(float(x) for x in w)  # a point that the model predicts stays where it is
    scale = sum(abs(float(x)) for x in w)
    assert abs(total - 1) <= 8 * EPS * scale
    assert 0 < w.state < 1 or t / s - 1 < 1e-14


# certificates


@given(st.floats(0, 1e308))
@example(0.0)
@example(5e-324)
@example(1e308)
def test_tv_from_kl(kl):
    tv, K = tv_from_kl(kl), mp.mpf(kl)
    close(tv, min(mp.sqrt(K / 2), mp.sqrt(-mp.expm1(-K))), floor=1e-160)  # half a denormal is 0
    assert 0 <= tv <= 1
    assert tv_from_kl(math.nextafter(kl, math.inf)) >= tv


@given(st.one_of(st.floats(1e-150, 1 - EPS), logarithmic(1e-150, 0.999)))
def test_kl_from_tv_is_the_largest_that_certifies(tv):
    kl, T = kl_from_tv(tv), mp.mpf(tv)
    close(kl, max(2 * T**2, -mp.log(1 - T**2)))
    assert kl > 0
    assert tv_from_kl(kl) <= tv * (1 + 1e-12)
    if kl * 1.001 < 30:  # beyond, one minus e^-kl is one in float64
        assert tv_from_kl(kl * 1.001) >= tv * (1 - 1e-12)


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, 2.0, math.nan, math.inf])
def test_kl_from_tv_refuses(bad):
    with pytest.raises(InputError):
        kl_from_tv(bad)


# the clock of critically damped Langevin


def cld_snr(t):
    x = 2 * mp.mpf(t)
    decay = mp.exp(-x)
    return decay * (1 + x + x**2 / 2) / mp.gammainc(3, 0, x, regularized=True)


@given(logarithmic(1e-60, 300))
def test_the_clock_of_cld(t):
    close(CLD.snr(t), cld_snr(t), 1e-11)
    r = float(CLD.signal(t))
    assert 0 <= r <= 1
    assert CLD.snr(t * 1.001) < CLD.snr(t)


@given(logarithmic(1e-200, 1e60))
def test_the_clock_of_cld_runs_backwards(s):
    t = float(CLD.time(s))
    assert t > 0
    truth = cld_snr(t)
    # an error of t is one of log snr times |d log snr / dt| <= 3/t + 2, which no method can avoid
    assert abs(truth / mp.mpf(s) - 1) <= 1e-11 * max(1, 2 * t)


@given(logarithmic(1e-8, 200))
def test_the_covariance_of_cld_is_one(t):
    noise = CLD.noise(t)
    x = mp.mpf(t)
    phi = mp.exp(-x) * mp.matrix([[1 + x, -x], [x, 1 - x]])
    truth = mp.eye(2) - phi * phi.T
    close(noise[0, 0], truth[0, 0], 1e-11)
    close(noise[0, 1], truth[0, 1], 1e-11)
    close(noise[1, 1], truth[1, 1], 1e-11)
    assert noise[0, 0] * noise[1, 1] >= noise[0, 1] ** 2 * (1 - 1e-9)


# the ledger's cells


@given(logarithmic(1e-12, 1e12), logarithmic(1e-12, 1e6), logarithmic(1e-12, 1e6))
def test_gaussian_cells(delta, v, m):
    one = np.ones(1)
    value = analytic_dpm_kl(np.array(delta), np.array([v]), np.array([m]), one)
    D, V, M = mp.mpf(delta), mp.mpf(v), mp.mpf(m)
    gain = 1 + D * V
    terms = (mp.log(gain), D * (M - V) / gain)
    # log(1 + x) of an x below rounding costs its digits, and terms of opposite signs cancel
    floor = float(sum(map(abs, terms))) * 1e-12 + 2 * EPS
    close(value, sum(terms) / 2, 1e-12, floor)
    # the best variance is the error itself (an equality in (3)), and any other costs no less
    best = analytic_dpm_kl(np.array(delta), np.array([m]), np.array([m]), one)
    assert value >= best - floor
    assert best >= 0


@given(pairs(1e-9, 1e9), logarithmic(1e-9, 1e3), st.floats(0, 1))
@example((1.0, 2.0), 1.0, 1.0)
@example((1.0, 1e9), 1e-9, 0.0)
def test_half_integrals(pair, m, share):
    s, t = pair
    # a curve of one Gaussian coordinate, 1/M linear in s: any M' between M and none at all
    after = max(m * share, m * 1e-9)
    levels, errors = np.array([s, t]), np.array([[m], [after]])
    value = float(half_integral(levels, errors, np.ones(1))[0])
    D, M, N = mp.mpf(t) - mp.mpf(s), mp.mpf(m), mp.mpf(after)
    truth = D * M / 2 if M == N else D * mp.log(M / N) / (1 / N - 1 / M) / 2
    close(value, truth, 1e-9)
    assert float(D) * after / 2 * (1 - 1e-9) <= value <= float(D) * m / 2 * (1 + 1e-9)
    longer = float(half_integral(np.array([s, t * 2]), errors, np.ones(1))[0])
    assert longer >= value
