"""`audit --calls N` never costs more than N, and spends most of it."""

from __future__ import annotations

import pytest

from girsanov._checks import InputError
from girsanov.measuring.examples import MOMENT_SHARE
from girsanov.measuring.trajectories import teacher_calls
from girsanov.workflow.shared.call_budget import LEVELS_TO_TRY, shared_out


@pytest.mark.parametrize("aside", [True, False])
@pytest.mark.parametrize("train", [0, 50, 5000])
@pytest.mark.parametrize("available", [70, 400, 50_000])
@pytest.mark.parametrize("trajectories", [0, 16, 64])
@pytest.mark.parametrize("calls", [5_000, 25_000, 300_000])
@pytest.mark.parametrize("models", [1, 2])
def test_the_cost_is_within_the_budget(calls, trajectories, available, train, aside, models):
    given = {"available": available, "train": train, "trajectories": trajectories, "aside": aside,
             "models": models}  # fmt: skip
    try:
        got = shared_out(calls, **given)
    except InputError:
        assert calls == 5_000
        return
    examples = got.examples
    assert examples <= available
    measured = examples - examples // MOMENT_SHARE if aside and not train else examples
    each = models * (2 * got.levels - 1)  # the levels and the gaps between them
    cost = measured * got.draws * each + min(measured, train) * got.levels
    cost += trajectories * teacher_calls(got.levels) if trajectories else 0
    assert cost <= calls
    assert got.levels in LEVELS_TO_TRY
    if examples == available:
        assert cost > 0.5 * calls - measured * each
    else:
        assert cost > 0.8 * calls


def test_examples_and_paths_come_before_levels():
    few = {"available": 297, "aside": False}
    assert shared_out(25_000, **few) == (17, 297, 2)
    assert shared_out(25_000, **few, levels=33).levels == 33
    assert shared_out(400_000, **few).levels == 65
    assert shared_out(60_000, **few, trajectories=64).levels == 65  # what ODE samplers can visit
