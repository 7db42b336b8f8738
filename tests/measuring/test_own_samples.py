"""Audits of a model's own samples: the true curve of an exact model, and what is not claimed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from given_truth import Pairs

import girsanov as gv
from girsanov.measuring.own_samples import FINE_CALLS, own_samples

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.5], [2.0, 1.0]], [0.04, 0.3])
MODEL = gv.ExactDenoiser(LAW)
LEVELS = np.geomspace(0.01, 1000, 17)


@pytest.fixture(scope="module")
def own():
    return gv.audit(MODEL, no_data=True, levels=33, examples=400)


def test_of_an_exact_model_the_curve_is_the_laws():
    """The mean over seeds within 5 standard errors, those of the spread over seeds."""
    found = []
    for seed in range(12):
        audit = gv.audit(MODEL, no_data=True, levels=LEVELS, examples=600, flow=0, seed=seed)
        found.append(audit.total().value)
    se = np.std(found, axis=0, ddof=1) / len(found) ** 0.5
    truth = LAW.curve(LEVELS).value
    assert (abs(np.mean(found, axis=0) - truth) < 5 * se).all()
    assert (se < 0.06 * truth).all()


def test_its_samples_have_the_moments_of_the_law_and_do_not_depend_on_their_number():
    drawn = own_samples(MODEL, 3000, 4, None, None)
    x = drawn.x.double().numpy()
    se = x.std(axis=0) / len(x) ** 0.5
    assert (abs(x.mean(axis=0) - LAW.mean) < 5 * se).all()
    spread = np.cov(x.T)
    fourth = np.var((x - LAW.mean)[:, :, None] * (x - LAW.mean)[:, None], axis=0)
    assert (abs(spread - LAW.covariance()) < 5 * (fourth / len(x)) ** 0.5).all()
    few = own_samples(MODEL, 7, 4, 3, None)
    assert torch.equal(few.x, drawn.x[:7])
    assert few.fingerprint != drawn.fingerprint


def test_its_plans_cost_what_those_of_the_law_do():
    known = gv.audit(MODEL, LAW)
    for sampler in ("analytic-dpm", "ddpm"):
        ratios = []
        for seed in range(4):
            audit = gv.audit(MODEL, no_data=True, levels=33, examples=800, flow=0, seed=seed)
            plan = audit.plan(steps=8, sampler=sampler, resolution=0.1)
            exact = gv.evaluate_grid(known, plan.levels, sampler=sampler)
            best = known.plan(steps=8, sampler=sampler, resolution=0.1)
            nats = [sum(e.value for e in p.ledger if e.name != "score") for p in (exact, best)]
            ratios.append(nats[0] / nats[1])
        assert max(ratios) < 1.1


def test_the_calls_are_counted(own):
    class Counting(gv.ExactDenoiser):
        calls = 0

        def __call__(self, x, snr, label=None):
            self.calls += len(x)
            return super().__call__(x, snr, label)

    model, seen = Counting(LAW), []
    audit = gv.audit(model, no_data=True, levels=9, examples=64, flow=0,
                     progress=lambda *now: seen.append(now))  # fmt: skip
    draws = audit.facts.draws
    assert model.calls == audit.facts.calls == 64 * FINE_CALLS + 48 * draws * 17
    assert seen


def test_it_says_what_its_numbers_are_relative_to_and_no_more(own, tmp_path):
    plan = own.plan(steps=6)
    assert [e.name for e in plan.ledger] == ["init", "discretisation"]
    assert all(e.note.startswith("relative to the model's own distribution") for e in plan.ledger)
    for text in (plan.verdict, own.verdict, gv.verdict(own, plan), str(own)):
        assert "relative to the model's own distribution" in text
    assert "nothing is known of the model's error" in plan.verdict
    assert "Without held-out data" in own.verdict
    assert plan.grade == ""
    assert own.probe is None
    assert "its own samples" in repr(own)
    with pytest.raises(gv.InputError, match="certificate: has none: its nats are relative to the"):
        plan.certificate()
    with pytest.raises(gv.InputError, match="calibrate: takes held-out data"):
        own.plan(steps=6, sampler="analytic-dpm", calibrate=True)
    with pytest.raises(gv.InputError, match="audit: must be of held-out data"):
        own.likelihood(plan)
    with pytest.raises(gv.InputError, match="audit: must be of held-out data: a page"):
        gv.report(own, plan, out=tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    own.save(tmp_path / "own.json")
    read = gv.load_audit(tmp_path / "own.json")
    assert read.verdict == own.verdict
    plan.save(tmp_path / "plan.json")
    kept = gv.load_plan(tmp_path / "plan.json")
    assert kept.ledger == plan.ledger == read.plan(steps=6).ledger
    assert kept.verdict == plan.verdict


def test_it_plans_ode_samplers_and_for_targets(own):
    paths = gv.audit(MODEL, no_data=True, levels=17, examples=200, trajectories=32)
    plan = paths.plan(steps=9, sampler="heun")
    assert "Samples end" in plan.verdict
    assert all(e.name != "score" for e in plan.ledger)
    assert own.plan(kl=0.5).steps < own.plan(kl=0.05).steps


def test_models_with_classes_and_of_x_given_y_are_drawn_as_often_as_they_were_trained():
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.2).astype(int)
    x = rng.normal(size=(400, 2)) + 4 * labels[:, None]
    model = gv.fit(gv.load_data(x, labels=labels), steps=20, network="mlp")
    drawn = own_samples(model, 2000, 1, None, None)
    share = float(drawn.labels.double().mean())
    assert abs(share - labels.mean()) < 5 * (0.25 / 2000) ** 0.5
    assert gv.audit(model, no_data=True, levels=9, examples=80, flow=0).plan(steps=3).steps == 3
    model.training.pop("label_shares")
    audit = gv.audit(model, no_data=True, levels=9, examples=80, flow=0)
    assert any("every class was drawn as often" in note for note in audit.facts.notes)
    law = Pairs.drawn(2, 2, 2, 3)
    pairs = law.model(law.data(400, seed=1))
    audit = gv.audit(pairs, no_data=True, levels=9, examples=80, flow=0)
    assert audit.plan(steps=3).ledger[0].value is not None


def test_refusals(own):
    with pytest.raises(gv.InputError, match=r"data: must be held-out data or a law.*--no-data"):
        gv.audit(MODEL)
    with pytest.raises(gv.InputError, match="data: must be held-out data"):
        gv.audit(MODEL, LAW, no_data=True)
    rows = gv.load_data(LAW.sample(50, seed=0).numpy())
    with pytest.raises(gv.InputError, match="train: says what held-out data show"):
        gv.audit(MODEL, no_data=True, train=rows)
    with pytest.raises(gv.InputError, match="denoiser: must be a denoiser"):
        gv.audit(LAW, no_data=True)
    phase = gv.fit(rows, steps=3, network="mlp", process="cld")
    with pytest.raises(gv.InputError, match="no_data: is not for a model trained in phase space"):
        gv.audit(phase, no_data=True)
    guided = gv.ExactDenoiser(LAW)
    guided.guidance = 3.0
    with pytest.raises(gv.InputError, match="no_data: is not for a guided field"):
        gv.audit(guided, no_data=True)
