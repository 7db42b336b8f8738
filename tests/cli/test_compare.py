"""`girsanov compare` as a person meets it."""

from __future__ import annotations

import numpy as np
import pytest


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
