"""A request and its command are one thing: the same names, defaults and refusals."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import girsanov as gv
from girsanov import workflow
from girsanov.cli.main import run
from girsanov.cli.options import app

REQUESTS = {
    name.removesuffix("Request").lower(): getattr(workflow, name)
    for name in workflow.__all__
    if name.endswith("Request")
}
PRINTING = {"json", "frontier", "verbose"}  # of a command alone: they change nothing of a result
FULL = [
    workflow.FitRequest("a b.csv", out="new", steps=7, held_out=0.3, conditional=True, drop=["x"],
                        labels="kind", network="mlp", compile=True, seed=5),
    workflow.AuditRequest("hub:me/pipe", data="digits", train_data="t.npy", calls=9000,
                          guidance=2.5, reference="other", precision="bfloat16"),
    workflow.AuditRequest("model", data="x.npy", half_width=0.03, steps=8, class_order="text"),
    workflow.PlanRequest("audit.json", steps=4, calibrate=False, among=[0.5, 2.0], weight=0.0),
    workflow.PlanRequest("audit.json", tv=0.1, calibrate=True, keep=1.5, model="model"),
    workflow.PlanRequest("audit.json", by="mmd", model="model", data="x.npy",
                         candidates=("ddpm", "ddim"), drop="id"),
    workflow.SampleRequest("model", plan="plan.json", count=9, out="drawn/", label="None"),
    workflow.CompareRequest("s.npy", "x.npy", by=["mmd", "sliced-w2"], model="model", rows=50),
    workflow.ReportRequest(["a.json", "b.json"], plan="p.json", samples="s.npy", figures="f"),
    workflow.ExportRequest("p.json", pipeline="pipe", out="l.json", to="sigmas", any_model=True),
    workflow.DemoRequest(out="my demo", steps=50),
    workflow.LikelihoodRequest("audit.json", plan="plan.json"),
    workflow.CheckpointsRequest(["a", "b"], data="x.npy", examples=64, train_data="t.npy",
                                page="p.html", drop=["id"]),
    workflow.CheckRequest("net.py:load", data="digits", other="net.py:raw", examples=20, seed=3),
]  # fmt: skip


def called(line, monkeypatch):
    """Return the request that a command hands to its call."""
    asked = []

    class Stop(Exception):
        """Nothing is to be done."""

    def call(request, **_):
        asked.append(request)
        raise Stop

    words = shlex.split(line)[1:]
    monkeypatch.setattr(workflow, words[0], call)
    monkeypatch.setattr("girsanov.workflow.shared.early.check_early", lambda request: None)
    with pytest.raises(Stop):
        run(words)
    return asked[0]


@pytest.fixture(scope="module", autouse=True)
def _registered():
    run([])


@pytest.mark.parametrize("name", REQUESTS)
def test_a_command_has_an_option_for_every_field(name):
    params = {p.name: p for p in typer.main.get_command(app).commands[name].params}
    known = {f.name: f for f in dataclasses.fields(REQUESTS[name])}
    assert set(params) - PRINTING == set(known)
    for field in known.values():
        param = params[field.name]
        assert (param.param_type_name == "option") == field.kw_only
        assert param.required == (field.default is dataclasses.MISSING)
        if not param.required and field.default != ():
            assert param.default == field.default


@pytest.mark.parametrize("name", REQUESTS)
def test_help_names_every_field(name):
    told = " ".join(REQUESTS[name].__doc__.split())
    for field in dataclasses.fields(REQUESTS[name]):
        assert re.search(rf"\b{field.name}\b", told), field.name


@pytest.mark.parametrize("request_", FULL, ids=lambda r: r.command())
def test_the_line_of_a_request_asks_for_the_same(request_, monkeypatch):
    asked = called(request_.command(), monkeypatch)
    for field in dataclasses.fields(request_):
        own, typed = (getattr(r, field.name) for r in (request_, asked))
        plain = [[*map(str, v)] if isinstance(v, tuple) else v for v in (own, typed)]
        assert plain[0] == plain[1] or str(own) == str(typed), field.name


def test_a_line_is_short_and_tells_nothing_of_how_it_was_run():
    asked = workflow.SampleRequest("m", plan=Path("p.json"), count=3, out="s.npy", force=True)
    assert asked.command() == "girsanov sample m --plan p.json --count 3 --out s.npy"
    asked = workflow.FitRequest("x.npy", out="m", resume=True, seed=0)
    assert asked.command() == "girsanov fit x.npy --out m"


def test_one_value_will_do_for_several():
    asked = workflow.ReportRequest(Path("a.json"), plan="p.json", drop=["x", "y"])
    assert (asked.audit, asked.plan, asked.drop) == ((Path("a.json"),), ("p.json",), ("x", "y"))


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("Fit", {"held_out": 1}, "--held-out: must be a share"),
        ("Fit", {"held_out": float("nan")}, "--held-out: must be a finite number"),
        ("Audit", {"calls": 9, "draws": 2}, "--draws: cannot be given with --calls"),
        ("Audit", {"calls": 9, "half_width": 0.1}, "--calls: is found by --half-width"),
        ("Audit", {"half_width": 3}, "--half-width: must be above 0 and below 1"),
        ("Audit", {"steps": 3}, "--steps: is for --half-width alone"),
        ("Plan", {"by": "mmd", "kl": 1.0}, "--kl: cannot be given with --by"),
        ("Plan", {"by": "mmd", "weight": 0.0}, "--weight: cannot be given with --by"),
        ("Plan", {"drop": ["a", "b"]}, "--drop: belongs to --by; got a, b. Give --by sliced-w2"),
        ("Report", {}, "audit: must name at least one audit"),
    ],
)
def test_what_contradicts_itself_is_refused_when_it_is_built(kind, given, said):
    first = {"Fit": ["x"], "Audit": ["m"], "Plan": ["a.json"], "Report": [[]]}[kind]
    needed = {"Fit": {"out": "new"}, "Audit": {"data": "x"}}.get(kind, {})
    with pytest.raises(gv.InputError, match=re.escape(said)):
        getattr(workflow, f"{kind}Request")(*first, **needed, **given)


def test_a_request_stays_as_it_was_built():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL[0].seed = 1


def test_every_name_can_be_had_and_no_other():
    for name in workflow.__all__:
        assert callable(getattr(workflow, name))
    assert set(workflow.__all__) <= set(dir(workflow))
    with pytest.raises(AttributeError, match="has no attribute 'verify'"):
        workflow.verify  # noqa: B018
