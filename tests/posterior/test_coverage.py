"""`gv.coverage` on laws whose posterior is known: right, off by 20 %, off for want of steps."""

import json

import numpy as np
import pytest
from given_truth import Pairs

import girsanov as gv
from girsanov.train import TrainOptions


@pytest.fixture(scope="module")
def law():
    return Pairs.drawn(3, 2, 2, seed=4)


@pytest.fixture(scope="module")
def train(law):
    return law.data(3000, 1)


@pytest.fixture(scope="module")
def pairs(law):
    return law.data(1500, 2)


def planned(model, pairs, steps, sampler="analytic-dpm"):
    return gv.audit(model, pairs, levels=25, flow=0).plan(steps=steps, sampler=sampler)


def test_exact_draws_are_calibrated(law, train, pairs):
    model = law.model(train)
    found = gv.coverage(model, planned(model, law.data(1500, 3), 24), pairs, rows=800)
    assert found.calibrated, found.verdict
    assert found.cause is None, found.verdict
    assert found.verdict.startswith("Calibrated, as far as 800 pairs with 32 draws each can show")
    low, high = found.width.interval(0.999)
    assert low < 1 < high
    assert len(found.shares) == 4 * 3 + 3
    json.dumps(found.to_json())


@pytest.mark.parametrize(("off", "word"), [(0.8, "too narrow"), (1.25, "too wide")])
def test_a_network_that_is_off_is_to_blame(law, train, pairs, off, word):
    model = law.wrong(off).model(train)
    plan = planned(model, law.data(1500, 3), 24)
    found = gv.coverage(model, plan, pairs, rows=400, draws=16)
    assert not found.calibrated
    assert word in found.verdict, found.verdict
    assert "The network is to blame" in found.verdict, found.verdict
    assert abs(found.cause.width - off) < 0.15  # of a mixture (3) is a figure only
    assert found.cause.main == "network"
    assert not found.cause.good


def test_too_few_steps_are_to_blame(law, train, pairs):
    model = law.model(train)
    plan = planned(model, law.data(1500, 3), 4, "ddpm")
    found = gv.coverage(model, plan, pairs, rows=400, draws=16)
    assert not found.calibrated
    assert "The steps are to blame" in found.verdict
    assert "calibrated. Its ledger" in found.verdict
    assert found.cause.share > 0.9
    assert found.cause.good
    assert found.cause.calls > 50 > found.calls
    assert gv.coverage(model, plan, pairs, rows=800, cause=False).cause is None


def test_a_table_is_ranked_as_it_comes_out():
    """Whole numbers, given y: draws are rounded before they are ranked."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(5)
    y = rng.normal(size=3000)
    frame = pandas.DataFrame({"count": np.round(3 * y + 1.5 * rng.normal(size=3000)), "y": y})
    data = gv.load_data(frame, given="y")
    train, rest = data.split(0.6, seed=0)
    model = gv.fit(train, steps=150, seed=0, options=TrainOptions(width=32, depth=1))
    plan = gv.audit(model, rest, levels=25, flow=0).plan(steps=16, sampler="analytic-dpm")
    found = gv.coverage(model, plan, rest, rows=600)
    assert set(found.widths) == {"count"}
    low, high = found.width.interval(0.999)
    assert low < 1.05, found.verdict
    assert high > 0.95, found.verdict


def test_refusals(law, train, pairs):
    model = law.model(train)
    plan = planned(model, pairs, 6)
    with pytest.raises(gv.InputError, match="pairs: holds 3000 of 3000 pairs that this model saw"):
        gv.coverage(model, plan, train)
    with pytest.raises(gv.InputError, match="must come with what the model was given"):
        gv.coverage(model, plan, gv.load_data(pairs.raw(slice(0, 100))))
    exact = gv.ExactDenoiser(gv.Gaussian(np.zeros(3), np.eye(3)))
    with pytest.raises(gv.InputError, match="fingerprint"):
        gv.coverage(exact, plan, pairs)
    with pytest.raises(gv.InputError, match="rows"):
        gv.coverage(model, plan, pairs, rows=3)
