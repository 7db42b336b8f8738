"""Columns with dates and missing values in the report's histograms."""

import numpy as np

from girsanov.reporting.figures.marginals import MISSING, Column, histogram, pair_figure


def test_dates_are_drawn_along_an_axis_of_dates():
    days = np.datetime64("2024-02-28") + np.arange(40).astype("m8[D]")
    data = np.append(days, np.datetime64("NaT"))
    drawn = str(histogram((Column("day", days[5:25]), Column("day", data)), 0))
    assert "2024-02-28" in drawn
    assert "2024-04-07" in drawn
    assert "mean 2024-03-18" in drawn  # of the data, whose missing date is left out
    assert "days" in drawn


def test_a_date_finds_its_place_among_pairs():
    days = np.datetime64("2024-01-01", "s") + np.arange(5).astype("m8[D]")
    one, two = Column("day", days), Column("x", np.arange(5.0))
    assert one.numeric
    assert np.diff(one.numbers()).tolist() == [86_400.0] * 4
    assert "day" in str(pair_figure([one, two], []))


def test_the_missing_category_has_a_name():
    town = np.array(["Rom", "", "Rom", "Oslo"])
    drawn = str(histogram((None, Column("town", town)), 1))
    assert f"{MISSING}: data 25" in drawn
    assert f">{MISSING}<" in drawn
