"""Outputs on a line against what bounds promise of them, and Corollaries 3 to 5."""

from __future__ import annotations

import math

import numpy as np
from sweep_laws import Line, Truth, panels
from sweep_outputs import (
    geometric_steps,
    hessians,
    lipschitz_distance,
    output_distances,
    time_steps,
    w2_noised,
    w2_projected,
)
from sweep_tally import Tally, facts_of

from girsanov._checks import InputError
from girsanov.paper import bounds as room
from girsanov.paper.bounds import Bound, Facts
from girsanov.paper.bounds.any_law import BOUNDED_SAMPLERS


def support_case(tally: Tally, rng: np.random.Generator, law: Line, facts: Facts) -> None:
    """Corollaries 3 to 5: W2 after stopping, Hessians, and an output near the stopped law."""
    stop = float(10 ** rng.uniform(-3, 0))
    noise, alpha = math.expm1(2 * stop), math.exp(-stop)
    slack = 1e-6 * law.second_moment
    if not (law.dense or law.atoms):
        return
    near = Truth(w2_noised(law, noise, alpha), slack)
    tally.add("early_stopping_w2, squared", near, room.early_stopping_w2(facts, stop) ** 2, law)
    asked = math.sqrt(law.second_moment + 1) * float(10 ** rng.uniform(-2, -0.05))
    delta = room.delta_for_w2(facts, asked)
    if 1e-6 < delta < 10:
        near = Truth(w2_noised(law, math.expm1(2 * delta), math.exp(-delta)), slack)
        tally.add("delta_for_w2, squared", near, asked**2, law)
    if not law.atoms:
        return
    radius, blur = (
        float(np.abs(law.mu).max()),
        float(rng.choice([0.0, 10 ** rng.uniform(-2, 0.5)])),
    )
    # where the Hessian can be large: between the middles of the noised points
    middle = alpha * (law.mu[:, None] + law.mu) / 2
    wide = math.sqrt(alpha**2 * blur**2 - math.expm1(-2 * stop))
    x = np.concatenate([
        (middle.ravel() + np.linspace(-1, 1, 41)[:, None] * wide**2 / (radius + wide)).ravel(),
        np.linspace(-alpha * radius - 9 * wide, alpha * radius + 9 * wide, 801)])  # fmt: skip
    low, high = room.hessian_bounds(radius, stop, blur)
    found = hessians(Line(law.w, law.mu, law.v + blur**2), stop, x)
    tally.add("hessian_bounds, high", Truth(float(found.max()), 1e-9 / wide**2), high, law)
    tally.add("hessian_bounds, low", Truth(-float(found.min()), 1e-9 / wide**2), -low, law)
    steep = max(float(np.abs(hessians(law, t, x)).max()) for t in stop * np.array([1.0, 1.5, 4.0]))
    tally.add("Facts.lipschitz_at", Truth(steep, 1e-9 / wide**2), facts.lipschitz_at(stop), law)
    output_near(tally, rng, law, facts, stop)


def output_near(
    tally: Tally, rng: np.random.Generator, law: Line, facts: Facts, stop: float
) -> None:
    """An output that is near q_delta in TV: projected on the ball, and without projection."""
    noise, alpha, radius = math.expm1(2 * stop), math.exp(-stop), float(np.abs(law.mu).max())
    share = float(10 ** rng.uniform(-3, -0.1))
    far = np.array([rng.choice([-1, 1]) * radius * 10 ** rng.uniform(-1, 1)])
    spread = (radius * 10 ** rng.uniform(-1, 0.5)) ** 2
    w, mu = np.append((1 - share) * law.w, share), np.append(alpha * law.mu, far)
    output = Line(w, mu, np.append(alpha**2 * (law.v + noise), spread))
    x, dx = panels(output.mu, np.sqrt(output.v), 12)
    p, q = np.exp(output.density(x, 0.0)), np.exp(law.density(x, noise, alpha))
    tv = min(1.0, float(np.abs(p - q) @ dx) / 2 + 1e-3 * share)
    projected = w2_projected(output, law, radius)
    bound = room.projected_w2(facts, stop, tv) ** 2
    tally.add("projected_w2, squared", Truth(projected, 1e-6 * radius**2), bound, law)
    bound = room.bounded_lipschitz(facts, stop, tv)
    tally.add("bounded_lipschitz", lipschitz_distance(output, law), bound, law)


def output_case(tally: Tally, rng: np.random.Generator, law: Line) -> None:
    """KL and TV of what samplers put out, started as the theorems say, against the totals."""
    scale, off = math.sqrt(law.variance), float(rng.choice([0, 1]) * rng.uniform(-3, 3))
    law = Line(law.w, (law.mu - law.mean) / scale + off, law.v / scale**2)
    facts, n = facts_of(rng, law), int(rng.integers(1, 9))
    wave = float(rng.choice([0, 10 ** rng.uniform(-2.5, -0.5)]))
    first, last = 10 ** rng.uniform(-2, 0), 10 ** rng.uniform(0.3, 2)
    levels, ends = np.geomspace(first, last, n + 1), {"first": first, "last": last}
    for sampler in BOUNDED_SAMPLERS:
        steps = geometric_steps(law, levels, sampler, wave)
        start = (law.mean, math.sqrt(1 / first))
        found = output_distances(law, (1 / last, 1.0), start, steps)
        bounds = {"any_law": room.any_law(facts, sampler, n, **ends, score_errors=wave)}
        if sampler != "ddpm-halfway":
            bounds["intrinsic"] = intrinsic_or_none(facts, sampler, n, (first, last, wave))
        if sampler == "ddpm":
            bounds["flow_any_law"] = room.flow_any_law(facts, n, **ends, score_errors=wave)
        for name, bound in bounds.items():
            put(tally, f"{name} {sampler}", found, bound, (law, levels, wave))
    times = np.linspace(stop := float(10 ** rng.uniform(-2, -0.7)), rng.uniform(0.5, 3), n + 1)
    total = float(times[-1])
    for relative in (False, True):
        found = output_distances(
            law, (math.expm1(2 * stop), math.exp(-stop)), (0.0, 1.0),
            time_steps(law, times, relative=relative, wave=wave),
        )  # fmt: skip
        bound = room.ei_relative if relative else room.theorem2
        asked = bound(facts, n, time=total, stop=stop, score_error=wave)
        put(tally, "ei_relative" if relative else "theorem2", found, asked, (law, times, wave))


def intrinsic_or_none(
    facts: Facts, sampler: str, n: int, given: tuple[float, float, float]
) -> Bound | None:
    first, last, wave = given
    try:
        return room.intrinsic(facts, sampler, n, first=first, last=last, score_errors=wave)
    except InputError:
        return None


def put(
    tally: Tally, name: str, found: tuple[Truth, Truth] | None, bound: Bound | None, case: object
) -> None:
    """Count the KL and the TV of an output."""
    if found is None or bound is None:
        tally.silent[f"output KL, {name}"] += 1
        return
    tally.add(f"output KL, {name}", found[0], bound.kl, case)
    tally.add(f"output TV, {name}", found[1], bound.tv, case)
