"""`girsanov plan --by` as a person meets it."""

from __future__ import annotations

import pytest

import girsanov as gv

BY = ("--by", "sliced-w2", "--steps", 5, "--candidates", "ddpm")


@pytest.fixture
def audited(girsanov, law):
    said = girsanov("audit", law, "--data", law, "--levels", 17, "--examples", 400)
    assert said.code == 0, said.err
    return "audit.json"


def test_samples_decide_and_the_table_is_kept(girsanov, audited, law, here):
    said = girsanov("plan", audited, *BY, "--model", law, "--data", law, "--calls", 3000)
    assert said.code == 0, said.err
    assert "chosen" in said.out
    assert "ddpm, cosine" in said.out
    assert "network calls" in said.out
    lines = said.out.splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("candidate"))
    end = next(k for k, line in enumerate(lines) if line.startswith("behind:"))
    rows = lines[begin:end]
    assert rows[0].split()[:3] == ["candidate", "behind", "samples"]
    assert " chosen " in rows[1]
    assert " .. " in rows[1]
    assert rows[-1].split()[-1] == "40"  # knocked out after the first round: no distance printed
    table = gv.load_plan(here / "plan.json").tournament.table
    assert 7 <= len(table) <= 8  # grids that come to the same enter once
    assert sum(row.won for row in table) == 1
    drawn = girsanov("sample", law, "--plan", "plan.json", "--count", 9, "--out", "new.npy")
    assert drawn.code == 0, drawn.err


def test_as_json(girsanov, audited, law):
    options = ("--model", law, "--data", law, "--calls", 3000, "--json")
    said = girsanov("plan", audited, *BY, *options)
    assert said.json["tournament"]["by"] == "sliced-w2"
    assert said.json["tournament"]["calls"] <= 3000


def test_the_features_of_a_frechet_distance_come_from_training_labels(girsanov, trees):
    fitted = girsanov("fit", trees, "--out", "model", "--steps", "5", "--network", "mlp")
    assert fitted.code == 0, fitted.err
    girsanov("audit", "model", "--data", trees, "--levels", 9, "--draws", 4)
    options = ("--model", "model", "--data", trees, "--calls", 3000, "--json")
    said = girsanov("plan", "audit.json", "--by", "frechet", *BY[2:], *options)
    assert said.code == 0, said.err
    assert "principal" in said.json["tournament"]["note"]
    assert said.json["tournament"]["examples"] == 40


def test_mistakes(mistake, audited, law):
    plan = ("plan", audited, "--by", "sliced-w2")
    assert "--model: must be given with --by" in mistake(*plan, "--data", law)
    assert "--data: must be given with --by" in mistake(*plan, "--model", law)
    assert "--kl: cannot be given with --by" in mistake(*plan, "--kl", 0.1)
    assert "--calls: belongs to --by" in mistake("plan", audited, "--calls", 100)
    both = ("--model", law, "--data", law)
    assert "by: must be one of" in mistake("plan", audited, "--by", "fid", *both)
    assert "calls: must be at least" in mistake(*plan, *both, "--calls", 10)
