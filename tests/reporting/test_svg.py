import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from girsanov.reporting.figures.svg import (
    Axis,
    dots,
    el,
    linear_ticks,
    log_ticks,
    polyline,
    rounded_up,
    tick_label,
    tick_labels,
)


def test_axis_is_equation_1():
    linear, log = Axis(2, 6, 10, 110), Axis(1e-2, 1e2, 0, 400, log=True)
    assert linear(3.0) == pytest.approx(35)
    assert log(1.0) == pytest.approx(200)
    np.testing.assert_allclose(log(np.array([1e-9, 10.0, 1e9])), [0, 300, 400])


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 9))
def test_linear_ticks_are_inside_and_evenly_spaced(low, width, most):
    high = low + width
    ticks = np.array(linear_ticks(low, high, most))
    assert len(ticks) <= most + 1
    edge = 1e-6 * max(abs(low), abs(high), width)
    assert ((ticks >= low - edge) & (ticks <= high + edge)).all()
    if len(ticks) > 2:
        steps = np.diff(ticks)
        np.testing.assert_allclose(steps, steps[0], rtol=1e-4)


@given(st.floats(-9, 9), st.floats(0.01, 12), st.integers(3, 9))
def test_log_ticks_are_inside_and_increase(low, decades, most):
    a, b = 10.0**low, 10.0 ** (low + decades)
    ticks = log_ticks(a, b, most)
    assert len(ticks) <= most
    assert all(a * 0.999 <= t <= b * 1.001 for t in ticks)
    assert ticks == sorted(set(ticks))


def test_an_axis_of_less_than_an_octave_still_has_ticks():
    assert len(Axis(1.1, 1.9, 0, 100, log=True).ticks()) >= 2


def test_labels_are_short():
    assert [tick_label(v) for v in (0, 0.01, 20, 1e-6, 3e-5, -0.5, 100000)] == [
        "0",
        "0.01",
        "20",
        "10⁻⁶",
        "3·10⁻⁵",
        "−0.5",
        "100000",
    ]


def test_labels_tell_values_apart():
    assert tick_labels([1.70e9, 1.7005e9]) == ["1.7·10⁹", "1.7005·10⁹"]
    assert tick_labels([5000.0, 10000.0]) == ["5000", "10000"]


def test_elements_escape_what_they_are_given():
    text = el("text", "<b>&", class_='"x"', data_name="a<b", x=1.04)
    assert text == '<text class="&#34;x&#34;" data-name="a&lt;b" x="1">&lt;b&gt;&amp;</text>'
    assert el("g", text, fill=None) == f"<g>{text}</g>"


def test_paths():
    assert polyline([0, 1], [2, 3]) == "M0.0 2.0L1.0 3.0"
    assert dots([0.26], [1]) == "M0.3 1.0h0"


@given(st.floats(1e-9, 1e9))
def test_rounded_up_is_close_above(value):
    top = rounded_up(value)
    assert value * (1 - 1e-8) <= top <= 1.34 * value
    assert math.isfinite(top)
