"""Samples given a measurement or known cells at the command line, and mistakes."""

import csv

import numpy as np
import pytest

SMALL = ("--steps", "40", "--network", "mlp", "--width", "16")


@pytest.fixture
def trees(girsanov, here):
    rng = np.random.default_rng(0)
    with open(here / "data.csv", "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["height", "crown", "kind", "planted"])
        for _ in range(700):
            kind, age = rng.choice(["oak", "ash"]), rng.gamma(4.0, 10.0)
            height = age**0.5 * 3 + rng.normal()
            gap = rng.random() < 0.1
            day = np.datetime64("2020-01-01") - int(365 * age)
            lines.writerow([f"{height:.2f}", "" if gap else f"{height / 3:.2f}", kind, day])
    for command in (
        ("fit", "data.csv", "--out", "model", *SMALL),
        ("audit", "model", "--data", "data.csv", "--out", "audit.json", "--levels", "17"),
        ("plan", "audit.json", "--sampler", "analytic-dpm", "--steps", "6", "--out", "plan.json"),
    ):
        said = girsanov(*command)
        assert said.code == 0, said.err
    return ("sample", "model", "--plan", "plan.json")


@pytest.fixture
def series(girsanov, here):
    rng = np.random.default_rng(0)
    np.save(here / "x.npy", 5 + rng.normal(size=(700, 4)).cumsum(axis=1))
    np.save(here / "a.npy", np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]))
    np.save(here / "y.npy", np.array([[5.5, 7.0], [4.0, np.nan]]))
    for command in (
        ("fit", "x.npy", "--out", "model", *SMALL),
        ("audit", "model", "--data", "x.npy", "--out", "audit.json", "--levels", "17"),
        ("plan", "audit.json", "--sampler", "analytic-dpm", "--steps", "8", "--out", "plan.json"),
    ):
        said = girsanov(*command)
        assert said.code == 0, said.err
    return ("sample", "model", "--plan", "plan.json")


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_gaps_and_cells(girsanov, trees, here):
    (here / "gaps.csv").write_text(
        "kind,height,crown,planted\noak,20.50,,\n,,4.10,\nash,,,1990-05-01\n"
    )
    said = girsanov(*trees, "--fill", "gaps.csv", "--count", "5", "--out", "filled.csv")
    assert said.code == 0, said.err
    assert "drew 15 samples for 3 rows of --fill" in " ".join(said.out.split())
    assert "certificate is for samples without what was observed" in " ".join(said.err.split())
    rows = table(here / "filled.csv")
    assert [row["row"] for row in rows] == ["0"] * 5 + ["1"] * 5 + ["2"] * 5
    assert {row["height"] for row in rows[:5]} == {"20.50"}
    assert {row["crown"] for row in rows[5:10]} == {"4.10"}
    assert {row["planted"] for row in rows[10:]} == {"1990-05-01"}
    assert all(row["crown"] and row["kind"] in ("oak", "ash") for row in rows)

    fixed = girsanov(*trees, "--fix", "kind=oak", "--fix", "planted=1990-05-01", "--count", "7",
                     "--out", "fixed.csv")  # fmt: skip
    assert fixed.code == 0, fixed.err
    assert "drew 7 samples," in fixed.out
    rows = table(here / "fixed.csv")
    assert "row" not in rows[0]
    assert {(row["kind"], row["planted"]) for row in rows} == {("oak", "1990-05-01")}

    for words, mistake in (
        (("--fix", "kind=elm"), "must hold categories learnt from the training data (ash, oak); "
         "got elm"),
        (("--fix", "kid=oak"), "must name a column of the model's (height, crown, kind, planted); "
         "got kid"),
        (("--fix", "height=tall"), "must have a number for height; got tall"),
        (("--fix", "planted=soon"), "must have a date (2024-01-31) for planted; got soon"),
        (("--fix", "height"), "must be column=value; got height"),
        (("--fix", "height=1", "--fix", "height=2"), "must name a column once; got height"),
        (("--fix", "height=1", "--fill", "gaps.csv"), "only one of them can say what is known"),
        (("--fill", "none.csv"), "none.csv"),
    ):  # fmt: skip
        said = girsanov(*trees, *words, "--count", "3", "--out", "no.csv")
        assert said.code == 2
        assert mistake in said.err
        assert len(said.err.splitlines()) == 1
        assert not (here / "no.csv").exists()
    far = girsanov(*trees, "--fix", "height=400", "--count", "3", "--out", "far.csv")
    assert far.code == 0
    assert "height = 400 lies outside the training range" in " ".join(far.err.split())


def test_a_measurement(girsanov, series, here):
    seen = ("--operator", "a.npy", "--measured", "y.npy", "--noise", "0.1")
    said = girsanov(*series, *seen, "--count", "30", "--out", "s.npy")
    assert said.code == 0, said.err
    assert "drew 60 samples of shape (4,) for 2 rows of --measured" in " ".join(said.out.split())
    x = np.load(here / "s.npy").reshape(2, 30, 4)
    assert abs(x[0, :, :2].mean() - 5.5) < 0.15
    assert abs(x[0, :, 2:].mean() - 7.0) < 0.15
    assert abs(x[1, :, :2].mean() - 4.0) < 0.15
    assert x[1, :, 3].std() > 2 * x[0, :, 3].std()  # not measured there
    covered = girsanov("coverage", "model", "--plan", "plan.json", "--data", "x.npy", "--operator",
                       "a.npy", "--noise", "0.1", "--rows", "60", "--draws", "6")  # fmt: skip
    assert covered.code == 0, covered.err
    assert "60 pairs, 6 draws each" in " ".join(covered.out.split())
    assert "--operator a.npy --measured Y.npy" in " ".join(covered.out.split())

    np.save(here / "b.npy", np.ones((2, 3)))
    for words, mistake in (
        (("--operator", "a.npy"), "must come together: A, y and the deviation of its noise"),
        ((*seen[:4], "--noise", "0"), "--noise: must be a finite number > 0; got 0"),
        ((*seen[:4], "--noise", "nan"), "--noise: must be a finite number > 0; got nan"),
        (("--operator", "b.npy", *seen[2:]), "must have rows of shape (4,), as the data have"),
        (("--operator", "c.npy", *seen[2:]), "must be a .npy file that is there; got c.npy"),
        (("--operator", "y.npy", "--measured", "a.npy", "--noise", "1"), "operator: must be fin"),
        ((*seen, "--given", "y.npy"), "only one of them can say what is known"),
        (("--fix", "a=1"), "must be for a model of a table, whose columns have names"),
    ):
        said = girsanov(*series, *words, "--count", "3", "--out", "no.npy")
        assert said.code == 2, said.err
        assert mistake in said.err
        assert len(said.err.splitlines()) == 1
        assert not (here / "no.npy").exists()
