"""A user's mistake is one line on stderr, exit code 2, nothing written and no work begun."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from girsanov.cli.main import run

FIT = ("--steps", "20", "--network", "mlp")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a model of three numbers, its audit, its plan, and a law's."""
    folder = tmp_path_factory.mktemp("finished")
    law = {"format": "girsanov/law/1", "law": "gaussian", "mean": [1, 2], "covariance": 0.5}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.save("vectors.npy", np.random.default_rng(4).gamma(2.0, size=(200, 3)))
        (folder / "law.json").write_text(json.dumps(law))
        (folder / "notes.json").write_text('{"mine": 1}')
        (folder / "text.txt").write_text("not data")
        for line in (
            ["fit", "vectors.npy", "--out", "model", *FIT],
            ["audit", "model", "--data", "vectors.npy", "--levels", "9", "--draws", "2"],
            ["plan", "audit.json", "--steps", "3"],
            ["audit", "law.json", "--data", "law.json", "--examples", "200", "--out", "al.json"],
            ["plan", "al.json", "--out", "pl.json"],
            ["sample", "model", "--plan", "plan.json", "--count", "3", "--out", "old.npy"],
        ):
            assert run(line) == 0
    return folder


@pytest.fixture
def made(finished, here):
    """A copy of that folder to work in."""
    shutil.copytree(finished, here, dirs_exist_ok=True)
    return here


