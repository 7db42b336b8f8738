"""A model that knows nothing of its data, from audit to page: one verdict, in words and JSON."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

AUDIT = ("--levels", 17, "--examples", 128, "--draws", 1)
SAID = "it knows nothing about this data"


@pytest.fixture
def stranger(girsanov, here, law) -> str:
    """The denoiser of a law in other units, audited on `law` in far.audit.json."""
    content = json.loads((here / law).read_text())
    content["means"] = [[30.0, -10.0], [-20.0, 20.0]]
    content["covariances"] = [2.0, 9.0]
    (here / "far.json").write_text(json.dumps(content))
    said = girsanov("audit", "far.json", "--data", law, *AUDIT, "--out", "far.audit.json")
    assert said.code == 0, said.err
    assert flat(said.out).startswith("It is the model: it knows nothing about this data")
    return "far.audit.json"


def flat(text):
    return " ".join(text.split())


def words_of(page):
    text = re.sub(r"(?s)<(style|script|svg).*?</\1>", "", Path(page).read_text())
    return flat(unescape(re.sub(r"<[^>]+>", " ", text)))


@pytest.mark.parametrize("steps", [(), ("--steps", 6)], ids=["best", "six"])
@pytest.mark.parametrize("how", [(), ("--no-calibrate",)], ids=["usual", "uncalibrated"])
def test_every_plan_says_so(girsanov, stranger, steps, how):
    said = girsanov("plan", stranger, *steps, *how, "--json").json
    assert said["untrained"]["times"] > 1.5
    assert SAID in said["verdict"][0]
    assert said["calibrated"] == (how == ())
    assert ("describe the corrected model" in said["verdict"][0]) == (how == ())
    shown = flat(girsanov("plan", stranger, *steps, *how, "--verbose").out)
    assert SAID in shown
    assert "certificate There is none" in shown
    assert "TV at most" not in shown
    assert ("ledger (nats), calibrated" in shown) == (how == ())
    assert ("the calibrated model's error" in shown) == (how == ())
    assert ("correction of the calibrated denoiser" in shown) == (how == ())
    if steps:
        assert "the number of steps was given" not in shown


def test_pages_of_one_and_of_two_say_so(girsanov, stranger, law):
    girsanov("plan", stranger, "--steps", 6)
    said = girsanov("report", stranger, "--plan", "plan.json", "--json").json
    (model,) = said["models"]
    assert model["untrained"]["times"] > 1.5
    assert SAID in model["verdict"][0]
    page = words_of("report.html")
    assert SAID in page
    assert "There is none: KL and TV leave out the calibrated model's error" in page
    assert "Total variation certified" not in Path("report.html").read_text()
    assert "All numbers are of the calibrated model" in page
    girsanov("audit", law, "--data", law, *AUDIT)
    said = girsanov("report", stranger, "audit.json", "--out", "two.html", "--json").json
    assert [m["untrained"] is None for m in said["models"]] == [False, True]
    page = words_of("two.html")
    assert page.count(SAID) == 1
    assert "Samples of model 1 are drawn calibrated" in page
    assert re.search(r"\d, calibrated", page)


def test_a_model_of_its_data_says_nothing_of_the_kind(girsanov, law):
    said = girsanov("audit", law, "--data", law, *AUDIT, "--json").json
    assert said.get("untrained") is None
    assert SAID not in str(girsanov("plan", "audit.json", "--json").json)
