r"""An upper end for a mean error that allows for what no example showed.

Losses L_i = |x0 - m(x_s, s)|^2 of n independent examples lie in [0, R^2]. What happens with
probability q is missed by all of them with probability (1 - q)^n <= e^(-qn). So, at a risk of p,
they may have missed what happens as often as q = log(1/p)/n and costs R^2 each time:

    M(s)  <=  mean + t se + R^2 log(1/p)/n,     p = .025, one end of a 95 % interval.       (1)

t se, with Student's t at the same p, is for what the examples did show. Together both are safe:
of losses that are R^2 in k cases, k ~ Poisson(l), and 0 in all others (1) reads

    l  <=  k + t sqrt(k) + log(1/p),                                                        (2)

which is above the exact upper end for l at every k; smaller losses leave more room. How large R
is cannot be known of data in R^d. It is an assumption, that no loss is larger than

    R^2  =  max( D^2, n se^2 / mean ),                                                      (3)

D the largest distance that was found between two examples, and n se^2 / mean the loss of a mistake
where few examples have one and all others none. A prediction between the examples is never
farther from one of them than D. A network that leaves them, for inputs to which no example led,
can be. An exact denoiser is no worse than x_s itself, so that its M(s) <= d/s as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..montecarlo import Estimate

RISK = 0.025  # of one end of a two-sided 95 % interval


def unshown(error: Estimate, examples: int, diameter: float) -> Array:
    """Return R^2 log(1/p)/n of (1), the R of (3): what mistakes that nobody made may cost.

    error: the mean loss, of `examples` independent ones; diameter: D.
    """
    mean, variance = np.asarray(error.value), np.asarray(error.se) ** 2
    mistake = np.divide(examples * variance, mean, out=np.zeros_like(mean), where=mean > 0)
    return np.asarray(np.maximum(diameter**2, mistake) * math.log(1 / RISK) / examples)


class MeasuredErrors(Protocol):
    """What (1) asks of the record of an audit."""

    @property
    def examples(self) -> int: ...
    @property
    def diameter(self) -> float: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def exact(self) -> bool: ...


def most_error(error: Estimate, levels: Levels | float, of: MeasuredErrors) -> Array:
    """Return the upper end (1) of errors M(s) at `levels`, which were measured or lie between.

    of: the record of their audit.
    """
    beyond = unshown(error, of.examples, of.diameter)
    high = np.maximum(error.interval()[1], 0.0) + beyond
    most = math.prod(of.shape) / levels if of.exact else math.inf
    return np.asarray(np.minimum(high, most))
