"""Equation (1) of untrained.py: a model without training is told apart, and no other is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.plan.untrained import untrained
from girsanov.reporting.helps import audit_spoken

SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.04, 0.15])
NOISE = gv.Gaussian([1.0, -2.0, 0.5], 0.5)  # the law of which equation (1) is the exact error


class Spoilt(gv.ExactDenoiser):
    """A denoiser that says something else than the exact one."""

    exact = False

    def __init__(self, law, change):
        super().__init__(law)
        self.change = change

    def __call__(self, x, snr, label=None):
        return self.change(x, super().__call__(x, snr, label))


def audited(law, change, **options):
    model = Spoilt(law, change)
    return gv.audit(model, law, examples=400, levels=17, draws=2, seed=3, **options)


KNOWING = {
    "exact": lambda x, m: m,
    "weak": lambda x, m: 0.9 * m,
    "shifted": lambda x, m: m + 0.1,
}
IGNORANT = {
    "zero": lambda x, m: torch.zeros_like(m) + 5.0,
    "x itself": lambda x, m: x + 1.0,
    "scrambled": lambda x, m: -m,
}


@pytest.mark.parametrize("law", [SKEWED, NOISE], ids=["skewed", "noise"])
@pytest.mark.parametrize("change", KNOWING)
def test_a_model_that_knows_its_data_is_not_called_untrained(law, change):
    assert untrained(audited(law, KNOWING[change])) is None


@pytest.mark.parametrize("change", IGNORANT)
def test_a_model_that_knows_nothing_is(change):
    audit = audited(SKEWED, IGNORANT[change])
    found = untrained(audit)
    assert found is not None
    v = np.trace(SKEWED.covariance()) / 2
    assert 0.5 * v**0.5 <= found.finest < found.coarsest <= 2 * v**0.5
    near = (audit.curve.levels[1:] ** -0.5 >= found.finest * 0.999) & (
        audit.curve.levels[1:] ** -0.5 <= found.coarsest * 1.001
    )
    errors = (audit.curve.traces[1:, :, 0] @ audit.curve.shares)[near]
    bar = 2 * v / (1 + audit.curve.levels[1:][near] * v)
    assert found.times <= (errors / bar).min() * 1.1  # its lower end


def test_twenty_laws_and_their_denoisers_raise_no_alarm():
    draw = np.random.default_rng(11)
    for _ in range(20):
        weights = draw.dirichlet(np.ones(3))
        law = gv.GaussianMixture(
            weights, draw.normal(0, 2, (3, 2)), draw.gamma(1.0, 0.3, 3) + 0.01
        )
        assert untrained(audited(law, KNOWING["exact"])) is None


def test_a_guided_field_has_no_data_to_know():
    audit = audited(SKEWED, IGNORANT["scrambled"])
    assert untrained(replace(audit, about={**audit.about, "guidance": 3.0})) is None


def test_random_weights_of_a_pipeline_are_told_apart():
    pytest.importorskip("diffusers")
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        8, 3, 3, block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    model = gv.from_pipeline(DDPMPipeline(network, DDPMScheduler()))
    rng = np.random.default_rng(0)
    pictures = np.kron(rng.gamma(2.0, 40.0, (48, 4, 4, 3)), np.ones((1, 2, 2, 1)))
    data = gv.load_data(np.clip(pictures, 0, 255).astype(np.uint8))
    audit = gv.audit(model, data, levels=17, draws=1)
    assert untrained(audit) is not None
    assert audit_spoken(audit)[0].startswith("Sampled with ")
    assert "it is the model: it knows nothing of this data" in audit_spoken(audit)[0]
