"""Counters refuse what no run can have counted, which a damaged checkpoint may say."""

import math

import pytest

from girsanov.train.counters import Counters

ENTRY = {"step": 0, "seconds": 0.0, "loss": None, "held_out_ledger": 3.5, "se": 0.1}


def test_a_whole_run_counts():
    counted = Counters(step=3, best=-1.5, seconds=2, stopped=True, log=[ENTRY])
    assert counted.step == 3
    assert Counters().best == math.inf


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": -1}, {"step": 1.0}, {"step": True}, {"best_step": None}, {"loss_count": "3"},
        {"best": None}, {"best": math.nan}, {"loss_sum": math.inf}, {"seconds": math.inf},
        {"seconds": "2"}, {"stopped": 1}, {"log": None}, {"log": [{}]}, {"log": [3]},
        {"log": [{**ENTRY, "step": 0.5}]}, {"log": [{**ENTRY, "loss": "x"}]},
        {"log": [{**ENTRY, "seconds": None}]},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_counted_is_refused(wrong):
    with pytest.raises(TypeError):
        Counters(**wrong)
