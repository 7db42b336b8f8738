r"""Any noise schedule, and ddpm priced along the flow: bounds beside exact costs.

A schedule beta(t) with equal steps is a grid t_0 < ... < t_N of Ornstein-Uhlenbeck times. With
score + x frozen over each step the exact path KL D is known, and is held against our bound for any
times and that of Strasman et al. for a linear beta (bounds/strasman2024.py, (2) and (1)),

    D <= ours <= theirs.                                                                   (1)

With a score that is off by e (score + x) on N(0, v), h_j and FI(t_j) the steps and the relative
Fisher information where they start, the score's error adds exactly

    E = sum_j (h_j e^2 + 2 (e^h_j - 1 - h_j) e) FI(t_j),                                   (2)

which ours bounds alone and theirs together with its D. The bound of ddpm along the flow
(bounds/flow_any_law.py) is one of the output's KL, which exact propagation gives on a line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...law import Gaussian, GaussianMixture
from ...sampling.grids import log_uniform_grid
from ...sampling.registry import recipe
from ..bounds import Facts, any_schedule, flow_any_law, linear_schedule_times, strasman2024
from ..bounds.strasman2024 import USUAL_GROWTH
from ..chart import Series, chart
from ..fit import exponent, worded
from ..output_law import kl_divergence, law_density, line_output
from ..path_kl import SKEWED, discretisation
from ..statement import Result, Row, Statement

if TYPE_CHECKING:
    from ..._typing import Array
    from ...law.base import Law
    from ..bounds.result import Bound

TIME, STOP = 3.0, 0.01  # Ornstein-Uhlenbeck times
FIRST, LAST = 1e-3, 50.0  # SNRs of ddpm's grids
RARE = GaussianMixture([0.03, 0.9, 0.07], [[-6.0], [0.5], [3.0]], [0.02, 0.3, 1.5])
LAWS: dict[str, Law] = {
    "the skewed mixture": SKEWED,
    "rare components": RARE,
    "N(2, 9)": Gaussian([2.0], 9.0),
    "N(0, .05)": Gaussian([0.0], 0.05),
}
OFF = 0.3  # e of (2)
NEAR = 1e-6  # by which quadrature may be off, relative


class Schedule(NamedTuple):
    """A law's path KL on a linear schedule, and what is promised of it."""

    exact: float
    ours: Bound
    theirs: Bound | None


def known_moments(law: Law) -> Facts:
    """Return the moments of a law, which are all that the bounds are told."""
    return Facts(law.dimension, float(law.second_moment), float(law.variance))


def on_schedule(law: Law, steps: int, growth: float) -> Schedule:
    """Return D of a law on `steps` steps of a linear beta, with the bounds of (1).

    The paper's bound is of the usual growth, and None with another.
    """
    times = linear_schedule_times(steps, time=TIME, stop=STOP, growth=growth)
    levels = 1 / np.expm1(2 * times[::-1])
    about = known_moments(law)
    theirs = strasman2024(about, steps, time=TIME, stop=STOP) if growth == USUAL_GROWTH else None
    return Schedule(discretisation(law, levels, "ei-relative"), any_schedule(about, times), theirs)


def rows_of_score(variance: float, steps: int) -> list[Row]:
    """Compare the bounds with (2), on N(0, v) and the usual linear schedule."""
    law = Gaussian([0.0], variance)
    times = linear_schedule_times(steps, time=TIME, stop=STOP)
    h, at = np.diff(times), 1 + (variance - 1) * np.exp(-2 * times[1:])
    information = (1 - 1 / at) ** 2 * at
    error = OFF * np.sqrt(information)
    exact = float(np.sum(h * error**2 + 2 * (np.expm1(h) - h) * error * np.sqrt(information)))
    steps_alone = on_schedule(law, steps, USUAL_GROWTH).exact
    about, name = known_moments(law), f"N(0, {variance:g}), N = {steps}"
    ours = any_schedule(about, times, error)
    theirs = strasman2024(about, steps, time=TIME, stop=STOP, score_error=float(error.max()))
    return [
        Row(f"{name}: score's part, exact and our bound", ours.score, exact, "<=", NEAR * exact),
        Row(f"{name}: steps and score, exact and Strasman et al.",
            theirs.discretisation + theirs.score, steps_alone + exact, "<=", NEAR),
    ]  # fmt: skip


def output_kl(law: Law, steps: int) -> float:
    """Return the KL of ddpm's output on a geometric grid, by exact propagation on a line."""
    levels = log_uniform_grid(FIRST, LAST, steps + 1)
    start = (law.mean, math.sqrt(1 / FIRST), None)
    out = line_output(law, recipe("ddpm", levels, start=start, last="sample"))
    return kl_divergence(law_density(law, LAST, out.x), out)


