"""`audit --quick`: at most 2,600 calls, a verdict, and how sure it is."""

import numpy as np
import pytest


@pytest.fixture
def fitted(girsanov, here):
    np.save("x.npy", np.random.default_rng(4).gamma(2.0, size=(600, 3)))
    said = girsanov("fit", "x.npy", "--out", "model", "--steps", "20", "--network", "mlp")
    assert said.code == 0
    return "model"


def test_a_quick_audit_keeps_to_its_calls_and_says_how_sure_it_is(fitted, girsanov):
    said = girsanov("audit", fitted, "--data", "x.npy", "--quick", "--json").json
    assert len(said["levels"]) == 9
    assert (said["examples"], said["draws"]) == (100, 1)
    assert said["calls"] <= 2600  # 100 examples at 17 levels, and as many training ones at 9
    note = next(n for n in said["notes"] if n.startswith("a quick audit"))
    assert f"of {said['calls']} network calls: the curve is known to" in note
    assert "Four times the calls would halve the first" in note
    text = girsanov("audit", fitted, "--data", "x.npy", "--quick", "--force").out
    assert "note: a quick audit" in text
    assert girsanov("plan", "audit.json", "--steps", "4").code == 0


def test_fewer_examples_will_do(fitted, girsanov):
    np.save("few.npy", np.random.default_rng(5).gamma(2.0, size=(50, 3)))
    said = girsanov("audit", fitted, "--data", "few.npy", "--quick", "--json").json
    assert said["examples"] == 50


@pytest.mark.parametrize(
    "other", [("--levels", "9"), ("--calls", "5000"), ("--half-width", "0.1"), ("--flow", "1")]
)
def test_it_stands_alone(fitted, mistake, other):
    said = mistake("audit", fitted, "--data", "x.npy", "--quick", *other)
    assert f"{other[0]}: cannot be given with --quick" in said
