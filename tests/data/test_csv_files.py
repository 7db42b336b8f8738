"""Comma-separated files: types, and every way in which a file can be wrong."""

import re
import time

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.data import load_data, write_samples
from girsanov.data.formats.csv_files import CELLS_READ, read_csv
from girsanov.data.table.cell_sorts import NUMBER, WHOLE_CELL
from girsanov.data.table.dates import ISO
from girsanov.data.table.selected_columns import Wanted
from girsanov.data.table.written_dates import DATES, TIME
from girsanov.data.table.written_numbers import read_written


def written(tmp_path, text, **options):
    path = tmp_path / "t.csv"
    path.write_text(text, **options)
    return path


GOOD = "price,rooms,town\n1.5,2,Ulm\n2e3, 30 ,Bonn\n-.5,-7,Ulm\n"


def test_types_and_values(tmp_path):
    data = load_data(written(tmp_path, GOOD))
    raw = data.raw(slice(None))
    assert raw.dtype == [("price", "f8"), ("rooms", "i8"), ("town", "U4")]
    assert raw["price"].tolist() == [1.5, 2000.0, -0.5]
    assert raw["rooms"].tolist() == [2, 30, -7]
    assert raw["town"].tolist() == ["Ulm", "Bonn", "Ulm"]
    assert data.shape == (4,)
    assert data.name == "t.csv"


def test_what_other_programs_write_reads_the_same(tmp_path):
    expected = load_data(written(tmp_path, GOOD)).fingerprint
    windows = GOOD.replace("\n", "\r\n")
    for text in (windows, GOOD + "\n\n", GOOD.rstrip(), GOOD.replace("Ulm", '"Ulm"')):
        assert load_data(written(tmp_path, text, newline="")).fingerprint == expected
    assert load_data(written(tmp_path, GOOD, encoding="utf-8-sig")).fingerprint == expected


@pytest.mark.parametrize(
    ("label", "drop", "columns"),
    [
        ("a", [], "a,b,c,d"),
        ("b", [], "a,b,c,d"),
        ("d", [], "a,b,c,d"),
        ("b", ["c"], "a,b,d"),
        ("b", ["c", "d"], "a,b"),
        ("b", ["a"], "b,c,d"),
    ],
)
def test_labels_are_written_where_they_stood(tmp_path, label, drop, columns):
    path = written(tmp_path, "a,b,c,d\n" + "".join(f"{k},{k},{k},{k}\n" for k in (3, 1, 2)))
    data = load_data(path, labels=label, drop=drop)
    out = tmp_path / "out.csv"
    write_samples(
        data.raw(slice(None)), data.standardisation, out, labels=data.labels,
        label_names=data.label_names, reading=data.reading,
    )  # fmt: skip
    head, *rows = out.read_text().split()
    assert head == columns
    assert [set(row.split(",")) for row in rows] == [{"3"}, {"1"}, {"2"}]


