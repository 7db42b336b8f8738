"""Grids with a name: priced where they are, never cheaper than the best, and refused by rule."""

from __future__ import annotations

import numpy as np
import pytest

import girsanov as gv
from girsanov.planning.named_grids import NAMED_GRIDS, named_grid

LAW = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.02])


@pytest.fixture(scope="module")
def audit():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=65)


@pytest.fixture(scope="module")
def followed():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=33, examples=320, trajectories=32)


@pytest.mark.parametrize("name", NAMED_GRIDS)
@pytest.mark.parametrize("sampler", ["ddpm", "analytic-dpm"])
def test_the_best_grid_of_as_many_steps_costs_no_more(audit, name, sampler):
    plan = gv.evaluate_grid(audit, name, steps=8, sampler=sampler)
    assert (plan.steps, len(plan.levels), plan.why) == (8, 8, f"the {name} grid")
    ends = [plan.levels[0], plan.levels[-1]]
    best = audit.plan(steps=8, sampler=sampler, weight=0.0)
    assert ends[0] == pytest.approx(audit.levels[0])
    assert ends[1] == pytest.approx(best.levels[-1])
    nats = [sum(e.value for e in p.ledger if e.name != "score") for p in (best, plan)]
    assert nats[0] <= nats[1] + 1e-9
    given = gv.evaluate_grid(audit, plan.levels, sampler=sampler)
    assert given.ledger == plan.ledger


@pytest.mark.parametrize("sampler", ["euler-ancestral", "dpm2-ancestral", "heun", "ddim"])
@pytest.mark.parametrize("last", ["denoise", "sample"])
def test_calls_are_those_asked_for(followed, sampler, last):
    plan = gv.evaluate_grid(followed, "exponential", steps=15, sampler=sampler, last=last)
    odd = last == "denoise" or sampler in ("euler-ancestral", "ddim")
    assert plan.steps == (15 if odd else 14)
    assert (plan.distance is None) == ("ancestral" in sampler)
    assert plan.distance is None or 0 < plan.distance.low < plan.distance.high < 5


def test_a_resolution_moves_the_end(audit):
    plan = gv.evaluate_grid(audit, "karras", steps=6, resolution=0.3)
    assert plan.resolution == pytest.approx(0.3)
    drawn = gv.sample(gv.ExactDenoiser(LAW), plan, 5, seed=1)
    assert np.isfinite(drawn).all()


def test_levels_of_a_discrete_network_are_those_it_was_trained_at(audit):
    trained = tuple(np.geomspace(audit.levels[0], audit.levels[-1], 40).tolist())
    grid = named_grid(audit.with_facts(trained_levels=trained), "ays", trained[-1], 12)
    assert set(grid.tolist()) <= set(trained)


def test_refusals(audit):
    with pytest.raises(gv.InputError, match=r"grid: must be one of karras.*got Karras"):
        gv.evaluate_grid(audit, "Karras", steps=8)
    with pytest.raises(gv.InputError, match="steps: must be given with the karras grid"):
        gv.evaluate_grid(audit, "karras")
    with pytest.raises(gv.InputError, match="steps: must leave the ays grid two levels"):
        gv.evaluate_grid(audit, "ays", steps=1)
    with pytest.raises(gv.InputError, match="sampler: takes one call or two"):
        gv.evaluate_grid(audit, "ays", steps=9, sampler="mixed")
    with pytest.raises(gv.InputError, match="steps: belongs to a grid with a name"):
        gv.evaluate_grid(audit, audit.levels[:4], steps=9)
    with pytest.raises(gv.InputError, match="resolution: must end finer than the coarsest"):
        gv.evaluate_grid(audit, "beta", steps=9, resolution=float(audit.levels[0] ** -0.5))
    with pytest.raises(gv.InputError, match="covariance: belongs to stochastic samplers"):
        gv.evaluate_grid(audit, "beta", steps=9, sampler="heun", covariance="pca")
    with pytest.raises(gv.InputError, match="trajectories"):
        gv.evaluate_grid(audit, "beta", steps=9, sampler="heun")
