"""Rules (2) to (4) of untrained.py: a model without training is told apart, and no other is."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

import girsanov as gv
from girsanov._records import as_json
from girsanov.moments import moments_from_covariance
from girsanov.reporting.words.advice import audit_spoken, headline, knows_nothing, spoken
from girsanov.score_error.untrained import untrained

SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.04, 0.15])
LINE = gv.GaussianMixture([0.4, 0.6], [[-1.0], [2.0]], [0.1, 0.3])
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
    assert audited(law, KNOWING[change]).untrained() is None


@pytest.mark.parametrize("change", IGNORANT)
def test_a_model_that_knows_nothing_is(change):
    audit = audited(SKEWED, IGNORANT[change])
    found = audit.untrained()
    assert found is not None
    v = np.trace(SKEWED.covariance()) / 2
    assert found.finest <= v**0.5 * 1.8  # the levels are a factor 1.8 apart
    assert found.coarsest >= 2 * v**0.5 / 1.8
    s = audit.levels
    near = (s**-0.5 >= found.finest * 0.999) & (s**-0.5 <= found.coarsest * 1.001)
    errors = audit.total().value
    line = audit.probe.linear @ audit.curve.shares
    assert found.times <= (errors / line)[near].min()  # its lower end
    assert found.best == pytest.approx((errors * (1 + s * v) / (2 * v)).min(), rel=0.1)
    assert audit.summary()["untrained"] == as_json(found)


def test_how_far_it_is_behind_counts_what_is_not_known_of_the_straight_line():
    """Of a model that says one thing the truth is known: its error is the same at all levels."""
    law, levels, off = gv.Gaussian([0.0], 2.0), np.geomspace(0.02, 50.0, 7), 5.0
    beyond = 0
    for seed in range(40):
        model = Spoilt(law, lambda x, m: torch.zeros_like(m) + off)
        model.moments = moments_from_covariance(law.mean, law.covariance())
        data = gv.load_data(law.sample(150, seed=seed))
        found = gv.audit(model, data, levels=levels, draws=1, seed=seed).untrained()
        assert found is not None
        s = levels[(levels >= found.coarsest**-2 * 0.999) & (levels <= found.finest**-2 * 1.001)]
        beyond += found.times > ((2 + off**2) * (1 + 2 * s) / 2).min()
    assert beyond <= binom.ppf(1 - 1e-3, 40, 0.025)


def test_the_verdict_is_one_whatever_the_plan():
    audit = audited(SKEWED, IGNORANT["x itself"])
    assert audit_spoken(audit)[0] == knows_nothing(audit)
    for options in ({}, {"steps": 6}, {"calibrate": False}, {"steps": 6, "calibrate": False}):
        plan = audit.plan(**options)
        assert (plan.calibration is None) == (options.get("calibrate") is False)
        said = spoken(audit, plan)
        assert said[0] == headline(audit, plan)
        assert said[0].startswith("It is the model: it knows nothing about this data")
        assert ("its numbers describe the corrected model" in said[0]) == (
            plan.calibration is not None
        )
        assert "No grid, number of steps or calibration replaces that" in said[2]
        reason = "no number of steps repairs" if "steps" not in options else ""
        if plan.calibration is not None:
            reason = "calibrated, because this model knows nothing"
        assert reason in plan.why


def test_who_is_poor_at_some_levels_only_knows_the_others():
    """Each half of the levels broken, as in a network trained for the other half."""
    for law in (SKEWED, LINE, NOISE):  # of noise (4) alone can tell
        v = float(np.trace(np.atleast_2d(law.covariance()))) / law.dimension
        for broken in (lambda s, v=v: s * v < 4, lambda s, v=v: s * v > 2):
            model = Halved(law, broken)
            audit = gv.audit(model, law, examples=400, levels=33, draws=2, seed=3)
            behind = audit.total().value > 1.5 * (audit.probe.linear @ audit.curve.shares)
            assert behind.any()
            assert audit.untrained() is None


class Halved(gv.ExactDenoiser):
    """The exact denoiser where `broken`(s) is not, and x itself, moved, where it is."""

    exact = False

    def __init__(self, law, broken):
        super().__init__(law)
        self.broken = broken

    def __call__(self, x, snr, label=None):
        good = super().__call__(x, snr)
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return torch.where(self.broken(s), x + 1.0, good)


def test_one_that_learnt_few_examples_by_heart_is_not():
    """It is worse than a straight line on others, but knows what it was trained on."""
    law = gv.Gaussian(np.zeros(30), np.eye(30))
    few = law.sample(8, seed=1).numpy()
    model = Spoilt(gv.Points(few), lambda x, m: m)
    other = gv.load_data(law.sample(400, seed=2).numpy())
    known = gv.load_data(np.repeat(few, 12, axis=0))
    new, old = (gv.audit(model, data, levels=25, draws=1) for data in (other, known))
    curve, linear = new.curve, new.probe.linear
    assert untrained(curve, linear) is not None  # by other examples alone it would be
    assert untrained(curve, linear, old.curve.traces[:, :, 0]) is None


def test_twenty_laws_and_their_denoisers_raise_no_alarm():
    draw = np.random.default_rng(11)
    for _ in range(20):
        weights = draw.dirichlet(np.ones(3))
        law = gv.GaussianMixture(
            weights, draw.normal(0, 2, (3, 2)), draw.gamma(1.0, 0.3, 3) + 0.01
        )
        assert audited(law, KNOWING["exact"]).untrained() is None


def test_a_guided_field_has_no_data_to_know():
    audit = audited(SKEWED, IGNORANT["scrambled"])
    assert audit.with_facts(guidance=3.0).untrained() is None


def pipeline(scheduler, blank=False):
    from diffusers import DDPMPipeline, UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        8, 3, 3, block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    if blank:
        torch.nn.init.zeros_(network.conv_out.weight)
    return gv.from_pipeline(DDPMPipeline(network, scheduler))


@pytest.fixture(scope="module")
def pictures():
    """Dark ones, which clipping alone does something for."""
    rng = np.random.default_rng(0)
    coarse = rng.gamma(2.0, 40.0, (96, 4, 4, 3))
    data = np.kron(coarse, np.ones((1, 2, 2, 1)))
    return gv.load_data(np.clip(data, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("blank", [False, True], ids=["random", "zero"])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("clip", [False, True], ids=["as it is", "clipped"])
def test_random_weights_of_a_pipeline_are_told_apart(pictures, kind, clip, blank):
    schedulers = pytest.importorskip("diffusers")
    scheduler = schedulers.DDPMScheduler(prediction_type=kind, clip_sample=clip)
    audit = gv.audit(pipeline(scheduler, blank), pictures, levels=17, draws=1)
    assert audit.untrained() is not None
    assert audit_spoken(audit)[0].startswith("It is the model: it knows nothing about this data")
    assert ("and clipping" in audit_spoken(audit)[0]) == clip
