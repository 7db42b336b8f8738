"""Dates: text in ISO 8601, equation (1) of dates.py, and every unit that comes back as it was."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from girsanov._checks import InputError
from girsanov.data import Standardisation, load_data, write_samples
from girsanov.data.table.dates import RESOLUTIONS, read_iso


def table(values, unit):
    return np.array(values, f"M8[{unit}]").view([("t", f"M8[{unit}]")])


@pytest.mark.parametrize(
    ("text", "value", "resolution"),
    [
        ("2020-02-29", "2020-02-29", "D"),
        ("2020-02-29T23:59", "2020-02-29T23:59", "m"),
        ("2020-02-29 23:59:58", "2020-02-29T23:59:58", "s"),
        ("2020-02-29T23:59:58.5Z", "2020-02-29T23:59:58.5", "ms"),
        ("2020-02-29T23:59:58.000001", "2020-02-29T23:59:58.000001", "us"),
        ("2020-02-29T23:59:58.123456789", "2020-02-29T23:59:58.123456789", "ns"),
        ("2020-03-01T01:30+02:30", "2020-02-29T23:00", "m"),
        ("2020-02-29T22:00:00-0130", "2020-02-29T23:30", "s"),
        ("0001-01-01", "0001-01-01", "D"),
    ],
)
def test_iso_8601_is_read(text, value, resolution):
    found = read_iso(text)
    assert found.value == np.datetime64(value)
    assert found.resolution == resolution == np.datetime_data(found.value.dtype)[0]


@pytest.mark.parametrize(
    "text",
    ["2020-02-30", "2020-13-01", "0000-01-01", "20-02-01", "2020-2-1", "2020-02-01T25:00", "2020",
     "2020-02-01T10", "2020-02-01Z", "1500-01-01T00:00:00.123456789", "٢٠٢٠-٠١-٠١", "10:00"],
)  # fmt: skip
def test_what_is_no_date_is_not_read(text):
    assert read_iso(text) is None


@given(st.datetimes(), st.integers(-840, 840))
def test_zones_are_taken_off(moment, minutes):
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    told = moment.replace(tzinfo=zone)
    if not 2 <= moment.year <= 9998:
        return
    expected = np.datetime64(told.astimezone(datetime.UTC).replace(tzinfo=None), "us")
    assert read_iso(told.isoformat(timespec="microseconds")).value == expected


@pytest.mark.parametrize("unit", RESOLUTIONS)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_unit_comes_back(tmp_path, unit, resolution):
    if RESOLUTIONS.index(resolution) > RESOLUTIONS.index(unit):
        return
    steps = np.array([0, 1, 7, 25_000, 12_345], f"m8[{resolution}]")
    raw = table(np.datetime64("1999-12-31", unit) + steps, unit)
    data = load_data(raw)
    units = Standardisation.from_json(json.loads(json.dumps(data.standardisation.to_json())))
    column = units.columns[0]
    assert (column.unit, column.resolution) == (unit, resolution)
    back = units.decode(data.batch(slice(None)))
    assert back.dtype == raw.dtype
    np.testing.assert_array_equal(back, raw)
    for suffix in ("csv", "parquet", "npy"):
        write_samples(back, units, tmp_path / f"t.{suffix}")
        again = load_data(tmp_path / f"t.{suffix}").with_standardisation(units)
        np.testing.assert_array_equal(again.batch(slice(None)), data.batch(slice(None)))
    drawn = units.as_drawn().decode(np.random.default_rng(0).normal(size=(500, 1)))["t"]
    assert (drawn.astype(f"M8[{resolution}]").astype(raw["t"].dtype) == drawn).all()
    assert drawn.min() < raw["t"].min()  # free of the bounds
    kept = units.decode(np.array([[-99.0], [99.0]]))["t"]
    assert kept.tolist() == [raw["t"].min().tolist(), raw["t"].max().tolist()]


def test_nanoseconds_are_exact_though_float64_cannot_count_them():
    raw = table(np.datetime64("2024-05-05T05:05:05", "ns") + np.array([0, 1, 2, 77]), "ns")
    data = load_data(raw)
    np.testing.assert_array_equal(data.standardisation.decode(data.batch(slice(None))), raw)


def test_an_endless_sample_stays_in_the_calendar():
    for unit in ("D", "ns"):
        units = load_data(table(["2020-01-01", "2020-01-02"], unit)).standardisation.as_drawn()
        drawn = units.decode(np.array([[1e300], [-1e300]]))["t"]
        years = drawn.astype("M8[Y]").astype(int) + 1970
        assert years.tolist() == ([9999, 1] if unit == "D" else [2261, 1678])


def test_other_units_than_those_learnt_from_are_read():
    days = load_data(table(["2020-01-01", "2020-01-11"], "D"))
    fine = load_data(table(["2020-01-01", "2020-01-11"], "ns"))
    x = fine.with_standardisation(days.standardisation).batch(slice(None))
    np.testing.assert_array_equal(x, days.batch(slice(None)))
    far = load_data(table(["1500-01-01", "2020-01-11"], "D"))
    with pytest.raises(InputError, match="column 't': must hold dates of the years 1678 to 2261"):
        far.with_standardisation(fine.standardisation).batch(slice(None))
    with pytest.raises(InputError, match="column 't': must hold dates; got float64"):
        days.standardisation.encode(np.zeros(3, [("t", "f8")]))


@pytest.mark.parametrize(
    ("values", "unit", "message"),
    [
        ([2020, 2021], "Y", r"in days, hours, \.\.\. or nanoseconds; got datetime64\[Y\]"),
        ([10**17, 0], "D", "of the years 1 to 9999; got 100000000000000000 D since 1970"),
        ([-(10**15), 0], "s", "of the years 1 to 9999; got -1000000000000000 s"),
        ([-(2**63) + 1, 0], "ns", "of the years 1678 to 2261"),
    ],
)
def test_dates_that_no_calendar_has_are_refused(values, unit, message):
    with pytest.raises(InputError, match=f"column 't': must hold dates {message}"):
        load_data(np.array(values, f"M8[{unit}]").view([("t", f"M8[{unit}]")]))


def test_frames_hold_dates_in_several_ways():
    zoned = pd.to_datetime(["2020-01-01T00:30+01:00", "2020-06-01T00:30+02:00"], utc=True)
    frame = pd.DataFrame(
        {
            "a": pd.to_datetime(["2020-01-01", "2020-06-01"]),
            "b": [datetime.date(2020, 1, 1), datetime.date(2020, 6, 1)],
            "c": zoned,
        }
    )
    data = load_data(frame)
    raw = data.raw(slice(None))
    assert raw["b"].dtype == "M8[D]"
    assert raw["c"].tolist()[0] == datetime.datetime(2019, 12, 31, 23, 30)
    assert [c.resolution for c in data.standardisation.columns] == ["D", "D", "m"]


@pytest.mark.parametrize(
    "wrong",
    [{"unit": "Y"}, {"resolution": "ns"}, {"origin": 10**12}, {"unit": None}, {"origin": None}],
)
def test_foreign_dates_are_refused(wrong):
    content = load_data(table(["2020-01-01", "2020-01-02"], "D")).standardisation.to_json()
    content["columns"][0]["dates"] |= wrong
    with pytest.raises(InputError, match=r"^standardisation: must"):
        Standardisation.from_json(content)


SPANS = {
    "numpy": np.array([1, 2, 3], "m8[s]"),
    "objects": np.array([datetime.timedelta(hours=k) for k in range(3)], object),
    "time": np.array([datetime.time(k) for k in range(3)], object),
}


@pytest.mark.parametrize("kind", SPANS)
@pytest.mark.parametrize("way", ["frame", "parquet"])
def test_durations_and_times_of_day_are_told_what_to_do(tmp_path, kind, way):
    frame = pd.DataFrame({"how long": SPANS[kind], "n": [1, 2, 3]})
    source = frame
    if way == "parquet":
        source = tmp_path / "t.parquet"
        frame.to_parquet(source)
    told = "column 'how long': must (hold numbers, dates or text|not hold durations); got "
    with pytest.raises(InputError, match=rf"{told}.*as numbers, .*--drop 'how long'"):
        load_data(source)
    assert load_data(source, drop=["how long"]).shape == (1,)
