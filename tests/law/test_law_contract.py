"""What every law promises: equations (1) to (4) of law/base.py, samples, types, refusals."""

import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.law import (
    Gaussian,
    GaussianMixture,
    Points,
    Sphere,
    SwissRoll,
    law_from_json,
    read_law,
)

RNG = np.random.default_rng(7)


def spd(d, rank=None):
    root = RNG.normal(size=(d, rank or d))
    return root @ root.T / d


FULL3 = np.stack([0.3 * spd(3), 1.5 * spd(3), spd(3, rank=2)])
MEANS3 = np.array([[2.0, -1.0, 0.5], [-0.5, 3.0, 1.0], [0.0, 0.2, -2.0]])
SKEWED = [0.15, 0.6, 0.25]
LAWS = {
    "gaussian scalar": Gaussian([1.0, -2.0], 0.7),
    "gaussian diagonal": Gaussian([3.0, 0.0, -1.0], [0.1, 2.0, 0.0]),
    "gaussian full": Gaussian([3.0, 0.5, -1.0], spd(3)),
    "gaussian degenerate": Gaussian([3.0, 0.5, -1.0], spd(3, rank=1)),
    "mixture 1-D": GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "mixture shared": GaussianMixture(SKEWED, MEANS3, 0.2),
    "mixture isotropic": GaussianMixture(SKEWED, MEANS3, [0.01, 0.5, 0.0]),
    "mixture diagonal": GaussianMixture(SKEWED, MEANS3, RNG.uniform(0, 1, (3, 3))),
    "mixture full": GaussianMixture(SKEWED, MEANS3, FULL3),
    "points": Points(MEANS3 + 5.0, SKEWED),
    "points 1-D": Points([[0.0], [1.0], [4.0]]),
    "circle": Sphere([2.0, -1.0], 1.5),
    "sphere": Sphere([3.0, 0.5, -1.0, 2.0, 0.0], 0.7),
    "swiss roll": SwissRoll(),
    "swiss roll 3-D": SwissRoll(0.1, 21.0),
}
over_laws = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
over_levels = pytest.mark.parametrize("snr", [0.02, 0.7, 6.0, 40.0])


def seen(law, snr, count=12, seed=3):
    """Places the noised law visits, and one far away."""
    z = torch.from_numpy(np.random.default_rng(seed).normal(size=(count, law.dimension)))
    x = law.sample(count, seed=seed) + z / math.sqrt(snr)
    x[-1] += 7.0
    return x


@over_laws
@over_levels
def test_denoiser_is_tweedie(law, snr):  # equation (3)
    x = seen(law, snr).requires_grad_()
    (score,) = torch.autograd.grad(law.log_prob(x, snr).sum(), x)
    torch.testing.assert_close(law.denoise(x, snr), x + score / snr, rtol=1e-9, atol=1e-9)


@over_laws
def test_gradients_are_there_after_a_first_use_without(law):
    law = law_from_json(law.to_json())  # nothing is kept of earlier uses
    x = seen(law, 6.0)
    with torch.inference_mode():
        first = law.denoise(x, 6.0)
    places = x.clone().requires_grad_()
    for measure in (law.log_prob, law.denoise):
        assert torch.autograd.grad(measure(places, 6.0).sum(), places)[0].isfinite().all()
    torch.testing.assert_close(law.denoise(places, 6.0).detach(), first)


@over_laws
@over_levels
def test_posterior_variance_is_the_trace_of_the_jacobian(law, snr):  # equation (4)
    x = seen(law, snr)
    found = law.posterior_variance(x, snr)
    for row, value in zip(x, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda r: law.denoise(r[None], snr)[0], row)
        assert value.item() == pytest.approx(jacobian.trace().item() / snr, rel=1e-8, abs=1e-10)


@over_laws
def test_samples_have_the_moments(law):
    n = 40_000
    x = law.sample(n, seed=11).numpy()
    spread = x.std(axis=0) / math.sqrt(n)
    assert (np.abs(x.mean(axis=0) - law.mean) <= 5 * spread + 1e-12).all()
    centred = x - law.mean
    products = np.einsum("ni,nj->nij", centred, centred)
    tolerance = 5 * products.std(axis=0) / math.sqrt(n) + 1e-12
    assert (np.abs(products.mean(axis=0) - law.covariance()) <= tolerance).all()


@over_laws
def test_moments_agree_with_each_other(law):
    assert law.variance == pytest.approx(np.trace(law.covariance()), rel=1e-12)
    assert law.second_moment == pytest.approx(law.variance + (law.mean**2).sum(), rel=1e-12)
    assert law.mean.shape == (law.dimension,)


