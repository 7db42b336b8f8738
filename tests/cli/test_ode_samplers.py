"""ODE samplers from audit to samples on the command line."""

import numpy as np
import pytest

AUDIT = ("--levels", 17, "--examples", 64, "--draws", 1)


@pytest.fixture
def audited(girsanov, law):
    said = girsanov("audit", law, "--data", law, *AUDIT, "--trajectories", 32, "--json")
    assert said.json["trajectories"] == 32
    return law


def test_from_audit_to_samples(girsanov, audited):
    said = girsanov("plan", "audit.json", "--sampler", "dpmpp-2m", "--steps", 7, "--json")
    assert said.json["distance"]["kind"] == "predicted"
    assert said.json["steps"] == 7
    words = ["plan", "audit.json", "--sampler", "dpmpp-2m", "--steps", "7", "--force", "--model"]
    shown = " ".join(girsanov(*words, audited, "--verbose").out.split())
    assert "unknown" not in girsanov(*words, audited).out
    assert "7 steps, dpmpp-2m" in shown
    assert ", measured:" in shown
    assert "not nats" in shown
    assert "no path KL exists" in shown
    drawn = girsanov("sample", audited, "--plan", "plan.json", "--count", 40, "--out", "x.npy")
    assert drawn.code == 0, drawn.err
    assert np.load("x.npy").shape == (40, 2)
    page = girsanov("report", "audit.json", "--plan", "plan.json", "--samples", "x.npy")
    assert page.code == 0, page.err


def test_a_distance_is_asked_for(girsanov, audited):
    said = girsanov("plan", "audit.json", "--sampler", "heun", "--distance", 0.2, "--json")
    assert said.json["distance"]["high"] <= 0.2
    assert said.json["steps"] % 2 == 1


def test_what_does_not_fit_is_refused(girsanov, mistake, audited, law):
    line = mistake("plan", "audit.json", "--sampler", "ddim", "--kl", 1)
    assert "kl: belongs to stochastic samplers" in line
    assert "distance: is for ddim" in mistake("plan", "audit.json", "--distance", 1)
    girsanov("audit", law, "--data", law, *AUDIT, "--out", "bare.json")
    assert "--trajectories 256" in mistake("plan", "bare.json", "--sampler", "ddim")