def flow_bound(law: Law, steps: int) -> float:
    """Return the bound of that KL along the flow, the start's part with it."""
    bound = flow_any_law(known_moments(law), steps, first=FIRST, last=LAST)
    return bound.init + bound.discretisation + bound.score


def schedule_rows(counts: Array) -> tuple[list[Row], dict[str, list[Schedule]]]:
    """Check (1) on every law, with steps that grow and with equal ones."""
    rows, usual = [], dict[str, list[Schedule]]()
    for name, law in LAWS.items():
        usual[name] = [on_schedule(law, n, USUAL_GROWTH) for n in counts.tolist()]
        equal = [on_schedule(law, n, 1.0) for n in counts.tolist()]
        for kind, cases in (
            (f"beta grows {USUAL_GROWTH:g}-fold", usual[name]),
            ("equal steps", equal),
        ):
            for n, case in zip(counts.tolist(), cases, strict=True):
                where, ours = f"{name}, {kind}, N = {n}", case.ours.discretisation
                what = f"{where}: path KL, and our bound"
                rows.append(Row(what, ours, case.exact, "<=", NEAR * case.exact))
                if case.theirs is not None:
                    what = f"{where}: our bound, and theirs"
                    rows.append(Row(what, case.theirs.discretisation, ours, "<="))
    return rows, usual


def run(quick: bool, seed: int) -> Result:
    """Closed forms and quadrature on a line; nothing is drawn."""
    counts = np.array([10, 100] if quick else [5, 10, 30, 100, 300, 1000])
    rows, usual = schedule_rows(counts)
    for variance in (0.05, 9.0):
        for n in counts[:2].tolist():
            rows += rows_of_score(variance, n)
    calls = np.array([16, 64] if quick else [8, 16, 32, 64, 128])
    outputs, bounds = list[float](), list[float]()
    for name in ("the skewed mixture",) if quick else ("rare components", "the skewed mixture"):
        outputs = [output_kl(LAWS[name], n) for n in calls.tolist()]
        bounds = [flow_bound(LAWS[name], n) for n in calls.tolist()]
        rows += [
            Row(f"{name}, ddpm, N = {n}: KL of the output, and its bound along the flow", b, kl,
                "<=", NEAR * kl)
            for n, kl, b in zip(calls.tolist(), outputs, bounds, strict=True)
        ]  # fmt: skip
    start = known_moments(SKEWED)
    falls = [
        flow_any_law(start, n, first=FIRST, last=LAST).discretisation for n in (1000, 2000, 4000)
    ]
    slope = exponent(np.array([1000.0, 2000.0, 4000.0]), np.array(falls))
    rows.append(Row("order in N of the bound along the flow", -2.0, slope.value, "=", 0.05))
    shown = usual["the skewed mixture"]
    exact = [case.exact for case in shown]
    ours = [case.ours.discretisation for case in shown]
    theirs = [case.theirs.discretisation for case in shown if case.theirs is not None]
    broken = sum(not row.holds for row in rows)
    head = Row(f"bounds below the truth, of {len(rows)} comparisons", 0, broken, "=")
    words = (
        f"With {counts[-1]} steps of the usual linear schedule the skewed mixture costs "
        f"{exact[-1]:.2g} nats. Our bound for any schedule says {ours[-1]:.2g}, and the paper's "
        f"{theirs[-1]:.2g}. The bound of ddpm along the flow falls as N to the "
        f"{worded(slope)}, as the KL of the output does: {outputs[-1]:.2g} nats at "
        f"{calls[-1]} steps, where the bound says {bounds[-1]:.2g}."
    )
    figure = chart(
        "schedules", "A linear noise schedule, and ddpm along the flow, on a skewed mixture",
        [
            Series("Strasman et al.", counts, theirs, 5, "dashed"),
            Series("our bound", counts, ours, 2, "dashed"),
            Series("path KL", counts, exact, 2, "both"),
            Series("ddpm, bound along the flow", calls, bounds, 1, "dashed"),
            Series("ddpm, KL of its output", calls, outputs, 1, "both"),
        ],
        ("steps N", "nats"), log="xy",
    )  # fmt: skip
    return Result([head, *rows], head, words, figure)


STATEMENT = Statement(
    "schedules",
    "Any noise schedule, and steps along the flow",
    "After the paper: Strasman et al. (2402.04650), and our own",
    "The steps of any noise schedule, and of ddpm against the probability flow with noise put "
    "back, cost no more than what the data's moments bound.",
    "No bound is below the exact cost, ours for schedules is never above Strasman et al.'s, and "
    "the one along the flow falls with the square of the number of steps.",
    run,
)
