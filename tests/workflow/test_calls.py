"""What the commands do, as calls from Python: what is made, written, told and refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

import girsanov as gv
from girsanov import workflow
from girsanov.cli.main import run
from girsanov.data.origin import read_origin
from girsanov.sampling.shards import plan_fingerprint

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])


class Bar:
    """Keeps what progress said."""

    def __init__(self):
        self.told = []

    def __call__(self, done, total):
        self.told.append((done, total))

    @property
    def full(self):
        """Whether all was done in the end."""
        return self.told[-1][0] == self.told[-1][1] > 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the whole job on a table with an identifier, and what each call returned."""
    folder = tmp_path_factory.mktemp("job")
    draw = np.random.default_rng(3)
    lines = ["name,height,rings,species"]
    for k, kind in enumerate(draw.choice(3, size=200, p=[0.6, 0.3, 0.1])):
        height, rings = draw.gamma(3) + 4 * kind, draw.integers(1, 80)
        lines.append(f"t{k:05d},{height:.2f},{rings},{('ash', 'beech', 'oak')[kind]}")
    (folder / "trees.csv").write_text("\n".join(lines) + "\n")
    (folder / "law.json").write_text(json.dumps(LAW.to_json()))
    notes, bars, asked = [], {n: Bar() for n in ("fit", "audit", "sample", "compare")}, REQUESTS
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        results = {
            "fit": workflow.fit(asked["fit"], progress=bars["fit"], say=notes.append),
            "audit": workflow.audit(asked["audit"], progress=bars["audit"]),
            "plan": workflow.plan(asked["plan"]),
            "sample": workflow.sample(asked["sample"], progress=bars["sample"]),
            "compare": workflow.compare(asked["compare"], progress=bars["compare"]),
            "report": workflow.report(asked["report"]),
        }
    return folder, results, notes, bars


REQUESTS = {
    "fit": workflow.FitRequest("trees.csv", out="model", steps=20, network="mlp", held_out=0.3),
    "audit": workflow.AuditRequest("model", data="trees.csv", levels=9, draws=2),
    "plan": workflow.PlanRequest("audit.json", steps=3),
    "sample": workflow.SampleRequest("model", plan="plan.json", count=60, out="new.csv"),
    "compare": workflow.CompareRequest("new.csv", "trees.csv", by="sliced-w2", model="model"),
    "report": workflow.ReportRequest("audit.json", plan="plan.json", samples="new.csv"),
}


@pytest.fixture
def job(finished, tmp_path, monkeypatch):
    """A copy of that folder to work in."""
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_audit_is_of_the_share_that_the_training_kept_back(finished):
    folder, results, _, _ = finished
    held_out = gv.load_data(folder / "trees.csv").without_labels().split(0.7, seed=0)[1]
    assert results["audit"].audit.facts.data == held_out.fingerprint
    assert results["audit"].audit.facts.training_examples > 0


def test_results_hold_what_was_made_and_where(finished):
    folder, results, _, _ = finished
    fitted, audited, planned, drawn = (results[n] for n in ("fit", "audit", "plan", "sample"))
    assert gv.load_model(folder / fitted.out).fingerprint == fitted.model.fingerprint
    assert gv.load_audit(folder / audited.out).facts == audited.audit.facts
    assert gv.load_plan(folder / planned.out).steps == planned.plan.steps == 3
    assert not planned.replaced
    assert planned.verdict[0] == planned.to_json()["verdict"][0]
    assert drawn.values.dtype.names == ("name", "height", "rings", "species")
    assert (folder / drawn.out).read_text().count("\n") == 61
    assert results["compare"].comparison["sliced-w2"].value >= 0
    assert "girsanov compare" not in (folder / results["report"].out).read_text()


def test_results_remember_the_commands_that_make_them_again(finished):
    folder, results, _, _ = finished
    lines = [REQUESTS[name].command() for name in ("fit", "audit", "plan", "sample")]
    assert results["fit"].model.training["command"] == lines[0]
    assert results["audit"].audit.facts.commands == tuple(lines[:2])
    assert results["plan"].plan.audit.commands == tuple(lines[:3])
    assert results["sample"].commands == lines
    assert read_origin(str(folder / "new.csv"))["command"] == lines[3]


