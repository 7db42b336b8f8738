r"""Where the error of an audit's discretisation entry comes from, and how few calls would do.

    python benchmarks/few_calls.py --model FOLDER [--steps 16] [--draws 4] [--budget] [--json FILE]

Digits; a model as `gv.fit(train, network="mlp", out=FOLDER)` makes it, fitted here if it is not
there. One grid of N levels is planned and kept. What example i and noise path q say of its price
beyond an ideal grid is, to first order in the errors r^2 per principal coordinate j,

    psi = 1/2 sum_k sum_j delta_k / (1 + delta_k v_j) r_j(s_k)^2 - 1/2 int sum_j r_j(u)^2 du, (1)

the cells of (3) in path_kl/cells.py less the integral, by trapezia over the measured levels
and the plan's. Its variance over examples, b^2, and over paths, w^2, give a relative half-width of
2.13 sqrt((b^2 + w^2/D)/n) / mean for n examples with D paths each: below the floor of D = infinity
more paths do not help, only more examples do. Calls of a path: the levels and the plan's own.
`common`: one z at all levels, x = x0 + z/sqrt(s), in place of a Brownian path. `controlled`: r^2
less what noise alone makes of its linear part,

    a^2 (n^2 - 1/s) + 2 a b n c,     r ~ a n + b c,                                          (2)

n and c the coordinates of the noise and of x0 - mean, a and b fitted on the other 15 groups: of
mean 0 given x0, so nothing is biased. `gv.audit` does so (`error_curve/control_variate.py`).

--budget: what whole audits know of the entry: they look between their levels as well, and price
levels they did not measure. Five seeds each; `plain`: nothing taken off, as audits were before.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from _table import begin, finish, options, show, table, three

import girsanov as gv
import girsanov.measuring.audit as made
from girsanov.error_curve.curve import GROUPS
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.noise import NoiseSource

BUDGET = (  # levels, examples, paths, whether chance is taken off
    (65, 297, 1, False), (65, 297, 1, True), (33, 297, 1, True), (17, 297, 1, True),
    (33, 297, 2, True), (17, 297, 2, True),
)  # fmt: skip
NATS = {"sampler": "analytic-dpm", "weight": 0.0}
STUDENT = 2.13  # of 15 degrees of freedom, 95 %
NAIVE = 65


def linear_part(r, n, c, snr):
    """Return (2) for r, n, c [examples, d], a and b of each group from the others."""
    group = np.arange(len(r)) % GROUPS
    pairs = np.stack([n * n, c * c, n * c, r * n, r * c])
    sums = np.stack([pairs[:, group == g].sum(axis=1) for g in range(GROUPS)], axis=1)
    nn, cc, nc, rn, rc = sums.sum(axis=1, keepdims=True) - sums
    cc = cc + 1e-9 * len(r)  # a pixel that never changes
    det = nn * cc - nc * nc
    a, b = ((rn * cc - rc * nc) / det)[group], ((rc * nn - rn * nc) / det)[group]
    return a**2 * (n**2 - 1 / snr) + 2 * a * b * n * c


def errors(model, x0, levels, draws, common):
    """Return r^2 and (2) in principal coordinates, [draws, K, n, d] each, in float32."""
    (count, d), basis = x0.shape, model.moments.basis
    c = basis.to_coordinates(x0.double() - torch.tensor(model.moments.mean)).numpy()
    source, found = NoiseSource(7, "audit"), ([], [])
    for q in range(draws):
        path, before = torch.zeros(count, d, dtype=torch.float64), 0.0
        fixed = source.normal(10**6 + q, 0, count, d).double()
        for k, s in enumerate(levels):
            path += source.normal(q * len(levels) + k, 0, count, d) * (s - before) ** 0.5
            before, n = s, fixed / s**0.5 if common else path / s
            m = model((x0 + n).float().view(count, *model.shape), float(s)).flatten(1)
            r, shown = (basis.to_coordinates(v).numpy() for v in ((x0 - m).double(), n))
            found[0].append(np.square(r).astype("f4"))
            found[1].append(linear_part(r, shown, c, s).astype("f4"))
    return (np.stack(part).reshape(draws, len(levels), count, d) for part in found)


def price(square, levels, nodes, visited):
    """Return (1) [draws, n] and the constant that makes its mean the plan's price."""
    v = np.maximum(square.mean(axis=(0, 2)), 0)  # [K, d]
    total, constant = 0.0, 0.0
    for i, j in pairwise(visited):
        delta = levels[j] - levels[i]
        total = total + square[:, i] @ (delta / (1 + delta * v[i])) / 2
        constant += (np.log1p(delta * v[i]) - delta * v[i] / (1 + delta * v[i])).sum() / 2
    logs = np.log(levels[nodes])
    weight = (np.diff(logs, append=logs[-1]) + np.diff(logs, prepend=logs[0])) / 4
    for w, k in zip(weight, nodes, strict=True):
        total = total - w * levels[k] * square[:, k].sum(axis=-1)
    return total, constant


