"""What a search counts a step's nats by, and that samples gain by it."""

import itertools

import numpy as np
import pytest

import girsanov as gv
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.grid_search import Menu
from girsanov.sampling.registry import SAMPLERS

# most of the mass in thin clumps, the rest wide: a picture's contrast, in one dimension
CONTRAST = gv.GaussianMixture([0.35, 0.3, 0.2, 0.15], [[-1.0], [0.8], [1.2], [0.3]],
                              [0.0004, 0.001, 0.002, 3.0])  # fmt: skip


@pytest.fixture(scope="module")
def audit():
    return gv.audit(gv.ExactDenoiser(CONTRAST), CONTRAST)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sampler", ["ddpm", "analytic-dpm", "ei-relative"])
def test_the_search_finds_what_brute_force_finds(audit, sampler, weight):
    """All grids of three of eight levels, priced by hand: the weighted excess of every step."""
    levels = np.geomspace(0.05, 40.0, 8)
    price = prices(audit, SAMPLERS[sampler], levels=audit.dense.levels, menu=Menu(weight=weight))
    places = np.array([np.abs(np.log(price.levels / s)).argmin() for s in levels])
    menu = Menu(allowed=places, weight=weight)
    price = prices(audit, SAMPLERS[sampler], levels=audit.dense.levels, menu=menu)
    choice, curve = price.choice(), price.choice().curve
    used = np.concatenate([[0.0], np.cumsum(choice.integrals)])
    variance = curve.traces[:, 0, 0] / curve.dimension

    def counted(grid):
        total = variance[0] ** weight * (choice.starts[grid[0]] - used[grid[0] + 1])
        for i, j in itertools.pairwise(grid):
            excess = choice.cell[i, j] - (used[j + 1] - used[i + 1])
            total += variance[i + 1] ** weight * excess
        return total

    grids = [(*g, places[-1]) for g in itertools.combinations(places[:-1], 2)]
    best = min(grids, key=counted)
    assert tuple(choice.nodes(3, int(places[-1]) + 1) - 1) == best


def test_weights_fall_from_the_datas_variance_to_nothing(audit):
    choice = prices(audit, SAMPLERS["analytic-dpm"], menu=Menu(weight=1.0),
                    levels=audit.dense.levels).choice()  # fmt: skip
    assert choice.weights[0] == pytest.approx(CONTRAST.covariance()[0, 0])
    assert (np.diff(choice.weights) <= 1e-12).all()
    np.testing.assert_allclose(choice.weights[1:], CONTRAST.curve(choice.curve.levels[1:]).value,
                               rtol=1e-6)  # fmt: skip


@pytest.mark.parametrize("sampler", ["analytic-dpm", "mixed", "ddpm"])
@pytest.mark.parametrize("steps", [4, 6])
def test_samples_come_out_nearer_than_by_the_fewest_nats(audit, sampler, steps):
    """W2 to the law, by quantiles of 20,000 samples from the same noise."""
    at = (np.arange(20_000) + 0.5) / 20_000
    true = np.quantile(CONTRAST.sample(400_000, seed=5).numpy()[:, 0], at)
    model, distance = gv.ExactDenoiser(CONTRAST), []
    for weight in (0.0, 1.0):
        plan = audit.plan(steps=steps, sampler=sampler, weight=weight, last="denoise")
        x = np.sort(np.asarray(gv.sample(model, plan, 20_000, seed=3))[:, 0])
        distance.append(float(np.mean((x - true) ** 2) ** 0.5))
    assert distance[1] < distance[0]


@pytest.mark.parametrize("steps", [3, 9])
def test_no_plan_has_fewer_nats_than_the_one_for_nats(audit, steps):
    nats = [
        sum(float(e.value or 0.0)
            for e in audit.plan(steps=steps, sampler="analytic-dpm", weight=w).ledger[:2])
        for w in (0.0, 0.5, 1.0)
    ]  # fmt: skip
    assert nats == sorted(nats)


def test_nats_are_what_is_least_where_nats_are_asked_for(audit):
    assert "weight" not in audit.plan(steps=5).limits  # 0 of vectors
    assert audit.plan(steps=5, weight=0.25).limits == {"weight": 0.25}
    pictures = audit.with_facts(shape=(1, 1))
    assert "weight" not in pictures.plan(steps=5).limits
    assert pictures.plan(steps=5, weight=1.0).limits == {}
    for target in ({"kl": 0.5}, {"tv": 0.4}):
        assert pictures.plan(**target).limits == {"weight": 0.0}
    one, other = (a.plan(steps=5).levels[0] for a in (audit, pictures))
    assert other < one  # more noise