def test_the_command_line_makes_and_says_the_same(finished, tmp_path, monkeypatch, capsys):
    folder, results, _, _ = finished
    monkeypatch.chdir(tmp_path)
    for name in ("trees.csv", "law.json"):
        shutil.copy(folder / name, name)
    for name, request in REQUESTS.items():
        capsys.readouterr()
        assert run([*request.command().split()[1:], "--json"]) == 0
        texts = (capsys.readouterr().out, json.dumps(results[name].to_json()))
        said, own = (json.loads(re.sub(r'"seconds": [^,}]+', '"seconds": 0', t)) for t in texts)
        assert said == own
    for name in ("audit.safetensors", "plan.safetensors", "new.csv"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_progress_and_notes_are_told_while_it_works(finished):
    _, results, notes, bars = finished
    assert bars["fit"].told  # which may stop early
    assert [name for name, bar in bars.items() if not bar.full] in ([], ["fit"])
    assert results["fit"].notes == notes
    assert "name" in notes[0]  # looks like an identifier


def test_a_budget_of_calls_is_kept(job):
    asked = replace(REQUESTS["audit"], levels=None, draws=None, calls=9000, out="few.json")
    done = workflow.audit(replace(asked, trajectories=16))
    assert 4500 < done.audit.facts.calls <= 9000
    assert done.audit.facts.trajectories == 16
    assert workflow.plan(workflow.PlanRequest("few.json", sampler="ddim", steps=3)).plan.distance


def test_a_precision_is_reached(job):
    asked = workflow.AuditRequest("law.json", data="law.json", half_width=0.3, steps=6,
                                  out="a.json")  # fmt: skip
    assert workflow.audit(asked).audit.facts.precision.reached <= 0.3 * 1.02


def test_samplers_compete_by_what_they_draw(job):
    workflow.audit(workflow.AuditRequest("law.json", data="law.json", levels=17, examples=400,
                                         out="a.json"))  # fmt: skip
    bar = Bar()
    asked = workflow.PlanRequest(
        "a.json", by="sliced-w2", steps=5, candidates="ddpm", model="law.json", data="law.json",
        calls=3000, out="by.json",
    )  # fmt: skip
    done = workflow.plan(asked, progress=bar)
    assert bar.full
    assert done.plan.tournament.calls <= 3000
    assert done.to_json()["tournament"]["by"] == "sliced-w2"
    with pytest.raises(gv.InputError, match="holds a plan that samples decided"):
        workflow.plan(asked)
    with pytest.raises(gv.InputError, match="--model: must be given with --by"):
        workflow.plan(replace(asked, model=None, out="no.json"))


def test_pilot_samples_match_the_noise_to_the_spread_of_the_data(job):
    asked = workflow.PlanRequest("audit.json", steps=3, model="model", out="matched.json")
    matched = workflow.plan(asked).plan
    usual = gv.load_audit("audit.json").plan(steps=3, sampler=matched.sampler)
    np.testing.assert_array_equal(matched.levels, usual.levels)
    assert plan_fingerprint(matched) != plan_fingerprint(usual)


def test_many_samples_come_in_shards_that_go_on(job):
    asked = workflow.SampleRequest("model", plan="plan.json", count=2500, out="many.csv")
    model, plan = gv.load_model("model"), gv.load_plan("plan.json")
    parts = gv.sample_shards(model, plan, 2500, "many.csv.parts")
    parts.path(1).unlink()
    lines, bar = [], Bar()
    many = workflow.sample(asked, progress=bar, say=lines.append)
    assert lines == [
        "many.csv.parts keeps 1500 of these samples from a run that was stopped; going on with "
        "them"
    ]
    assert bar.full
    assert not parts.folder.exists()
    few = workflow.sample(replace(asked, count=20, out="few.csv"))
    np.testing.assert_array_equal(many.values[:20], few.values)


def test_what_is_there_is_replaced_on_demand_alone(job):
    with pytest.raises(gv.InputError, match=r"audit\.json: holds an audit, which cost network"):
        workflow.audit(REQUESTS["audit"])
    assert workflow.audit(replace(REQUESTS["audit"], force=True)).out.is_file()
    assert workflow.plan(REQUESTS["plan"]).replaced
    assert workflow.report(REQUESTS["report"]).replaced
    with pytest.raises(gv.InputError, match="already exists"):
        workflow.sample(REQUESTS["sample"])
    with pytest.raises(gv.InputError, match="--by: must be one of"):
        workflow.compare(replace(REQUESTS["compare"], by="fid"))


def test_figures_are_written_as_files(job, monkeypatch):
    monkeypatch.setattr("girsanov.reporting.figure_files.BROWSERS", ())  # which takes long
    done = workflow.report(replace(REQUESTS["report"], figures="figures", out="page.html"))
    assert done.figures
    assert all(path.is_file() for path in done.figures)
    assert done.to_json()["formats"] == ["svg"]
