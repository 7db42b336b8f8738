"""Path KLs of random laws against every bound of `girsanov.paper.bounds` that applies to them."""

from __future__ import annotations

import math

import numpy as np
from sweep_chains import (
    Law,
    Phase,
    chain_kl,
    frozen_kl,
    gamma_kl,
    ou,
    relative_fisher,
    start_kl,
    told,
)
from sweep_laws import Line, Plane, Product, Truth, twice
from sweep_outputs import flow_price, w2_guess
from sweep_tally import UP, Tally, plus, snr, times_of

from girsanov._checks import InputError
from girsanov.paper import bounds as room
from girsanov.paper.bounds import Bound, Facts
from girsanov.paper.bounds.any_law import BOUNDED_SAMPLERS
from girsanov.paper.bounds.chen2023_support import denoised_w2
from girsanov.paper.bounds.invert import PAPER_THEOREMS

LONGEST_CHAIN = {1: 60, 2: 8}  # steps of a row of `compare_bounds` whose truth is computed


def of_steps(bound: Bound) -> float:
    """What a bound says of the steps alone, with an exact score."""
    return bound.discretisation


def geometric_case(tally: Tally, rng: np.random.Generator, law: Law, facts: Facts) -> None:
    """Bounds on geometric grids; certificates on any; with an exact and with a wrong guess."""
    most = 4 if isinstance(law, Plane) else 40
    n = int(10 ** rng.uniform(0, math.log10(most)))
    first = float(10 ** rng.uniform(-4, 1) / law.variance)
    last = first * float(10 ** rng.uniform(0.3, 3 if isinstance(law, Plane) else 6))
    levels, ends, case = np.geomspace(first, last, n + 1), {"first": first, "last": last}, law
    wrong = 10 ** rng.uniform(-3, 0.5) * np.sqrt(law.variance / (1 + levels[:-1] * law.variance))
    start = start_kl(law, first)
    for sampler in BOUNDED_SAMPLERS:
        steps = chain_kl(law, levels, sampler)
        off = chain_kl(law, levels, sampler, wrong**2)
        plain = room.any_law(facts, sampler, n, **ends)
        learned = room.any_law(facts, sampler, n, **ends, score_errors=wrong)
        tally.add(f"any_law {sampler}", steps, plain.discretisation, case)
        tally.add(f"any_law {sampler}, start and steps", plus(start, steps), plain.kl, case)
        tally.add(f"any_law {sampler}, learned", plus(start, off), learned.kl, case)
        if sampler == "ddpm-halfway":
            continue
        tally.ask(
            f"intrinsic {sampler}", steps,
            lambda s=sampler: of_steps(room.intrinsic(facts, s, n, **ends)), case,
        )  # fmt: skip
        tally.ask(
            f"intrinsic {sampler}, learned", plus(start, off),
            lambda s=sampler: room.intrinsic(facts, s, n, **ends, score_errors=wrong).kl, case,
        )  # fmt: skip
        certificates(tally, law, np.sort(levels[0] * (last / first) ** rng.random(n + 1)), sampler)
    if law.lines and n <= 12:
        tally.ask("flow_any_law", flow_kl(law, levels),
                  lambda: of_steps(room.flow_any_law(facts, n, **ends)), case)  # fmt: skip
    tally.add("start from the mean", start, plain.init, case)
    tally.add("mutual_information", told(law, last), room.mutual_information(facts, last), case)
    error = twice(lambda which: (law.at(1 / last, which).error,) * 2)
    tally.add("denoised W2, squared error", error, denoised_w2(facts, last) ** 2, case)
    if isinstance(law, Line):
        truth = Truth(w2_guess(law, 1 / last), 1e-6 * law.variance)
        tally.add("denoised W2, by quantiles", truth, denoised_w2(facts, last) ** 2, case)


def flow_kl(law: Law, levels: np.ndarray) -> Truth:
    """Price of ddpm along the flow: a sum over independent lines."""
    return twice(lambda which: tuple(map(sum, zip(
        *(flow_price(x, levels, which) for x in law.lines), strict=True))))  # fmt: skip


def certificates(tally: Tally, law: Law, levels: np.ndarray, sampler: str) -> None:
    """Both ends of `any_law_certificate` on any grid."""
    if len(levels) < 3 or (np.diff(levels) <= 1e-6 * levels[:-1]).any():
        return
    errors = np.array([law.at(1 / s).error for s in levels])
    truth = chain_kl(law, levels, sampler)
    low, high = room.any_law_certificate(levels, errors, law.dimension, sampler)
    tally.add(f"any_law_certificate {sampler}", truth, high, law)
    least = Truth(low, truth.slack)
    tally.add(f"any_law_certificate {sampler}, low end", least, max(truth.value, 0.0), law)


