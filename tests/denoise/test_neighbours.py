"""What training examples say by themselves: equation (1) of neighbours.py, and what it proves."""

import math

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.denoise.neighbours import Neighbours, likeliest_width
from girsanov.law import GaussianMixture, Points
from girsanov.ledger.score_entry import score_bound, score_floor, score_note
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.ideal_grid import reference_between
from girsanov.sampling.registry import SAMPLERS

LAW = GaussianMixture(
    [0.3, 0.3, 0.4],
    [[-2.0, 1.0], [2.0, 0.5], [0.0, -2.0]],
    [np.eye(2) * 0.02, np.eye(2) * 0.04, [[0.1, 0.05], [0.05, 0.03]]],
)


class Line(gv.ExactDenoiser):
    """The linear (Wiener) denoiser of a law: what an untrained network starts as."""

    exact = False

    def __call__(self, x, snr, label=None):
        mean, cov = torch.tensor(self.law.mean), self.law.covariance()
        lam, axes = np.linalg.eigh(cov)
        lam, axes = torch.tensor(lam), torch.tensor(axes)
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return mean + ((x - mean) @ axes * (s * lam / (1 + s * lam))) @ axes.T


def cloud(n, seed=5):
    return LAW.sample(n, seed=seed)


@pytest.mark.parametrize("width", [0.0, 0.3])
@pytest.mark.parametrize("snr", [0.01, 1.0, 40.0])
def test_it_is_the_exact_denoiser_of_the_smoothed_points(width, snr):  # (1)
    x = cloud(40)
    law = Points(x) if not width else GaussianMixture(np.full(40, 1 / 40), x, width**2)
    seen = cloud(9, 6) + 0.3
    got = Neighbours(Line(LAW), x, width=width)(seen, snr)
    assert got.numpy() == pytest.approx(law.denoise(seen, snr).numpy(), abs=2e-4)


def test_each_row_has_its_own_level():
    near, seen = Neighbours(Line(LAW), cloud(30), width=0.2), cloud(3, 6)
    levels = torch.tensor([0.1, 2.0, 50.0], dtype=torch.float64)
    rows = [near(seen[i : i + 1], float(s)) for i, s in enumerate(levels)]
    assert near(seen, levels).numpy() == pytest.approx(torch.cat(rows).numpy(), abs=1e-5)


def test_a_class_knows_its_own_examples_alone_and_one_without_any_knows_all():
    x, label = cloud(30), torch.arange(30) % 2
    near, seen = Neighbours(Line(LAW), x, label, width=0.1), cloud(4, 6)
    even = Neighbours(Line(LAW), x[::2], width=0.1)(seen, 3.0)
    got = near(seen, 3.0, torch.zeros(4, dtype=torch.int64))
    assert got.numpy() == pytest.approx(even.numpy(), abs=1e-6)
    none = near(seen, 3.0, torch.full((4,), 7))
    assert torch.equal(none, near(seen, 3.0))


@pytest.mark.parametrize(("d", "n"), [(1, 400), (2, 800)])
def test_the_width_is_near_the_best_for_normal_data(d, n):
    """Silverman's rule is the best width for normals in squared error; likelihood is close."""
    points = torch.tensor(np.random.default_rng(3).normal(2.0, 1.5, size=(n, d))).float()
    silverman = 1.5 * (4 / (n * (d + 2))) ** (1 / (d + 4))
    assert 0.4 * silverman < likeliest_width(points) < 2.5 * silverman


def test_points_that_are_one_have_no_width():
    assert likeliest_width(torch.ones(5, 3)) == 0.0
    with pytest.raises(InputError, match="x: must hold 2 examples or more; got 1"):
        Neighbours(Line(LAW), torch.ones(1, 2))


def test_its_fingerprint_is_that_of_its_points_and_width():
    made = [Neighbours(Line(LAW), cloud(9), width=w).fingerprint for w in (0.1, 0.1, 0.2)]
    assert made[0] == made[1] != made[2]


def data_of(n, seed):
    return gv.load_data(cloud(n, seed).numpy(), name=f"cloud{seed}")


