"""The certificate: TV level by level, W2, its words and its file."""

import json
from dataclasses import replace

import numpy as np
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.ledger.certificate import (
    EXACT_LAW,
    VACUOUS,
    Entry,
    certificate_from_json,
    certify,
    kl_entry,
    tv_entry,
    tv_from_kl,
    w2_entry,
)
from girsanov.montecarlo import Estimate

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])


@pytest.fixture(scope="module")
def audited():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, examples=1500, levels=33)


def entry(low, value, high):
    return Entry("kl", value, low, high, "estimate", "")


def some(*highs, scale=None):
    rows = [(4.0**k, entry(0.0, h / 2, h)) for k, h in enumerate(highs)]
    return certify(rows, w2_entry(Estimate(0.04, 0.0), 64.0, 3), scale=scale, holds="always")


def test_total_variation_level_by_level():
    made = some(0.01, 0.3, 0.6, 5.0)
    assert [at.noise for at in made.levels] == [1.0, 0.5, 0.25, 0.125]
    highs = [at.tv.high for at in made.levels]
    assert highs == [tv_from_kl(k) for k in (0.01, 0.3, 0.6, 5.0)]
    assert made.finest().noise == 0.5  # tv_from_kl(0.6) is .548
    assert made.finest(0.1).noise == 1.0
    assert made.finest(0.01) is None
    assert all(at.tv.low == 0 and at.tv.kind == "upper bound" for at in made.levels)
    assert tv_entry(entry(0.0, 0.0, 9.0)).high > VACUOUS


def test_words_name_the_finest_level_that_says_something():
    words = some(0.01, 0.3, 5.0, scale=10.0).words()
    assert (
        "TV is at most 0.387 at noise level 0.5, and 0.997 at 0.25, where the plan stops" in words
    )
    assert "at most 0.2 (standardised units; in the data's units: 2)" in words
    assert words.endswith("Always.")
    error = Estimate(0.04, 0.01, 15)
    few = certify(
        [(1.0, entry(0, 0, 0))], w2_entry(error, 1.0, 3, high=0.25), scale=None, holds="always"
    )
    assert "at most 0.5 (standardised units; measured: 0.2)" in few.words()
    assert "says little, as at every other level" in some(7.0, 9.0).words()
    assert some(0.1).words().startswith("TV is at most 0.224 at noise level 1. Stopping there")
    # of a model that is not exact the promise leaves something out, and says so
    told = "TV is at most 0.224 at noise level 1"
    assert some(0.1).short().startswith(f"{told} (from start and steps alone; the model's error")
    assert replace(some(0.1), holds=EXACT_LAW).short() == f"{told}."


def test_w2_of_denoised_and_of_noisy_outputs():
    error = Estimate(0.09, 0.01, 15)
    made = w2_entry(error, 25.0, 4, high=0.25, widest=7.0)
    assert made.value == pytest.approx(0.3)
    assert made.high == pytest.approx(0.5)
    assert "no example showed, none of them larger than 7" in made.note
    exact = w2_entry(Estimate(0.09, 0.0), 25.0, 4)
    assert exact.value == exact.high == pytest.approx(0.3)
    assert "exact" in exact.note
    assert w2_entry(None, 25.0, 4).high == pytest.approx(0.4)


def test_intervals_are_cut_at_zero_and_bounds_are_their_high_end():
    made = kl_entry(-0.1, 0.2, 0.3, certain=False, note="n")
    assert made == Entry("kl", 0.2, 0.0, 0.3, "estimate", "n")
    assert kl_entry(-0.3, -0.2, -0.1, certain=False, note="n").high == 0.0
    sure = kl_entry(0.1, 0.15, 0.2, certain=True, note="n")
    assert sure == Entry("kl", 0.2, 0.1, 0.2, "upper bound", "n")


@pytest.mark.parametrize("last", ["denoise", "sample"])
def test_plan_promises_what_its_ledger_adds_up_to(audited, last):
    plan = audited.plan(steps=8, last=last)
    made = plan.certificate()
    assert np.allclose([at.noise for at in made.levels], plan.levels**-0.5)
    shares = [e for e in plan.ledger if e.name != "score"]
    assert made.kl.value >= sum(e.value for e in shares) * (1 - 1e-9)
    assert made.kl.high == pytest.approx(sum(e.high for e in shares), rel=1e-6)
    assert made.levels[0].kl.high < made.kl.high
    assert "exact denoiser" in made.holds
    assert made.scale == 1.0
    if last == "sample":
        assert made.w2.high == pytest.approx(plan.resolution)
    else:
        true = LAW.curve([plan.levels[-1]]).value[0]
        assert abs(made.w2.value**2 - true) < made.w2.high**2 - made.w2.value**2 + 1e-3 * true


def test_certificate_is_saved_with_the_plan_and_read_again(audited, tmp_path):
    plan = audited.plan(steps=6)
    plan.save(tmp_path / "plan.json")
    assert gv.load_plan(tmp_path / "plan.json").certificate() == plan.certificate()
    content = json.loads((tmp_path / "plan.json").read_text())
    assert content["certificate"]["finest"] == plan.certificate().finest().noise
    for change in ({"noise": 9.0}, {"noise": "x"}, {"kl": {}}):
        hurt = json.loads((tmp_path / "plan.json").read_text())
        hurt["certificate"]["levels"][0] |= change
        (tmp_path / "hurt.json").write_text(json.dumps(hurt))
        (tmp_path / "hurt.safetensors").write_bytes((tmp_path / "plan.safetensors").read_bytes())
        with pytest.raises(InputError, match=r"hurt\.json: is not a whole plan"):
            gv.load_plan(tmp_path / "hurt.json")


def test_certificates_that_contradict_themselves_are_refused():
    content = some(0.1, 0.2, scale=3.0).to_json()
    assert certificate_from_json(content).to_json() == content
    for change in ({"finest": 0.1}, {"scale": -1.0}, {"holds": 3}, {"w2_in_units": 7.0}):
        with pytest.raises(InputError, match=r"certificate|scale|holds"):
            certificate_from_json({**content, **change})


def test_a_learned_model_is_promised_up_to_its_score_error():
    wrong = gv.Gaussian([4.0], 0.01)  # a denoiser of another law
    audit = gv.audit(gv.ExactDenoiser(wrong), LAW, examples=1500, levels=33)
    plan = gv.evaluate_grid(audit, audit.levels[::4])
    made = plan.certificate()
    assert "leave out the model's error, which comes on top: at least" in made.holds
    assert "without the model's error" in made.kl.note
    # W2 of the output is true whatever the denoiser: its own error, and what is drawn
    at = np.flatnonzero(np.isclose(audit.levels, plan.levels[-1]))[0]
    assert made.w2.value**2 == pytest.approx(audit.total().value[at] + plan.drawn())


def test_plans_without_a_path_kl_have_no_certificate(audited):
    from dataclasses import replace

    plan = replace(audited.plan(steps=4), promised=None)
    with pytest.raises(InputError, match="certificate: has none"):
        plan.certificate()
