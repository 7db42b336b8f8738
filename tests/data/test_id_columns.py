"""Columns that name their rows are found, and no others."""

import numpy as np
import pandas as pd
import pytest

from girsanov import load_data
from girsanov.data.id_columns import FEWEST_IDS, id_columns, id_notes

N = 200
DRAW = np.random.default_rng(0)
IDS = {
    "number": np.arange(N) * 7 + 1000,
    "whole float": np.arange(N) + 1.0,
    "text": np.array([f"P{k:05d}" for k in range(N)]),
    "my code": DRAW.permutation(10**6)[:N],
}
NONE = {
    "measured": DRAW.gamma(2, size=N),  # fractions may all differ
    "counted": DRAW.integers(0, 50, N),
    "kind": DRAW.choice(["a", "b"], N),
    "nearly": np.r_[np.arange(N - 1), 0],
    "day": np.datetime64("2020-01-01") + np.arange(N),
    "seen": np.arange(N) % 2 == 0,
}


def test_ids_are_found_and_no_other_columns():
    data = load_data(pd.DataFrame({**IDS, **NONE}))
    assert id_columns(data) == tuple(IDS)
    assert id_columns(data.split(0.1)[0]) == tuple(IDS)  # by the whole table
    assert id_columns(load_data(np.arange(N)[:, None] + 0.0)) == ()  # it has no columns
    assert id_columns(load_data(pd.DataFrame(IDS)[: FEWEST_IDS - 1])) == ()


@pytest.mark.parametrize("gap", [None, ""])
def test_a_column_with_a_gap_says_something(gap):
    text = IDS["text"].astype(object)
    text[3] = gap
    number = IDS["number"].astype(float)
    number[3] = np.nan
    assert id_columns(load_data(pd.DataFrame({"text": text, "number": number}))) == ()


def test_the_line_can_be_copied():
    data = load_data(pd.DataFrame({"my code": IDS["my code"]}))
    (note,) = id_notes(data)
    assert note.startswith("column 'my code' looks like an id")
    assert "--drop 'my code' (in Python drop=['my code'])" in note
    assert id_notes(data, fitted=True)[0].endswith("Fit again with --drop 'my code'")


def test_of_whole_numbers_it_is_not_said_for_sure():
    """Years, or populations, differ from row to row and say much of other rows."""
    years = {"year": np.arange(1980, 1980 + N), "key": IDS["text"]}
    year, key = id_notes(load_data(pd.DataFrame(years)))
    assert "so unless it is a quantity, as a year is, it says nothing of other rows" in year
    assert "occurs twice, so it says nothing of other rows" in key
