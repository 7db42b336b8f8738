"""The intervals of a ledger hold the truth: small audits of right and wrong denoisers."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

sys.path.append(str(Path(__file__).parent))

from coverage_truth import RANGES, Scaled, Truth, true_shares

import girsanov as gv

SAID = 0.05  # of the intervals may miss


def beyond(name, scale, sampler, seeds, *, planned, examples):
    """How many of `seeds` intervals of init and of discretisation miss the truth."""
    law, low, high = RANGES[name]
    denoiser = Scaled(law, scale, 0.0 if scale == 1 else 0.1)
    truth, missed = Truth(denoiser, law), np.zeros(2, dtype=int)
    weight = {"weight": 0.0} if sampler == "ddpm" else {}
    for seed in range(seeds):
        data = gv.load_data(law.sample(examples, seed=1000 + seed))
        audit = gv.audit(denoiser, data, levels=np.geomspace(low, high, 17), seed=seed, flow=0)
        if planned:
            end = (0.7 * high) ** -0.5
            plan = audit.plan(steps=6, sampler=sampler, resolution=end, **weight)
        else:
            grid = np.geomspace(2 * low, 0.7 * high, 7)
            plan = gv.evaluate_grid(audit, grid, sampler=sampler)
        found = zip(plan.ledger[:2], true_shares(truth, audit, plan), strict=True)
        missed += [not e.low - 1e-6 <= value <= e.high + 1e-6 for e, value in found]
    return missed


def allowed(cases):
    """The most that may miss: more have a probability of 1e-3 at the rate that is said."""
    return int(binom.ppf(1 - 1e-3, cases, SAID))


CASES = [
    (name, scale, sampler, planned)
    for name in RANGES
    for scale in (1.0, 0.8)
    for sampler, planned in (("analytic-dpm", False), ("analytic-dpm", True), ("ddpm", True))
]


@pytest.mark.parametrize(("name", "scale", "sampler", "planned"), CASES)
def test_intervals_hold_the_truth(name, scale, sampler, planned):
    missed = beyond(name, scale, sampler, 3, planned=planned, examples=400)
    assert missed.max() <= allowed(3)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale", "sampler", "planned"), CASES)
def test_intervals_hold_the_truth_in_many_audits(name, scale, sampler, planned):
    missed = beyond(name, scale, sampler, 60, planned=planned, examples=400)
    assert missed.max() <= allowed(60)
