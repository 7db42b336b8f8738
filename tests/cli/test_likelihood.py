"""`girsanov likelihood` and `girsanov checkpoints`, as they are typed."""

from __future__ import annotations

import json
import math
import shlex

import numpy as np
import pytest

import girsanov as gv
from girsanov.cli.main import run

LAW = gv.Gaussian([3.0, -1.0], [[1.0, 0.6], [0.6, 0.9]])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_likelihood_is_printed_and_written_as_json(here, capsys):
    audit = gv.audit(gv.ExactDenoiser(LAW), LAW, levels=np.geomspace(1e-3, 1e3, 33), flow=0)
    audit.save("audit.json")
    gv.evaluate_grid(audit, audit.levels, covariance="pca").save("plan.json")
    assert run(["likelihood", "audit.json", "--plan", "plan.json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    entropy = np.linalg.slogdet(2 * np.pi * np.e * LAW.covariance())[1] / 2
    assert found["of"] == "data"
    assert found["nats"]["value"] == pytest.approx(entropy, abs=1e-3)
    assert found["bits_per_dimension"]["high"] == pytest.approx(
        found["nats"]["high"] / (2 * math.log(2))
    )
    assert [b["of"] for b in found["others"]] == ["noised data"]
    assert run(["likelihood", "audit.json"]) == 0
    assert "infinitely many steps" in " ".join(capsys.readouterr().out.split())
    gv.evaluate_grid(audit, audit.levels[::4], sampler="ddpm").save("ddpm.json")
    assert run(["likelihood", "audit.json", "--plan", "ddpm.json"]) == 0
    assert "noised data" in capsys.readouterr().out
    before = sorted(here.iterdir())
    assert run(["likelihood", "plan.json"]) == 2
    assert run(["likelihood", "audit.json", "--plan", "audit.json"]) == 2
    assert run(["likelihood", "none.json"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert sorted(here.iterdir()) == before


def test_the_line_that_a_refusal_gives_makes_a_plan_that_has_a_likelihood(here, capsys):
    gv.audit(gv.ExactDenoiser(LAW), LAW, levels=33).save("my audit.json")
    assert run(["plan", "my audit.json", "--sampler", "dpm2-ancestral", "--steps", "9",
                "--out", "two.json"]) == 0  # fmt: skip
    capsys.readouterr()
    assert run(["likelihood", "my audit.json", "--plan", "two.json"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    line = shlex.split(said.split("has one: ")[1])
    assert run(line[1:]) == 0
    assert gv.load_plan(line[-1]).steps == gv.load_plan("two.json").steps
    assert run(["likelihood", "my audit.json", "--plan", line[-1]]) == 0


def test_checkpoints_are_measured_and_refused(here, capsys):
    rows = LAW.sample(200, seed=0).numpy()
    np.save("x.npy", rows)
    for steps in (2, 40):
        fit = ["fit", "x.npy", "--steps", str(steps), "--network", "mlp", "--width", "16"]
        assert run([*fit, "--out", f"m-{steps}"]) == 0
    capsys.readouterr()
    line = ["checkpoints", "m-2", "m-40", "--data", "x.npy", "--levels", "9"]
    assert run([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["step"] for c in found["checkpoints"]] == [2, 40]
    assert found["checkpoints"][1]["gain"]["low"] <= found["checkpoints"][1]["gain"]["value"]
    assert found["checkpoints"][0]["overfit"] is not None  # fit kept a part back
    assert found["stop"] in (True, False)
    assert "nats" in (here / "checkpoints.html").read_text()
    before = (here / "checkpoints.jsonl").read_bytes()
    assert run(line) == 2
    assert "--force" in capsys.readouterr().err
    assert run([*line, "--force"]) == 0
    assert (here / "checkpoints.jsonl").read_bytes() == before
    for wrong, word in (
        (["checkpoints", "m-2", "--data", "x.npy", "--out", "b.jsonl"], "at least two models"),
        (["checkpoints", "m-2", "m-40", "--data", "x.npy", "--out", "b.json"], ".jsonl"),
        (["checkpoints", "m-2", "m-9", "--data", "x.npy", "--out", "b.jsonl"], "m-9"),
    ):
        capsys.readouterr()
        assert run(wrong) == 2
        said = capsys.readouterr().err
        assert word in said
        assert len(said.splitlines()) == 1
        assert not (here / "b.jsonl").exists()
