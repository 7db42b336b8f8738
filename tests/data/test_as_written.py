"""Numbers, dates and times as people write them: read where a column allows one way."""

import datetime
import locale
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.data.table.written_dates import read_date, read_time
from girsanov.data.table.written_numbers import read_written


def column(tmp_path, cells, delimiter=",", others=(), name="t.csv", **options):
    """The column `a` of these cells, quoted, beside a column `b` of `others` (1, 2, 3, ...)."""
    others = others or [str(k) for k in range(len(cells))]
    lines = [delimiter.join(("a", "b"))]
    lines += [f'"{a}"{delimiter}"{b}"' for a, b in zip(cells, others, strict=True)]
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = load_data(tmp_path / name, **options)
    return data, data.raw(slice(None))["a"]


NUMBERS = {
    "dollars": (["$1,234.50", "$12.00", "-$3.25"], [1234.5, 12, -3.25], "f8"),
    "euros": (["1.234,50 €", "12,00 €", "-3,25 €"], [1234.5, 12, -3.25], "f8"),
    "code": (["EUR 1,234,567", "EUR 12", "EUR 0"], [1234567, 12, 0], "i8"),
    "per cent": (["45%", "12 %", "-3%"], [45, 12, -3], "i8"),
    "spaces": (["1 234", "12\u00a0345 678", "7"], [1234, 12345678, 7], "i8"),
    "narrow spaces": (["1\u202f234,5", "12", "-7,25"], [1234.5, 12, -7.25], "f8"),
    "apostrophes": (["1'234.5", "12’345", "7"], [1234.5, 12345, 7], "f8"),
    "lakh": (["12,34,567", "1,234", "7"], [1234567, 1234, 7], "i8"),
    "decimal comma": (["1,5", "2,25", "-0,125"], [1.5, 2.25, -0.125], "f8"),
    "exponents": (["1,2E+03", "2,5E-01", "3,0E+00"], [1200, 0.25, 3], "f8"),
    "minus": (["\u22125", "3", "\u22122.5"], [-5, 3, -2.5], "f8"),
    "brackets": (["(1,234.5)", "3", "2"], [-1234.5, 3, 2], "f8"),
    "unit": (["12 kg", "3kg", "1,5 kg"], [12, 3, 1.5], "f8"),
    "two words": (["12 sq ft", "3 sq ft", "5 sq ft"], [12, 3, 5], "i8"),
    "gaps": (["$5", "", "n/a"], [5, np.nan, np.nan], "f8"),
    "long": (["9,007,199,254,740,991", "1", "2"], [9007199254740991, 1, 2], "i8"),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_as_written(tmp_path, kind):
    cells, expected, dtype = NUMBERS[kind]
    data, values = column(tmp_path, cells)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, expected)
    assert len(data.notes) == 1
    assert data.notes[0].startswith("column 'a' read as numbers")


@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=2, max_size=6),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", ".")]),
)
@settings(max_examples=60, deadline=None)
def test_what_a_locale_writes_is_read_back(tmp_path_factory, numbers, marks):
    group, decimal = marks
    conventions = {"thousands_sep": group, "decimal_point": decimal, "grouping": [3, 0]}
    before, locale._override_localeconv = locale._override_localeconv, conventions
    try:
        cells = [locale.format_string("%.2f", number, grouping=True) for number in numbers]
    finally:
        locale._override_localeconv = before
    _, values = column(tmp_path_factory.mktemp("x"), cells)
    np.testing.assert_allclose(values, [float(n) for n in numbers], rtol=1e-15)