MISTAKES = [
    # what is typed, what is said
    ("fit none.npy --out new", "none.npy: must be an existing file"),
    ("fit text.txt --out new", "text.txt: must be .npy"),
    ("fit vectors.npy", "Missing option '--out'"),
    ("fit vectors.npy --out new --steps 0", "--steps"),
    ("fit vectors.npy --out new --steps many", "--steps"),
    ("fit vectors.npy --out new --steps 9 --minutes 1", "minutes: cannot be given together"),
    ("fit vectors.npy --out new --minutes nan", "minutes: must be a finite number > 0; got nan"),
    ("fit vectors.npy --out new --minutes -1", "minutes: must be a finite number > 0"),
    ("fit vectors.npy --out new --batch-size 0", "--batch-size"),
    ("fit vectors.npy --out new --seed -1", "--seed"),
    ("fit vectors.npy --out new --held-out 1", "--held-out: must be a share"),
    ("fit vectors.npy --out new --held-out -0.1", "--held-out: must be a share"),
    ("fit vectors.npy --out new --held-out 0.1", "--held-out: keeps 20 examples back"),
    (
        "fit vectors.npy --out new --network cnn",
        "network: must be one of auto, mlp, columns, conv, unet",
    ),
    ("fit vectors.npy --out new --objective x", "objective: must be one of"),
    ("fit vectors.npy --out new --conditional", "vectors.npy: has no labels to learn"),
    ("fit vectors.npy --out new --labels kind", "labels: must name a column"),
    ("fit vectors.npy --out new --steps 1e3", "--steps: must be a whole number; got 1e3. See"),
    (
        "fit vectors.npy --out new --steps=0",
        "--steps: must be at least 1; got 0. See girsanov fit",
    ),
    ("fit vectors.npy --out new --minutes 5m", "--minutes: must be a number; got 5m"),
    ("fit vectors.npy --out=", "--out: must not be empty"),
    (
        "fit vectors.npy --out . --steps 2",
        "--out .: must be a new folder or an empty one; got one",
    ),
    ("fit model --out new", "model: must be data, and is the folder of a model"),
    ("plan model --out new.json", "model: must be an existing JSON file; got a folder"),
    ("report audit.json --figures text.txt --out n.html", "--figures text.txt: cannot be written"),
    ("fit vectors.npy --out model", "out: must not hold a model"),
    ("fit vectors.npy --out text.txt", "--out text.txt: cannot be written"),
    ("fit vectors.npy --out text.txt/new", "--out text.txt/new: cannot be written"),
    ("fit vectors.npy --out model --resume --seed 5", "holds a run with"),
    ("audit none --data vectors.npy --out new.json", "model none: must exist"),
    ("audit text.txt --data vectors.npy --out new.json", "model text.txt: must be a model folder"),
    ("audit notes.json --data law.json --out new.json", 'notes.json: law: must have "format"'),
    ("audit law.json --data vectors.npy --out new.json", "vectors.npy: does not fit the model"),
    ("audit model --data law.json --out new.json", "data: must hold examples of shape"),
    ("audit model --data none.npy --out new.json", "none.npy: must be an existing file"),
    ("audit model --data vectors.npy --out new.txt", "--out: must end in .json"),
    ("audit model --data vectors.npy --out text.txt/a.json", "--out text.txt/a.json: cannot be"),
    ("audit model --data vectors.npy --out new.json --levels 1", "--levels"),
    ("audit model --data vectors.npy --out new.json --draws 0", "--draws"),
    ("audit model --data vectors.npy --out new.json --examples 9999", "examples: must be at most"),
    ("audit law.json --data law.json --out law.json", "law.json: exists and is not of a girsanov"),
    ("audit model --data vectors.npy --out audit.json", "audit.json: holds an audit, which cost"),
    ("plan audit.json --out new.json --by fid", "--by: must be one of sliced-w2, gaussian-w2"),
    ("plan audit.json --out new.json --by fid", "its numbers are no FID"),
    ("compare old.npy vectors.npy --by kl", "--by: must be one of sliced-w2"),
    ("plan none.json --out new.json", "none.json: must be an existing JSON file"),
    ("plan notes.json --out new.json", 'notes.json: must have "format": "girsanov/audit/1"'),
    ("plan plan.json --out new.json", 'plan.json: must have "format": "girsanov/audit/1"'),
    (
        "plan audit.json --out audit.json",
        "--out: must be another file than the audit it is made from",
    ),
    ("plan audit.json --out new.json --steps 4 --kl 1", "only one of them"),
    ("plan audit.json --out new.json --kl 1e-9", "kl: cannot be reached"),
    ("plan audit.json --out new.json --kl nan", "kl: must be a finite number"),
    ("plan audit.json --out new.json --tv 2", "tv"),
    ("plan audit.json --out new.json --sampler euler", "sampler: must be one of"),
    ("plan audit.json --out new.json --covariance x", "covariance: must be one of"),
    ("plan audit.json --out new.json --sampler ddpm --covariance pca", "covariance: belongs to"),
    ("plan audit.json --out new.json --resolution 1e9", "resolution: must lie in"),
    ("sample model --plan pl.json --count 3 --out new.npy", "plan: was made for the model"),
    ("sample model --plan pl.json --count 3 --out new.npy --any-model", "plan: must be of examp"),
    ("sample model --plan audit.json --count 3 --out new.npy", '"format": "girsanov/plan/1"'),
    ("sample model --plan plan.json --count 0 --out new.npy", "--count"),
    ("sample model --plan plan.json --count 3 --out new.txt", "must end in .npy, .npz, .csv"),
    ("sample model --plan plan.json --count 3 --out new/", "a folder can hold images only"),
    ("sample model --plan plan.json --count 3 --out old.npy", "old.npy: already exists"),
    ("sample model --plan plan.json --count 3 --out text.txt/n.npy", "cannot be written"),
    ("sample model --plan plan.json --count 3 --out new.npy --label a", "takes no labels"),
    ("sample model --plan plan.json --count 3 --out new.npy --batch-size 0", "--batch-size"),
    ("report none.json", "none.json: must be an existing JSON file"),
    ("report audit.json --out page.txt", "--out: must end in .html"),
    ("report audit.json --plan pl.json", "plan: must be of the model that was audited"),
    ("report audit.json --samples none.npy", "none.npy: must be an existing file"),
    ("report audit.json --samples old.npy --data law.json", "data"),
    ("demo --steps 0 --out new", "--steps: must be at least 1; got 0"),
    ("demo --network cnn --out new", "network: must be one of"),
    ("demo --out model", "model: must be a new folder or an empty one"),
    ("demo --out text.txt", "--out text.txt: cannot be written"),
    ("doctor --nonsense", "No such option"),
    ("nonsense", "No such command 'nonsense'"),
]


