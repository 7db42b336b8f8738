"""`audit --calls` and `--half-width` as a person meets them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import girsanov as gv


def test_an_audit_costs_what_it_may(girsanov, here):
    rng = np.random.default_rng(0)
    np.save(here / "x.npy", rng.gamma(2.0, size=(300, 4)))
    fitted = girsanov("fit", "x.npy", "--out", "model", "--steps", 3, "--network", "mlp")
    assert fitted.code == 0, fitted.err
    np.save(here / "new.npy", rng.gamma(2.0, size=(400, 4)))
    options = ("--data", "new.npy", "--calls", 25_000, "--trajectories", 16)
    said = girsanov("audit", "model", *options, "--out", "a.json")
    assert said.code == 0, said.err
    facts = gv.load_audit(here / "a.json").facts
    assert 15_000 < facts.calls <= 25_000
    assert facts.trajectories == 16
    other = girsanov("fit", "x.npy", "--out", "other", "--steps", 5, "--network", "mlp")
    assert other.code == 0, other.err
    for beside in (("--reference", "other"), ("--precision", "bfloat16")):  # both are counted
        said = girsanov("audit", "model", *options, *beside, "--out", f"{beside[0][2:]}.json")
        assert said.code == 0, said.err
        assert 15_000 < gv.load_audit(here / f"{beside[0][2:]}.json").facts.calls <= 25_000


def test_mistakes(mistake, girsanov, law, here):
    assert "--calls: is for audits on data" in mistake(
        "audit", law, "--data", law, "--calls", 5000)  # fmt: skip
    rng = np.random.default_rng(0)
    np.save(here / "x.npy", rng.gamma(2.0, size=(300, 4)))
    girsanov("fit", "x.npy", "--out", "model", "--steps", 3, "--network", "mlp")
    np.save(here / "new.npy", rng.gamma(2.0, size=(400, 4)))
    words = ("audit", "model", "--data", "new.npy", "--calls")
    assert "--examples: cannot be given with --calls" in mistake(*words, 9999, "--examples", 40)
    assert "calls: must be at least" in mistake(*words, 100)
    assert "--guidance: is for a diffusers pipeline" in mistake(
        "audit", "model", "--data", "new.npy", "--guidance", 2)  # fmt: skip


def test_an_audit_to_a_half_width_says_what_it_came_to(girsanov, here):
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
    (here / "law.json").write_text(json.dumps(law.to_json()))
    options = ("--data", "law.json", "--half-width", 0.3, "--steps", 6)
    said = girsanov("audit", "law.json", *options, "--out", "a.json")
    assert said.code == 0, said.err
    precision = gv.load_audit(here / "a.json").facts.precision
    assert precision.reached <= 0.3 * 1.02
    assert "the discretisation of 6 planned steps is known to" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--half-width", 3), "--half-width: must be above 0 and below 1 (0.03: 3 %); got 3"),
        (("--half-width", 0.1, "--calls", 900), "--calls: is found by --half-width; got 900"),
        (("--half-width", 0.1, "--draws", 2), "--draws: is found by --half-width; got 2"),
        (("--steps", 8), "--steps: is for --half-width alone; got 8"),
    ],
)
def test_two_ways_to_say_how_much_are_refused(girsanov, here, options, message):
    law = gv.Gaussian([0.0], [[1.0]])
    (here / "law.json").write_text(json.dumps(law.to_json()))
    said = girsanov("audit", "law.json", "--data", "law.json", *options)
    assert (said.code, (here / "audit.json").exists()) == (2, False)
    assert message in said.err


def test_the_verdict_is_of_the_steps_whose_precision_was_asked_for(girsanov, here):
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
    (here / "law.json").write_text(json.dumps(law.to_json()))
    options = ("--data", "law.json", "--half-width", 0.5, "--steps", 3, "--out", "a.json")
    assert "With 3 steps (" in girsanov("audit", "law.json", *options).out
    shown = str(gv.load_audit(here / "a.json"))
    assert "the discretisation of 3 planned steps is known to" in shown
    assert "audit.plan(steps=3)" in shown


def test_a_plan_never_replaces_the_audit_it_is_made_from(girsanov, here):
    law = gv.Gaussian([0.0], [[1.0]])
    (here / "law.json").write_text(json.dumps(law.to_json()))
    girsanov("audit", "law.json", "--data", "law.json", "--examples", 200, "--levels", 5)
    before = (here / "audit.json").read_bytes()
    said = girsanov("plan", "audit.json", "--steps", 3, "--out", "audit.json", "--force")
    assert said.code == 2
    assert "--out: must be another file than the audit it is made from; got audit.json" in said.err
    assert (here / "audit.json").read_bytes() == before