def test_a_column_that_may_mean_two_things_is_settled_by_the_user_the_file_or_its_semicolons(
    tmp_path,
):
    unsure = ["1,234", "12,345", "7"]
    with pytest.raises(InputError, match=r"column 'a': must show whether.*got 1,234. Say it with"):
        column(tmp_path, unsure)
    thousands, decimals = [1234, 12345, 7], [1.234, 12.345, 7]
    for options, expected in (({"decimal": "."}, thousands), ({"decimal": ","}, decimals)):
        np.testing.assert_array_equal(column(tmp_path, unsure, **options)[1], expected)
    for others, expected in ((["0.5", "1", "2"], thousands), (["0,5", "1", "2"], decimals)):
        np.testing.assert_array_equal(column(tmp_path, unsure, others=others)[1], expected)
    np.testing.assert_array_equal(column(tmp_path, unsure, ";")[1], decimals)
    points = ["1.234", "12.345", "7"]  # which computers write, but semicolons part European cells
    np.testing.assert_array_equal(column(tmp_path, points)[1], decimals)
    with pytest.raises(InputError, match="must show whether"):
        column(tmp_path, points, others=["0,5", "1", "2"])
    for decimal, expected in ((".", decimals), (",", thousands)):
        values = column(tmp_path, points, others=["0,5", "1", "2"], decimal=decimal)[1]
        np.testing.assert_array_equal(values, expected)
    for cells, mark in ((points, ";"), (["1.234 €", "12.345 €", "7 €"], ",")):
        with pytest.raises(InputError, match=r"must show whether.*got 1\.234"):
            column(tmp_path, cells, mark)
    for others, expected in ((["0.5", "1", "2"], decimals), (["0,5", "1", "2"], thousands)):
        np.testing.assert_array_equal(column(tmp_path, points, ";", others)[1], expected)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1.234,5", "1,234.5", "3"], "mark decimals alike in every line; line 3 .*Line 2 has"),
        (["1,5", "2.5", "3"], "must mark decimals alike"),
        (["5 kg", "6 kg", "7"], r"with the unit kg in every line, as in most; line 4 .*got 7"),
        (["5", "6", "7 kg"], r"must hold numbers in every line, as in most; line 4 .*got 7 kg"),
        (["$5", "$6", "ca. 7"], r"with the unit \$ in every line.*got ca. 7"),
        (["12:30", "13:30", "24:30"], "times of day, 00:00 to 23:59, in every line.*got 24:30"),
        (["9,007,199,254,740,993", "1.5", "2"], "at most 2\\^53"),
        (["1,2E+300", "1", "2"], "finite numbers below 1e150.*got 1,2E"),
        (["03/01/2024", "04/05/2024", "1/1/2024"], "whether the day or the month.*--dates day-f"),
        (
            ["31/01/2024", "01/31/2024", "1/1/2024"],
            "day first in every line, or the month; line 3",
        ),
        (["3-Mar-21", "4-Mar-21", "5-Mar-21"], "with years of four digits; got 3-Mar-21"),
        (["31/02/2024", "01/02/2024", "13/2/2024"], "must hold dates .*got 31/02/2024"),
    ],
)
def test_what_no_single_way_reads_is_refused_in_one_line(tmp_path, cells, message):
    with pytest.raises(InputError, match=rf"column 'a': must .*{message}|column 'a': {message}"):
        column(tmp_path, cells)


DAYS = ["2024-01-03", "2023-12-31", "2024-03-01"]
DATES = {
    "names": (["3 Jan 2024", "31-Dec-2023", "1. March 2024"], DAYS),
    "american": (["Jan 3, 2024", "December 31, 2023", "Mar 1 2024"], DAYS),
    "day first": (["03/01/2024", "31/12/2023", "1/3/2024"], DAYS),
    "month first": (["01/03/2024", "12/31/2023", "3/1/2024"], DAYS),
    "points": (["03.01.2024", "31.12.2023", "1.3.2024"], DAYS),
    "points alone": (["03.01.2024", "1.3.2024"], DAYS[::2]),
    "year first": (["2024/1/3", "2023/12/31", "2024-3-1"], DAYS),
    "times": (
        ["31/1/2024 1:45 PM", "3/1/2024 12:00 am", ""],
        ["2024-01-31T13:45", "2024-01-03T00:00", "NaT"],
    ),
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_as_written(tmp_path, kind):
    cells, expected = DATES[kind]
    data, values = column(tmp_path, cells)
    np.testing.assert_array_equal(values, np.array(expected, "M8"))
    assert data.notes[0].startswith("column 'a' read as dates")


def test_the_user_says_whether_the_day_comes_first(tmp_path):
    unsure = ["03/01/2024", "04/05/2024", "1/1/2024"]
    for dates, month in (("day-first", 1), ("month-first", 3)):
        data, values = column(tmp_path, unsure, dates=dates)
        assert values[0].astype(object).month == month
        assert dates.replace("-", " ") in data.notes[0]
    with pytest.raises(InputError, match="dates: must be one of day-first, month-first; got us"):
        column(tmp_path, unsure, dates="us")


@given(st.dates(), st.sampled_from(["%d %b %Y", "%B %d, %Y", "%d-%b-%Y", "%Y/%m/%d", "%b %d %Y"]))
def test_dates_with_names_of_months_are_those_of_the_standard_library(day, form):
    text = day.strftime(form).replace(day.strftime("%Y"), f"{day.year:04d}")
    dated = read_date(text)
    assert dated.day_first == dated.month_first
    assert dated.day_first.value.astype(object) == day


@given(st.dates(datetime.date(1000, 1, 1)), st.sampled_from("/-."))
def test_both_orders_are_those_of_pandas(day, mark):
    text = f"{day.day:02d}{mark}{day.month:02d}{mark}{day.year}"
    dated = read_date(text)
    for moment, form in ((dated.day_first, "%d/%m/%Y"), (dated.month_first, "%m/%d/%Y")):
        expected = pd.to_datetime(text.replace(mark, "/"), format=form, errors="coerce")
        assert (moment is None) == pd.isna(expected)
        assert moment is None or moment.value == np.datetime64(expected, "D")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [(["13:45", "0:05", "23:59"], [825, 5, 1439]), (["13:45:10", "00:00", ""], [49510, 0, np.nan]),
     (["1:45 PM", "12:00 a.m.", "12:30 pm"], [825, 0, 750])],
)  # fmt: skip
def test_times_of_day_are_numbers(tmp_path, cells, expected):
    data, values = column(tmp_path, cells)
    np.testing.assert_array_equal(values, expected)
    assert "after midnight" in data.notes[0]


