"""Plans on disk: the same sampler comes back, bit for bit, or nothing does."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov._files import read_tensors, sha256_of_file, write_tensors
from girsanov.auditing import audit
from girsanov.data import load_data
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.ledger.plan_records import Pilot, Standing, Tournament
from girsanov.planning.given_grid import evaluate_grid
from girsanov.planning.make_plan import make_plan
from girsanov.planning.plan_file import load_plan

LAW = GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.04, 0.15])
SAMPLERS = [("ddpm", None), ("ei-score", None), ("ei-relative", None)] + [
    ("analytic-dpm", c) for c in ("scalar", "pca", "coordinate", "full")
]


class Picture:
    """A denoiser of 3 x 4 pictures, so that cosines are measured too."""

    exact, classes, fingerprint, shape = False, 0, "f" * 64, (1, 3, 4)
    dtype, device, snr_range = torch.float32, torch.device("cpu"), (0.01, 1e3)

    def __call__(self, x, snr, label=None):
        level = torch.as_tensor(snr, dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return x * level / (1 + level)


@pytest.fixture(scope="module")
def report():
    return audit(ExactDenoiser(LAW), LAW, levels=9, examples=200, draws=1)


@pytest.fixture(scope="module")
def pictures():
    data = load_data(np.random.default_rng(0).gamma(2.0, size=(200, 3, 4)))
    return audit(Picture(), data, levels=9, draws=1)


def assert_same_number(a, b):
    assert np.array_equal(np.asarray(a), np.asarray(b))
    assert np.asarray(a).dtype == np.asarray(b).dtype


def assert_same_basis(a, b):
    assert (a is None) == (b is None)
    if a is not None:
        assert (a.kind, a.shape) == (b.kind, b.shape)
        for x, y in zip(a.factors, b.factors, strict=True):
            assert x is y is None or np.array_equal(x, y)


def assert_same_recipe(a, b):
    assert_same_number(a.mean, b.mean)
    assert_same_number(a.start_noise, b.start_noise)
    assert_same_basis(a.start_basis, b.start_basis)
    assert a.end == b.end
    for x, y in zip(a.steps, b.steps, strict=True):
        assert (x.snr, x.state, x.prediction) == (y.snr, y.state, y.prediction)
        assert_same_number(x.noise, y.noise)
        assert_same_basis(x.basis, y.basis)


@pytest.mark.parametrize("last", ["draw", "denoise", "sample"])
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize(("sampler", "covariance"), SAMPLERS)
def test_loaded_plan_is_the_same_sampler(tmp_path, report, sampler, covariance, steps, last):
    if last == "draw" and sampler != "analytic-dpm":
        with pytest.raises(InputError, match="last: must be denoise or sample"):
            make_plan(report, steps=steps, sampler=sampler, last=last)
        return
    plan = make_plan(report, steps=steps, sampler=sampler, covariance=covariance, last=last)
    plan.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert_same_recipe(plan.recipe(), again.recipe())
    assert again.summary() == plan.summary()
    assert again.ledger == plan.ledger
    assert again.recorded() == plan.recorded()
    assert (again.steps, again.resolution) == (plan.steps, plan.resolution)


@pytest.mark.parametrize("start", ["gaussian", "mean", "standard"])
@pytest.mark.parametrize("covariance", ["pca", "coordinate", "dct", "full"])
def test_loaded_plan_of_pictures_is_the_same_sampler(tmp_path, pictures, covariance, start):
    plan = make_plan(pictures, covariance=covariance, steps=4, start=start)
    plan = dataclasses.replace(plan, command="girsanov plan")
    plan.save(tmp_path / "a.json")
    again = load_plan(tmp_path / "a.json")
    assert_same_recipe(plan.recipe(), again.recipe())
    assert again.recorded() == plan.recorded()
    assert again.ledger[2].value is None
    again.save(tmp_path / "b.json")
    ours, theirs = ((tmp_path / f"{name}.json").read_text() for name in "ab")
    assert ours == theirs


def test_evaluated_grid_can_be_saved(tmp_path, report):
    plan = evaluate_grid(report, [0.1, 1.0, 10.0])
    plan.save(tmp_path / "plan.json")
    assert_same_recipe(plan.recipe(), load_plan(tmp_path / "plan.json").recipe())


@pytest.fixture
def saved(tmp_path, report):
    make_plan(report, steps=4, covariance="full").save(tmp_path / "plan.json")
    return tmp_path / "plan.json"


def content_of(path):
    return json.loads(path.read_text())


def refused(path, match):
    with pytest.raises(InputError, match=match) as error:
        load_plan(path)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    assert str(path.parent) in text  # it names the file


FIELDS = [
    "sampler", "covariance", "start", "last", "steps", "levels", "ledger", "frontier",
    "why", "audit", "model", "axes", "arrays", "resolution",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_plans_without_a_field_are_refused(saved, field):
    content = content_of(saved)
    del content[field]
    saved.write_text(json.dumps(content))
    refused(saved, "plan")


@pytest.mark.parametrize("value", [None, 3.5, "text", [], [1], {"a": 1}, True], ids=repr)
@pytest.mark.parametrize("field", FIELDS)
def test_plans_with_a_mistyped_field_are_refused(saved, field, value):
    content = content_of(saved)
    content[field] = value
    saved.write_text(json.dumps(content))
    harmless = {
        "why": (str,), "model": (str,), "audit": (dict,),
    }  # fmt: skip
    if field == "frontier" and value == []:
        harmless["frontier"] = (list,)
    if type(value) in harmless.get(field, ()):
        return
    refused(saved, "plan")


@pytest.mark.parametrize("name", ["value", "low", "high", "kind", "name", "note"])
@pytest.mark.parametrize("value", ["text", [], float("nan"), True], ids=repr)
def test_entries_that_are_none_are_refused(saved, name, value):
    content = content_of(saved)
    content["ledger"][0][name] = value
    saved.write_text(json.dumps(content))
    if name == "note" and value == "text":
        load_plan(saved)
    else:
        refused(saved, "NaN is no number of JSON" if value != value else "is not a whole plan")


@pytest.mark.parametrize(
    ("where", "number"),
    [(("ledger", 0, "value"), -1.0), (("ledger", 1, "low"), 1e9), (("frontier", 0, "steps"), -2),
     (("frontier", 0, "above_best"), -1.0), (("certificate", "w2", "high"), -0.5)],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused(saved, where, number):
    content = content_of(saved)
    place = content
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = number
    saved.write_text(json.dumps(content))
    refused(saved, "is not a whole plan")


def test_a_lower_bound_without_its_number_is_refused(saved):
    content = content_of(saved)
    content["ledger"][2] |= {"kind": "lower bound", "low": None}
    saved.write_text(json.dumps(content))
    refused(saved, "low: must be a number, of a lower bound")


def standing(**changes):
    row = Standing("ours", "x0", None, 4, 0.1, True, 1, won=True, own=False, failure="", samples=9,
                   value=0.1, low=0.0, high=0.2, behind=0.0, behind_low=0.0,
                   behind_high=0.0)  # fmt: skip
    return dataclasses.replace(row, **changes)


def recorded(report, *rows, kept_se=(0.1, 0.2)):
    played = Tournament("mmd", "of samples", 0, 800, 0, 0, "", 0.95, "0" * 64, 99, rows)
    pilot = Pilot(200, 800, (0.9, 0.8), kept_se, 0.2)
    plan = make_plan(report, steps=4, widest=9.0)
    return dataclasses.replace(plan, tournament=played, pilot=pilot)


def test_what_a_plan_records_comes_back(report, tmp_path):
    failed = Standing("none", "ddim", None, 4, 0.1, False, 0, won=False, own=True, failure="no")
    plan = recorded(report, standing(), failed)
    plan.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert (again.pilot, again.limits, again.audit) == (plan.pilot, {"widest": 9.0}, plan.audit)
    assert again.tournament.table[0] == standing()
    assert math.isnan(again.tournament.table[1].value)
    rows = content_of(tmp_path / "plan.json")["tournament"]["table"]
    assert rows[0].keys() - rows[1].keys() == {
        "samples", "value", "low", "high", "behind", "behind_low", "behind_high",
    }  # fmt: skip


def test_records_of_a_plan_that_contradict_themselves_are_refused(report, tmp_path):
    cases = [
        (recorded(report, standing(won=False)), "tournament: must have one candidate that won"),
        (recorded(report, standing(failure="no")), "tournament: must have one candidate that won"),
        (recorded(report, standing(), kept_se=(0.1,)), "pilot: must have a standard error a var"),
    ]
    for plan, words in cases:
        plan.save(tmp_path / "plan.json", force=True)
        refused(tmp_path / "plan.json", words)


def test_added_fields_are_refused(saved):
    content = content_of(saved)
    saved.write_text(json.dumps({**content, "eta": 0.5}))
    refused(saved, "fields: must be those of a plan")
    content["ledger"][0]["unit"] = "bits"
    saved.write_text(json.dumps(content))
    refused(saved, "is not a whole plan")


def test_levels_edited_in_the_readable_part_are_refused(saved):
    content = content_of(saved)
    content["levels"][0] *= 2
    saved.write_text(json.dumps(content))
    refused(saved, "levels: must agree with the arrays")


@pytest.mark.parametrize("version", ["girsanov/plan/2", "girsanov/audit/1", 1, None])
def test_other_versions_are_refused(saved, version):
    saved.write_text(json.dumps({**content_of(saved), "format": version}))
    refused(saved, 'must have "format": "girsanov/plan/1"')


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"plan"', "\x00"])
def test_files_that_are_no_plan_are_refused(saved, text):
    saved.write_text(text)
    refused(saved, r"plan\.json: must ")


def test_arrays_must_be_there_and_unchanged(saved):
    arrays = saved.with_suffix(".safetensors")
    good = arrays.read_bytes()
    arrays.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    refused(saved, r"plan\.safetensors: is not the file that .* was written with")
    arrays.unlink()
    refused(saved, r"needs plan\.safetensors beside it, which is missing")


@pytest.mark.parametrize(
    "change",
    [
        {"levels": np.array([1.0, 1.0, 2.0, 3.0])},
        {"levels": np.array([-1.0, 1.0, 2.0, 3.0])},
        {"start_noise": np.ones(3)},
        {"start_noise": None},
        {"variances": np.ones((2, 2))},
        {"variances": np.ones((3, 5))},
        {"variances": None},
        {"axes.0": None},
        {"axes.1": np.eye(3)},
        {"moments.mean": None},
        {"moments.mean": np.ones(5)},
    ],
    ids=lambda c: next(iter(c)),
)
def test_arrays_that_do_not_fit_are_refused(saved, change):
    arrays = saved.with_suffix(".safetensors")
    tensors = {k: v for k, v in {**read_tensors(arrays), **change}.items() if v is not None}
    write_tensors(arrays, tensors)
    saved.write_text(json.dumps({**content_of(saved), "arrays": sha256_of_file(arrays)}))
    refused(saved, r"plan\.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [("x0", "ddpm"), ("gaussian", "analytic-dpm"), ("score", "ei-score"),
     ("relative", "ei-relative")],
)  # fmt: skip
def test_a_sampler_by_its_old_name_is_refused_with_the_new_one(saved, old, new):
    saved.write_text(json.dumps({**content_of(saved), "sampler": old}))
    refused(saved, rf"plan\.json: .*sampler: {old} is called {new} now")


def test_plans_are_values(report):
    plan = make_plan(report, steps=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.sampler = "ddpm"
