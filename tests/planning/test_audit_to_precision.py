"""Audits that know a plan's discretisation to a precision: (1) of audit_to_precision.py."""

import numpy as np
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.measuring import resume as kept
from girsanov.planning import audit_to_precision as precise
from girsanov.planning.audit_to_precision import (
    GROWTH,
    MOST_DRAWS,
    NEAR_ENOUGH,
    PILOT,
    available,
    relative_half_width,
)

LAW = gv.GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)


class Wrong(gv.ExactDenoiser):
    exact = False

    def __call__(self, x, snr, label=None):
        return 0.95 * super().__call__(x, snr) + 0.05


@pytest.mark.parametrize(("model", "half_width"), [(gv.ExactDenoiser, 0.15), (Wrong, 0.1)])
def test_a_law_is_measured_until_its_discretisation_is_known(model, half_width):
    found = gv.audit_to(model(LAW), LAW, half_width=half_width, steps=6, seed=3)
    told = found.facts.precision
    entry = next(
        e for e in found.plan(steps=6, sampler="analytic-dpm").ledger if e.name == "discretisation"
    )
    assert told.reached == pytest.approx((entry.high - entry.low) / 2 / entry.value)
    assert told.reached <= half_width * NEAR_ENOUGH
    assert (told.wanted, told.steps) == (half_width, 6)
    assert told.calls_before >= PILOT * 33  # 17 levels and the gaps between them
    assert found.facts.notes[-1].startswith("the discretisation of 6 planned steps is known to")
    assert len(found.levels) == 17


def test_a_looser_wish_costs_fewer_calls():
    few, many = (
        gv.audit_to(Wrong(LAW), LAW, half_width=h, steps=6).facts.calls for h in (0.3, 0.15)
    )
    assert few * 2 < many


def small(seed, count=150):
    rng = np.random.default_rng(seed)
    return gv.load_data(rng.gamma(2.0, size=(count, 3)))


def test_data_that_ends_is_used_whole_and_what_it_would_take_is_said():
    train, held_out = small(0, 400), small(1)
    model = gv.fit(train, steps=30, network="mlp")
    found = gv.audit_to(model, held_out, half_width=0.001, steps=4)
    told, note = found.facts.precision, found.facts.notes[-1]
    assert (found.facts.examples, found.facts.draws) == (150, MOST_DRAWS)
    assert told.reached > 0.001
    assert "not 0.1 %: that would take about" in note
    assert note.endswith("held-out examples, not 150")
    assert available(model, held_out, None) == 150
    assert relative_half_width(found, 4) == told.reached


def test_a_cost_of_nothing_is_not_measured_for_ever():  # analytic-dpm is exact for the law
    law = gv.Gaussian([1.0], [[0.5]])
    found = gv.audit_to(gv.ExactDenoiser(law), law, half_width=0.05)
    assert found.facts.precision.reached is None
    assert found.facts.examples * found.facts.draws <= 2 * GROWTH * PILOT
    assert found.facts.notes[-1].endswith("too little to be known to a share of itself")


def test_what_cannot_be_asked_is_refused():
    model = gv.ExactDenoiser(LAW)
    for bad in (0, 1, -0.1, float("nan"), "much"):
        with pytest.raises(InputError, match="half_width"):
            gv.audit_to(model, LAW, half_width=bad)
    with pytest.raises(InputError, match="draws: is found by half_width"):
        gv.audit_to(model, LAW, half_width=0.1, draws=2)
    with pytest.raises(InputError, match="steps"):
        gv.audit_to(model, LAW, half_width=0.1, steps=0)


def test_the_same_audit_comes_back_after_a_stop(tmp_path):
    asked = {"half_width": 0.3, "steps": 4, "seed": 5}
    once = gv.audit_to(Wrong(LAW), LAW, **asked)
    again = gv.audit_to(Wrong(LAW), LAW, keep=tmp_path / "parts", **asked)
    assert np.array_equal(once.curve.traces, again.curve.traces)
    once.save(tmp_path / "a.json")
    assert gv.load_audit(tmp_path / "a.json").facts.precision == once.facts.precision


def test_a_stop_in_a_later_round_does_not_stand_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 0.0)  # sums are written after every batch
    monkeypatch.setattr(precise, "relative_half_width", lambda *a: 0.2)  # never enough
    asked = {"half_width": 0.15, "steps": 4, "keep": tmp_path / "parts", "batch_size": 64}
    ends = []

    def stopped(done, total):
        ends.extend([total] if total not in ends else [])
        if len(ends) == 3 and done > 0.8 * total:  # the pilot, a round, and the next
            raise KeyboardInterrupt

    for _ in range(2):
        ends.clear()
        with pytest.raises(KeyboardInterrupt):
            gv.audit_to(Wrong(LAW), LAW, progress=stopped, **asked)
        assert len(ends) == 3
    assert list((tmp_path / "parts").iterdir())


def test_a_later_round_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 0.0)
    monkeypatch.setattr(precise, "relative_half_width", lambda *a: 0.2)
    asked = {"half_width": 0.15, "steps": 4, "batch_size": 64, "flow": 0}
    once = gv.audit_to(Wrong(LAW), LAW, **asked)
    keep, ends, calls = tmp_path / "a.json.parts", [], []

    def stopped(done, total):
        ends.extend([total] if total not in ends else [])
        if len(ends) == 3 and done > 0.8 * total:
            raise KeyboardInterrupt

    class Counted(Wrong):
        def __call__(self, x, snr, label=None):
            calls.append(len(x))
            return super().__call__(x, snr, label)

    with pytest.raises(KeyboardInterrupt):
        gv.audit_to(Wrong(LAW), LAW, progress=stopped, keep=keep, **asked)
    assert [p.name for p in kept.kept_in(keep)] == ["a.json.parts", "a.json.parts-2"]
    found = gv.audit_to(Counted(LAW), LAW, keep=keep, **asked)
    assert np.array_equal(once.curve.traces, found.curve.traces)
    pilot, first, second, third = ends[0], ends[1], ends[2], found.facts.calls
    # a finished round is read again; of the one that was stopped a fifth, and a batch, is left
    assert pilot + third <= sum(calls) <= pilot + third + 0.3 * second + 2 * 64 * 33
    assert first > 0.3 * second
    (tmp_path / "a.json.parts-notes").mkdir()
    kept.remove_sums(keep)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json.parts-notes"]
