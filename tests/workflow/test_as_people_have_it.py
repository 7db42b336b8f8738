"""From files as people have them to samples: what a model knows of a file is not asked again."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import girsanov as gv
from girsanov import workflow
from girsanov._checks import InputError

RNG = np.random.default_rng(2)
KINDS = RNG.choice(["oak", "ash"], 160, p=[0.7, 0.3])
SIZES = RNG.gamma(3.0, 400.0, 160).round(3) + 1000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def european(path):
    """Semicolons, decimal commas with points between thousands, days first, a column of kinds."""
    lines = ["Datum;Art;Preis;Anteil"]
    for k, (kind, size) in enumerate(zip(KINDS, SIZES, strict=True)):
        price = f"{size:,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{1 + k % 12:02d}/{1 + k % 9:02d}/2024;{kind};{price} €;{k % 50} %")
    path.write_text("\n".join(lines), encoding="utf-8-sig")


def drawn(data, out, **asked):
    """Fit, audit, plan and sample in a few steps; return what `fit` said of the data."""
    said = workflow.fit(
        workflow.FitRequest(data, out="m", steps=4, network="mlp", batch_size=32, **asked)
    ).notes
    workflow.audit(workflow.AuditRequest("m", data=data, out="a.json", levels=7, draws=1, flow=0))
    workflow.plan(workflow.PlanRequest("a.json", steps=3, out="p.json"))
    workflow.sample(workflow.SampleRequest("m", plan="p.json", count=50, out=out))
    return said


def test_a_european_table_with_labels(folder):
    european(folder / "x.csv")
    with pytest.raises(InputError, match=r"'Datum': must show .*--dates day-first or --dates"):
        workflow.fit(workflow.FitRequest("x.csv", out="m", steps=4))
    said = drawn("x.csv", "s.csv", labels="Art", dates="day-first")
    assert said == [
        "column 'Datum' read as dates, day first: 10/01/2024 is 2024-01-10",
        f"column 'Preis' read as numbers with €, with a decimal comma, with points between "
        f"thousands: {f'{SIZES[0]:,.2f}'.translate(str.maketrans(',.', '.,'))} € is "
        f"{SIZES[0].round(2):.15g}",
        "column 'Anteil' read as numbers with %: 0 % is 0",
    ]
    with open("s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["Datum", "Art", "Preis", "Anteil"]  # as in the data
    assert {row["Art"] for row in rows} == {"oak", "ash"}
    assert all(row["Datum"].startswith("2024-0") and float(row["Preis"]) > 0 for row in rows)
    for model in ("m", None):  # labels and dates are known from the model, or from the samples
        compared = workflow.compare(
            workflow.CompareRequest("s.csv", "x.csv", model=model, by=["labels"])
        ).comparison
        assert compared.compared.data == (32 if model else 160)
    told = workflow.report(
        workflow.ReportRequest("a.json", plan="p.json", samples="s.csv", data="x.csv")
    )
    assert told.out.is_file()
    again = gv.load_data("x.csv", like=gv.load_model("m"))
    assert again.label_names == ("ash", "oak")
    assert again.reading == {
        "labels": "Art", "after_labels": "Preis", "decimal": ",", "dates": "day-first"
    }  # fmt: skip


def test_arrays_keep_their_names(folder):
    np.savez("x.npz", features=RNG.gamma(2.0, size=(160, 3)), targets=np.arange(160) % 3)
    drawn("x.npz", "s.npz", labels="targets")
    with np.load("s.npz") as archive:
        assert {name: archive[name].shape for name in archive} == {
            "features": (50, 3), "targets": (50,)
        }  # fmt: skip
    compared = workflow.compare(workflow.CompareRequest("s.npz", "x.npz", by=["labels"]))
    assert compared.comparison.compared.data == 160
    drawn_as_table = workflow.SampleRequest("m", plan="p.json", count=50, out="s.csv")
    workflow.sample(drawn_as_table)
    with open("s.csv") as file:
        assert file.readline().strip() == "x0,x1,x2,targets"


def test_one_class_keeps_its_column_and_other_files_may_be_settled(folder):
    european(folder / "x.csv")
    drawn("x.csv", "s.csv", labels="Art", dates="day-first")
    asked = workflow.SampleRequest("m", plan="p.json", count=20, out="oak.csv", label="oak")
    workflow.sample(asked)
    with open("oak.csv", newline="") as file:
        assert {row["Art"] for row in csv.DictReader(file)} == {"oak"}
    unsure = "".join(f'"{1 + k},{100 + k}",03/0{1 + k % 9}/2024\n' for k in range(40))
    (folder / "unsure.csv").write_text("a,b\n" + unsure)
    (folder / "plain.csv").write_text("a,b\n" + "1000.5,2024-03-01\n2000.5,2024-03-02\n" * 20)
    request = workflow.CompareRequest("plain.csv", "unsure.csv", by=["gaussian-w2"])
    with pytest.raises(InputError, match=r"Say it with --decimal , or --decimal \."):
        workflow.compare(request)
    settled = replace(request, decimal=".", dates="month-first")
    assert workflow.compare(settled).comparison.compared.data == 40
