r"""Data without a density: early stopping and projection (Corollaries 3-5 of arXiv 2209.11215).

Noised for a short time delta, the data are near themselves,

    W2(q_delta, q)^2 <= (1 - e^-delta)^2 m2^2 + (1 - e^-2delta) d        (= for a point),     (1)

which a tolerance eps turns round exactly:

    x = eps^2 / (d + sqrt(d^2 + (m2^2 - d) eps^2)),   delta = -log(1 - x).                  (2)

On a support of radius R (or around a Gaussian of variance tau^2, nu^2 = alpha^2 tau^2 + sigma^2)

    -I/nu^2 <= Hessian log q_t <= (alpha^2 R^2/nu^4 - 1/nu^2) I,                            (3)

and an output p that is close to q_delta in TV is close to q in W2 after projection on the ball,

    W2(proj p, q)^2 <= (1) + 4 R^2 TV(p, q_delta),                                         (4)

or, with the exact denoiser m as last step, W2(m p, q)^2 <= M(s_delta) + 4 R^2 TV.          (5)

In the bounded-Lipschitz metric d_BL = sup { E_p f - E_q f : |f| <= 1, f is 1-Lipschitz } nothing
is projected: |f| <= 1 costs twice the TV, and W1 <= W2 the rest,

    d_BL(p, q) <= 2 TV(p, q_delta) + the root of (1).                                      (6)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..._checks import require, require_number
from ..._typing import Array, Tensor
from .given import MOST_SIZE, as_floats, require_time, require_within
from .result import Rate

if TYPE_CHECKING:
    from .facts import Facts

ArrayOrTensor = TypeVar("ArrayOrTensor", Array, Tensor)
PAPER = "Chen et al. 2023"


def early_stopping_w2(facts: Facts, stop: float) -> float:
    """Return the root of equation (1): W2 from the data noised for a time `stop` to the data."""
    stop = require_time("stop", stop)
    away = math.expm1(-stop) ** 2 * facts.second_moment
    return math.sqrt(away - math.expm1(-2 * stop) * facts.dimension)


def delta_for_w2(facts: Facts, w2: float) -> float:
    """Return the largest time delta at which (1) is at most `w2`, equation (2); may be inf."""
    d, excess = facts.dimension, facts.second_moment - facts.dimension
    eps2 = _tolerance(w2) ** 2
    if eps2 >= facts.second_moment + d:
        return math.inf
    return -math.log1p(-eps2 / (d + math.sqrt(max(0.0, d**2 + excess * eps2))))


def _tolerance(distance: float, argument: str = "w2") -> float:
    """Return a tolerance that is above 0 and of a size that can be squared."""
    least, most = 1 / MOST_SIZE, MOST_SIZE
    good = least <= require_number(argument, distance, above=0.0) <= most
    require(good, argument, f"must be from {least:g} to {most:g}", distance)
    return float(distance)


def snr_at(time: float) -> float:
    """Return the SNR s = 1/(e^2t - 1) at Ornstein-Uhlenbeck time t."""
    return 1 / math.expm1(2 * time)


def denoised_w2(facts: Facts, snr: float) -> float:
    """Return sqrt(dV/(d + sV)) >= W2 between the data and E[x0 | x] at SNR `snr`."""
    d, v = facts.dimension, facts.spread
    return math.sqrt(d * v / (d + snr * v))


def hessian_bounds(radius: float, time: float, blur: float = 0.0) -> tuple[float, float]:
    """Return equation (3): the least and largest eigenvalue that Hessian log q_t can have.

    radius: R of the support of U; blur: tau, for data U + tau g with g standard normal. Raises
    InputError for what is negative, and where there is no noise at all.
    """
    require_number("radius", radius, above=0.0)
    radius, blur = require_within("radius", radius), require_within("blur", blur)
    time = require_time("time", time)
    require(time > 0 or blur > 0, "time", "must be > 0", time)
    alpha2 = math.exp(-2 * time)
    nu2 = alpha2 * blur**2 - math.expm1(-2 * time)
    require(nu2 > 1 / MOST_SIZE, "blur", "must be larger: its square is below any number", blur)
    high = alpha2 * (radius / nu2) ** 2 if radius / nu2 <= MOST_SIZE else math.inf
    require(high < math.inf, "radius", f"must be at most {MOST_SIZE:g} times the noise", radius)
    return -1 / nu2, high - 1 / nu2


def project_ball(x: ArrayOrTensor, radius: float, centre: Array | float = 0.0) -> ArrayOrTensor:
    """Return the nearest points to x [n, ...] in the ball of `radius` about `centre` [...].

    x: an array, as `girsanov.sample` returns, or a tensor. Corollary 5 projects on a ball of
    radius of order R; R itself is enough, equation (4). Raises InputError for points that are
    not finite.
    """
    import torch  # nothing else here needs it, and it takes seconds to load

    require_number("radius", radius, above=0.0)
    radius = require_within("radius", radius)
    if not isinstance(x, torch.Tensor):
        whole = np.asarray(x)
        whole = whole if whole.dtype.kind == "f" else as_floats("x", whole)
        return np.asarray(project_ball(torch.from_numpy(whole.copy()), radius, centre).numpy())
    require(x.ndim > 1, "x", "must have shape [n, ...]", tuple(x.shape))
    middle = torch.as_tensor(as_floats("centre", centre), device=x.device)
    fits = middle.ndim == 0 or middle.shape == x.shape[1:]
    require(fits, "centre", f"must have shape {tuple(x.shape[1:])}", tuple(middle.shape))
    sizes = [float(v.detach().abs().max()) if v.numel() else 0.0 for v in (x, middle)]
    rule = f"must be finite, at most {MOST_SIZE:g} in size"
    require(all(size <= MOST_SIZE for size in sizes), "x and centre", rule, sizes)
    away = x.double() - middle
    length = away.flatten(1).norm(dim=1).view(-1, *(1,) * (x.ndim - 1))
    # where the ball is not left the point itself is returned, digit for digit
    near = middle + away * (radius / length.clamp_min(radius))
    return x.where(length <= radius, near.to(x.dtype))


def projected_w2(facts: Facts, stop: float, tv: float) -> float:
    """Return the root of (4): W2 of a projected output within `tv` of the law at `stop`."""
    require(facts.radius is not None, "radius", "must be known to project on the ball")
    assert facts.radius is not None
    share = require_within("tv", tv, 1.0)
    return math.sqrt(early_stopping_w2(facts, stop) ** 2 + 4 * facts.radius**2 * share)


def projection_targets(facts: Facts, w2: float) -> tuple[float, float]:
    """Return (delta, TV) after which (4) is at most `w2`: half of its square for each."""
    require(facts.radius is not None, "radius", "must be known to project on the ball")
    assert facts.radius is not None
    eps = _tolerance(w2)
    return delta_for_w2(facts, eps / math.sqrt(2)), min(1.0, eps**2 / (8 * facts.radius**2))


def bounded_lipschitz(facts: Facts, stop: float, tv: float) -> float:
    """Return (6): d_BL to the data of an output within `tv` of the law at time `stop`.

    Corollary 4; at most 2, which the metric never exceeds. Needs no radius.
    """
    return min(2.0, 2 * require_within("tv", tv, 1.0) + early_stopping_w2(facts, stop))


def bounded_lipschitz_targets(facts: Facts, distance: float) -> tuple[float, float]:
    """Return (delta, TV) after which (6) is at most `distance`: half of it for each; delta may be
    inf.

    Halves ask for the fewest steps where these go as 1/(W2 TV)^2, as in Corollary 3.
    """
    eps = _tolerance(distance, "distance")
    return delta_for_w2(facts, eps / 2), min(1.0, eps / 4)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def corollary_rates(facts: Facts, tv: float, w2: float) -> tuple[Rate, ...]:
    """Return the paper's step counts for a support of radius R (constants 1), W2 projected last.

    Theta~ of Corollary 3 for (tv, w2), and of Corollary 5 for `w2` alone after projection.
    """
    require(facts.radius is not None, "radius", "must be known for these corollaries")
    assert facts.radius is not None
    d, r = math.log(facts.dimension), math.log(facts.radius)
    wide, eps = max(4 * r, 2 * d), math.log(w2)
    both = _exp(3 * d + 4 * r + wide - 2 * math.log(tv) - 8 * eps)
    alone = _exp(3 * d + 8 * r + wide - 12 * eps)
    return (
        Rate(PAPER, "N ~ d^3 R^4 max(R, sqrt d)^4 / (TV^2 W2^8)", both, "steps"),
        Rate(PAPER, "N ~ d^3 R^8 max(R, sqrt d)^4 / W2^12, projected", alone, "steps"),
    )
