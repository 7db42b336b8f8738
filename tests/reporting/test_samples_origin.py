"""Plans and samples that belong to no audit of a page are refused, in Python as well."""

import numpy as np
import pytest

import girsanov as gv
from girsanov import ExactDenoiser, InputError, audit, load_plan, sample
from girsanov.data.origin import write_origin
from girsanov.reporting.page import render
from girsanov.reporting.samples_origin import OLD, UNKNOWN, opened
from girsanov.sampling.shards import plan_fingerprint


@pytest.fixture
def own(law, exact_audit, exact_plan, tmp_path):
    """A file of samples of the exact plan, with its record."""
    place = str(tmp_path / "own.npy")
    np.save(place, sample(ExactDenoiser(law), exact_plan, 20))
    told = {"model": law.fingerprint, "drawn_by": law.fingerprint, "label_column": None}
    write_origin(place, {**told, "plan": plan_fingerprint(exact_plan), "command": "a line"})
    return place


def test_samples_are_held_against_the_plan_in_any_form(own, exact_audit, exact_plan, tmp_path):
    exact_plan.save(tmp_path / "plan.json")
    for plan in (exact_plan, load_plan(tmp_path / "plan.json"), exact_audit.plan(steps=6)):
        found = opened(own, None, [exact_audit], [plan])
        assert (found.notes, found.command) == ((), "a line")
        assert "Samples" in render(exact_audit, plan, samples=own)
    with pytest.raises(InputError, match=r"own.npy: must be drawn with the plan of the report"):
        render(exact_audit, exact_audit.plan(steps=5), samples=own)
    with pytest.raises(InputError, match="must be drawn with a plan of the report"):
        render(exact_audit, *[exact_audit.plan(steps=k) for k in (4, 5)], samples=own)


def test_every_plan_has_one_fingerprint_before_and_after_its_file(wrong_audit, tmp_path):
    ways = [{"sampler": "ddpm"}, {"covariance": "scalar"}, {"covariance": "full"}]
    ways += [{"covariance": "coordinate"}, {"process": "cld"}, {"calibrate": True}]
    for k, way in enumerate(ways):
        plan = wrong_audit.plan(steps=3, **way)
        plan.save(tmp_path / f"{k}.json")
        assert plan_fingerprint(load_plan(tmp_path / f"{k}.json")) == plan_fingerprint(plan), way


def test_samples_of_another_model_need_a_plan_or_an_audit(own, exact_audit, wrong_audit):
    with pytest.raises(InputError, match="must be drawn by a model that was audited; got"):
        opened(own, None, [wrong_audit], [])
    assert opened(own, None, [exact_audit], []).notes == ()
    assert opened(own, None, [wrong_audit, exact_audit], []).notes == ()


def test_what_has_no_record_is_shown_with_a_note(own, exact_audit, exact_plan, tmp_path):
    np.save(tmp_path / "bare.npy", np.ones((3, 2)))
    found = opened(tmp_path / "bare.npy", None, [exact_audit], [exact_plan])
    assert found.notes == (f"{UNKNOWN}.",)
    write_origin(own, {"command": "a line"})
    assert opened(own, None, [exact_audit], [exact_plan]).notes == (f"{OLD}.",)
    assert opened(np.ones((3, 2)), None, [exact_audit], [exact_plan]).notes == ()


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ({"examples": 500}, "with 500 examples, not 600"),
        ({"seed": 3}, "with seed 3, not 0"),
        ({"levels": 9}, "with 10200 network calls, not 19800"),
    ],
)
def test_a_plan_of_another_audit_is_refused(law, exact_audit, exact_plan, way, told):
    other = audit(ExactDenoiser(law), law, **{"levels": 17, "examples": 600, **way})
    with pytest.raises(InputError, match=f"plan: must be made from the audit .* {told}"):
        render(exact_audit, other.plan(steps=6))
    with pytest.raises(InputError, match="plan 2: must be made from"):
        render(exact_audit, exact_plan, other.plan(steps=6))
    again = audit(ExactDenoiser(law), law, levels=17, examples=600)
    assert "nats" in render(exact_audit, again.plan(steps=6))  # of the same audit, made again


def test_data_of_another_kind_are_refused(tmp_path):
    rng = np.random.default_rng(3)
    vectors = gv.load_data(rng.normal(size=(80, 3)))
    pictures = gv.load_data(rng.integers(0, 255, size=(80, 6, 6), dtype=np.uint8))
    model, held_out = gv.fit(vectors, steps=1, network="mlp"), rng.normal(size=(40, 3))
    made = gv.audit(model, gv.load_data(held_out), levels=5, draws=1)
    out = tmp_path / "page.html"
    for other in (pictures, gv.load_data(rng.normal(size=(80, 2)))):
        with pytest.raises(gv.InputError, match="must be the data that was audited"):
            gv.report(made, samples=other, data=other, out=out)
    assert not out.exists()
    gv.report(made, samples=vectors, data=vectors, out=out)
    assert out.exists()
