"""`sample`: units of the data, plans of this model, and exactness of Gaussian laws."""

import numpy as np
import pytest
import torch
from catalogue import LAWS, agree, gaussian_recipe

import girsanov as gv
from girsanov._checks import InputError
from girsanov.basis import coordinate_basis
from girsanov.denoise.exact import ExactDenoiser
from girsanov.sampling.registry import recipe
from girsanov.sampling.sample import check_model, in_units, sample, units_of

PLAN = recipe("ddpm", [0.1, 1.0, 10.0], start=(0.0, 3.0, None))


class Named:
    """A plan with a memory of its model."""

    def __init__(self, model):
        if model:
            self.model = model

    def recipe(self):
        return PLAN


class Thousandfold:
    """Units a thousand times smaller than standard ones, shifted, of another type and shape."""

    def decode(self, x):
        return np.round(1000 * x + 7).astype(np.int32).reshape(-1, 1, 2)


class Model(ExactDenoiser):
    def __init__(self, law):
        super().__init__(law)
        self.standardisation = Thousandfold()


def test_samples_of_a_law_come_back_as_they_are():
    law = LAWS["mixture 2-D"]
    x = sample(ExactDenoiser(law), PLAN, 25, seed=1)
    assert isinstance(x, np.ndarray)
    assert x.dtype == np.float64
    assert x.shape == (25, 2)
    assert sample(ExactDenoiser(law, torch.float32), PLAN, 2).dtype == np.float64
    assert gv.sample is sample


def test_samples_come_back_in_the_units_of_the_data():
    law = LAWS["mixture 2-D"]
    raw = sample(ExactDenoiser(law), PLAN, 25, seed=1)
    x = sample(Model(law), PLAN, 25, seed=1, batch_size=4)
    assert x.dtype == np.int32
    assert x.shape == (25, 1, 2)
    np.testing.assert_allclose(x[:, 0], 1000 * raw + 7, atol=0.5001)
    np.testing.assert_array_equal(
        in_units(units_of(Model(law), None), torch.zeros(1, 2)), [[[7, 7]]]
    )


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_batch_size_changes_nothing(batch_size):
    denoiser = ExactDenoiser(LAWS["mixture 2-D"])
    expected = sample(denoiser, PLAN, 70, seed=2)
    np.testing.assert_allclose(
        sample(denoiser, PLAN, 70, seed=2, batch_size=batch_size), expected, rtol=2e-14, atol=2e-14
    )
    np.testing.assert_allclose(
        sample(denoiser, PLAN, 9, seed=2, batch_size=batch_size),
        expected[:9],
        rtol=2e-14,
        atol=2e-14,
    )


def test_a_plan_for_another_model_is_refused():
    denoiser = ExactDenoiser(LAWS["mixture 2-D"])
    mine, other = Named(denoiser.fingerprint), Named("a" * 64)
    assert len(sample(denoiser, mine, 2)) == 2
    assert len(sample(denoiser, Named(None), 2)) == 2
    pattern = rf"^plan: was made for the model with.*a{{12}}….*got.*{denoiser.fingerprint[:12]}"
    with pytest.raises(InputError, match=pattern):
        sample(denoiser, other, 2)
    with pytest.raises(InputError, match=r"--any-model"):
        check_model(denoiser, other)
    expected = sample(denoiser, mine, 2)
    np.testing.assert_array_equal(sample(denoiser, other, 2, any_model=True), expected)


@pytest.mark.parametrize("count", [0, -1, 2.5, None])
def test_bad_counts_are_refused(count):
    with pytest.raises(InputError, match=r"^count: must be a whole number >= 1"):
        sample(ExactDenoiser(LAWS["mixture 2-D"]), PLAN, count)


def test_labels_are_refused_by_a_law():
    with pytest.raises(InputError, match=r"^label: must be left out"):
        sample(ExactDenoiser(LAWS["mixture 2-D"]), PLAN, 2, label=1)


@pytest.mark.parametrize("levels", [[0.01, 1e3], [0.5, 2.0, 2.5, 1e3]], ids=["1 step", "3 steps"])
def test_gaussian_laws_are_sampled_exactly(levels):
    """The measured-covariance sampler in the law's own axes: N(mu, L + I/s_N) at any step
    count."""
    law, n = LAWS["gaussian"], 60_000
    plan = gaussian_recipe(law, np.array(levels), "analytic-dpm")
    x = sample(ExactDenoiser(law), plan, n, seed=8, batch_size=20_000)
    expected = law.covariance() + np.eye(3) / levels[-1]
    agree(x.mean(0), law.mean, np.sqrt(np.diag(expected) / n))
    spread = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / n)
    agree(np.cov(x.T), expected, spread)


@pytest.mark.parametrize(
    "start", [([0.0], 3.0, None), (0.0, np.ones(3), None), (0.0, np.ones(3), coordinate_basis(3))]
)
def test_a_recipe_of_another_dimension_is_refused(start):
    plan = recipe("ddpm", [0.1, 1.0, 10.0], start=start)
    with pytest.raises(InputError, match=r"^plan: must be of 2 numbers, as the examples of this"):
        sample(ExactDenoiser(LAWS["mixture 2-D"]), plan, 2)