def test_label_column_is_taken_out(tmp_path):
    path = written(tmp_path, GOOD)
    data = load_data(path, labels="town")
    assert data.label_names == ("Bonn", "Ulm")
    assert data.labels.tolist() == [1, 0, 1]
    assert data.raw(slice(None)).dtype.names == ("price", "rooms")
    assert load_data(path, labels="rooms").label_names == ("-7", "2", "30")
    with pytest.raises(InputError, match=r"labels: must be a column of .*price, rooms.*city"):
        load_data(path, labels="city")
    with pytest.raises(InputError, match="whole numbers or text"):
        load_data(path, labels="price")
    with pytest.raises(InputError, match="at least one column besides the labels"):
        load_data(written(tmp_path, "a\n1\n2\n"), labels="a")


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "-2", "+3"], "i8"),
        (["1", "2.0", "3"], "f8"),
        (["01", "02", "10"], "U2"),  # post codes
        (["0", "1", "-0"], "i8"),
        (["9007199254740992", "-9007199254740992", "0"], "i8"),
        (["1e3", "2E-4", "5."], "f8"),
        (["1_000", "2_000", "3_000"], "U5"),
        (["5½", "6½", "7½"], "U2"),
        (["3a", "4b", "12A"], "U3"),
        (["0x10", "0x11", "0x12"], "U4"),
        (["true", "false", "true"], "U5"),
        (["nan", "inf", "word", "word"], "U4"),
        (["١", "٢", "٣"], "U1"),  # Arabic digits are text, not numbers
    ],
)
def test_kind_of_a_column(tmp_path, cells, dtype):
    text = "a,b\n" + "".join(f"{cell},1\n" for cell in cells)
    raw = load_data(written(tmp_path, text, encoding="utf-8")).raw(slice(None))
    assert raw["a"].dtype == dtype
    if dtype == "i8":
        assert raw["a"].tolist() == [int(cell) for cell in cells]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must not be empty"),
        ("\n\n", "first line that names the columns"),
        ("a,b\n", "at least 2 rows below its header; got 0"),
        ("a,b\n1,2\n", "at least 2 rows below its header; got 1"),
        ("1.5,2\n3,4\n5,6\n", "must name its columns in its first line; got 1.5,2"),
        ("a,\n1,2\n3,4\n", r"must name column 2; got an empty name.*index=False"),
        ("a,a\n1,2\n3,4\n", "must not repeat a column's name; got a"),
        ("a,b\n1,2\n3\n5,6\n", "must have 2 cells in every line.*got 1 in line 3"),
        ("a,b\n1,2\n3,4,5\n5,6\n", "got 3 in line 3"),
        ("a,b\n1,\n3,\n5,nan\n", r"column 'b': must have values.*missing\. Leave.*--drop"),
        ("a,b\n1,2\n3,inf\n5,6\n", r"column 'b': must hold finite.*line 3 does not; got inf"),
        ("a,b\n1,2\n3,4\n-Infinity,6\n", "column 'a'.*line 4 does not; got -Infinity"),
        ("a,b\n1,2\n3,1e308\n", "below 1e150 in size; line 3 does not; got 1e308"),
        ("a,b\n1,2\n3," + "9" * 400 + "\n", "below 1e150 in size; line 3"),
        (
            "a,b\n1,2\n3,4\n5,ca. 5\n",
            "numbers in every line, as in most; line 4 has none; got ca.",
        ),
        ("a,b\n1,31.1.2020\n3,1/2/99\n", "with years of four digits; got 1/2/99.*--drop"),
        ("a,b\n1,2020-01-31\n3,2020-02-30\n", "hold dates as YYYY-MM-DD.*got 2020-02-30"),
        (
            "a,b\n1,2020-01-31\n3,5\n3,6\n",
            "numbers in every line.*line 2 has none; got 2020-01-31",
        ),
        ("a,b\n1,2020-01-31T10:00Z\n3,2020-01-31\n", "a zone in all its times or in none"),
        ("a,b\n1,1500-01-01\n3,2020-01-31T00:00:00.123456789\n", "years 1678 to 2261"),
        ('a,b\n1,"x\n3,4\n', "must be comma-separated text in UTF-8"),
        ("a,b\n1," + "x" * 200_000 + "\n2,x\n", "field larger than field limit"),
        ("a,b\n1," + "x" * 300 + "\n2,x\n", "at most 256 characters"),
        ("a\n" + "".join(f"w{i}\n" for i in range(1001)), "at most 1000 values; got w1000"),
    ],
)
def test_bad_csv_is_refused_in_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        load_data(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_line_numbers_count_quoted_line_breaks(tmp_path):
    text = 'a,b\n"two\nlines",2\nx\n'
    with pytest.raises(InputError, match="got 1 in line 4"):
        load_data(written(tmp_path, text))


@pytest.mark.parametrize("content", [b"a,b\n1,\xff\xfe\n2,3\n", b"\x89PNG\r\n\x1a\n\x00\x00,\xff"])
def test_bytes_that_are_not_text_are_refused(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match="must be comma-separated text in UTF-8"):
        load_data(tmp_path / "t.csv")


@pytest.mark.parametrize("pattern", [WHOLE_CELL, NUMBER, ISO, TIME, *(p for p, _ in DATES)])
def test_no_cell_makes_a_pattern_slow(pattern):
    start = time.perf_counter()
    for cell in ("1" * 130_000 + "x", "1." + "1" * 130_000 + "x", "1e" + "1" * 130_000 + "x"):
        re.fullmatch(pattern, cell)
    assert time.perf_counter() - start < 1.0


def test_no_cell_makes_a_written_number_slow():
    start = time.perf_counter()
    for piece in ("1", "1,", "1 ", "1.", "a", "1a", "( ", " a", "$", "EUR", "1e"):
        for end in ("", "x", "(", "1"):
            read_written((piece * 64)[:63] + end)
    assert time.perf_counter() - start < 1.0


def test_a_column_of_text_costs_four_bytes_a_row(tmp_path):
    path = written(tmp_path, "a,b\n" + "word,1\nother,2\n" * 500)
    columns = read_csv(path, Wanted()).columns
    assert columns["a"].codes.nbytes == 4 * 1000
    assert columns["a"].names == ("other", "word")
    assert columns["b"].nbytes == 8 * 1000
    np.testing.assert_array_equal(columns["a"].codes[:2], [1, 0])


def test_blocks_of_plain_numbers_hide_nothing(tmp_path):
    """A block of cells is looked at as one where all are alike, and cell by cell where not."""
    rows = 3 * (block := CELLS_READ // 2)
    expected = [k + 0.5 for k in range(rows)]
    for place in (5, block - 1, block, rows - 1):
        for cell in ("", "1.5", "x", "1\n2"):
            cells = ["12"] * rows
            cells[place] = cell
            lines = (f'"{cell}",{k}.5\n' for k, cell in enumerate(cells))
            path = written(tmp_path, "a,b\n" + "".join(lines))
            if cell in ("x", "1\n2"):
                line = place + 2 + (cell != "x")
                with pytest.raises(InputError, match=rf"'a': must hold numbers.*line {line} has"):
                    load_data(path)
                continue
            raw = load_data(path).raw(slice(None))
            assert raw["b"].tolist() == expected
            np.testing.assert_equal(raw["a"][[place - 1, place]], [12, float(cell or "nan")])
