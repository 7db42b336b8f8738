"""Phase space from the command line: a law and a table as cld, a model learnt there."""

import json

import numpy as np

FIT = ("--steps", "20", "--network", "mlp")
QUICK = ("--levels", "9", "--draws", "4")


def test_any_model_is_planned_and_sampled_as_cld(girsanov, law, here):
    said = girsanov("audit", law, "--data", law, "--examples", 500, *QUICK)
    assert said.code == 0, said.err
    for sampler in ("ei-score", "ei-relative", "ddpm", "analytic-dpm"):
        plan = ("plan", "audit.json", "--steps", 4, "--process", "cld", "--sampler", sampler)
        said = girsanov(*plan, "--json")
        assert (said.code, said.json["process"]) == (0, "cld")
        out = ("--count", 20, "--out", f"{sampler}.npy")
        assert girsanov("sample", law, "--plan", "plan.json", *out).code == 0
        assert np.isfinite(np.load(here / f"{sampler}.npy")).all()
    assert not np.array_equal(np.load(here / "ei-score.npy"), np.load(here / "ei-relative.npy"))


def test_a_model_learnt_in_phase_space_goes_the_whole_way(girsanov, mistake, vectors, here):
    said = girsanov("fit", vectors, "--out", "model", *FIT, "--process", "cld", "--json")
    assert (said.code, said.json["process"]) == (0, "cld")
    assert json.loads((here / "model" / "girsanov.json").read_text())["process"] == "cld"
    said = girsanov("audit", "model", "--data", vectors, *QUICK, "--json")
    assert (said.code, said.json["process"]) == (0, "cld"), said.err
    assert girsanov("plan", "audit.json", "--steps", 4).code == 0
    out = ("--count", 20, "--out", "new.npy")
    assert girsanov("sample", "model", "--plan", "plan.json", *out).code == 0
    assert np.load(here / "new.npy").shape == (20, 3)
    line = mistake("plan", "audit.json", "--process", "vp", "--out", "other.json")
    assert "process: must be cld, in which this model was trained" in line
    paths = ("--trajectories", 8, "--out", "other.json")
    assert "phase space" in mistake("audit", "model", "--data", vectors, *QUICK, *paths)


def test_ode_samplers_and_unknown_processes_are_refused(girsanov, mistake, law):
    assert girsanov("audit", law, "--data", law, "--examples", 500, *QUICK).code == 0
    line = mistake("plan", "audit.json", "--process", "cld", "--sampler", "ddim")
    assert (
        "sampler: must be one of ei-score, ei-relative, ddpm, analytic-dpm with process cld"
        in line
    )
    line = mistake("plan", "audit.json", "--process", "ve")
    assert "process: must be one of vp, cld" in line
    assert "process: must be one of vp, cld" in mistake(
        "fit", "digits", "--out", "model", "--process", "ve"
    )
