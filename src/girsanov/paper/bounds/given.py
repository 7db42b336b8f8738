"""What may be given to a theorem: numbers of a size with which a bound is a number too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._checks import refuse, require, require_count, require_levels, require_number

if TYPE_CHECKING:
    from ..._typing import Array

MOST_SIZE = 1e100  # of moments, information, errors: the square of one is a number
MOST_DIMENSIONS = 10**15
MOST_STEPS = 10**30  # steps beyond which no number is given
LONGEST_TIME = 300.0  # after which data of every size that is allowed are noise
SHORTEST_TIME = 1e-100  # other than none at all
SNR_ENDS = (1e-200, 1e200)


def require_within(argument: str, value: Any, most: float = MOST_SIZE) -> float:
    """Return `value` as a finite float from 0 to `most`."""
    good = 0 <= require_number(argument, value) <= most
    require(good, argument, f"must be >= 0, at most {most:g}", value)
    return float(value)


def require_error(score_error: Any) -> float:
    """Return a root mean square error of the score: a number >= 0, at most MOST_SIZE."""
    return require_within("score_error", score_error)


def require_errors(score_errors: Any, count: int) -> Array:
    """Return root mean square errors, one number or one of each of `count` steps."""
    eps = as_floats("score_errors", score_errors)
    fits = eps.ndim == 0 or eps.shape == (count,)
    require(
        fits, "score_errors", f"must be one number, or one of each of {count} steps", eps.shape
    )
    good = bool((eps >= 0).all() and (eps <= MOST_SIZE).all())
    require(good, "score_errors", f"must be >= 0, at most {MOST_SIZE:g}", score_errors)
    return eps


def require_steps(steps: Any) -> int:
    """Return a number of steps that is at most MOST_STEPS."""
    n = require_count("steps", steps)
    require(n <= MOST_STEPS, "steps", f"must be at most {MOST_STEPS:.0e}", steps)
    return n


def require_dimension(dimension: Any, argument: str = "dimension") -> int:
    """Return a dimension that is at most MOST_DIMENSIONS."""
    d = require_count(argument, dimension)
    require(d <= MOST_DIMENSIONS, argument, f"must be at most {MOST_DIMENSIONS:.0e}", dimension)
    return d


def require_time(argument: str, time: Any, above: float = -1.0) -> float:
    """Return a time > `above` that is 0, or from SHORTEST_TIME to LONGEST_TIME."""
    t = require_number(argument, time)
    rule = f"must be 0 or from {SHORTEST_TIME:g} to {LONGEST_TIME:g}"
    require(t == 0 or SHORTEST_TIME <= t <= LONGEST_TIME, argument, rule, time)
    require(t > above, argument, f"must be > {above:g}", time)
    return t


def require_times(times: Any) -> Array:
    """Return at least two increasing times, each as `require_time` has them."""
    t = as_floats("times", times)
    rising = t.ndim == 1 and len(t) > 1 and t[0] >= 0 and bool((np.diff(t) > 0).all())
    require(rising, "times", "must be at least two increasing times >= 0", t)
    for end in (float(t[0]), float(t[1]), float(t[-1])):
        require_time("times", end)
    return t


def require_snrs(argument: str, levels: Any, at_least: int = 2) -> Array:
    """Return increasing SNRs from 1e-200 to 1e200."""
    s = require_levels(argument, levels, at_least=at_least)
    low, high = SNR_ENDS
    rule = f"must be SNRs from {low:g} to {high:g}"
    require(bool(s[0] >= low and s[-1] <= high), argument, rule, s)
    return s


def as_floats(argument: str, values: Any) -> Array:
    """Return an array of finite float64."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        refuse(argument, "must be numbers", values)
    require(bool(np.isfinite(array).all()), argument, "must be finite", values)
    return array
