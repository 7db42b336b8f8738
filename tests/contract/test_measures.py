"""What every measure of `compare` keeps to: one row here for one line of the registry."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from contract.page import example

import girsanov as gv
from girsanov._checks import InputError, MissingExtra
from girsanov.comparison.jackknife import JACKKNIFE_GROUPS, Squared
from girsanov.comparison.measures.measure import SquaredDistance
from girsanov.comparison.measures.registry import MEASURES, Listed, distance_of, measure_of

ROWS = {  # between what it lies for the samples that are FAR
    "sliced-w2": (0.5, 0.9),  # 1 in one of two directions: sqrt(1/2)
    "gaussian-w2": (0.8, 1.2),  # 1
    "mmd": (0.2, 0.6),
    "classifier": (0.6, 0.8),  # Phi(1/2) = 0.69
    "frechet": (5.0, 20.0),  # in what a classifier of the labels learns
    "labels": (0.5, 0.7),  # 0.6 of the labels are right
    "memorisation": (0.95, 1.01),
    "columns": (0.3, 0.48),  # 2 Phi(1/2) - 1 = 0.38
    "pairs": (0.3, 0.6),  # the dependence of a on b is 0.8 and not there: root of 0.64 / 3
    "trees": (0.6, 0.85),  # below Phi(sqrt(1/2)) = 0.76, or not by much, with the dependence
    "target": (-1.0, -0.3),  # what samples teach of b
    "closest": (0.8, 1.01),  # of copies of training rows
    "mean-gap": (0.8, 1.2),  # the example of docs/extend.md
}
DRAWS = np.random.default_rng(5)
UNSUSPICIOUS = (
    *("cannot tell", "no sign", "no fewer", "no column is off", "look alike", "teach no less"),
    "no closer",
)
TABULAR = {name for name in ROWS if name in MEASURES and measure_of(name).tabular}


def labelled(rows, right=1.0):
    """Rows whose class is the sign of their sum, said rightly of so many."""
    wrong = np.arange(len(rows)) >= right * len(rows)
    return gv.load_data(rows, labels=((rows.sum(axis=1) >= 0) ^ wrong).astype(int))


DATA, OTHERS, NEAR_ROWS, FAR_ROWS = DRAWS.normal(size=(4, 600, 2))
FAR_ROWS += [1.0, 0.0]
NEAR = {"samples": labelled(NEAR_ROWS), "train": labelled(OTHERS)}
# one deviation off in the first number, four labels of ten wrong, and copies of training rows
FAR = {"samples": labelled(FAR_ROWS, 0.6), "train": labelled(FAR_ROWS + 1e-3)}


def columns(rows, hang_together=True):
    """A table of a, b, which hang together by 0.8 or not, and the word c for the sign of a."""
    a, b = rows.T
    b = 0.8 * a + 0.6 * b if hang_together else b
    return np.rec.fromarrays([a, b, np.where(rows[:, 0] > 0.5, "high", "low")], names="a,b,c")


TABLE = columns(DATA)
NEAR_TABLES = {"samples": columns(NEAR_ROWS), "train": columns(OTHERS), "target": "b"}
FAR_TABLES = {
    "samples": columns(FAR_ROWS, hang_together=False), "train": columns(OTHERS), "target": "b",
}  # fmt: skip
COPIES = {"samples": columns(OTHERS), "train": columns(OTHERS)}


@pytest.fixture(params=ROWS)
def name(request, monkeypatch):
    """The name of a measure, registered."""
    if request.param not in MEASURES:
        listed = Listed(lambda: example("A measure")["MeanGap"], distance=True)
        monkeypatch.setitem(MEASURES, request.param, listed)
    pytest.importorskip("sklearn")
    return request.param


def compared(samples, name, **options):
    if name in TABULAR:
        far = COPIES if name == "closest" else FAR_TABLES
        sets = NEAR_TABLES if samples is NEAR else far
        return gv.compare(data=TABLE, by=[name], **sets, **options)
    return gv.compare(data=labelled(DATA), by=[name], **samples, **options)


def test_every_line_of_the_registry_has_a_row_here():
    assert set(ROWS) == {*MEASURES, "mean-gap"}
    assert all(measure_of(name).name == name for name in MEASURES)


def test_its_value_lies_in_its_interval_and_where_it_must(name):
    near, far = (compared(sets, name)[name] for sets in (NEAR, FAR))
    for row in (near, far):
        assert row.low <= row.value <= row.high
        assert row.floor is None or row.floor[1] <= row.floor[0] <= row.floor[2]
        assert row.note
    assert ROWS[name][0] < far.value < ROWS[name][1]
    assert abs(near.value - far.value) > near.high - near.low


def test_it_says_so(name):
    near, far = (" ".join(str(compared(sets, name)).split()) for sets in (NEAR, FAR))
    measure = measure_of(name)
    no = measure.verdict(compared(NEAR, name)[name])
    assert any(word in no for word in UNSUSPICIOUS)
    assert f"; {no}" in near
    assert f"; {no}" not in far


def test_the_same_seed_gives_the_same_and_it_is_json(name):
    one, two = (compared(NEAR, name, seed=2, rows=100).to_json() for _ in range(2))
    assert one == two
    json.dumps(one, allow_nan=False)


def test_what_it_needs_is_asked_for_by_name_and_done_without_by_default(name):
    if name in TABULAR:
        with pytest.raises(InputError, match=r"^data: must be a table with columns"):
            gv.compare(NEAR_ROWS, DATA, by=[name])
        assert (name in [r.name for r in gv.compare(NEAR_TABLES["samples"], TABLE).rows]) == (
            name != "target"
        )
        return
    bare = gv.load_data(NEAR_ROWS)
    by_default = [row.name for row in gv.compare(bare, DATA, rows=60).rows]
    if name in by_default:
        assert gv.compare(bare, DATA, by=[name], rows=60).rows
    else:
        with pytest.raises(InputError, match=r"^(train|labels): must"):
            gv.compare(bare, DATA, by=[name])
    full = gv.compare(data=labelled(DATA), rows=60, **NEAR)
    assert name in [row.name for row in full.rows]


def test_a_missing_extra_is_named(name, monkeypatch):
    extra = measure_of(name).extra
    if extra is None:
        return
    monkeypatch.setitem(sys.modules, extra[0], None)
    with pytest.raises(MissingExtra, match=rf"girsanov\[{extra[1]}\]"):
        compared(NEAR, name)


def test_a_distance_decides_tournaments_and_nothing_else_does(name):
    if not issubclass(measure_of(name), SquaredDistance):
        with pytest.raises(InputError, match="by: must be one of sliced-w2, gaussian-w2"):
            distance_of(name)
        return
    distance = distance_of(name).fit(DATA, None, 0)
    squared = distance.squared(FAR_ROWS, DATA)
    assert isinstance(squared, Squared)
    assert squared.pseudo.shape == (JACKKNIFE_GROUPS,)
    assert distance.name == name
    assert distance.plugin(FAR_ROWS, DATA) == pytest.approx(squared.plugin, rel=1e-9)
