"""Models of x given y at the command line: fit, audit, plan, coverage, sample, and mistakes."""

import csv

import numpy as np
import pytest

SMALL = ("--steps", "30", "--network", "mlp", "--width", "16")


@pytest.fixture
def table(here):
    rng = np.random.default_rng(0)
    with open(here / "data.csv", "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["a", "size", "kind", "count"])
        for _ in range(700):
            a, kind = rng.gamma(2.0), rng.choice(["oak", "ash"])
            size = 3 * a + (kind == "oak") + 0.3 * rng.normal()
            gap = rng.random() < 0.1
            lines.writerow(["" if gap else f"{a:.4f}", f"{size:.4f}", kind, int(rng.poisson(a))])
    (here / "rows.csv").write_text("kind,a\noak,1.5\nash,\n")
    return "data.csv"


@pytest.fixture
def planned(girsanov, table):
    for command in (
        ("fit", table, "--given", "a,kind", "--out", "model", *SMALL),
        ("audit", "model", "--data", table, "--out", "audit.json", "--levels", "17"),
        ("plan", "audit.json", "--steps", "6", "--out", "plan.json", "--verbose"),
    ):
        said = girsanov(*command)
        assert said.code == 0, said.err
    return said


def test_from_a_table_to_draws_of_rows(girsanov, planned, here):
    assert "E_y KL" in " ".join(planned.out.split())
    assert "next: girsanov coverage model --plan plan.json --data data.csv" in planned.out
    drawn = girsanov("sample", "model", "--plan", "plan.json", "--given", "rows.csv",
                     "--count", "40", "--out", "s.csv")  # fmt: skip
    assert drawn.code == 0, drawn.err
    assert "drew 80 samples for 2 rows of --given" in " ".join(drawn.out.split())
    rows = list(csv.DictReader((here / "s.csv").read_text().splitlines()))
    assert [int(r["row"]) for r in rows] == [0] * 40 + [1] * 40
    assert set(rows[0]) == {"size", "count", "row"}
    assert all(int(r["count"]) >= 0 for r in rows)
    told = np.array([float(r["size"]) for r in rows[:40]])
    assert abs(told.mean() - 5.5) < 0.5  # 3 * 1.5 + 1
    again = girsanov("sample", "model", "--plan", "plan.json", "--given", "rows.csv", "--count",
                     "40", "--out", "t.csv", "--batch-size", "7")  # fmt: skip
    assert again.code == 0
    assert (here / "t.csv").read_text() == (here / "s.csv").read_text()


def test_coverage_says_what_it_found(girsanov, planned):
    said = girsanov("coverage", "model", "--plan", "plan.json", "--data", "data.csv", "--rows",
                    "100", "--draws", "8", "--no-cause")  # fmt: skip
    assert said.code == 0, said.err
    words = " ".join(said.out.split())
    assert "100 pairs with 8 draws each" in words
    assert "in the central 80 % of the draws" in words
    assert "CRPS" in words
    as_json = girsanov("coverage", "model", "--plan", "plan.json", "--data", "data.csv", "--rows",
                       "100", "--draws", "8", "--no-cause", "--json").json  # fmt: skip
    assert as_json["pairs"] == 100
    assert len(as_json["shares"]) == 2 * 4 + 3


def test_a_file_of_y_beside_a_file_of_x(girsanov, here):
    rng = np.random.default_rng(1)
    y = rng.normal(size=(600, 2))
    np.save(here / "y.npy", y)
    np.save(here / "x.npy", y @ [[1.0], [2.0]] + 0.1 * rng.normal(size=(600, 1)))
    np.save(here / "rows.npy", np.array([[1.0, 1.0]]))
    fitted = girsanov("fit", "x.npy", "--given", "y.npy", "--out", "m", *SMALL)
    assert fitted.code == 0, fitted.err
    assert "audit m --data x.npy --given y.npy" in " ".join(fitted.out.split())
    for command in (
        ("audit", "m", "--data", "x.npy", "--given", "y.npy", "--levels", "17"),
        ("plan", "audit.json", "--steps", "5"),
        ("sample", "m", "--plan", "plan.json", "--given", "rows.npy", "--count", "9", "--out",
         "s.npy"),
    ):  # fmt: skip
        said = girsanov(*command)
        assert said.code == 0, said.err
    assert np.load(here / "s.npy").shape == (9, 1)
    assert abs(np.load(here / "s.npy").mean() - 3) < 0.3


def test_a_tournament_judges_pairs(girsanov, planned):
    said = girsanov("plan", "audit.json", "--by", "sliced-w2", "--model", "model", "--data",
                    "data.csv", "--steps", "4", "--candidates", "ddpm", "--candidates",
                    "analytic-dpm",
                    "--calls", "9000", "--out", "by.json")  # fmt: skip
    assert said.code == 0, said.err


MISTAKES = [
    (("a,kind\n1.0,elm\n"), "must hold categories learnt from the training data (ash, oak)"),
    (("a\n1.0\n"), "given: must name columns of rows.csv (a); got kind"),
    (("a,kind\n1.0,\n"), "got no value"),
    (("a,kind\nx,oak\n"), "column 'a'"),
]


@pytest.mark.parametrize(("rows", "why"), MISTAKES)
def test_rows_that_do_not_fit(mistake, planned, here, rows, why):
    (here / "rows.csv").write_text(rows)
    said = mistake("sample", "model", "--plan", "plan.json", "--given", "rows.csv", "--count", "2",
                   "--out", "s.csv")  # fmt: skip
    assert why in said
    assert "--given: does not fit the model" in said


def test_a_row_far_out_is_warned_of(girsanov, planned, here):
    (here / "rows.csv").write_text("a,kind\n400,oak\n")
    said = girsanov("sample", "model", "--plan", "plan.json", "--given", "rows.csv", "--count",
                    "2", "--out", "s.csv")  # fmt: skip
    assert said.code == 0
    assert "a of row 0 lies outside the training range by" in said.err


def test_mistakes(girsanov, mistake, planned, table):
    assert "must name columns of data.csv" in mistake(
        "fit", table, "--given", "a,nothing", "--out", "m2", *SMALL
    )
    assert "cannot be given beside --given" in mistake(
        "fit", table, "--given", "a", "--conditional", "--out", "m2", *SMALL
    )
    assert "must be mlp or conv" in mistake(
        "fit", table, "--given", "a", "--out", "m2", "--steps", "5", "--network", "columns"
    )
    sample = ("sample", "model", "--plan", "plan.json", "--count", "2", "--out", "s.csv")
    assert "must be rows of what the model was given (a, kind)" in mistake(*sample)
    assert "--label: must be left out" in mistake(*sample, "--given", "rows.csv", "--label", "oak")
    assert girsanov(*sample, "--given", "rows.csv").code == 0
    said = girsanov("report", "audit.json", "--plan", "plan.json", "--samples", "s.csv")
    assert said.code == 2
    assert "Check them with girsanov coverage" in said.err
    assert girsanov("report", "audit.json", "--plan", "plan.json").code == 0
    drawn = girsanov("audit", "model", "--data", "s.csv", "--out", "b.json")
    assert "holds samples that this model drew" in drawn.err


def test_coverage_of_a_model_of_x_alone(girsanov, mistake, table):
    for command in (
        ("fit", table, "--out", "plain", *SMALL),
        ("audit", "plain", "--data", table, "--levels", "9", "--out", "p.json"),
        ("plan", "p.json", "--steps", "4", "--out", "p-plan.json"),
    ):
        assert girsanov(*command).code == 0
    why = mistake("coverage", "plain", "--plan", "p-plan.json", "--data", table)
    assert "must be of x given y" in why
    why = mistake("sample", "plain", "--plan", "p-plan.json", "--count", "2", "--out", "s.csv",
                  "--given", "rows.csv")  # fmt: skip
    assert "--given: must be left out" in why