def time_case(tally: Tally, rng: np.random.Generator, law: Law, facts: Facts) -> None:
    """Theorem 2 in all forms, ei-relative, any schedule, with an exact and with a wrong score."""
    times = times_of(rng, law, 4 if isinstance(law, Plane) else 40)
    stop, total, n = float(times[0]), float(times[-1]), len(times) - 1
    start, wrong = gamma_kl(law, total), float(rng.choice([-1, 1]) * 10 ** rng.uniform(-3, 0))
    score = np.array([math.sqrt(ou(law, t).fisher) for t in times[1:]]) * abs(wrong) * UP
    relative = np.array([
        math.sqrt(max(0.0, sum(relative_fisher(law, t)))) for t in times[1:]])  # fmt: skip
    relative *= abs(wrong) * UP
    exact = frozen_kl(law, times, relative=False)
    learned = plus(start, frozen_kl(law, times, relative=False, wrong=wrong))
    tally.ask("theorem2_on_grid", exact,
              lambda: of_steps(room.theorem2_on_grid(facts, times)), (law, times))  # fmt: skip
    tally.ask("theorem2_on_grid, learned", learned,
              lambda: room.theorem2_on_grid(facts, times, score).kl, (law, times))  # fmt: skip
    inner = frozen_kl(law, times, relative=True)
    off = plus(start, frozen_kl(law, times, relative=True, wrong=wrong))
    tally.ask("any_schedule", inner,
              lambda: of_steps(room.any_schedule(facts, times)), (law, times))  # fmt: skip
    tally.ask("any_schedule, learned", off,
              lambda: room.any_schedule(facts, times, relative).kl, (law, times))  # fmt: skip
    tally.add("Facts.start", start, facts.start(total), (law, total))
    known = twice(lambda which: (ou(law, total, which).fisher,) * 2)
    tally.add("Facts.fisher", known, facts.fisher(total), (law, total))
    tally.add(
        "Facts.relative_fisher", relative_fisher(law, total), facts.relative_fisher(total), law
    )
    equal = {"time": total, "stop": stop}
    uniform = np.linspace(stop, total, n + 1)
    uniform_case(tally, law, facts, uniform, wrong)
    linear = room.linear_schedule_times(n, **equal)
    truth = frozen_kl(law, linear, relative=True)
    tally.ask("strasman2024", truth,
              lambda: of_steps(room.strasman2024(facts, n, **equal)), (law, linear))  # fmt: skip
    tally.ask("any_schedule, linear", truth,
              lambda: of_steps(room.any_schedule(facts, linear)), (law, linear))  # fmt: skip


def uniform_case(tally: Tally, law: Law, facts: Facts, times: np.ndarray, wrong: float) -> None:
    """Theorem 2's three forms and ei-relative on equal steps."""
    stop, total, n = float(times[0]), float(times[-1]), len(times) - 1
    equal, case, start = {"time": total, "stop": stop}, (law, times), gamma_kl(law, total)
    most = max(math.sqrt(ou(law, t).fisher) for t in times[1:]) * abs(wrong) * UP
    plain = frozen_kl(law, times, relative=False)
    learned = plus(start, frozen_kl(law, times, relative=False, wrong=wrong))
    for form in ("2a", "2b", "2c"):
        tally.ask(
            f"theorem2 ({form})", plain,
            lambda f=form: of_steps(room.theorem2(facts, n, form=f, **equal)), case,
        )  # fmt: skip
        tally.ask(
            f"theorem2 ({form}), learned", learned,
            lambda f=form: room.theorem2(facts, n, form=f, score_error=most, **equal).kl, case,
        )  # fmt: skip
    most = max(math.sqrt(max(0.0, sum(relative_fisher(law, t)))) for t in times[1:])
    most *= abs(wrong) * UP
    tally.ask("ei_relative", frozen_kl(law, times, relative=True),
              lambda: of_steps(room.ei_relative(facts, n, **equal)), case)  # fmt: skip
    tally.ask("ei_relative, learned",
              plus(start, frozen_kl(law, times, relative=True, wrong=wrong)),
              lambda: room.ei_relative(facts, n, score_error=most, **equal).kl, case)  # fmt: skip


