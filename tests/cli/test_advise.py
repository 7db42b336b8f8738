"""`girsanov advise` and `gv.advise`, as they are typed, and their refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

import girsanov as gv
from girsanov.cli.main import run

LAW = gv.GaussianMixture([0.7, 0.3], [[40.0, 1.0], [10.0, 3.0]], [[30.0, 0.5], [5.0, 0.05]])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *words):
    assert run(["advise", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_numbers_come_in_both_units_with_a_reason_each(here, capsys):
    x = LAW.sample(400, seed=0).numpy()
    np.save("x.npy", x)
    advice = told(capsys, "x.npy")
    own, standard = advice["own"], advice["standardised"]
    assert own["edm"]["sigma_data"] == pytest.approx(np.sqrt(x.var(axis=0).mean()), rel=0.01)
    assert standard["edm"]["sigma_data"] == pytest.approx(1.0, rel=0.01)
    assert standard["flow"]["shift"] == pytest.approx(np.exp(standard["edm"]["P_mean"]))
    assert set(advice["why"]) >= {"sigma_max", "sigma_min", "sigma_data", "P_mean, P_std"}
    low, high = (np.array(advice["attainable"][k]) for k in ("training", "new_at_most"))
    assert (low < high + 4 * np.array(advice["attainable"]["new_se"])).all()
    assert advice["fit"] is None
    assert run(["advise", "x.npy"]) == 0
    printed = capsys.readouterr().out
    for name in ("P_mean=", "sigma_data=", "logit-normal", "beta_end=", "the data's own units"):
        assert name in printed


def test_pictures_of_8_bits_stop_at_their_rounding(here, capsys):
    rng = np.random.default_rng(0)
    np.save("p.npy", rng.integers(0, 256, (40, 6, 6, 3), dtype=np.uint8))
    advice = told(capsys, "p.npy")
    assert advice["own"]["sigma_min"] == pytest.approx(1 / np.sqrt(12), rel=1e-3)
    assert advice["standardised"]["sigma_min"] == pytest.approx(2 / 255 / np.sqrt(12), rel=0.02)


def test_a_table_with_a_repeated_column_and_words(here, capsys):
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    rows = "".join(f"{v:.4f},{v:.4f},{rng.choice(['red', 'blue'])}\n" for v in a)
    (here / "t.csv").write_text("a,b,colour\n" + rows)
    advice = told(capsys, "t.csv")
    assert advice["own"] is None
    assert 0 < advice["standardised"]["sigma_min"] < advice["standardised"]["sigma_max"]


def test_a_table_of_numbers_has_units_of_its_own(here, capsys):
    x = LAW.sample(200, seed=0).numpy().round(2)
    (here / "n.csv").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in x))
    advice = told(capsys, "n.csv")
    assert advice["own"]["edm"]["sigma_data"] == pytest.approx(
        np.sqrt(x.var(axis=0, ddof=1).mean()), rel=1e-6
    )


def test_what_else_was_seen_is_noted(here, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) * [100.0, 1.0, 0.0]
    np.save("x.npy", np.concatenate([x, x[:5]]))
    notes = " ".join(told(capsys, "x.npy")["notes"])
    assert "5 examples of 65 are repeats" in notes
    assert "1 coordinate of 3 never varies" in notes
    assert "standardise them first" in notes


def test_a_model_stands_beside_what_can_be_attained(here, capsys):
    np.save("x.npy", LAW.sample(400, seed=0).numpy())
    fit = ["fit", "x.npy", "--steps", "2", "--network", "mlp", "--width", "16", "--out", "m"]
    assert run(fit) == 0
    assert run(["audit", "m", "--data", "x.npy", "--examples", "64", "--levels", "9"]) == 0
    capsys.readouterr()
    fit_of = told(capsys, "x.npy", "--audit", "audit.json")["fit"]
    assert fit_of["underfit_at_least"] > 0.05  # two steps learn nothing of the clusters
    assert fit_of["underfit_at_most"] > fit_of["underfit_at_least"]
    assert len(fit_of["noise"]) == len(fit_of["model"]) == len(fit_of["least_on_training"])
    assert run(["advise", "x.npy", "--audit", "audit.json"]) == 0
    assert "Underfit by at least" in capsys.readouterr().out
    np.save("y.npy", LAW.sample(400, seed=1).numpy())
    assert run(["advise", "y.npy", "--audit", "audit.json"]) == 2
    assert "must be the file that the audited model was fitted to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.ones((50, 3)), "they are all equal"),
        (np.ones((1, 3)), "at least 2 rows"),
        (np.arange(10.0).reshape(5, 2), "at least 8 examples"),
    ],
)
def test_mistakes_are_one_line(here, capsys, content, words):
    np.save("x.npy", content)
    assert run(["advise", "x.npy"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err
    assert len(printed.err.splitlines()) == 1


def test_other_mistakes_are_one_line(here, capsys):
    np.save("x.npy", np.random.default_rng(0).normal(size=(20, 2)))
    LAW.save("law.json")
    for words in (["none.npy"], ["law.json"], ["x.npy", "--nats", "0"], ["x.npy", "--audit", "x"]):
        assert run(["advise", *words]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(gv.InputError, match="must be a data set"):
        gv.advise(np.ones((20, 2)))
