"""A pipeline from audit to samples: trained levels only, its notes, its data's units."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import pipelines  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov.cli.main import run  # noqa: E402
from girsanov.denoise.pipelines.folder import from_pipeline  # noqa: E402
from girsanov.denoise.pipelines.units import units_for  # noqa: E402
from girsanov.measuring.model_record import levels_to_audit, moved_to_trained  # noqa: E402


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return from_pipeline(pipelines.ddpm(clip_sample=True, prediction_type="sample"))


def test_the_audit_measures_at_trained_levels(model, images, tmp_path):
    done = gv.audit(model, gv.load_data(images), levels=9, trajectories=2, batch_size=64)
    assert np.isin(done.levels, model.levels).all()
    assert len(done.levels) == 9
    assert done.levels[0] == model.levels[0]
    assert done.levels[-1] == model.levels[-1]
    assert done.facts.trained_levels == tuple(model.levels.tolist())
    assert any("clipped" in note for note in done.facts.notes)
    done.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json")
    assert again.facts.to_json() == json.loads(json.dumps(done.facts.to_json()))
    plan = again.plan(steps=4, covariance="dct")
    assert np.isin(plan.levels, model.levels).all()
    drawn = gv.sample(model, plan, 3)
    assert drawn.dtype == np.uint8
    assert drawn.shape == (3, 8, 8, 3)


def test_given_levels_move_to_trained_ones(model):
    asked = np.array([1e-3, 1.0001, 1.0002, 50.0])
    got = levels_to_audit(model, asked)
    assert len(got) == 3
    assert np.isin(got, model.levels).all()
    assert np.abs(np.log(got) - np.log(asked[[0, 1, 3]])).max() < 0.2
    moved = moved_to_trained(model, asked)
    assert (np.diff(moved) > 0).all()
    assert np.isfinite(model.clock.time(moved)).all()


@pytest.mark.parametrize(("scale", "offset", "ends"), [
    (1 / 255, 0.0, (0.0, 1.0)), (2 / 255, -1.0, (-1.0, 1.0)), (1.0, 0.0, None)])  # fmt: skip
def test_pictures_keep_the_range_they_were_given_in(model, images, scale, offset, ends):
    """Neither part of a split is stretched to its own brightest pixel."""
    x = (images * scale + offset).astype(np.float32).clip(-1, 255)
    low = (x * 0.5).astype(np.float32) if ends else x  # no pixel reaches the end of the range
    units = units_for(model, gv.load_data(low))
    want = ends or (float(x.min()), float(x.max()))
    assert (units.low, units.high) == want


def test_labels_of_other_names_are_taken_in_order(images):
    model = from_pipeline(pipelines.ddpm(classes=3, prediction_type="sample"))
    labels = np.array(["ant", "bee"])[np.arange(48) % 2]
    data = gv.load_data(images, labels=labels)
    done = gv.audit(model, data, levels=4, batch_size=64)
    coded = gv.load_data(images, labels=np.array(["0", "1"])[np.arange(48) % 2])
    same = gv.audit(model, coded, levels=4, batch_size=64)
    np.testing.assert_array_equal(done.total().value, same.total().value)


def test_the_command_line(model, images, tmp_path, capsys):
    pipelines.ddpm(clip_sample=True, prediction_type="sample").save_pretrained(tmp_path / "pipe")
    np.save(tmp_path / "images.npy", images)
    pipe, audit, plan = (str(tmp_path / n) for n in ("pipe", "audit.json", "plan.json"))
    assert run(["audit", pipe, "--data", str(tmp_path / "images.npy"), "--levels", "6",
                "--device", "cpu", "--out", audit]) == 0  # fmt: skip
    assert "note: predictions are clipped" in " ".join(capsys.readouterr().out.split())
    assert run(["plan", audit, "--steps", "3", "--covariance", "dct", "--out", plan]) == 0
    out = str(tmp_path / "samples.npy")
    assert run(["sample", pipe, "--plan", plan, "--count", "2", "--out", out]) == 0
    assert np.load(out).shape == (2, 8, 8, 3)
    assert np.load(out).dtype == np.uint8