@over_laws
def test_a_row_belongs_to_its_number_and_seed(law):
    whole = law.sample(50, seed=5)
    assert whole.dtype == torch.float64
    parts = [
        law.sample(1, seed=5),
        law.sample(30, seed=5, first=1),
        law.sample(19, seed=5, first=31),
    ]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-13, atol=1e-13)
    assert not torch.equal(law.sample(50, seed=6), whole)


@over_laws
def test_each_row_may_have_its_own_level(law):
    x = seen(law, 1.0)
    snr = torch.tensor([0.1, 3.0, 0.1, 50.0, 3.0, 1.0] * 2, dtype=torch.float64)
    for measure in (law.denoise, law.posterior_variance, law.log_prob):
        alone = torch.cat([measure(r[None], float(s)) for r, s in zip(x, snr, strict=True)])
        torch.testing.assert_close(measure(x, snr), alone, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(measure(x, torch.tensor(3.0)), measure(x, 3))


@over_laws
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_input_sets_the_type_and_float64_computes(law, dtype):
    x = seen(law, 6.0).to(dtype)
    for measure in (law.denoise, law.posterior_variance, law.log_prob):
        found = measure(x, 6.0)
        assert found.dtype == dtype
        torch.testing.assert_close(found, measure(x.double(), 6.0).to(dtype), rtol=0, atol=0)


@over_laws
def test_a_law_survives_its_file(law, tmp_path):
    law.save(tmp_path / "law.json")
    again = read_law(tmp_path / "law.json")
    assert type(again) is type(law)
    assert again.fingerprint == law.fingerprint == law_from_json(law.to_json()).fingerprint
    x = seen(law, 6.0)
    assert torch.equal(again.denoise(x, 6.0), law.denoise(x, 6.0))


def test_fingerprints_tell_laws_apart():
    assert len({law.fingerprint for law in LAWS.values()}) == len(LAWS)
    assert len(LAWS["points"].fingerprint) == 64


@over_laws
def test_a_density_is_given_where_there_is_one(law):
    x = seen(law, 6.0)
    if law.has_density:
        limit = law.log_prob(x, 1e13)
        torch.testing.assert_close(law.log_prob(x), limit, rtol=1e-6, atol=1e-6)
    else:
        with pytest.raises(InputError, match=r"snr: must be finite.*no density without noise"):
            law.log_prob(x)
    with pytest.raises(InputError, match="snr: must be finite"):
        law.denoise(x, math.inf)


def test_which_laws_have_a_density():
    have = {name for name, law in LAWS.items() if law.has_density}
    dense = {
        "gaussian scalar",
        "gaussian full",
        "mixture 1-D",
        "mixture shared",
        "mixture diagonal",
    }
    assert have == dense


@over_laws
@pytest.mark.parametrize("snr", [0, -1.0, math.nan, "1", None, True, -math.inf, 1e-310])
def test_levels_that_are_none_are_refused(law, snr):
    x = seen(law, 1.0)
    for measure in (law.denoise, law.posterior_variance, law.log_prob):
        with pytest.raises(InputError, match=r"^snr: must be"):
            measure(x, snr)


def test_wrong_arguments_are_refused():
    law = LAWS["mixture full"]
    x = seen(law, 1.0)
    for bad in (x[0], x[:, :2], x[:0], x[None]):
        with pytest.raises(InputError, match=r"x: must have shape \[B, 3\] with B >= 1; got"):
            law.denoise(bad, 1.0)
    with pytest.raises(InputError, match="x: must be a torch tensor; got ndarray"):
        law.denoise(x.numpy(), 1.0)
    with pytest.raises(InputError, match="x: must be floating point"):
        law.denoise(x.long(), 1.0)
    with pytest.raises(InputError, match="x: must be finite"):
        law.denoise(x * torch.nan, 1.0)
    for bad in (torch.ones(3), torch.ones(12, 1)):
        with pytest.raises(InputError, match=r"snr: must be a number or have shape \[12\]"):
            law.denoise(x, bad)
    for bad in (0.0, -1.0, torch.nan):
        with pytest.raises(InputError, match="snr: must be positive"):
            law.denoise(x, torch.tensor([1.0] * 11 + [bad]))
    with pytest.raises(InputError, match="seed: must be a whole number"):
        law.sample(3, seed=-1)
    with pytest.raises(InputError, match="count: must be a whole number"):
        law.sample(0, seed=1)
    with pytest.raises(InputError, match="first: must be a whole number"):
        law.sample(2, seed=1, first=-1)


def test_a_large_covariance_is_not_formed():
    with pytest.raises(InputError, match=r"covariance: is not formed as a matrix above.*8192"):
        Gaussian(np.zeros(8193), 1.0).covariance()
