"""Audits without sampling: what they hold, when they are made, and that they come back whole."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from catalogue import LAWS, ROOT

import girsanov as gv
from girsanov._checks import InputError
from girsanov._files import read_tensors, write_pair
from girsanov.audited import load_audit
from girsanov.data import load_data
from girsanov.error_curve.interpolate import denser, stretches
from girsanov.measuring.trajectories import teacher_calls

SHARED = ROOT @ ROOT.T
GAUSSIAN = LAWS["gaussian"]
LINE = LAWS["mixture 1-D"]
SPHERE = gv.Sphere([1.0, 2.0, 3.0], 2.0)
ROW = gv.Points([[0.0, 1.0], [1.0, 3.0], [3.0, 7.0]], [0.2, 0.5, 0.3])
KNOWN = {"gaussian": GAUSSIAN, "line": LINE, "sphere": SPHERE, "row": ROW}
over_known = pytest.mark.parametrize("law", KNOWN.values(), ids=KNOWN)
GRID = np.geomspace(0.02, 200, 17)


def exact(law, **options):
    return gv.audit(gv.ExactDenoiser(law), law, **{"levels": GRID, **options})


class Counting(gv.ExactDenoiser):
    def __call__(self, x, snr, label=None):
        raise AssertionError("no call is needed")


@over_known
def test_no_call_is_made(law, monkeypatch):
    monkeypatch.setattr(gv.ExactDenoiser, "__call__", Counting.__call__)
    made = exact(law, flow=0)
    assert made.curve.exact
    told = {name: getattr(made.facts, name) for name in ("exact", "examples", "draws", "calls")}
    assert told == {"exact": True, "examples": 0, "draws": 0, "calls": 0}
    assert (made.total().se == 0).all()
    assert made.probe is None
    assert made.corrected is None
    assert made.doubts() == []


@over_known
def test_curve_is_the_laws_own_in_every_basis(law):
    made, measured = exact(law), exact(law, examples=6000, draws=1, seed=2, batch_size=2000)
    np.testing.assert_allclose(made.total().value, law.curve(GRID).value, rtol=1e-12)
    np.testing.assert_allclose(made.frame.moments.variance, law.variance, rtol=1e-12)
    assert not measured.curve.exact
    for name in ("pca", "coordinate")[: 1 + (law.dimension > 1)]:
        own, theirs = made.curve.errors[name][:, 0], measured.curve.errors[name]
        if name == "pca" and law is SPHERE:
            own = own.mean(axis=1, keepdims=True)
            theirs = theirs.mean(axis=2, keepdims=True)
        if name == "pca":  # axes are the same up to their signs
            own, theirs = np.sort(own, axis=1), np.sort(theirs, axis=2)
        se = theirs.std(axis=1, ddof=1) / 4
        rare = own < 1e-3 * own[0]  # made by too few examples for a standard error
        gap = np.abs(theirs.mean(axis=1) - own)
        assert (gap <= 5 * se + 1e-12)[~rare].all()


def test_errors_of_a_gaussian_are_those_of_its_directions():
    made = exact(GAUSSIAN)
    values = np.sort(np.linalg.eigvalsh(SHARED))[::-1]
    s = np.concatenate([[0.0], GRID])[:, None]
    np.testing.assert_allclose(
        made.curve.errors["pca"][:, 0], values / (1 + s * values), rtol=1e-9
    )
    for k, at in enumerate(s[:, 0]):
        posterior = SHARED @ np.linalg.inv(np.eye(3) + at * SHARED)
        found = made.curve.errors["coordinate"][k, 0]
        np.testing.assert_allclose(found, np.diag(posterior), rtol=1e-10)
    half = np.log1p(s * values).sum(axis=1) / 2
    np.testing.assert_allclose(made.curve.half, half, rtol=1e-12, atol=1e-15)
    assert float(made.nats().value) == pytest.approx(half[-1] - half[1], rel=1e-12)


def test_many_coordinates_share_bands():
    values = np.geomspace(4, 0.01, 300)
    law = gv.Gaussian(np.linspace(-1, 1, 300), values)
    made = exact(law)
    assert len(made.curve.sizes["pca"]) < 300
    np.testing.assert_allclose(made.total().value, law.curve(GRID).value, rtol=1e-12)
    bands = made.frame.bands
    at = values / (1 + GRID[3] * values)  # falling, as the axes are
    np.testing.assert_allclose(
        made.curve.errors["pca"][4, 0], np.bincount(bands.index, at) / bands.sizes, rtol=1e-12
    )


@pytest.mark.parametrize(
    "asked",
    [{"examples": 64}, {"draws": 1, "examples": 40}, {"reference": gv.ExactDenoiser(GAUSSIAN)},
     {"train": load_data(np.random.default_rng(0).normal(size=(50, 3)))}],
    ids=["examples", "draws", "reference", "train"],
)  # fmt: skip
def test_who_asks_for_a_sample_gets_one(asked):
    if "examples" not in asked:  # a small one
        asked = {**asked, "examples": 64}
    assert not exact(GAUSSIAN, **asked).curve.exact


def test_only_the_exact_denoiser_of_this_very_law_is_not_measured():
    class Other(gv.ExactDenoiser):
        pass

    law, near = gv.Gaussian([0.5], 2.0), gv.Gaussian([0.5], 2.0001)
    for model in (Other(law), gv.ExactDenoiser(near), gv.ExactDenoiser(law, torch.float32)):
        assert not gv.audit(model, law, levels=2).curve.exact
    assert gv.audit(gv.ExactDenoiser(gv.Gaussian([0.5], 2.0)), law, levels=2).curve.exact


def test_a_law_that_is_not_known_is_measured():
    law = gv.Points([[2.0, 0.0], [5.0, 1.0], [1.0, -3.0]])
    assert exact(law, levels=2).facts.examples == 20_000


def test_trajectories_are_drawn_all_the_same():
    made = exact(LINE, levels=9, trajectories=40)
    assert made.curve.exact
    assert made.facts.calls == 40 * teacher_calls(9)
    plan = made.plan(sampler="ddim", steps=4)
    assert plan.distance is not None
    with pytest.raises(InputError, match="trajectories"):
        exact(LINE, trajectories=-1)


@over_known
def test_an_exact_audit_comes_back_whole(law, tmp_path):
    made = exact(law)
    made.save(tmp_path / "a.json")
    back = load_audit(tmp_path / "a.json")
    assert back.facts == made.facts
    for one, other in ((made.curve, back.curve), (made.curve.finer, back.curve.finer)):
        assert other.exact
        assert one.errors.keys() == other.errors.keys()
        for name, value in one.errors.items():
            np.testing.assert_array_equal(other.errors[name], value)
        for name in ("levels", "traces", "half", "second_moments", "shares"):
            np.testing.assert_array_equal(getattr(other, name), getattr(one, name))
    again, first = (audit.plan(steps=5) for audit in (back, made))
    assert again.ledger == first.ledger
    assert again.certificate() == first.certificate()
    np.testing.assert_array_equal(again.variances, first.variances)
    assert str(back) == str(made)
    assert back.summary() == made.summary()


def rewritten(folder, change, edits=None):
    """Save an exact audit whose arrays were changed, and read it."""
    exact(LINE).save(folder / "a.json")
    record = json.loads((folder / "a.json").read_text())
    arrays = read_tensors(folder / "a.safetensors")
    change(arrays)
    write_pair(folder / "a.json", {**record, **(edits or {})}, arrays)
    return load_audit(folder / "a.json")


def lower(name):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][2] *= 0.5

    return change


@pytest.mark.parametrize(
    ("change", "edits", "words"),
    [
        (lower("half"), {}, "does not fall"),
        (lower("errors.pca"), {}, "one with its finer"),
        (lower("finer.half"), {}, "does not fall"),
        (lambda t: t.pop("finer.levels"), {}, "must hold finer.levels"),
        (lambda t: t.update(half=t["half"] * np.nan), {}, "finite half"),
        (lambda t: t.update(shares=np.full(2, 0.5)), {}, "shares of shape"),
        (lambda t: None, {"exact": False}, "must be of an exact denoiser"),
        (lambda t: None, {"examples": 40}, "must be of an exact denoiser"),
        (lambda t: t.pop("half"), {}, "must hold"),
    ],
)  # fmt: skip
def test_an_exact_curve_that_contradicts_itself_is_refused(change, edits, words, tmp_path):
    with pytest.raises(InputError, match=words):
        rewritten(tmp_path, change, edits)


def test_what_is_said_of_an_exact_audit():
    made = exact(GAUSSIAN)
    assert repr(made) == (
        "Audit(exact denoiser [3] of Gaussian, whose curve is known: 17 noise levels 7.07 to "
        "0.0707, 0 network calls)"
    )
    text = str(made)
    assert "nats, exact (half of its integral" in text
    assert "adds nothing" in " ".join(text.split())
    assert "95 %" not in text
    assert "0 examples" not in text


def test_an_exact_audit_stays_exact_in_phase_space():
    made = exact(LINE).in_process("cld")
    assert made.curve.exact
    assert made.dense.facts.process == "cld"


def test_a_curve_without_a_finer_one_is_planned_at_its_own_levels():
    made = exact(LINE)
    bare = replace(made, curve=replace(made.curve, finer=None))
    assert bare.dense is bare
    assert np.isin(bare.plan(steps=4).levels, GRID).all()


def test_parts_of_a_gap_add_up_to_what_is_known_of_it():
    curve = exact(LINE).curve
    gaps = np.diff(curve.half)
    np.testing.assert_array_equal(stretches(curve, GRID)[:, 0], gaps)
    parts = stretches(curve, denser(GRID, 1))[:, 0]
    np.testing.assert_allclose(parts[1::2] + parts[2::2], gaps[1:], rtol=1e-12)