@pytest.mark.parametrize(
    "cells",
    [["3 kg", "4 lb", "5 kg"], ["<5", "<10", "<20"], ["Q1", "Q2", "Q1"], ["10.0.0.1"] * 3,
     ["555-1234", "555-1235", "555-1236"], ["1.2.3", "1.2.4", "2.0"], ["007", "008", "009"],
     ["12 Main St", "13 Oak Ave", "14 Main St"], ["3:1", "2:2", "0:1"], ["5½", "6½", "7½"],
     ["1-2", "3-4", "5-6"], ["ABC 123", "ABC 124", "ABC 7"], ["2 of 5", "3 of 5", "4 of 5"]],
)  # fmt: skip
def test_what_is_no_number_stays_text(tmp_path, cells):
    data, values = column(tmp_path, cells)
    assert values.tolist() == cells
    told = {"3 kg": "several units: kg, lb", "<5": "are limits: <5", "12 Main St": "several units"}
    assert all(told[cells[0]] in note for note in data.notes)
    assert bool(data.notes) == (cells[0] in told)


@pytest.mark.parametrize(
    ("text", "form"),
    [("a,b\n1,2\n3,4\n", "utf-8"), ("a;b\n1;2\n3;4\n", "utf-8-sig"), ("a\tb\n1\t2\n3\t4\n",
    "utf-16"),
     ("a|b\n1|2\n3|4\n", "utf-8"), ("sep=;\na;b\n1;2\n3;4\n", "utf-8-sig"),
     ('"a";"b"\n"1";"2"\n3;4\n', "utf-8"), (",a,b\n7,1,2\n8,3,4\n", "utf-8")],
)  # fmt: skip
def test_what_parts_cells_is_found(tmp_path, text, form):
    (tmp_path / "t.csv").write_bytes(text.replace("\n", "\r\n").encode(form))
    data = load_data(tmp_path / "t.csv")
    assert data.raw(slice(None)).tolist() == [(1, 2), (3, 4)]
    assert data.notes == (() if text[0] != "," else data.notes)


def test_semicolons_with_decimal_commas_and_names_with_commas(tmp_path):
    text = "temp, C;humidity\n1,5;20\n2,75;30\n"
    (tmp_path / "t.csv").write_text(text)
    assert load_data(tmp_path / "t.csv").raw(slice(None)).tolist() == [(1.5, 20), (2.75, 30)]


def test_a_latin_1_export_is_told_what_to_do(tmp_path):
    (tmp_path / "t.csv").write_bytes("town,n\nKöln,1\nBonn,2\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"must be comma-separated text in UTF-8.*CSV UTF-8\)$"):
        load_data(tmp_path / "t.csv")
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"got .xlsx. Save it as CSV UTF-8"):
        load_data(tmp_path / "t.xlsx")


def test_equal_rows_have_one_fingerprint_however_they_are_written(tmp_path):
    plain, _ = column(tmp_path, ["1234.5", "12", "-3.25"])
    for cells, delimiter in (
        (["$1,234.50", "$12.00", "-$3.25"], ","),
        (["1.234,5", "12", "-3,25"], ";"),
    ):
        assert column(tmp_path, cells, delimiter)[0].fingerprint == plain.fingerprint


def test_a_model_knows_how_its_data_was_read(tmp_path):
    class Model:
        training: ClassVar = {"reading": {"decimal": ",", "dates": "month-first", "labels": "b"}}

    data, values = column(tmp_path, ["1,234", "12,345", "7"], like=Model)
    np.testing.assert_array_equal(values, [1.234, 12.345, 7])
    assert data.label_names == ("0", "1", "2")
    assert data.reading == {"decimal": ",", "labels": "b"}
    assert column(tmp_path, ["03/01/2024", "04/05/2024", ""], like=Model)[1][0].item().month == 3
    Model.training = {"reading": {"labels": "c"}}  # which need not be there
    assert column(tmp_path, ["1", "2", "3"], like=Model)[0].labels is None
    for wrong in ({"decimal": "x"}, {"labels": 3}, {"more": "y"}, [1]):
        Model.training = {"reading": wrong}
        with pytest.raises(InputError, match="reading: must say how data was read"):
            column(tmp_path, ["1", "2", "3"], like=Model)


@pytest.mark.parametrize("text", ["12:30:10.5", "24:00", "12:60", "13:00 pm", "0:5", "1:2:3"])
def test_what_is_no_time_of_day(text):
    assert read_time(text) is None


@pytest.mark.parametrize(
    "text", ["", "kg", "(5", "5)", "--5", "12%%", "$5€", "1,2,3", "1 23", "5\n"]
)
def test_what_is_no_number_as_written(text):
    assert read_written(text) is None
