"""Langevin chains against the closed forms of their stationary laws."""

import math

import numpy as np
import pytest
import torch
from catalogue import LAWS, agree, ks_limit
from scipy import stats

import girsanov as gv
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture
from girsanov.paper.langevin import METHODS, Langevin, sample_langevin

V, SNR = 0.25, 4.0
LINE = Gaussian([1.5], V)
WIDE = V + 1 / SNR  # variance of the target
N = 20_000


def run(law, method, steps, count=N, **options):
    chain = Langevin(method, options.pop("step", None), options.pop("friction", None))
    return sample_langevin(
        ExactDenoiser(law), count, chain=chain, steps=steps, batch_size=count, **options
    )


def moments(x):
    """Mean and variance of independent samples [n], each with its standard error."""
    n = len(x)
    spread = (x - x.mean()) ** 2
    return (x.mean(), x.var(), x.std() / math.sqrt(n), spread.std() / math.sqrt(n))


def test_lmc_has_its_known_bias():
    h = 0.3
    found = run(LINE, "lmc", 60, step=h, snr=SNR)
    mean, variance, se_mean, se_variance = moments(found.states[-1, :, 0].numpy())
    agree(mean, 1.5, se_mean)
    agree(variance, WIDE / (1 - h / (2 * WIDE)), se_variance)
    assert abs(variance - WIDE) > 10 * se_variance


def test_lmc_after_few_steps():
    """x_K of a linear chain: its mean and variance by recursion."""
    h, mean, variance = 0.2, -1.0, 0.49
    for _ in range(3):
        keep = 1 - h / WIDE
        mean, variance = 1.5 + keep * (mean - 1.5), keep**2 * variance + 2 * h
    found = run(LINE, "lmc", 3, step=h, snr=SNR, start=(-1.0, 0.7))
    m, v, se_m, se_v = moments(found.states[-1, :, 0].numpy())
    agree(m, mean, se_m)
    agree(v, variance, se_v)


@pytest.mark.parametrize("friction", [0.5, 3.0])
def test_baoab_has_exact_positions(friction):
    found = run(LINE, "underdamped", 80, step=0.9, friction=friction, snr=SNR)
    m, v, se_m, se_v = moments(found.states[-1, :, 0].numpy())
    agree(m, 1.5, se_m)
    agree(v, WIDE, se_v)


def test_baoab_after_few_steps():
    """Position and velocity by the linear maps of equation (3)."""
    h, g = 0.4, 1.3
    keep = math.exp(-g * h)
    b = np.array([[1, 0], [-h / 2 / WIDE, 1]])
    a, o = np.array([[1, h / 2], [0, 1]]), np.diag([1, keep])
    noise = np.diag([0, 1 - keep**2])
    mean, cov = np.array([-2.5, 0.0]), np.diag([0.49, 1.0])
    for _ in range(4):
        after = b @ a
        whole = after @ o @ a @ b
        mean, cov = whole @ mean, whole @ cov @ whole.T + after @ noise @ after.T
    found = run(LINE, "underdamped", 4, step=h, friction=g, snr=SNR, start=(-1.0, 0.7))
    m, v, se_m, se_v = moments(found.states[-1, :, 0].numpy())
    agree(m, 1.5 + mean[0], se_m)
    agree(v, cov[0, 0], se_v)


def blurred(law, x, snr):
    spread = np.sqrt(law.covariances.ravel() + 1 / snr)
    return stats.norm.cdf((np.asarray(x)[:, None] - law.means.ravel()) / spread) @ law.weights


def ks(x, law, snr):
    ordered, n = np.sort(x), len(x)
    at = blurred(law, ordered, snr)
    return max((np.arange(1, n + 1) / n - at).max(), (at - np.arange(n) / n).max())


def test_mala_is_exact_on_a_skewed_mixture_at_any_step():
    """The stationary law, and not only its moments; lmc at that step is far off."""
    law, snr = LAWS["mixture 1-D"], 2.0
    mala = run(law, "mala", 150, step=0.8, snr=snr, start=(0.7, 1.5))
    assert 0.3 < mala.acceptance < 0.95
    assert ks(mala.states[-1, :, 0].numpy(), law, snr) < ks_limit(N)
    lmc = run(law, "lmc", 150, step=0.8, snr=snr, start=(0.7, 1.5))
    assert ks(lmc.states[-1, :, 0].numpy(), law, snr) > 2 * ks_limit(N)


def test_mala_settles_in_the_law():
    """Exactly, whatever the step: on a skewed plane, from a Gaussian that is far from it."""
    law, snr = LAWS["mixture 2-D"], 3.0
    found = run(law, "mala", [60, 180], step=0.15, snr=snr, start=(0.5, 1.5))
    x = found.states[-1].numpy()
    centred = x - law.mean
    agree(x.mean(0), law.mean, x.std(0) / math.sqrt(N))
    for i, j in ((0, 0), (0, 1), (1, 1)):
        product = centred[:, i] * centred[:, j]
        expected = law.covariance()[i, j] + (i == j) / snr
        agree(product.mean(), expected, product.std() / math.sqrt(N))


