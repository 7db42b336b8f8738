"""`plan --last` and `plan --model`, and what `compare` says of the samples' spread."""

import json

import numpy as np

import girsanov as gv

LAW = gv.GaussianMixture([0.3, 0.7], [[-2.0, 0.5], [6.0, 0.0]], [0.25, 1.0])


def test_a_plan_is_matched_by_its_model_and_ends_as_told(girsanov, mistake, here):
    LAW.save("law.json")
    said = girsanov("audit", "law.json", "--data", "law.json", "--levels", 17, "--examples", 800)
    assert said.code == 0
    plan = ("plan", "audit.json", "--steps", 4, "--json", "--force")
    plain, kept = (
        girsanov(*plan, "--sampler", "analytic-dpm", *more).json
        for more in ((), ("--model", "law.json"))
    )
    assert plain["last"] == kept["last"] == "draw"
    assert plain["levels"] == kept["levels"]
    assert kept["ledger"][1]["value"] > plain["ledger"][1]["value"]
    assert json.loads((here / "plan.json").read_text())["pilot"]["samples"] == 20_000
    assert girsanov(*plan, "--last", "denoise").json["last"] == "denoise"
    again = ("plan", "audit.json", "--steps", 4, "--out", "other.json")
    assert "last: must be denoise or sample" in mistake(
        *again, "--sampler", "ddpm", "--last", "draw"
    )
    assert "last: must be one of draw" in mistake(*again, "--last", "stop")


def test_compare_says_how_much_of_the_variance_is_kept(girsanov, here):
    LAW.save("law.json")
    x = LAW.sample(2000, seed=3).numpy()
    np.save("narrow.npy", LAW.mean + 0.8 * (x - LAW.mean))
    found = girsanov("compare", "narrow.npy", "law.json", "--by", "gaussian-w2", "--json").json
    assert [one["name"] for one in found["spread"]] == ["all", "direction 1", "direction 2"]
    assert all(one["low"] < 0.64 < one["high"] for one in found["spread"][:2])
    said = " ".join(
        girsanov("compare", "narrow.npy", "law.json", "--by", "gaussian-w2").out.split()
    )
    assert "too narrow in direction 1" in said
