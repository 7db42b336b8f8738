"""`girsanov audit MODEL --no-data`, and what the commands after it say and refuse."""

from __future__ import annotations

import numpy as np
import pytest

import girsanov as gv


@pytest.fixture
def audited(girsanov, law):
    small = ("--levels", 17, "--examples", 120)
    said = girsanov("audit", law, "--no-data", *small)
    assert said.code == 0, said.err
    text = " ".join(said.out.split())
    assert "Without held-out data nothing is known of the model's error" in text
    assert "all numbers are relative to the model's own distribution" in text
    return "audit.json"


def test_from_a_model_alone_to_samples(girsanov, mistake, audited, law, here):
    said = girsanov("plan", audited, "--steps", 7)
    assert said.code == 0, said.err
    assert "relative to the model's own distribution" in " ".join(said.out.split())
    assert "score" not in said.out
    assert "Grade" not in said.out
    drawn = girsanov("sample", law, "--plan", "plan.json", "--count", 30, "--out", "new.npy")
    assert drawn.code == 0, drawn.err
    assert "next: girsanov compare new.npy YOUR_DATA" in drawn.out
    assert np.isfinite(np.load(here / "new.npy")).all()
    before = sorted(here.iterdir())
    assert "audit: must be of held-out data" in mistake("likelihood", audited)
    assert "a page speaks of the model's error" in mistake("report", audited)
    assert "takes held-out data" in mistake("plan", audited, "--calibrate", "--out", "b.json")
    assert sorted(here.iterdir()) == before
    found = gv.load_audit(here / "audit.json").facts
    assert found.no_data
    assert found.commands[-1] == f"girsanov audit {law} --no-data --examples 120 --levels 17"


def test_as_json(girsanov, audited):
    said = girsanov("plan", audited, "--steps", 5, "--json")
    assert [e["name"] for e in said.json["ledger"]] == ["init", "discretisation"]
    assert said.json["grade"] is None
    assert said.json["certificate"] is None
    assert said.json["theory"] is None


@pytest.mark.parametrize(
    "extra", [("--data", "x.npy"), ("--quick",), ("--calls", 900), ("--labels", "y"),
              ("--half-width", 0.1), ("--guidance", 2), ("--train-data", "x.npy")]
)  # fmt: skip
def test_what_needs_data_is_refused(mistake, law, here, extra):
    said = mistake("audit", law, "--no-data", *extra)
    assert f"{extra[0]}: cannot be given with --no-data" in said
    assert not (here / "audit.json").exists()


def test_neither_data_nor_without_is_refused_with_what_to_do(mistake, law):
    said = mistake("audit", law)
    assert "--data: must be given. If there are no held-out data, --no-data plans" in said
