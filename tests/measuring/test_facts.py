"""The record of an audit, in its own file and in plans made from it: every field of its kind."""

from __future__ import annotations

import json

import pytest

import girsanov as gv
from girsanov.measuring.facts import AuditFacts

WRONG = [
    ("calls", {"a": 1}), ("draws", -1), ("girsanov", 3), ("seconds", "long"), ("scale", 0.0),
    ("commands", ["a", 1]), ("commands", "girsanov"), ("process", []), ("guidance", True),
    ("trained_levels", [2.0, 1.0]), ("notes", {}), ("arithmetic", {"precision": 8}),
    ("seed", 10**400), ("vae", []), ("model", None), ("shape", [2, -1]), ("exact", 1),
    ("seconds", float("nan")), ("seconds", 10**400),
]  # fmt: skip


@pytest.fixture(scope="module")
def made():
    law = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.2])
    audit = gv.audit(gv.ExactDenoiser(law), law, levels=9, examples=64)
    return audit, audit.plan(steps=3)


@pytest.fixture
def saved(made, tmp_path):
    for name, thing in zip(("audit.json", "plan.json"), made, strict=True):
        thing.save(tmp_path / name)
    return tmp_path


def edit(path, change):
    content = json.loads(path.read_text())
    change(content if path.name == "audit.json" else content["audit"])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda v: repr(v)[:20])
def test_a_field_of_another_kind_is_refused_in_one_line(made, key, value):
    with pytest.raises(
        gv.InputError, match=rf"it: (must have .* as {key}|{key}: must have)"
    ) as error:
        AuditFacts.from_json({**made[0].facts.to_json(), key: value}, "it")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("name", ["audit.json", "plan.json"])
def test_files_with_such_records_are_refused(saved, name):
    read = gv.load_audit if name == "audit.json" else gv.load_plan
    read(saved / name)
    edit(saved / name, lambda facts: facts.update(calls="many"))
    with pytest.raises(gv.InputError, match=rf"{name}.*: must have a whole number as calls; got"):
        read(saved / name)
    edit(saved / name, lambda facts: facts.pop("calls"))
    with pytest.raises(gv.InputError, match=rf"{name}.*: must have calls\. Run girsanov audit"):
        read(saved / name)


def test_a_measured_audit_of_no_examples_is_refused(saved):
    edit(saved / "audit.json", lambda facts: facts.update(examples=0))
    with pytest.raises(gv.InputError, match="must have the number of examples it measured"):
        gv.load_audit(saved / "audit.json")


def test_facts_that_an_older_file_has_not_are_none(made):
    """Counts are 0 there, and rows are told apart by the data with its labels."""
    facts = made[0].facts
    old = {**facts.to_json(), "data": "with labels"}
    for name in ("trajectories", "levels_between", "training_examples", "rows"):
        old.pop(name)
    read = AuditFacts.from_json(old, "it")
    assert (read.trajectories, read.levels_between, read.rows) == (0, 0, "with labels")


def test_fields_of_other_names_are_left_alone(made):
    content = {**made[0].facts.to_json(), "mine": [1], "trained_levels": None}
    facts = AuditFacts.from_json(content, "it")
    assert facts.others == {"mine": [1]}
    assert facts.to_json() == {**made[0].facts.to_json(), "mine": [1]}