def test_the_acceptance_search_finds_its_target():
    law = Gaussian(np.arange(6.0), np.array([0.1, 0.3, 0.5, 1.0, 2.0, 0.2]))
    found = run(law, "mala", 50, count=2000, snr=50.0, start=(2.0, 2.0))
    assert found.acceptance == pytest.approx(0.574, abs=0.08)


@pytest.mark.parametrize("method", ["lmc", "underdamped"])
def test_the_step_rules_find_the_curvature(method):
    """On N(0, diag(0.1, 2)) the largest curvature at SNR 10 is 1/(0.1 + 0.1) = 5."""
    law = Gaussian([0.0, 3.0], np.array([0.1, 2.0]))
    found = run(law, method, 1, count=10, snr=10.0)
    expected = 0.1 / 5 if method == "lmc" else 0.5 / math.sqrt(5)
    assert found.step == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_calls_are_counted_and_chains_are_their_own(method):
    law = LAWS["mixture 2-D"]
    options = {"chain": Langevin(method, 0.05), "steps": [2, 5], "snr": 3.0, "seed": 4}
    calls = []

    class Counting(ExactDenoiser):
        def __call__(self, x, snr, label=None):
            calls.append(len(x))
            return super().__call__(x, snr, label)

    whole = sample_langevin(Counting(law), 10, **options)
    assert whole.calls == len(calls) == 6
    assert whole.warm_up_calls == 0
    parts = sample_langevin(ExactDenoiser(law), 10, batch_size=3, **options)
    assert parts.calls == 6
    torch.testing.assert_close(whole.states, parts.states, rtol=0, atol=1e-12)
    fewer = sample_langevin(ExactDenoiser(law), 4, **options)
    torch.testing.assert_close(whole.states[:, :4], fewer.states, rtol=0, atol=1e-12)
    assert whole.acceptance == pytest.approx(parts.acceptance)
    assert not torch.equal(whole.states[0], whole.states[1])


def test_modes_far_apart_are_not_visited_in_the_right_proportion():
    """Why the paper starts from noise: the walls between modes, here 12 standard deviations."""
    law = GaussianMixture([0.8, 0.2], [[-6.0], [6.0]], 1.0)
    found = run(law, "mala", 300, count=2000, snr=1e4)
    right = float((found.states[-1] > 0).double().mean())
    assert right > 0.35  # half of them started there, and stay


class Learned(ExactDenoiser):
    """Stands for a network: no law to ask, images of another shape, float32."""

    exact = False

    def __init__(self, law):
        super().__init__(law, torch.float32)
        self.shape = (1, 2, 1)
        self.snr_range = (1e-2, 20.0)

    def __call__(self, x, snr, label=None):
        return self.law.denoise(x.reshape(len(x), 2), snr).view(x.shape)


def test_a_learned_score_is_used_at_its_lowest_noise_level():
    law = Gaussian([1.0, -1.0], 0.4)
    found = sample_langevin(Learned(law), N, chain=Langevin("underdamped"), steps=60)
    assert found.states.shape == (1, N, 1, 2, 1)
    assert found.states.dtype == torch.float32
    assert found.warm_up_calls > 0
    x = found.states.reshape(N, 2).double().numpy()
    agree(x.mean(0), [1.0, -1.0], x.std(0) / math.sqrt(N))
    spread = (x - x.mean(0)) ** 2
    agree(spread.mean(0), 0.45, spread.std(0) / math.sqrt(N))


def test_refusals():
    denoiser = Learned(Gaussian([0.0, 0.0], 1.0))
    with pytest.raises(gv.InputError, match="method: mala needs a density"):
        sample_langevin(denoiser, 2, chain=Langevin("mala"), steps=1)
    with pytest.raises(gv.InputError, match="steps: must increase"):
        sample_langevin(denoiser, 2, chain=Langevin("lmc"), steps=[3, 2])
    with pytest.raises(gv.InputError, match="method: must be one of lmc, mala"):
        Langevin("hmc")
    with pytest.raises(gv.InputError, match="too long, the chains diverged"):
        run(LINE, "lmc", 2000, step=50.0, count=3, snr=SNR)


def test_a_name_is_a_chain_and_a_law_is_no_denoiser():
    law = Gaussian([0.7], 0.5)
    given = {"steps": 20, "snr": 50.0, "seed": 3}
    named = sample_langevin(ExactDenoiser(law), 40, chain="lmc", **given)
    chain = Langevin("lmc")
    assert torch.equal(
        named.states, sample_langevin(ExactDenoiser(law), 40, chain=chain, **given).states
    )
    with pytest.raises(
        gv.InputError, match=r"denoiser: must be a denoiser; got Gaussian\. For a law"
    ):
        sample_langevin(law, 40, chain="lmc", steps=3)
    with pytest.raises(gv.InputError, match="method: must be one of lmc, mala, underdamped"):
        sample_langevin(ExactDenoiser(law), 40, chain="hmc", steps=3)
