"""W2 of a certificate against the truth, on laws where mistakes are rare."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binom

sys.path.append(str(Path(__file__).parent))

from w2_truth import LAWS, LEVELS, Line, audited

import girsanov as gv
from girsanov.planning.make_plan import make_plan

SEEDS, SAID = 6, 0.975
NAMED = {line.name: line for line in LAWS}


def certified(line, seed, *, of_data, last="denoise"):
    made = audited(line, 100, seed, of_data=of_data)
    return (
        gv.evaluate_grid(made, LEVELS[::2], sampler="ddpm", last=last, force=True).certificate().w2
    )


@pytest.mark.parametrize("name", [
    "two atoms, 8 apart", "three atoms, 70, 25 and 5 %", "wide component, 2 %",
    "threshold off by 1, 8 apart", "blind to a mode of 1 %, 9 away",
])  # fmt: skip
def test_the_upper_end_covers_what_few_examples_show(name):
    line, below = NAMED[name], 0
    for seed in range(SEEDS):
        for of_data in (False, True):
            end = certified(line, seed, of_data=of_data)
            assert end.kind == "upper bound"
            below += end.high < math.sqrt(line.error())
    assert below <= binom.ppf(1 - 1e-3, 2 * SEEDS, 1 - SAID)


def test_the_truth_is_that_of_a_direct_mean():
    for name in ("threshold off by 1, 8 apart", "heavy tails", "the same, threshold off by 1"):
        line, count = NAMED[name], 400_000
        x0 = line.law().sample(count, seed=5)
        x = x0 + torch.from_numpy(np.random.default_rng(1).normal(size=x0.shape))
        loss = (line.denoiser()(x, 1.0) - x0).square().sum(1).numpy()
        assert abs(loss.mean() - line.error()) < 5 * loss.std() / math.sqrt(count)
    plain = Line("one Gaussian", (1.0,), (2.0,), (1.5,))  # m(x_s) is one of variance v^2/(v + 1)
    assert plain.w2() == pytest.approx(1.5 * (1 - math.sqrt(2.25 / 3.25)), rel=1e-4)
    assert plain.error() == pytest.approx(2.25 / 3.25, rel=1e-9)
    assert all(line.w2() <= math.sqrt(line.error()) for line in LAWS if line.dimension == 1)


def test_exact_and_sampled_ends_need_no_allowance():
    line = NAMED["two atoms, 8 apart"]
    sampled = certified(line, 0, of_data=True, last="sample")
    assert sampled.high == pytest.approx(1.0)  # sqrt(d/s)
    end = certified(line, 0, of_data=True)
    assert "no example showed" in end.note
    assert end.high**2 - end.value**2 > 64 * math.log(40) / 100 * 0.9


def test_a_tolerance_for_w2_is_what_the_certificate_promises():
    law = gv.GaussianMixture([0.5, 0.5], [[-4.0], [4.0]], 0.0)
    levels = np.geomspace(0.01, 1e5, 25)
    made = gv.audit(gv.ExactDenoiser(law), law, levels=levels, examples=300)
    plan = make_plan(made, steps=4, w2=0.05, sampler="ddpm")
    assert plan.certificate().w2.high <= 0.05
    # at this level all but every mistake is gone from the sample: the mean alone would say so
    early = gv.evaluate_grid(made, made.levels[made.levels < 30], sampler="ddpm")
    assert early.certificate().w2.value < 0.05 < early.certificate().w2.high
