"""A last step that draws, in what a scheduler of diffusers carries."""

import numpy as np
import pytest

from girsanov import Gaussian, GaussianMixture, audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.diffusers_export.plan_table import Carried, carry
from girsanov.diffusers_export.plans_for_steps import plans_like
from girsanov.planning.make_plan import make_plan

THIN = Gaussian([5.0, -2.0, 1.0], [400.0, 1.0, 0.01])
MODES = GaussianMixture([0.3, 0.7], [[-2.0, 0.5], [6.0, 0.0]], [0.25, 1.0])


@pytest.fixture(scope="module")
def measured():
    return audit(ExactDenoiser(THIN), THIN, levels=17, examples=2000, seed=2)


@pytest.mark.parametrize("covariance", ["pca", "coordinate", "scalar"])
def test_every_carried_grid_ends_with_the_plans_own_draw(measured, covariance):
    plan = make_plan(measured, steps=4, covariance=covariance)
    plans = plans_like(plan, measured, most=6)
    carried = Carried.from_json(carry(plans).to_json())
    assert {p.steps for p in plans} == set(carried.grids)
    for one in plans:
        mine, theirs = one.recipe(), carried.recipe(carried.grids[one.steps])
        assert len(mine.steps) == len(theirs.steps) == one.steps
        for a, b in zip(mine.steps, theirs.steps, strict=True):
            assert (a.state, a.prediction) == pytest.approx((b.state, b.prediction))
            assert np.asarray(a.noise) == pytest.approx(np.asarray(b.noise), rel=1e-5)
        assert np.all(np.asarray(mine.steps[-1].noise) > 0)


def test_a_matched_plan_is_carried_alone_with_its_own_noise():
    held = audit(ExactDenoiser(MODES), MODES, levels=17, examples=2000, seed=2)
    plan = make_plan(held, steps=4, denoiser=ExactDenoiser(MODES))
    assert plans_like(plan, held) == [plan]
    carried = carry([plan])
    noise = [np.asarray(step.noise) for step in carried.recipe(carried.grids[4]).steps]
    want = [np.asarray(step.noise) for step in plan.recipe().steps]
    assert np.array(noise) == pytest.approx(np.array(want))
    plain = make_plan(held, steps=4).recipe().steps
    assert not np.allclose(want[1], plain[1].noise, rtol=1e-3)