def test_it_proves_that_a_straight_line_has_much_to_learn():
    """The score error of the linear denoiser, R - 1/2 int M, is found from other examples."""
    held, train, line = data_of(1200, 11), data_of(1200, 12), Line(LAW)
    levels = np.geomspace(0.02, 30.0, 17)
    alone = gv.audit(line, held, levels=levels, draws=1, reference=Line(LAW))
    beside = gv.audit(line, held, train=train, levels=levels, draws=1)
    assert beside.facts.neighbours == 1200
    assert beside.facts.calls == 1200 * 33 + 1200 * 17  # neighbours are no network
    edges = np.geomspace(1e-4, 30.0, 400)
    half = np.trapezoid(LAW.curve(edges).value, edges) / 2
    found, truth = [], []
    for report in (alone, beside):
        price = prices(report, SAMPLERS["analytic-dpm"], "pca")
        whole = reference_between(price, 0, 1) + reference_between(price, 1, 17)
        found.append(score_bound(price, np.array([1, 17])))
        truth.append(price.estimate(whole - half))
    assert found[1].value - 4 * math.hypot(found[1].se, truth[1].se) <= truth[1].value
    assert found[1].value > 0.5 * truth[1].value > 0.2
    assert found[0].value < 0.1 * found[1].value  # no affine correction helps a line
    assert "an average of other examples" in score_note(beside)
    assert "other examples" not in score_note(alone)


def test_without_training_data_the_examples_set_aside_serve():
    report = gv.audit(Line(LAW), data_of(400, 3), levels=5, draws=1)
    assert report.facts.examples == 300
    assert report.facts.neighbours == 100


def leaky(name):
    """Training and held-out data that share rows in a way that no lineage tells."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(600, 16))
    if name == "two loads":
        return gv.load_data(x, name="a"), gv.load_data(x[:300], name="b")
    if name == "rows twice":
        return gv.load_data(np.repeat(x, 2, axis=0)).split(0.6, seed=1)
    if name == "all but":
        return gv.load_data(x, name="a"), gv.load_data(x[:300] + 0.01 * rng.normal(size=(300, 16)))
    return gv.load_data(x[:300], name="a"), gv.load_data(x[300:], name="b")


@pytest.mark.parametrize("name", ["two loads", "rows twice", "all but", "none"])
def test_audited_rows_among_the_examples_prove_nothing(name):
    untold = gv.ExactDenoiser(gv.Gaussian(np.zeros(16), np.eye(16)))
    untold.exact = False  # its score error is 0, and a cloud that holds the answers beats it
    train, held = leaky(name)
    levels = np.geomspace(1e-3, 1e4, 9)
    report = gv.audit(untold, held, train=train, levels=levels, draws=1)
    price = prices(report, SAMPLERS["analytic-dpm"], "pca", levels=levels)
    assert score_floor(price, np.array([1, 9])) < 0.02
    assert (report.facts.neighbours > 0) == (name == "none")
    if name != "none":
        assert "audited rows are" in report.facts.without_neighbours


def test_units_far_from_one_are_no_matter():
    x, far = cloud(40), torch.tensor([3e20, -1e20], dtype=torch.float64)
    seen = cloud(5, 6)
    near = Neighbours(Line(LAW), x, width=0.2)(seen, 2.0)
    moved = Neighbours(Line(LAW), x * 1e20 + far, width=0.2e20)(seen * 1e20 + far, 2e-40)
    assert ((moved - far) / 1e20).numpy() == pytest.approx(near.numpy(), abs=1e-3)


def test_a_law_and_an_exact_denoiser_have_no_neighbours():
    report = gv.audit(gv.ExactDenoiser(LAW), LAW, levels=5, examples=64)
    assert not report.facts.neighbours
    report = gv.audit(Line(LAW), LAW, levels=5, examples=64)
    assert not report.facts.neighbours


def test_the_verdict_on_a_line_is_the_model_and_says_what_beats_it():
    from girsanov.reporting.words.advice import audit_spoken

    report = gv.audit(Line(LAW), data_of(1200, 11), train=data_of(1200, 12), draws=1)
    said = " ".join(audit_spoken(report))
    assert "it is the model: its error is at least" in said
    assert "a plain average of the training examples beats this model" in said
