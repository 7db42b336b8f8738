r"""Do the statements with one side hold? "At least", "below", "for certain", against the truth.

    python benchmarks/one_sided.py [--cases 200] [--seed 5] [--only PART ...]

Laws: mixtures of two or three Gaussians on a line, such with a rare far component, and Gaussians
in three dimensions. Denoisers: the exact one (which the audit is not told), scaled and shifted.
Audits: 200 to 1,000 examples, 9, 17 or 33 levels; plans as of `intervals.py`. The truth is by
quadrature (`tests/planning/coverage_truth.py`). Per case one number of each kind:

    score               the entry's lower end <= R - 1/2 int M ds
    score, reference    the same, audited beside the exact denoiser (`--reference`)
    score, rival        what an audit of the exact denoiser proves of it
    gain                the probe's lower end <= eps^2(s), at a level drawn at random
    martingale          its bound <= eps^2(s), at the same level
    start               "its KL is below ...", of the note of the entry init
    error               "error ... nats" of `print(audit)`: 95 % interval
    difference          what one model pays more than the exact one, of two audits: 95 % interval
    target              init + discretisation of a plan made for a KL <= that KL
    untrained           "at least ... times" a straight line, of a model that says one thing
    memorised           0 in the 95 % interval of an audit beside training data, none learnt
    information         I(X_0; X_s) <= what `bounds --audit` takes of it, at a random level
    theory              path KL of ddpm with an exact denoiser, in the steps that theory promises
                        for the audit's data, <= the nats of that promise

Where one end is stated 2.5 % may be wrong, where two are 5 %; a target is met by the sum of two
upper ends. Intervals of the rates are Clopper and Pearson's. Numbers of the kind "lower bound"
are also counted where they say more than 0.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

sys.path.append(str(Path(__file__).parents[1] / "tests" / "planning"))

from coverage_truth import Scaled, Truth, true_parts
from intervals import SAMPLERS, WRONG, drawn_law, planned

import girsanov as gv
from girsanov._checks import InputError
from girsanov.ledger.score_entry import ENTRY_RISK
from girsanov.paper.beside_audit import facts_beside
from girsanov.paper.bounds import steps_for
from girsanov.paper.bounds.chen2023_support import early_stopping_w2
from girsanov.paper.measured_information import measured_information
from girsanov.planning.second_model import rival_floor
from girsanov.reporting.two_models import difference

ROUNDING = 1e-6
ALLOWED = {
    "error": 0.05,
    "difference": 0.05,
    "memorised": 0.05,
    "target": 0.05,
}  # all others: 0.025
Seen = dict[str, tuple[bool, bool]]  # by statement: whether it is wrong, and whether it says much


def law_of(rng: np.random.Generator, kind: str) -> gv.Law:
    """Return a random law of this kind."""
    if kind != "rare":
        return drawn_law(rng, kind == "line")
    share, far = 10 ** rng.uniform(-2.3, -1.3), rng.uniform(4, 9)
    return gv.GaussianMixture([1 - share, share], [[0.0], [far]], 10 ** rng.uniform(-1.5, 0, 2))


class Case:
    """One law with a denoiser in error, its audit and plan, and the truth of both."""

    def __init__(self, rng: np.random.Generator, kind: str) -> None:
        self.law, wrong = law_of(rng, kind), WRONG[int(rng.integers(len(WRONG)))]
        self.denoiser, self.best = Scaled(self.law, *wrong), Scaled(self.law)
        self.count, self.seed = int(rng.integers(200, 1000)), int(rng.integers(10**6))
        self.levels = np.geomspace(0.01, 10 ** rng.uniform(1.5, 2.3), int(rng.choice([9, 17, 33])))
        self.data = gv.load_data(self.law.sample(self.count, seed=self.seed))
        self.audit = self.audited(self.denoiser)
        sampler, covariance = SAMPLERS[int(rng.integers(len(SAMPLERS)))], None
        if sampler == "analytic-dpm" and kind == "gaussian":
            covariance = str(rng.choice(["scalar", "pca", "full"]))
        self.plan = planned(self.audit, rng, sampler, covariance)
        self.truth, self.least = Truth(self.denoiser, self.law), Truth(self.best, self.law)
        self.row = {"law": kind, "wrong": wrong, "sampler": sampler, "examples": self.count}

    def audited(self, denoiser: gv.ExactDenoiser, **options: object) -> gv.Audit:
        """Return an audit on the case's data and levels."""
        return gv.audit(denoiser, self.data, levels=self.levels, seed=self.seed, **options)

    def error(self, s: float) -> float:
        """eps^2(s)."""
        return float(np.trace(self.truth.at(s)[0]) - np.trace(self.least.at(s)[0]))