def row(name, psi, constant, calls, goal):
    """Return the components of one way to measure, and the calls that it asks for."""
    draws, n = psi.shape
    within = psi.var(axis=0, ddof=1).mean()
    between = max(psi.mean(axis=0).var(ddof=1) - within / draws, 0.0)
    mean = psi.mean() + constant
    half = STUDENT / mean
    examples = (half / goal) ** 2 * (between + within)
    return {
        "measured": name, "nats": mean, "sd examples": between**0.5, "sd noise": within**0.5,
        "half-width": half * ((between + within) / n) ** 0.5, "floor": half * (between / n) ** 0.5,
        "examples": examples, "calls": examples * calls,
    }  # fmt: skip


def whole_audits(model, held_out, steps, goal):
    """Print and return the half-widths that whole audits end with."""
    rows = []
    for levels, examples, draws, control in BUDGET:
        made.measure_curve = lambda *a, control=control: measure_curve(
            *a[:-1], replace(a[-1], control=control)
        )
        found = []
        for seed in range(11, 16):
            asked = {"levels": levels, "examples": examples, "draws": draws, "seed": seed}
            audit = gv.audit(model, held_out, **asked)
            entries = {entry.name: entry for entry in audit.plan(steps=steps, **NATS).ledger}
            entry = entries["discretisation"]
            found.append((entry.value, (entry.high - entry.low) / 2 / entry.value))
        nats, half = (three(np.array(part)) for part in zip(*found, strict=True))
        calls, square = audit.facts.calls, np.mean([h**2 for _, h in found])
        rows.append({"levels": levels, "examples": examples, "paths": draws, "control": control,
                     "calls": calls, "nats": nats, "half-width": half,
                     "calls for the goal": calls * square / goal**2})  # fmt: skip
    table(
        ("levels", "examples", "paths each", "calls", "nats", "half-width, %",
         f"calls for {goal:.0%}", "over the first"),
        ((f"{r['levels']}{'' if r['control'] else ', plain'}", r["examples"], r["paths"],
          f"{r['calls']:,}", show(r["nats"]), show([100 * v for v in r["half-width"]], 1),
          f"{r['calls for the goal']:,.0f}",
          f"{r['calls for the goal'] / rows[0]['calls for the goal']:.2f}") for r in rows),
    )  # fmt: skip
    return rows


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__, runs=1)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--budget", action="store_true", help="also whole audits")
    parser.add_argument("--goal", type=float, default=0.03)
    given = begin(parser)
    train, held_out = gv.load_data("digits").without_labels().split(1500 / 1797, seed=0)
    if not given.model.is_dir():
        gv.fit(train, steps=2400, network="mlp", out=given.model)
    model = gv.load_model(given.model).to(given.device)
    x0 = held_out.with_standardisation(model.standardisation).batch(slice(None)).flatten(1)
    plan = gv.audit(model, held_out, levels=NAIVE, draws=1).plan(steps=given.steps, **NATS)
    logs = np.linspace(-7, 9, NAIVE)
    wanted = np.log([step.snr for step in plan.recipe().steps])
    visited = np.unique(np.abs(wanted[:, None] - logs).argmin(axis=1))
    rows = []
    for name, common in (("path", False), ("common", True)):
        square, linear = errors(model, x0.double(), np.exp(logs), given.draws, common)
        for kind, value in (("", square), (", controlled", square - linear)):
            for step in (1, 4):
                shown = np.union1d(np.arange(0, NAIVE, step), visited)
                nodes = shown[(shown >= visited[0]) & (shown <= visited[-1])]
                psi, constant = price(value.astype("f8"), np.exp(logs), nodes, visited)
                label = f"{name}{kind}, {len(shown)} levels"
                rows.append(row(label, psi, constant, len(shown), given.goal))
    table(
        ("", "nats", "sd over examples", "over noise", "half-width, one path each", "floor",
         f"examples for {given.goal:.0%}", "calls", f"over {NAIVE} levels"),
        ((r["measured"], f"{r['nats']:.2f}", f"{r['sd examples']:.2f}", f"{r['sd noise']:.2f}",
          f"{r['half-width']:.1%}", f"{r['floor']:.1%}", f"{r['examples']:,.0f}",
          f"{r['calls']:,.0f}", f"{r['calls'] / rows[0]['calls']:.2f}") for r in rows),
    )  # fmt: skip
    budget = whole_audits(model, held_out, given.steps, given.goal) if given.budget else None
    finish(given, {"components": rows, "budget": budget})


if __name__ == "__main__":
    main()
