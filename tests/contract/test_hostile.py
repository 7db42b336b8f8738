"""Any value in the place of any argument: a result, or one line that says what is wrong."""

from __future__ import annotations

import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import girsanov as gv
from girsanov import workflow
from girsanov.planning.tournament.options import TournamentOptions

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.sampled_from([2**63, -(2**63), 10**400]),
    st.floats(-10, 10), st.sampled_from([math.nan, math.inf, -math.inf, 1e308, 1e-320]),
    st.text(max_size=4), st.binary(max_size=3), st.complex_numbers(max_magnitude=2),
)  # fmt: skip
ARRAYS = st.sampled_from([
    np.zeros(0), np.array(1.0), np.ones((2, 3)), np.array([np.nan, 1.0]), np.array([2.0, 1.0]),
    np.array(["a", "b"]), np.array([1, {}], dtype=object), np.array([True, False]),
    np.array([1 + 1j]), np.geomspace(0.1, 10, 5), torch.ones(2), torch.zeros(0, 3),
])  # fmt: skip
LISTS = st.recursive(SCALARS, lambda inside: st.lists(inside, max_size=3), max_leaves=5)
OTHERS = st.sampled_from([{}, {"a": 1}, object(), dict, len, Path("none"), slice(3)])
HOSTILE = st.one_of(SCALARS, ARRAYS, LISTS, OTHERS)
LAW = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.2])


@cache
def made() -> tuple[gv.Denoiser, gv.Audit, gv.Plan]:
    """Return an exact denoiser of a skewed law, its audit and a plan."""
    model = gv.ExactDenoiser(LAW)
    audit = gv.audit(model, LAW, levels=7, examples=40)
    return model, audit, audit.plan(steps=3)


def calls() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return the entry points by name, with arguments that they take."""
    model, audit, plan = made()
    rows = np.random.default_rng(4).gamma(2.0, size=(60, 2))
    data = gv.load_data(rows)
    return {
        "Gaussian": (gv.Gaussian, {"mean": [0.0, 1.0], "covariance": 0.5}),
        "GaussianMixture": (gv.GaussianMixture, {
            "weights": [0.5, 0.5], "means": [[0.0], [1.0]], "covariances": 0.5}),
        "Points": (gv.Points, {"points": [[0.0], [1.0]], "weights": [0.5, 0.5]}),
        "Sphere": (gv.Sphere, {"centre": [0.0, 1.0], "radius": 1.0}),
        "SwissRoll": (gv.SwissRoll, {"scale": 0.3, "height": 2.0}),
        "VariancePreserving": (gv.VariancePreserving, {}),
        "load_data": (gv.load_data, {"source": rows, "labels": None}),
        "split": (data.split, {"fraction": 0.5, "seed": 0}),
        "audit": (gv.audit, {
            "denoiser": model, "data": LAW, "levels": 5, "examples": 40, "draws": 1,
            "trajectories": 0, "seed": 0, "batch_size": 16}),
        "make_plan": (gv.make_plan, {
            "audit": audit, "steps": 3, "sampler": "analytic-dpm", "covariance": None,
            "resolution": None}),
        "make_plan kl": (gv.make_plan, {"audit": audit, "kl": 0.5}),
        "sample": (gv.sample, {
            "denoiser": model, "plan": plan, "count": 3, "seed": 0, "batch_size": 2,
            "label": None}),
        "compare": (gv.compare, {"samples": rows, "data": rows + 0.1, "by": ["sliced-w2"]}),
        "recipe": (gv.recipe, {"sampler": "ddpm", "levels": [0.1, 1.0, 10.0]}),
        "ode_recipe": (gv.ode_recipe, {"sampler": "ddim", "levels": [0.1, 1.0, 10.0]}),
        "karras_grid": (gv.karras_grid, {"low": 0.1, "high": 10.0, "steps": 3}),
        "log_uniform_grid": (gv.log_uniform_grid, {"low": 0.1, "high": 10.0, "steps": 3}),
        "tv_from_kl": (gv.tv_from_kl, {"kl": 0.1}),
        "load_audit": (gv.load_audit, {"path": "none.json"}),
        "load_plan": (gv.load_plan, {"path": "none.json"}),
        "load_model": (gv.load_model, {"path": "none"}),
        "read_law": (gv.read_law, {"path": "none.json"}),
    }  # fmt: skip


NAMES = sorted(calls())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=settings().max_examples // 8)  # each is a whole audit
@given(draw=st.data())
def test_a_result_or_one_line(name, draw):
    function, usual = calls()[name]
    place = draw.draw(st.sampled_from(sorted(usual) or ["other"]))
    value = draw.draw(HOSTILE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = ""
        try:
            function(**{**usual, place: value})
        except (gv.InputError, TypeError) as refusal:
            said = str(refusal)
    assert "\n" not in said


FOUND = [
    ("load_data", "labels", [None, []], "labels: must be one for each row"),
    ("load_model", "path", "\n", r"model \\n: must exist"),
    ("make_plan kl", "kl", np.zeros(0), "kl: must be a finite number"),
    ("tv_from_kl", "kl", np.zeros(0), "kl: must be >= 0 nats"),
    ("audit", "batch_size", -1, "batch_size: must be a whole number >= 1"),
    ("audit", "batch_size", False, "batch_size: must be a whole number >= 1"),
    ("compare", "by", np.ones((2, 3)), "by: must be names of measures"),
]


@pytest.mark.parametrize(("name", "place", "value", "said"), FOUND, ids=[f[0] for f in FOUND])
def test_what_a_search_found_is_refused(name, place, value, said):
    function, usual = calls()[name]
    with pytest.raises(gv.InputError, match=f"^{said}"):
        function(**{**usual, place: value})


@pytest.mark.parametrize("candidates", [[], {}, [["ddpm"]], 3, {"a": 3}])
def test_candidates_that_are_none_are_refused(candidates):
    rule = "candidates: must be names of samplers, or plans by name, at least one"
    with pytest.raises(gv.InputError, match=rule):
        TournamentOptions(candidates=candidates)
    assert TournamentOptions(candidates="ddpm").candidates == ("ddpm",)


def test_a_given_grid_refuses_old_names_and_names_of_no_option():
    law = gv.Gaussian([3.0, -1.0], 2.0)
    audit = gv.audit(gv.ExactDenoiser(law), law, levels=9)
    with pytest.raises(gv.InputError, match="gaussian is called analytic-dpm now"):
        gv.evaluate_grid(audit, audit.levels[:4], sampler="gaussian")
    for name in ("smpler", "kl"):
        rule = f"option: must be one of steps, sampler.*; got {name}"
        with pytest.raises(gv.InputError, match=rule):
            gv.evaluate_grid(audit, audit.levels[:4], **{name: 3})
    with pytest.raises(gv.InputError, match=r"^model: belongs to by"):
        audit.plan(model=gv.ExactDenoiser(law), steps=3)


def test_a_request_refuses_what_it_would_not_heed():
    for wrong, said in (
        ({"by": "mmd", "sampler": "ddpm"}, "--sampler: cannot be given with --by"),
        ({"by": "mmd", "kl": 0}, "--kl: cannot be given with --by"),
        ({"labels": "town"}, "--labels: belongs to --by"),
        ({"seed": "x"}, "--seed: must be a whole number"),
    ):
        with pytest.raises(gv.InputError, match=said):
            workflow.PlanRequest("audit.json", **wrong)
    with pytest.raises(gv.InputError, match="--levels: must be a whole number"):
        workflow.AuditRequest("model", data="x.npy", levels=0)