def lower(stated: float, truth: float) -> tuple[bool, bool]:
    """Return whether a lower bound is wrong, and whether it says more than 0."""
    return bool(stated > truth * (1 + ROUNDING) + ROUNDING), bool(stated > ROUNDING)


def of_score(case: Case) -> Seen:
    """Judge the bounds of the score error, and what the note of init says."""
    *_, least, begun = true_parts(case.truth, case.audit, case.plan)
    first, end = float(case.plan.levels[0]), float(case.plan.levels[-1])
    best = case.least.half_integral(0.0, end)
    same = {"sampler": case.plan.sampler, "covariance": case.plan.covariance}
    beside, rival = case.audited(case.denoiser, reference=case.best), case.audited(case.best)
    again = gv.evaluate_grid(beside, case.plan.levels, calibrate=False, force=True, **same)
    said = re.search(r"its KL is below ([0-9.e+-]+) nats", case.plan.ledger[0].note)
    assert said is not None
    start = begun - case.least.half_integral(0.0, first)
    floor = rival_floor(case.plan, case.audit, rival, ENTRY_RISK)
    return {
        "score": lower(case.plan.ledger[-1].low, least - best),
        "score, reference": lower(
            again.ledger[-1].low, true_parts(case.truth, beside, again)[2] - best
        ),
        "score, rival": lower(floor, least - best),
        "start": (bool(start > float(said[1]) * 1.005 + ROUNDING), True),  # it has three digits
        **of_curves(case, rival),
    }


def of_curves(case: Case, rival: gv.Audit) -> Seen:
    """Judge the intervals of 1/2 int M ds and of 1/2 int (M_A - M_B) ds over the levels."""
    ends = float(case.levels[0]), float(case.levels[-1])
    own, best = (of.half_integral(*ends) for of in (case.truth, case.least))
    stated = {"error": (case.audit.nats(), own),
              "difference": (difference(case.audit, rival).nats, own - best)}  # fmt: skip
    return {name: two_sided(found.interval(), truth) for name, (found, truth) in stated.items()}


def two_sided(ends: tuple[float, float], truth: float) -> tuple[bool, bool]:
    """Return whether an interval misses the truth, and whether it leaves 0 out."""
    slack = ROUNDING * (1 + abs(truth))
    return not ends[0] - slack <= truth <= ends[1] + slack, bool(ends[0] > 0 or ends[1] < 0)


def of_probe(case: Case) -> Seen:
    """Judge the probe's gain and the martingale bound at one level."""
    k, probe = case.seed % len(case.levels), case.audit.probe
    assert probe is not None
    truth = case.error(float(case.levels[k]))
    gain = float(probe.gain().interval()[0][k])
    return {
        "gain": lower(gain, truth),
        "martingale": lower(float(probe.martingale_bound()[k]), truth),
    }


def of_target(case: Case) -> Seen:
    """Judge a plan that is made for a KL, of the kind of the case's own."""
    asked = {"sampler": case.plan.sampler, "covariance": case.plan.covariance, "calibrate": False}
    weight = {"weight": 0.0} if case.plan.sampler == "ddpm" else {}
    limits = {**asked, **weight, "resolution": case.plan.resolution}
    try:
        plan = case.audit.plan(kl=0.5, force=True, **limits)
    except InputError:  # cannot be promised
        return {}
    init, steps, *_ = true_parts(case.truth, case.audit, plan)
    return {"target": (bool(init + steps > 0.5 + ROUNDING), True)}