@pytest.mark.parametrize(
    "typed",
    [
        ["fit", "", "--out", "new"],
        ["fit", "vectors.npy", "--out", ""],
        ["sample", "model", "--plan", "plan.json", "--count", "3", "--out", ""],
        ["audit", "model", "--data", "", "--out", "new.json"],
    ],
)
def test_nothing_is_no_path(made, mistake, typed):
    what = "argument 1" if typed[1] == "" else typed[typed.index("") - 1]
    assert f"girsanov: {what}: must not be empty; got ''" in mistake(*typed)


@pytest.mark.parametrize(("typed", "said"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_a_mistake_is_one_line(made, mistake, typed, said):
    line = mistake(*typed.split())
    assert said in line


def test_an_unwritable_place_is_refused_before_the_work(made, mistake, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("work was begun")

    monkeypatch.setattr("girsanov.workflow.fit_model.train_on", never)
    monkeypatch.setattr("girsanov.workflow.audit_model.measure", never)
    monkeypatch.setattr("girsanov.workflow.draw_samples.draw", never)
    if not os.path.isdir("/proc/self"):
        pytest.skip("needs a place where no one may write")
    place = "/proc/self"
    mistake("fit", "vectors.npy", "--out", f"{place}/model")
    mistake("audit", "model", "--data", "vectors.npy", "--out", f"{place}/a.json")
    mistake("sample", "model", "--plan", "plan.json", "--count", 3, "--out", f"{place}/a.npy")
    mistake("demo", "--out", f"{place}/demo")
    mistake("sample", "model", "--plan", "plan.json", "--count", 3, "--out", "new.txt")
    mistake("sample", "model", "--plan", "plan.json", "--count", 3, "--out", "old.npy")
    mistake("audit", "model", "--data", "vectors.npy", "--out", "notes.json")


def test_what_takes_seconds_replaces_its_own_kind_and_says_so(made, girsanov):
    said = girsanov("plan", "audit.json", "--steps", 5)
    assert said.out.endswith("(it replaced an older plan)\n")
    assert json.loads((made / "plan.json").read_text())["steps"] == 5
    assert girsanov("plan", "audit.json", "--steps", 5, "--json").json["replaced"] is True
    assert "replaced" not in girsanov("report", "audit.json").out
    assert "(it replaced an older page)" in girsanov("report", "audit.json").out


def test_what_cost_network_calls_is_not_replaced(made, girsanov, mistake):
    again = ("audit", "model", "--data", "vectors.npy", "--levels", 9, "--draws", 2)
    assert "audit.json: holds an audit, which cost network calls" in mistake(*again)
    assert girsanov(*again, "--force").code == 0
    plan = json.loads((made / "plan.json").read_text())
    plan["tournament"] = {}
    (made / "plan.json").write_text(json.dumps(plan))
    said = mistake("plan", "audit.json")
    assert "plan.json: holds a plan that samples decided, which cost network calls" in said
    assert girsanov("plan", "audit.json", "--force").code == 0


def test_arrays_of_another_file_are_not_replaced(made, mistake):
    (made / "weights.safetensors").write_bytes(b"precious")
    line = mistake("plan", "audit.json", "--out", "weights.json")
    assert "weights.safetensors: exists" in line


def test_a_page_of_another_hand_is_not_replaced(made, mistake):
    (made / "index.html").write_text("<html>mine</html>")
    assert "index.html: exists" in mistake("report", "audit.json", "--out", "index.html")


def test_force_replaces_what_is_there(made, girsanov):
    for line in (
        "plan audit.json --out notes.json",
        "sample model --plan plan.json --count 5 --out old.npy",
    ):
        assert girsanov(*line.split(), "--force").code == 0
    assert json.loads((made / "notes.json").read_text())["format"] == "girsanov/plan/1"
    assert len(np.load("old.npy")) == 5


def test_a_file_that_cannot_be_read_is_one_line(made, mistake, monkeypatch):
    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied", "vectors.npy")

    monkeypatch.setattr("girsanov.workflow.audit_model.load_model", denied)
    line = mistake("audit", "model", "--data", "vectors.npy", "--out", "new.json")
    assert line == "girsanov: vectors.npy: cannot be used (Permission denied)\n"


def test_a_fault_of_ours_is_not_hidden(made, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("a bug")

    monkeypatch.setattr("girsanov.workflow.audit_model.load_model", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run(["audit", "model", "--data", "vectors.npy", "--out", "new.json"])
