"""Fewer digits in a network: another function of the same weights, priced in nats."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.denoise.facts import Arithmetic
from girsanov.train import TrainOptions

ROWS = np.random.default_rng(6).gamma(2.0, size=(700, 3)) + 1.0
DATA = gv.load_data(ROWS)
audits = importlib.import_module("girsanov.measuring.audit")  # its name is a function's as well
LAW = gv.Gaussian([1.0, -2.0], [[1.0, 0.3], [0.3, 0.5]])


@pytest.fixture(scope="module")
def parts():
    return DATA.split(0.5, seed=0)


@pytest.fixture(scope="module")
def model(parts):
    return gv.fit(parts[0], steps=200, network="mlp", seed=1)


@pytest.fixture(scope="module")
def unet():
    pytest.importorskip("diffusers")
    pictures = np.random.default_rng(0).integers(0, 16, size=(80, 8, 8)).astype("u1")
    options = TrainOptions(width=8)
    return gv.fit(gv.load_data(pictures), steps=3, batch_size=8, network="unet", options=options)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["model", "unet"])
def test_the_same_weights_give_nearly_the_same_numbers(request, kind, precision):
    model = request.getfixturevalue(kind)
    made = gv.in_precision(model, precision)
    x = torch.randn(20, *model.shape, generator=torch.Generator().manual_seed(0))
    before, after = model(x, 3.0), made(x, 3.0)
    digits = {"bfloat16": 2.0**-8, "float16": 2.0**-11}[precision]
    gap = float((after - before).abs().max())
    assert after.dtype == torch.float32
    assert 0 < gap < 60 * digits * float(before.abs().max())
    assert made.fingerprint != model.fingerprint
    assert torch.equal(model(x, 3.0), before)  # nothing of the model itself has changed
    assert all(a is b for a, b in zip(
        made.network.parameters(), model.network.parameters(), strict=True))  # fmt: skip


def test_what_rounding_costs_is_the_gap_between_two_audits(model, parts, monkeypatch):
    """Of one and of the other by itself: same examples, same noise, another computation."""
    measure = audits.measure_curve

    def plain(*parts):
        return measure(*parts[:-1], replace(parts[-1], control=False))

    monkeypatch.setattr(audits, "measure_curve", plain)  # their noise is what they share
    rounded, usual = (
        gv.audit(m, parts[1], levels=17, draws=2, seed=3)
        for m in (gv.in_precision(model, "bfloat16"), model)
    )
    s = usual.levels
    nats = np.trapezoid((rounded.total().value - usual.total().value) * s / 2, np.log(s))
    both = gv.audit(gv.in_precision(model, "bfloat16"), parts[1], levels=17, draws=2, seed=3,
                    reference=model)  # fmt: skip
    cost = both.rounding()
    assert cost.value == pytest.approx(nats, rel=1e-6)
    low, high = cost.interval()
    assert low < cost.value < high
    # on the same paths, far better known than the difference of two measurements would be
    alone = np.trapezoid(np.hypot(usual.total().se, rounded.total().se) * s / 2, np.log(s))
    assert 0 < cost.se < 0.3 * alone
    assert both.facts.arithmetic == Arithmetic("bfloat16", compiled=False)
    assert usual.rounding() is None
    assert "rounding" not in usual.summary()


def test_a_saved_audit_says_it_too_and_a_plan_is_of_that_precision(model, parts, tmp_path):
    made = gv.in_precision(model, "bfloat16")
    both = gv.audit(made, parts[1], levels=9, draws=1, reference=model)
    both.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json")
    assert again.rounding().value == both.rounding().value
    plan = again.plan(steps=3)
    assert np.isfinite(gv.sample(made, plan, 5, seed=0)).all()
    with pytest.raises(gv.InputError, match="model"):
        gv.sample(model, plan, 5, seed=0)


def test_training_in_bfloat16_learns_nearly_the_same(parts):
    found = {
        precision: gv.fit(parts[0], steps=150, network="mlp", seed=1,
                          options=TrainOptions(precision=precision, dropout=0.0))
        for precision in ("float32", "bfloat16")
    }  # fmt: skip
    one, two = (found[p].training["held_out_ledger"] for p in ("float32", "bfloat16"))
    assert one["held_out_ledger"] != two["held_out_ledger"]
    gap = abs(one["held_out_ledger"] - two["held_out_ledger"])
    assert gap < 0.1 * one["held_out_ledger"]
    assert next(found["bfloat16"].network.parameters()).dtype == torch.float32


def test_what_has_no_such_precision_is_refused():
    with pytest.raises(gv.InputError, match="precision: must be one of float32, bfloat16"):
        gv.in_precision(gv.ExactDenoiser(LAW), "float8")
    with pytest.raises(gv.InputError, match="precision: is of networks"):
        gv.in_precision(gv.ExactDenoiser(LAW), "bfloat16")
    with pytest.raises(gv.InputError, match="precision: must be one of float32, bfloat16"):
        TrainOptions(precision="float16")
    law = gv.ExactDenoiser(LAW)
    assert gv.in_precision(law, "float32") is law


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("g++") is None or importlib.util.find_spec("torch._inductor") is None,
    reason="torch.compile needs a compiler",
)
def test_a_compiled_network_is_the_same_function(model, parts):
    made = gv.in_precision(model, "float32", compiled=True)
    x = torch.randn(20, *model.shape, generator=torch.Generator().manual_seed(0))
    assert float((made(x, 3.0) - model(x, 3.0)).abs().max()) < 1e-5
    assert made.fingerprint == model.fingerprint
    options = TrainOptions(compiled=True, early_stopping=False)
    assert gv.fit(parts[0], steps=20, network="mlp", options=options).training["steps_run"] == 20
