"""The frame of `girsanov verify`: rows decide, pages and exit codes follow."""

import json
import math
from pathlib import Path

import pytest
from markupsafe import Markup

from girsanov._checks import InputError
from girsanov.cli.main import run
from girsanov.paper import verify as room
from girsanov.paper.chart import Series, chart
from girsanov.paper.statement import Result, Row, Statement, printed
from girsanov.paper.statements import MODULES


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("", 1.0, 1.05, "=", 0.1), True),
        (Row("", 1.0, 1.15, "=", 0.1), False),
        (Row("", 1.0, 0.85, "=", 0.1), False),
        (Row("", 1.0, 0.1, "<="), True),
        (Row("", 1.0, 1.01, "<="), False),
        (Row("", 1.0, 1.01, "<=", 0.02), True),
        (Row("", 1.0, 1.01, ">="), True),
        (Row("", 1.0, 0.99, ">="), False),
        (Row("", 1.0, math.nan, "<="), False),
        (Row("", 1.0, math.nan, ">="), False),
        (Row("", 1.0, math.nan, "=", 1.0), False),
    ],
)
def test_a_row_holds_by_its_numbers(row, holds):
    assert row.holds is holds


def test_printed_figures_allow_their_rounding():
    assert printed("", "2.67e-3", 2.674e-3).holds
    assert not printed("", "2.67e-3", 2.69e-3).holds
    assert printed("", ".0255", 0.02551).tolerance == pytest.approx(1e-4)
    assert printed("", "4", 4.9).holds
    assert printed("", ".10", 0.14, se=0.01).holds


def test_a_relation_must_be_known():
    with pytest.raises(InputError, match="relation: must be one of"):
        Row("", 1.0, 1.0, "<")


def statement(name, measured):
    row = Row("a number", 1.0, measured, "<=")
    return Statement(
        name, f"Title of {name}", "Theorem 0", "a < b", "it is", lambda quick, seed: Result(
            [row, Row("another", 0.0, 0.0)], row, "words & <signs>",
            chart(name, "t", [Series("curve", [1, 2], [1.0, 3.0])], ("x", "y")),
        )
    )  # fmt: skip


@pytest.fixture
def two(monkeypatch):
    made = {s.name: s for s in (statement("good", 0.5), statement("bad", 2.0))}
    monkeypatch.setattr(room, "statements", lambda: made)
    return made


def test_a_run_that_holds(two, tmp_path, capsys):
    out = tmp_path / "here"
    assert run(["verify", "good", "--out", str(out)]) == 0
    assert "yes" in capsys.readouterr().out
    page = (out / "index.html").read_text()
    assert "The statement holds" in page
    assert "words &amp; &lt;signs&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    results = json.loads((out / "results.json").read_text())
    assert results["format"] == "girsanov/verify/1"
    assert [s["name"] for s in results["statements"]] == ["good"]


