"""`girsanov compare` as a person meets it."""

from __future__ import annotations

import numpy as np
import pytest

import girsanov as gv
from girsanov.comparison.measures.measure import MeasureRow
from girsanov.comparison.measures.registry import measure_of


@pytest.fixture
def drawn(here, vectors):
    np.save(here / "new.npy", np.random.default_rng(5).gamma(2.0, size=(120, 3)))
    return "new.npy"


def test_it_prints_a_table_and_words(girsanov, drawn, vectors):
    said = girsanov("compare", drawn, vectors)
    assert said.code == 0, said.err
    for name in ("sliced-w2", "gaussian-w2", "mmd", "classifier", "frechet"):
        assert f"\n{name} " in said.out
    assert "120 samples and 200 examples of 3 numbers" in said.out
    assert "cannot tell samples from data" in " ".join(said.out.split())


def test_print_shows_what_the_command_prints(girsanov, here, vectors):
    rng = np.random.default_rng(0)
    np.save(here / "x.npy", rng.gamma(2.0, size=(120, 3)))
    np.save(here / "y.npy", rng.gamma(2.0, size=(359, 3)))
    by = ["sliced-w2", "mmd"]
    told = str(gv.compare("x.npy", "y.npy", by=by))
    said = girsanov("compare", "x.npy", "y.npy", "--by", by[0], "--by", by[1]).out
    assert told.split() == said.split()
    assert "340 of 359 examples" in told
    assert "in groups of equal size" in flat(told)
    assert "0.05 or less counts against (once in 20 times by chance alone)" in flat(told)
    assert "MeasureRow(" not in told + repr(gv.compare("x.npy", "y.npy", by=by))
    assert max(map(len, told.splitlines())) <= 88


def flat(text):
    return " ".join(text.split())


def test_one_measure_as_json(girsanov, drawn, vectors):
    said = girsanov("compare", drawn, vectors, "--by", "mmd", "--rows", 100, "--json")
    (row,) = said.json["measures"]
    assert row["name"] == "mmd"
    assert 0 < row["p_value"] <= 1
    assert said.json["samples"] == 100


def test_of_a_models_data_the_part_kept_back_is_used(girsanov, trees):
    fitted = girsanov("fit", trees, "--out", "model", "--steps", "5", "--network", "mlp")
    assert fitted.code == 0, fitted.err
    said = girsanov("compare", trees, trees, "--model", "model", "--json", "--labels", "species")
    assert said.code == 2
    said = girsanov("compare", trees, trees, "--model", "model", "--json")
    assert said.code == 0, said.err
    assert said.json["data"] == 40
    assert said.json["measures"][-1]["name"] == "memorisation"


def test_mistakes(mistake, drawn, vectors, trees):
    assert "must be one of" in mistake("compare", drawn, vectors, "--by", "fid")
    assert "does not fit the data" in mistake("compare", drawn, trees)
    assert "must be an existing file" in mistake("compare", "none.npy", vectors)


def test_rows_that_are_left_out_are_said(girsanov, here):
    rng = np.random.default_rng(0)
    np.save(here / "x.npy", rng.normal(size=(50, 3)))
    np.save(here / "y.npy", rng.normal(size=(359, 3)))
    said = girsanov("compare", "x.npy", "y.npy", "--by", "sliced-w2", "--json")
    assert (said.json["samples"], said.json["samples_given"]) == (40, 50)
    assert (
        "40 of 50 samples and 340 of 359 examples of 3 numbers"
        in girsanov("compare", "x.npy", "y.npy", "--by", "sliced-w2").out
    )


def row(name, low, p_value):
    return MeasureRow(name, low + 0.1, low, low + 0.2, 0.3, None, p_value, "")


@pytest.mark.parametrize(
    ("name", "low", "p_value", "words"),
    [
        ("sliced-w2", 0.0, None, "it cannot tell samples from data"),
        ("sliced-w2", 0.1, None, "it tells samples from data"),
        ("mmd", 0.1, 0.01, "it tells samples from data"),
        ("mmd", 0.0, 0.3, "it cannot tell samples from data"),
        ("classifier", 0.4, 0.3, "it cannot tell samples from data"),
        ("memorisation", 0.55, 0.01, "samples repeat training examples"),
        ("memorisation", 0.45, 0.3, "no sign of repeated examples"),
    ],
)
def test_a_test_and_an_interval_that_agree_need_no_more_words(name, low, p_value, words):
    assert measure_of(name).verdict(row(name, low, p_value)) == words


@pytest.mark.parametrize(
    ("name", "low", "p_value", "words"),
    [
        ("mmd", 0.0, 0.015, "it tells samples from data, by its test, which is exact (p 0.015)"),
        ("classifier", 0.48, 0.04, "it tells samples from data, by its test"),
        ("mmd", 0.02, 0.08, "it cannot tell samples from data, by its test"),
        ("memorisation", 0.49, 0.04, "too close to call"),
        ("memorisation", 0.51, 0.06, "too close to call"),
    ],
)
def test_where_a_test_and_an_interval_disagree_the_words_say_so(name, low, p_value, words):
    assert measure_of(name).verdict(row(name, low, p_value)).startswith(words)


def test_a_table_is_compared_kept_and_shown_on_the_page(girsanov, mistake, trees, here):
    assert girsanov("fit", trees, "--out", "model", "--steps", 5, "--network", "mlp").code == 0
    audit = ("audit", "model", "--data", trees, "--levels", 9, "--out", "audit.json")
    assert girsanov(*audit).code == 0
    assert girsanov("plan", "audit.json", "--steps", 2, "--out", "plan.json", "--force").code == 0
    assert girsanov("sample", "model", "--plan", "plan.json", "--count", 80,
                    "--out", "drawn.csv").code == 0  # fmt: skip
    line = ("compare", "drawn.csv", trees, "--model", "model", "--by", "columns", "--by", "target",
            "--target", "species", "--out", "comparison.json")  # fmt: skip
    said = girsanov(*line)
    assert said.code == 0, said.err
    assert "\ncolumns " in said.out
    assert "learnt from samples" in said.out
    assert "wrote comparison.json" in said.out
    assert "--comparison comparison.json" in flat(said.out)
    kept = gv.load_comparison("comparison.json")
    assert kept["columns"].parts
    assert kept.command.startswith("girsanov compare drawn.csv")
    page = ("report", "audit.json", "--plan", "plan.json", "--samples", "drawn.csv")
    told = girsanov(*page, "--data", trees, "--comparison", "comparison.json")
    assert told.code == 0, told.err
    text = (here / "report.html").read_text(encoding="utf-8")
    assert "How close samples are to data" in text
    assert "learnt from real rows" in text
    # compare and the page speak of the same rows in the same units
    spread = flat(said.out).split("; ")[-1].split(" wrote")[0]
    assert f"Beside the held-out data, {spread}" in flat(told.out)
    (here / "drawn.csv").write_text((here / "drawn.csv").read_text() + "\n")
    (here / "drawn.csv.origin.json").unlink()
    assert "must be a comparison of the samples" in mistake(
        *page, "--comparison", "comparison.json"
    )
    assert "must be a column of the data" in mistake(*line[:-4], "--target", "sort")
    assert "must end in .json" in mistake(*line[:-2], "--out", "comparison.txt")
