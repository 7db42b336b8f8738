"""The wording of refusals, and what they let through."""

import math

import numpy as np
import pytest

from girsanov._checks import (
    InputError,
    MissingExtra,
    figure,
    need,
    plural,
    refuse,
    require,
    require_choice,
    require_count,
    require_levels,
    require_number,
    shown,
)


def test_a_refusal_names_the_argument_the_rule_what_arrived_and_the_remedy():
    with pytest.raises(InputError) as caught:
        refuse("steps", "must be even", 7, "Give 8")
    assert str(caught.value) == "steps: must be even; got 7. Give 8"
    with pytest.raises(InputError, match=r"^steps: must be even$"):
        refuse("steps", "must be even")


def test_require_passes_what_is_right():
    require(True, "steps", "must be even", 7)
    with pytest.raises(InputError, match="steps: must be even; got 0"):
        require(False, "steps", "must be even", 0)


def test_shown_is_one_short_line():
    assert shown("a\n  b") == "a b"
    assert len(shown("x" * 500)) == 80
    assert shown("x" * 80) == "x" * 80
    assert "\n" not in shown(np.zeros((40, 40)))


@pytest.mark.parametrize("value", [1.0, "3", True, None, 0, -2, float("nan"), np.bool_(True)])
def test_count_refuses(value):
    with pytest.raises(InputError, match=r"n: must be a whole number >= 1; got|>= 1$"):
        require_count("n", value)


@pytest.mark.parametrize("value", [1, np.int64(5), np.uint8(2)])
def test_count_returns_a_plain_int(value):
    assert type(require_count("n", value)) is int
    assert require_count("n", 0, at_least=0) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", True, None, 0, -1, 10**400, 1j])
def test_number_refuses(value):
    with pytest.raises(InputError, match="x: must be a finite number > 0"):
        require_number("x", value, above=0.0)


@pytest.mark.parametrize("value", [1, 1.5, np.float32(0.5), np.int8(3)])
def test_number_returns_a_plain_float(value):
    assert type(require_number("x", value, above=0.0)) is float
    assert require_number("x", -3) == -3.0


def test_choice():
    assert require_choice("sampler", "ddpm", ("ddpm", "ei-score")) == "ddpm"
    with pytest.raises(InputError, match="sampler: must be one of ddpm, ei-score; got y0"):
        require_choice("sampler", "y0", ("ddpm", "ei-score"))


@pytest.mark.parametrize(
    "value",
    [
        *([], [0.0, 1.0], [-1.0], [1.0, 1.0], [2.0, 1.0], [1.0, math.nan], [1.0, math.inf]),
        *("many", [[1.0, 2.0]], [1.0, "b"], None, [1 + 1j, 2]),
    ],
)
def test_levels_refuses(value):
    with pytest.raises(InputError, match=r"levels: must be"):
        require_levels("levels", value)


def test_levels_are_float64_and_counted():
    got = require_levels("levels", [1, 2, 3])
    assert got.dtype == np.float64
    assert require_levels("levels", 2.0).shape == (1,)
    with pytest.raises(InputError, match="flat list of at least 3 SNRs"):
        require_levels("levels", [1, 2], at_least=3)


def test_need_imports_or_names_the_extra():
    assert need("math", "demo") is math
    with pytest.raises(MissingExtra, match=r'no_such_module: is needed.*"girsanov\[demo\]"'):
        need("no_such_module", "demo")
    with pytest.raises(ImportError):
        need("no_such_module", "demo")


def test_counts_and_figures_are_words_of_people():
    told = [plural(n, noun) for n, noun in ((0, "draw"), (1, "draw"), (2, "trajectory"))]
    assert told == ["0 draws", "1 draw", "2 trajectories"]
    values = {(12.3, 1): "10", (0.30, 2): "0.3", (1234.5, 2): "1200", (0.0, 3): "0",
              (2e-7, 2): "2e-07", (99.96, 3): "100", (-4.56, 2): "-4.6"}  # fmt: skip
    assert {known: figure(*known) for known in values} == values