def test_a_run_that_fails(two, tmp_path, capsys):
    out = tmp_path / "here"
    assert run(["verify", "--out", str(out), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["holds"] is False
    assert [s["holds"] for s in content["statements"]] == [True, False]
    assert content["statements"][1]["headline"]["ratio"] == 2.0
    assert "1 of 2 statements does not hold" in (out / "index.html").read_text()
    assert run(["verify", "bad", "--out", str(out)]) == 1  # ours to replace
    assert "a number: claimed <= 1, measured 2" in capsys.readouterr().out.replace("\n", " ")


def test_progress_is_said_where_there_is_no_terminal(two, tmp_path, capsys, monkeypatch):
    from girsanov.cli import verify as command

    monkeypatch.setattr(command, "SECONDS", 0.0)
    assert run(["verify", "--out", str(tmp_path / "x")]) == 1
    said = capsys.readouterr().err
    assert "verify: 0 of 2 statements checked, now good" in said
    assert "verify: 1 of 2 statements checked, now bad" in said


def test_a_page_says_what_is_allowed_and_no_0_for_what_is_small(monkeypatch, tmp_path):
    small = Row("small", 1e-6, 8e-14, "<=")
    rows = [small, Row("none", 0.0, 0.0), Row("near", 2.0, 2.1, "=", 0.5)]
    drawn = chart("c", "t", [Series("s", [1, 2], [1.0, 2.0])], ("x", "y"))
    one = Statement("one", "One", "", "", "", lambda q, s: Result(rows, rows[2], "", drawn))
    monkeypatch.setattr(room, "statements", lambda: {"one": one})
    assert run(["verify", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text()
    line = page[page.index("<td>small") :].partition("</tr>")[0]
    assert '<td class="r n">below 10⁻¹²</td>' in line
    assert '<td class="r n">0</td>' in page[page.index("<td>none") :].partition("</tr>")[0]
    summary = page[: page.index("</table>")]
    assert "4 standard errors" in summary
    assert "± 0.50" in summary


def test_mistakes(two, tmp_path, capsys):
    assert run(["verify", "ugly", "--out", str(tmp_path / "x")]) == 2
    assert "statement: must be a name of `girsanov verify --list`" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    (tmp_path / "index.html").write_text("mine")
    assert run(["verify", "good", "--out", str(tmp_path)]) == 2
    assert "is not of girsanov verify" in capsys.readouterr().err
    assert (tmp_path / "index.html").read_text() == "mine"
    assert run(["verify", "good", "--out", str(tmp_path), "--force"]) == 0


def test_every_statement_is_listed(capsys):
    assert run(["verify", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["statements"]
    assert len(listed) == len(MODULES) == len({s["name"] for s in listed})


def test_the_papers_names_are_known():
    known = room.statements()
    assert room._wanted(["Theorem 9", "theorem2"], known) == {"identity", "novikov", "theorem2"}
    for name, found in room.PAPER_NAMES.items():
        assert room._wanted([name], known) == set(found)
        assert name not in known
    with pytest.raises(InputError, match="--list`, or assumption1"):
        room._wanted(["lemma1"], known)


def test_charts_leave_out_what_is_not_positive_on_a_log_axis():
    drawn = chart("c", "t", [Series("s", [1, 10], [0.0, 5.0], 2, "both")], ("x", "y"), log="xy")
    assert isinstance(drawn, Markup)
    assert "nan" not in drawn


@pytest.mark.parametrize("name", ["convergence", "novikov", "order", "outputs", "score_error"])
def test_statements_hold_when_quick(name):
    """Some of the quick run; `girsanov verify --quick` is all of it."""
    outcome = room.verify([name], quick=True).outcomes[0]
    failing = [r.what for r in outcome.result.rows if not r.holds]
    assert not failing
    assert outcome.result.headline.holds


def test_a_statement_fails_when_a_formula_is_wrong(monkeypatch):
    from girsanov.paper.statements import theorem7

    right = theorem7.discretisation
    monkeypatch.setattr(theorem7, "discretisation", lambda *a: 1.01 * right(*a))
    result = theorem7.run(True, 0)
    assert not result.holds
    assert all("ddpm" in r.what for r in result.rows if not r.holds)


@pytest.mark.slow
def test_all_statements_hold():
    run_of_all = room.verify(quick=True)
    failing = [r.what for o in run_of_all.outcomes for r in o.result.rows if not r.holds]
    assert run_of_all.holds, failing


def test_figures_in_print_are_set_beside_their_own(monkeypatch, tmp_path, capsys):
    good = printed("a figure", ".44", 0.44, source="theory 9.3")
    bad = printed("another", ".44", 0.48, source="theory 9.3, constants 1")
    rows = [good, bad, Row("not in print", 1.0, 1.0)]
    drawn = chart("c", "t", [Series("s", [1, 2], [1.0, 2.0])], ("x", "y"))
    one = Statement("one", "One", "", "", "", lambda quick, seed: Result(rows, good, "", drawn))
    monkeypatch.setattr(room, "statements", lambda: {"one": one})
    assert run(["verify", "--tables", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "9.3 The paper's sampler" in said
    assert "another" in said.partition("9.3 The paper")[2]
    assert "1.317" in said  # what is to be corrected
    (table,) = json.loads((tmp_path / "results.json").read_text())["tables"]
    assert (table["table"], table["figures"], table["sampler"]) == ("9.3", 2, 1)
    assert 'id="table-9.3"' in (tmp_path / "index.html").read_text()


def test_every_source_in_print_belongs_to_a_table():
    import re

    from girsanov.paper import statements
    from girsanov.paper.tables import TABLES

    folder = statements.__path__[0]
    text = "".join(p.read_text() for p in sorted(Path(folder).glob("*.py")))
    named = set(re.findall(r'"theory (\d[\d.]*)', text)) - {"9"}
    assert named <= {t.number for t in TABLES}
    assert {f"9.{k}" for k in range(1, 9)} <= named
