r"""What a step freezes: the coefficients of one stochastic step from SNR s to s' > s.

In the coordinates x = x0 + z/sqrt(s), every hold is linear in the state, the prediction m and
fresh noise (a solver, `ode_solvers.py`, instead of noise in the prediction of the step before),

    x' = a x + b m + c xi,    xi ~ N(0, I),    delta = s' - s.                            (1)

x0 and gaussian (Analytic-DPM, Bao et al. 2022, with a measured covariance diag(v) in a basis):

    a = s/s',   b = delta/s',   c_j = sqrt(delta (1 + delta v_j)) / s'.                   (2)

A last step ends at s' = inf, where (2) draws x0 ~ N(m, U diag(v) U^T), which keeps the data's
variance in the basis U; x0 alone (v = 0) returns m, which lacks v_j of it.

score: the exponential integrator of Chen et al. (arXiv 2209.11215), Ornstein-Uhlenbeck reverse
SDE with the score frozen for the OU time h = (log(1 + 1/s) - log(1 + 1/s'))/2:

    X' = e^h X + 2 (e^h - 1) score + sqrt(e^2h - 1) xi,    x = X/alpha,                   (3)

and relative, with score + X frozen (Conforti, Durmus, Silveri):

    X' = e^-h X + 2 (1 - e^-h)(score + X) + sqrt(1 - e^-2h) xi.                           (4)

The start is the step (2) from s = 0, where the best prediction is the data's mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from .._checks import require, require_choice, require_levels
from .._typing import Array
from ..basis import Basis

Hold = Literal["score", "relative", "x0", "gaussian"]
HOLDS: tuple[str, ...] = get_args(Hold)
ORDERS = dict.fromkeys(HOLDS, 1)  # weak: error of the output's law ~ h^order
Start = Literal["gaussian", "mean", "standard", "class"]
Last = Literal["draw", "denoise", "sample"]
LASTS: tuple[str, ...] = get_args(Last)
PROCESSES = ("vp", "cld")


@dataclass(frozen=True)
class Complement:
    """A step's second row: x' gains `into` w, and w' = state x + own w + prediction m + shared
    (c xi of x') + noise xi_2, for the coordinate w across x in phase space.
    """

    into: float
    state: float
    own: float
    prediction: float
    shared: float
    noise: float


@dataclass(frozen=True)
class Step:
    """The coefficients a, b, c of equation (1) for one step out of SNR `snr`.

    noise: c, a number, or one per coordinate of `basis` [d]; `basis` None means the identity;
    history: the coefficient of the prediction that the step before it made; complement: the
    rest of a step in phase space (`cld.py`).
    """

    snr: float
    state: float
    prediction: float
    noise: float | Array
    basis: Basis | None = None
    history: float = 0.0
    complement: Complement | None = None


@dataclass(frozen=True)
class Recipe:
    """A whole sampler: where it starts and its steps; one network call a step.

    mean: centre of the starting Gaussian, [d] or a number; start_noise: its standard deviation,
    a number or one per coordinate of `start_basis`; of a start for each class both are [C, d], in
    `class_bases` where each has its own; end: SNR of the law that the last state
    has before a denoising last step, the resolution that a certificate speaks of; process: ``vp``
    for any scalar process, ``cld`` for phase space, where w starts at N(0, I).
    """

    mean: float | Array
    start_noise: float | Array
    start_basis: Basis | None
    steps: tuple[Step, ...]
    end: float
    process: str = "vp"
    class_bases: tuple[Basis, ...] = ()

    def __post_init__(self) -> None:
        first = bool(self.steps) and self.steps[0].history == 0
        require(first, "steps", "must begin with one that needs no prediction before it")

    @property
    def classes(self) -> int:
        """The number of classes that have a start of their own, 0 where all begin alike."""
        return len(self.mean) if isinstance(self.mean, np.ndarray) and self.mean.ndim == 2 else 0


def require_fits(plan: Recipe, dimension: int) -> None:
    """Refuse a recipe whose numbers a coordinate are of another dimension d than the model's.

    A single number, where no [d] is given, is for every coordinate alike.
    """
    starts = (plan.start_basis, *plan.class_bases)
    own = (v[0] if np.ndim(v) == 2 else v for v in (plan.mean, plan.start_noise))  # type: ignore[index]
    rows = [*own, *(step.noise for step in plan.steps)]
    sizes = {np.shape(v) for v in rows} | {
        (b.dimension,) for b in (*starts, *(s.basis for s in plan.steps)) if b is not None
    }
    others = sorted(sizes - {(), (dimension,)})
    rule = f"must be of {dimension} numbers, as the examples of this model are"
    require(not others, "plan", rule, others and others[0])


def ou_time(snr: Array | float) -> Array:
    """Return the Ornstein-Uhlenbeck time t = log(1 + 1/s)/2 of an SNR."""
    return np.asarray(np.log1p(1 / np.asarray(snr, dtype=np.float64)) / 2)


def _ou_step(snr: float, snr_next: float) -> float:
    """Return h of (3): e^2h - 1 = delta / (s (1 + s')), where a difference of times cancels."""
    return float(np.log1p((snr_next - snr) / (snr * (1 + snr_next))) / 2)


def gaussian_step(
    snr: float, snr_next: float, variance: float | Array = 0.0, basis: Basis | None = None
) -> Step:
    """Return the step (2); variance: v, of x0 given the state, 0 for the x0 hold.

    snr_next: inf for the draw of x0 itself.
    """
    if math.isinf(snr_next):
        return Step(snr, 0.0, 1.0, _scalar(np.sqrt(np.asarray(variance))), basis)
    delta = snr_next - snr
    noise = np.sqrt(delta * (1 + delta * np.asarray(variance))) / snr_next
    return Step(snr, snr / snr_next, delta / snr_next, _scalar(noise), basis)


def score_step(snr: float, snr_next: float) -> Step:
    """Return the step (3) of the paper."""
    h = _ou_step(snr, snr_next)
    b = -2 * np.expm1(-h) * (1 + snr)
    # alpha'^2 = s'/(1 + s'), and 1/sigma^2 = 1 + s turns the score into (m - x)/sigma^2 / alpha
    noise = np.sqrt(np.expm1(2 * h) * (1 + snr_next) / snr_next)
    return Step(snr, 1 - b, b, float(noise))


def relative_step(snr: float, snr_next: float) -> Step:
    """Return the step (4)."""
    h = _ou_step(snr, snr_next)
    b = -2 * np.exp(-h) * np.expm1(-h) * (1 + snr)
    noise = np.sqrt(-np.expm1(-2 * h) * (1 + snr_next) / snr_next)
    return Step(snr, float(2 * np.exp(-h) - np.exp(-2 * h) - b), float(b), float(noise))


def recipe(
    hold: str,
    levels: Array,
    *,
    start: tuple[float | Array, float | Array, Basis | None],
    variances: Array | None = None,
    bases: tuple[Basis | None, ...] | None = None,
    last: str = "denoise",
) -> Recipe:
    """Return the sampler that visits `levels` [N+1] with this `hold`.

    start: centre, standard deviation and basis of the starting Gaussian; variances: v of the
    gaussian hold, [N] or [N, d], with the basis of each step in `bases`; last: ``denoise`` calls
    the network once more at the last level and returns its prediction (N + 1 calls), ``draw``
    draws about it with the variance in one row more of `variances` (gaussian hold), ``sample``
    returns the state there (N calls).
    """
    kind = require_choice("hold", hold, HOLDS)
    grid = require_levels(
        "levels", levels, at_least=2 if require_last(last, kind) == "sample" else 1
    )
    given = (variances is not None) == (kind == "gaussian")
    require(given, "variances", "must be given for the gaussian hold, and for no other", hold)
    cells = list(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True))
    cells += [(float(grid[-1]), math.inf)] * (last == "draw")
    if kind == "gaussian":
        v = np.asarray(variances, dtype=np.float64)
        u = bases or (None,) * len(cells)
        rows = v.ndim in (1, 2) and len(v) == len(u) == len(cells)
        require(rows, "variances", f"must have {len(cells)} rows", v.shape)
        good = bool((v >= 0).all() and np.isfinite(v).all())
        require(good, "variances", "must be finite and not negative")
        steps = [gaussian_step(s, t, v[k], u[k]) for k, (s, t) in enumerate(cells)]
    else:
        make = {"x0": gaussian_step, "score": score_step, "relative": relative_step}[kind]
        steps = [make(s, t) for s, t in cells]
    if last == "denoise":
        steps.append(Step(float(grid[-1]), 0.0, 1.0, 0.0))
    return Recipe(*start, tuple(steps), float(grid[-1]))


def require_last(last: str, sampler: str) -> str:
    """Return how a sampler ends, or refuse: only the gaussian hold has a covariance to draw by."""
    require_choice("last", last, LASTS)
    rule = "must be denoise or sample: only the gaussian sampler has a covariance to draw by"
    require(last != "draw" or sampler == "gaussian", "last", rule, last)
    return last


def _scalar(value: Array) -> float | Array:
    return float(value) if np.ndim(value) == 0 else value
