"""Tables as people have them: identifiers, gaps, dates, truth values, from fit to report."""

import csv
import datetime
import re

import numpy as np
import pytest

import girsanov as gv
from girsanov.cli.fit import _advice

QUICK = ("--levels", "9", "--draws", "4")


@pytest.fixture
def visits(here):
    """600 rows with an identifier, gaps in every kind of column, dates, times, truth values."""
    draw = np.random.default_rng(6)
    with open(here / "all visits – Ü.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "age", "day", "seen", "town", "insured", "weight"])
        for k in range(600):
            day = datetime.date(2020, 1, 1) + datetime.timedelta(days=int(draw.gamma(2) * 60))
            seen = datetime.datetime(2021, 1, 1) + datetime.timedelta(
                hours=int(draw.gamma(2) * 99)
            )
            town = str(draw.choice(["Ulm", "Bonn"], p=[0.7, 0.3]))
            row = [int(draw.gamma(4) * 10), day, seen.isoformat(sep=" "), town,
                   bool(draw.random() < 0.4), f"{draw.normal(70, 5):.1f}"]  # fmt: skip
            gaps = draw.random(6) < [0.4, 0.1, 0, 0.2, 0, 0.1]
            cells = [
                ("NA" if j == 5 else "") if g else v
                for j, (g, v) in enumerate(zip(gaps, row, strict=True))
            ]
            writer.writerow([f"{k:06x}-{draw.integers(2**40):x}", *cells])
    return "all visits – Ü.csv"


def test_a_table_with_everything_goes_through_untold(girsanov, mistake, visits, here):
    fit = ("fit", visits, "--out", "my model", "--steps", "400", "--network", "mlp")
    said = girsanov(*fit, "--drop", "id", "--json")
    assert said.code == 0, said.err
    audited = girsanov("audit", "my model", "--data", visits, *QUICK, "--json")
    assert audited.code == 0, audited.err
    assert audited.json["examples"] == 120  # the fifth that fit kept back, found by itself
    assert girsanov("plan", "audit.json", "--steps", "8").code == 0
    drawn = girsanov(
        "sample", "my model", "--plan", "plan.json", "--count", "900", "--out", "drawn.csv"
    )
    assert drawn.code == 0, drawn.err
    with open("drawn.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["age", "day", "seen", "town", "insured", "weight"]
    for row in rows:
        assert row["age"] == "" or 0 <= int(row["age"]) < 200
        assert row["day"] == "" or datetime.date.fromisoformat(row["day"]).year in (
            2020,
            2021,
            2022,
        )
        assert datetime.datetime.fromisoformat(row["seen"]).minute == 0  # of whole hours
        assert row["town"] in ("", "Ulm", "Bonn")
        assert row["insured"] in ("True", "False")
        assert row["weight"] == "" or len(row["weight"].partition(".")[2]) == 1
    units = gv.load_data(visits, drop=["id"]).standardisation
    for column in units.columns:
        share = np.mean([row[column.name] == "" for row in rows])
        expected = getattr(column, "share", 0.0)
        if column.name == "town":
            expected = column.frequencies[column.categories.index("")]
        # what the samples' number allows for, and what a model of 400 steps does
        error = np.sqrt(expected * (1 - expected) / len(rows))
        assert abs(share - expected) <= 5 * error + 0.25 * expected, column.name
    for more in ((), ("--model", "my model")):
        said = girsanov("compare", "drawn.csv", visits, "--by", "sliced-w2", "--json", *more)
        assert said.code == 0, said.err
        assert said.json["measures"][0]["value"] < 0.7
        assert said.json["data"] == (120 if more else 600)
    page = ("report", "audit.json", "--samples", "drawn.csv", "--data", visits)
    assert girsanov(*page).code == 0
    by = ("plan", "audit.json", "--by", "sliced-w2", "--steps", "4", "--candidates", "ddpm")
    said = girsanov(*by, "--model", "my model", "--data", visits, "--out", "judged.json")
    assert said.code == 0, said.err


def test_ids_are_told_before_training_and_in_the_audit(girsanov, mistake, visits):
    fit = ("fit", visits, "--out", "m", "--steps", "2", "--network", "mlp", "--only", "id")
    said = girsanov(*fit, "--only", "age")
    assert said.code == 0
    assert "note: column 'id' looks like an id" in said.err
    assert "--drop id" in said.err
    assert "lower rate" not in said.out
    audited = girsanov("audit", "m", "--data", visits, *QUICK, "--json")
    assert "Fit again with --drop id" in audited.json["notes"][-1]
    said = mistake("audit", "m", "--data", visits, *QUICK, "--drop", "age", "--out", "b.json")
    assert "drop: must not name a column that the model was fitted on; got age" in said
    with open(visits) as file, open("less.csv", "w") as out:
        out.write(file.read().replace("age", "years", 1))
    said = mistake("audit", "m", "--data", "less.csv", *QUICK, "--out", "b.json")
    assert "less.csv: does not fit the model" in said
    assert "must be rows with the columns id, age; got no age" in said


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"steps_run": 5, "steps": 5}, "Give it more --steps"),
        ({"steps_run": 5, "steps": 9, "out_of_time": True}, "Give it more --minutes"),
        ({"steps_run": 5, "steps": 9}, "More steps do not help"),
        (
            {"steps_run": 5, "steps": 9, "notes": ["column k looks like an id: no"]},
            "Leave out the columns that look like",
        ),
    ],
)
def test_advice_names_options_that_exist(girsanov, run, told):
    said = _advice(run)
    assert told in said
    options = girsanov("fit", "--help").out
    assert all(word in options for word in re.findall(r"--\w+", said))


def test_only_some_columns_and_names_that_are_none(girsanov, mistake, visits):
    fit = ("fit", visits, "--out", "m", "--steps", "5", "--network", "mlp")
    assert "got idd" in mistake(*fit, "--drop", "idd")
    assert "cannot be given with only" in mistake(*fit, "--drop", "id", "--only", "age")
    assert girsanov(*fit, "--only", "age", "--only", "weight", "--labels", "insured").code == 0
    units = gv.load_data(visits, like=gv.load_model("m"))
    assert units.raw(slice(0, 1)).dtype.names == ("age", "weight")
