"""The start from each class's own moments, on a mixture whose components are the classes."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.audited import load_audit
from girsanov.auditing import audit
from girsanov.diffusers_export.plan_table import carry
from girsanov.diffusers_export.plans_for_steps import starting_alike
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.start import start_cost
from girsanov.planning.make_plan import make_plan
from girsanov.planning.plan_file import load_plan
from girsanov.sampling.loop import begun, sample_batches, sample_standardised
from girsanov.sampling.registry import SAMPLERS

MEANS = np.array([[2.0, -1.0, 0.5], [-1.5, 0.5, 2.0], [0.3, 2.5, -1.0]])
DEVIATIONS = np.array([[0.3, 0.5, 0.2], [0.6, 0.2, 0.4], [0.2, 0.3, 0.7]])
SHARES = np.array([0.5, 0.2, 0.3])
GRID = np.geomspace(0.02, 400.0, 25)


def rows(count, seed):
    random = np.random.default_rng(seed)
    label = random.choice(3, count, p=SHARES)
    return MEANS[label] + DEVIATIONS[label] * random.standard_normal((count, 3)), label


class Exact:
    """The exact denoiser of a mixture whose component is known: a Gaussian for each class."""

    shape, classes, exact, fingerprint = (3,), 3, False, "class by class"
    dtype, device, snr_range = torch.float64, torch.device("cpu"), (0.01, 1e4)
    label_names = ("0", "1", "2")

    def __init__(self, units):
        self.training = {"label_shares": SHARES.tolist()}
        mean, scale = units.encode(np.stack([np.zeros(3), np.ones(3)])).astype(np.float64)
        scale = scale - mean
        self.standardisation = units
        self.mean = torch.tensor(mean + MEANS * scale)
        self.variance = torch.tensor((DEVIATIONS * scale) ** 2)

    def __call__(self, x, snr, label=None):
        mean, v = self.mean[label], self.variance[label]
        s = torch.as_tensor(snr, dtype=x.dtype).reshape(-1, 1)
        return mean + s * v / (1 + s * v) * (x - mean)


def data_set(count, seed):
    x, label = rows(count, seed)
    return gv.load_data(x, labels=label)


@pytest.fixture(scope="module")
def model():
    return Exact(data_set(4000, 1).standardisation)


@pytest.fixture(scope="module")
def report(model):
    return audit(model, data_set(4000, 2), train=data_set(4000, 1), levels=GRID, draws=1)


def divergence(report, model, snr):
    """E_y KL(p(x_s | y) | the class's start) in closed form, of the audit's mix of classes."""
    known, shares = report.frame.moments.classes, report.curve.about_class.shares
    total = 0.0
    for c, share in enumerate(report.curve.shares @ shares):
        own = np.diag(model.variance[c].numpy() + 1 / snr)
        axes = known.axes[c]
        start = axes @ np.diag(known.variances[c] + 1 / snr) @ axes.T
        off = model.mean[c].numpy() - known.means[c]
        inverse = np.linalg.inv(start)
        nats = np.trace(inverse @ own) - 3 + off @ inverse @ off
        total += share * (nats - np.linalg.slogdet(inverse @ own)[1]) / 2
    return total


@pytest.mark.parametrize("snr", [0.05, 1.0, 20.0])
def test_a_start_from_classes_costs_their_residual_divergence(report, model, snr):
    price = prices(report, SAMPLERS["analytic-dpm"], start="class")
    v = model.variance.numpy()
    by_group = start_cost(price.measured, snr, "class", report.frame.start_variances("class"))
    spent = [np.log1p(snr * v[c]).sum() / 2 for c in range(3)]  # 1/2 int M of a Gaussian class
    cost = by_group - report.curve.about_class.shares @ spent
    se = cost.std(ddof=1) / 4  # of 16 groups
    assert abs(cost @ report.curve.shares - divergence(report, model, snr)) < 5 * se
    pooled = start_cost(report.curve, snr, "gaussian", report.frame.variances)
    assert (pooled - by_group).mean() > 10 * by_group.std() / 4


def test_level_0_predicts_the_mean_of_the_class_in_prices_alone(report, model):
    price = prices(report, SAMPLERS["analytic-dpm"])
    assert price.start == "class"
    within = (report.curve.shares @ report.curve.about_class.shares) @ model.variance.sum(
        1
    ).numpy()
    assert price.measured.total().value[0] == pytest.approx(within, rel=0.05)
    pooled = report.frame.moments.variance
    assert report.curve.total().value[0] == pytest.approx(pooled, rel=0.05)
    assert pooled > 5 * within
    assert np.array_equal(price.measured.errors["pca"][1:], report.curve.errors["pca"][1:])


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_samples_of_each_class_have_its_mean_and_deviation(report, model, steps):
    plan = make_plan(report, steps=steps)
    assert plan.start == "class"
    for c in range(3):
        x = sample_standardised(model, plan, 20_000, label=c, seed=5).numpy()
        off = x.mean(axis=0) - model.mean[c].numpy()
        assert (np.abs(off) < 5 * x.std(axis=0) / np.sqrt(len(x)) + 0.01).all()
        # what each step adds is that of all classes, whose variances differ up to nine times
        assert (np.abs(x.std(axis=0) / model.variance[c].sqrt().numpy() - 1) < 0.1).all()


def test_states_begin_with_the_moments_of_their_class(report, model):
    plan = make_plan(report, steps=3)
    z = torch.randn(60_000, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    label, known = torch.arange(60_000) % 3, report.frame.moments.classes
    x = begun(plan.recipe(), z, label)
    for c in range(3):
        own = x[label == c].numpy()
        covariance = known.axes[c] @ np.diag(known.variances[c]) @ known.axes[c].T
        wanted = covariance + np.eye(3) / plan.levels[0]
        se = np.sqrt(np.diag(wanted) / len(own))
        assert (np.abs(own.mean(axis=0) - known.means[c]) < 5 * se).all()
        scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
        assert (np.abs(np.cov(own.T) - wanted) < 5 * scale * np.sqrt(2 / len(own))).all()
        # and these are the class's own, as far as 800 rows and more tell
        assert np.diag(covariance) == pytest.approx(model.variance[c].numpy(), rel=0.2)


def test_batch_size_and_number_change_no_sample(report, model):
    plan, label = make_plan(report, steps=3), torch.arange(50) % 3
    whole = sample_standardised(model, plan, 50, label=label, seed=7)
    parts = sample_batches(model, plan, 50, label=label, seed=7, batch_size=7)
    assert torch.equal(whole, torch.cat(list(parts)))
    assert torch.equal(whole[:20], sample_standardised(model, plan, 20, label=label[:20], seed=7))


def test_plans_and_audits_keep_the_start_of_each_class(report, model, tmp_path):
    plan = make_plan(report, steps=3)
    report.save(tmp_path / "audit.json")
    again = load_audit(tmp_path / "audit.json")
    for one, two in zip(again.curve.about_class, report.curve.about_class, strict=True):
        assert np.array_equal(one, two)
    make_plan(again, steps=3).save(tmp_path / "plan.json")
    kept = load_plan(tmp_path / "plan.json")
    assert [e.value for e in kept.ledger] == [e.value for e in plan.ledger]
    one, two = (sample_standardised(model, p, 9, label=2) for p in (plan, kept))
    assert torch.equal(one, two)


def test_labels_are_asked_for_where_each_class_starts_by_itself(report, model):
    plan = make_plan(report, steps=2)
    with pytest.raises(InputError, match="label: must be given: each class has"):
        sample_standardised(model, plan, 3)
    plain = make_plan(report, steps=2, start="gaussian")
    assert plain.recipe().classes == 0
    assert plain.ledger[0].value > plan.ledger[0].value
    with pytest.raises(InputError, match=r"knows no labels\. Plan with --start gaussian"):
        carry([plan])
    with pytest.warns(UserWarning, match="a scheduler knows no labels"):
        alike = starting_alike(plan, report)
    assert alike.start == "gaussian"
    assert np.array_equal(alike.levels, plain.levels)
    assert alike.ledger[0].value == pytest.approx(plain.ledger[0].value)


def test_a_model_without_labels_has_no_such_start():
    law = gv.Gaussian([1.0, -2.0], [0.5, 2.0])
    plain = audit(gv.ExactDenoiser(law), law, levels=5, examples=64)
    assert plain.curve.about_class is None
    assert make_plan(plain, steps=2).start == "gaussian"
    with pytest.raises(InputError, match="start: class is for a model with classes"):
        make_plan(plain, steps=2, start="class")