def cld_case(tally: Tally, rng: np.random.Generator, law: Line | Product, facts: Facts) -> None:
    """Theorem 6 on critically damped Langevin, exact and wrong."""
    n, total = int(rng.integers(1, 6)), float(10 ** rng.uniform(-0.7, 0.7))
    phase, wrong = Phase(law), float(rng.choice([-1, 1]) * 10 ** rng.uniform(-2, 0))
    moments = [phase.moments(total * (j + 1) / n, 0)[1, 1] for j in range(n)]
    eps = abs(wrong) * math.sqrt(max(moments)) * UP
    plain, learned = phase.path_kl(n, total), phase.path_kl(n, total, wrong)
    start = phase.start_kl(total)
    for form in ("4a", "4b"):
        tally.ask(
            f"theorem6 ({form})", plain,
            lambda f=form: of_steps(room.theorem6(facts, n, time=total, form=f)), law,
        )  # fmt: skip
        tally.ask(
            f"theorem6 ({form}), learned", plus(start, learned),
            lambda f=form: room.theorem6(facts, n, time=total, form=f, score_error=eps).kl, law,
        )  # fmt: skip
    tally.ask("theorem6, start", start,
              lambda: room.theorem6(facts, n, time=total).init, law)  # fmt: skip


def row_case(tally: Tally, rng: np.random.Generator, law: Law, facts: Facts) -> None:
    """Rows of `compare_bounds` of a paper: the path KL at the steps that promise to be enough."""
    tv = float(rng.uniform(0.3, 0.95))
    w2 = math.sqrt(law.second_moment + law.dimension) * float(10 ** rng.uniform(-1, -0.1))
    error = float(rng.choice([0.0, 10 ** rng.uniform(-3, -1)]))
    paper = str(rng.choice([*PAPER_THEOREMS]))  # all of them take most of the sweep's time
    try:
        rows = room.compare_bounds(facts, tv=tv, w2=w2, score_error=error, paper=paper)
    except InputError:
        tally.silent["compare_bounds, all rows"] += 1
        return
    for row in rows:
        name = f"compare_bounds {row.theorem}"
        if row.bound is None or row.bound.steps > LONGEST_CHAIN[law.dimension]:
            tally.silent[name] += 1
            continue
        truth = row_truth(law, row.theorem, row.bound, error)
        if truth is None:
            tally.silent[name] += 1
            continue
        tally.add(name, truth, row.bound.kl, (law, tv, w2))
        assert row.bound.tv <= tv * (1 + 1e-9), (row, tv)


def row_truth(law: Law, theorem: str, bound: Bound, error: float) -> Truth | None:
    """Start, steps and score error of what a row runs, None where they are not computed here."""
    n, stop, total = bound.steps, bound.stop, bound.time
    if theorem.startswith("theorem6"):
        if n > 6 or not law.lines:
            return None
        noised = law if stop == 0 else noised_law(law, stop)
        phase = Phase(noised)
        h = (total - stop) / n
        most = max(phase.moments(h * (j + 1), 0)[1, 1] for j in range(n))
        wrong = -error / math.sqrt(most) / UP
        return plus(phase.start_kl(total - stop), phase.path_kl(n, total - stop, wrong))
    levels = np.geomspace(snr(total), snr(stop), n + 1)
    if theorem.startswith(("theorem2", "ei", "strasman")):
        times = np.linspace(stop, total, n + 1)
        if theorem == "theorem2-grid":
            times = np.log1p(1 / levels[::-1]) / 2
        elif theorem in ("strasman2024", "ei-relative-linear"):
            times = room.linear_schedule_times(n, time=total, stop=stop)
        relative = not theorem.startswith("theorem2")
        at = [relative_fisher(law, t) if relative else (ou(law, t).fisher, 0.0) for t in times[1:]]
        wrong = error / max(math.sqrt(max(0.0, sum(x))) for x in at) / UP
        steps = frozen_kl(law, times, relative=relative, wrong=-wrong if relative else wrong)
        return plus(gamma_kl(law, total), steps)
    start, s = start_kl(law, float(levels[0])), levels[:-1]
    if theorem == "ddpm-flow":
        if n > 12 or not law.lines or error:
            return None
        return plus(start, flow_kl(law, levels))
    wide = error**2 / (s * (1 + s))  # what a score's error is of a guess
    return plus(start, chain_kl(law, levels, theorem.removesuffix("-intrinsic"), wide))


def noised_law(law: Line | Product, time: float) -> Line | Product:
    """The law after an Ornstein-Uhlenbeck time, in closed form."""
    r = math.exp(-2 * time)
    lines = tuple(Line(x.w, math.sqrt(r) * x.mu, r * x.v + 1 - r) for x in law.lines)
    return lines[0] if isinstance(law, Line) else Product(lines)