def of_memory(case: Case) -> Seen:
    """Judge what a model that learnt none of them is said to know of training examples."""
    train = gv.load_data(case.law.sample(case.count, seed=case.seed + 1))
    found = case.audited(case.denoiser, train=train).memorised()
    assert found is not None
    return {"memorised": two_sided(found.interval(), 0.0)}


def of_theory(case: Case) -> Seen:
    """Judge what an audit takes a state to tell of the data, and the steps promised by that."""
    told = measured_information(case.audit)
    s, nats = told[case.seed % len(told)]
    found = {"information": (bool(case.least.half_integral(0.0, s) > nats + ROUNDING), True)}
    facts = facts_beside(case.audit)
    w2 = early_stopping_w2(facts, float(np.log1p(1 / case.levels[-1]) / 2))
    try:
        bound = steps_for("ddpm-intrinsic", facts, tv=0.3, w2=w2)
    except InputError:  # cannot be promised
        return found
    grid = np.geomspace(*(1 / np.expm1(2 * t) for t in (bound.time, bound.stop)), bound.steps + 1)
    at = [float(np.trace(case.least.at(s)[0])) for s in grid[:-1]]
    # from the mean: 1/2 s_0 V - 1/2 int_0^s_0 M, and 1/2 sum delta_k M_k - 1/2 int M
    first = grid[0] * case.law.variance
    path = (first + np.diff(grid) @ at) / 2 - case.least.half_integral(0.0, grid[-1])
    return {**found, "theory": (bool(path > bound.kl + ROUNDING), True)}


def of_ignorance(case: Case) -> Seen:
    """Judge how far behind a straight line a model that says one and the same is told to be."""
    v, d = case.law.variance, case.law.dimension
    off = 3 * v**0.5
    found = case.audited(Scaled(case.law, 0.0, float(case.law.mean[0]) + off)).untrained()
    if found is None or d > 1:
        return {}
    s = case.levels[(case.levels <= found.finest**-2 * 1.001)]
    s = s[s >= found.coarsest**-2 / 1.001]
    return {"untrained": lower(found.times, float(np.min((v + off**2) * (1 + s * v) / v)))}


def table(seen: list[Seen]) -> list[str]:
    """Return how often every statement is wrong, as a table."""
    out = ["| statement | wrong | interval of the rate | allowed | says more than 0 |",
           "|---|---|---|---|---|"]  # fmt: skip
    names = dict.fromkeys(name for row in seen for name in row)
    for name in names:
        rows = [row[name] for row in seen if name in row]
        wrong, allowed = sum(bad for bad, _ in rows), ALLOWED.get(name, 0.025)
        ends = binomtest(wrong, len(rows)).proportion_ci(0.95, method="exact")
        mark = "" if ends.low <= allowed else " (!)"
        rate = f"{ends.low:.3f} .. {ends.high:.3f}"
        out.append(f"| {name} | {wrong} of {len(rows)}{mark} | {rate} | "
                   f"{100 * allowed:.3g} % | {sum(much for _, much in rows)} |")  # fmt: skip
    return out


PARTS = {"score": of_score, "probe": of_probe, "target": of_target, "memory": of_memory,
         "ignorance": of_ignorance, "theory": of_theory}  # fmt: skip


def main() -> None:
    """Draw the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, nargs="*", default=[*PARTS])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rng, seen, told = np.random.default_rng(asked.seed), [], []
    for k in range(asked.cases):
        try:
            case = Case(rng, ("line", "rare", "gaussian")[k % 3])
        except InputError as cause:
            print(f"left out: {cause}", file=sys.stderr)
            continue
        seen.append({k: v for part in asked.only for k, v in PARTS[part](case).items()})
        wrong = [name for name, (bad, _) in seen[-1].items() if bad]
        told.append({**case.row, "wrong statements": wrong})
        if wrong:
            print(told[-1], file=sys.stderr, flush=True)
    print("\n".join(table(seen)))
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=1, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
