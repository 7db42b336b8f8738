"""A model's own samples are no data to judge it by; those of others, and copies of data, are."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from girsanov.data.origin import is_of, origin_path, read_origin, write_origin

AUDIT = ("--levels", 5, "--draws", 1, "--out", "new.json")


@pytest.fixture
def drawn(law, girsanov, here):
    """A law, a network fitted on it, and 200 samples of each as a file."""
    np.save("x.npy", np.random.default_rng(4).gamma(2.0, size=(200, 2)))
    for line in (
        "fit x.npy --out model --steps 20 --network mlp",
        "audit model --data x.npy --levels 5 --draws 1",
        "plan audit.json --steps 3",
        "sample model --plan plan.json --count 200 --out own.npy",
        "sample model --plan plan.json --count 200 --precision bfloat16 --any-model --out low.csv",
        "audit law.json --data law.json --examples 200 --levels 9 --out al.json",
        "plan al.json --steps 3 --out pl.json",
        "sample law.json --plan pl.json --count 200 --out other.npy",
    ):
        assert girsanov(*line.split()).code == 0, line
    return here


def test_own_samples_are_refused_in_one_line(drawn, mistake):
    for name in ("own.npy", "low.csv"):  # also what it drew in other arithmetic
        said = mistake("audit", "model", "--data", name, *AUDIT)
        assert f"{name}: holds samples that this model drew, which cannot judge it" in said
    by = ("plan", "audit.json", "--by", "sliced-w2", "--model", "model", "--data", "own.npy")
    assert "this model drew" in mistake(*by, "--steps", 2, "--out", "new.json")


def test_what_is_not_its_own_is_used(drawn, girsanov):
    assert girsanov("audit", "model", "--data", "other.npy", *AUDIT).code == 0
    x = np.load("own.npy")
    np.save("own.npy", x + 1)  # another file under the old record
    assert girsanov("audit", "model", "--data", "own.npy", *AUDIT, "--force").code == 0
    record = origin_path("own.npy")
    record.write_text(record.read_text().replace("/samples/1", "/notes/1"))
    np.save("own.npy", x)  # the record is somebody else's file: nothing is known
    assert girsanov("audit", "model", "--data", "own.npy", *AUDIT, "--force").code == 0


def test_a_folder_that_was_looked_at_is_the_same(here):
    """A file browser leaves hidden files in it."""
    folder = here / "drawn"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"a picture")
    write_origin(str(folder), {})
    (folder / ".DS_Store").write_bytes(b"where its window was")
    assert is_of(read_origin(str(folder)), str(folder))
    (folder / "1.png").write_bytes(b"another")
    assert not is_of(read_origin(str(folder)), str(folder))


def test_samples_compared_with_samples_are_no_mistake(drawn, girsanov):
    assert girsanov("compare", "own.npy", "other.npy").code == 0
    shutil.copy("own.npy", "again.npy")
    shutil.copy("own.npy.origin.json", "again.npy.origin.json")
    assert girsanov("compare", "own.npy", "again.npy").code == 0


def test_a_damaged_record_is_one_line(drawn, mistake):
    record = origin_path("own.npy")
    record.write_text(json.dumps({**json.loads(record.read_text()), "label_column": [1]}))
    assert "must have text as label_column" in mistake("compare", "own.npy", "x.npy")


def again_of(page):
    """What a page lists to run it all again, as text."""
    text = page.read_text().split("To run it again</h3>")[1].split("</section>")[0]
    return re.sub(r"<[^>]+>", "", text)


def test_a_report_takes_samples_of_its_own_plan_alone(drawn, girsanov, mistake):
    girsanov("audit", "model", "--data", "x.npy", *AUDIT)
    girsanov("plan", "audit.json", "--steps", 4, "--out", "longer.json")
    girsanov("plan", "new.json", "--steps", 3, "--out", "other.json")
    girsanov("audit", "model", "--data", "x.npy", "--levels", 9, "--draws", 1, "--out", "9.json")
    said = mistake("report", "audit.json", "--plan", "longer.json", "--samples", "own.npy")
    assert "own.npy: must be drawn with the plan of the report; got samples of another" in said
    assert "drawn by: girsanov sample model --plan plan.json" in said
    said = mistake("report", "9.json", "--plan", "plan.json")
    assert "plan: must be made from the audit that is reported; got one of another audit" in said
    assert "network calls, not" in said
    both = ("--plan", "longer.json", "--plan", "other.json", "--samples", "own.npy", "--json")
    done = girsanov("report", "audit.json", *both)  # the same plan, made again
    assert done.json["notes"] == ["The samples were drawn with plan 2."]
    assert "The samples were drawn with plan 2." in (drawn / "report.html").read_text()
    drawing = "girsanov sample model --plan plan.json --count 200 --out own.npy"
    assert drawing in again_of(drawn / "report.html")


def test_a_report_says_what_is_not_known_of_its_samples(drawn, girsanov, mistake):
    report = ("report", "audit.json", "--plan", "plan.json", "--json", "--samples")
    assert "No record" in girsanov(*report, "x.npy").json["notes"][0]
    assert "in another precision" in girsanov(*report, "low.csv").json["notes"][0]
    assert girsanov(*report, "own.npy").json["notes"] == []
    record = origin_path("own.npy")
    told = json.loads(record.read_text())
    record.write_text(json.dumps({k: v for k, v in told.items() if k != "plan"}))
    assert "does not say which plan" in girsanov(*report, "own.npy").json["notes"][0]
    np.save("own.npy", np.load("own.npy") + 1)
    assert "of another content" in girsanov(*report, "own.npy").json["notes"][0]
    # that line does not give these samples
    assert "girsanov sample" not in again_of(drawn / "report.html")
    said = mistake("report", "audit.json", "--samples", "other.npy")
    assert "must be drawn by a model that was audited" in said


def test_a_plan_on_another_model_is_said_on_the_page(drawn, girsanov):
    girsanov(
        *["fit", "x.npy", "--out", "second", "--steps", "20", "--network", "mlp", "--seed", "1"]
    )
    line = "sample second --plan plan.json --count 200 --any-model --out second.npy"
    assert girsanov(*line.split()).code == 0
    told = girsanov(*["report", "audit.json", "--plan", "plan.json", "--samples", "second.npy"])
    assert "drawn by another model than the one audited" in " ".join(told.out.split())
    assert "drawn by another model than the one audited" in (drawn / "report.html").read_text()
    compared = ("compare", "second.npy", "x.npy", "--by", "sliced-w2", "--model")
    assert girsanov(*compared, "second", "--json").json["notes"] == []
    assert "another model than --model" in girsanov(*compared, "model", "--json").json["notes"][0]


def test_a_folder_of_pictures_is_known_again(here, girsanov, mistake):
    x = np.random.default_rng(4).integers(0, 255, (200, 4, 4)).astype("u1")
    np.save("x.npy", x)
    for line in (
        "fit x.npy --out model --steps 5 --network mlp",
        "audit model --data x.npy --levels 5 --draws 1",
        "plan audit.json --steps 3",
        "sample model --plan plan.json --count 40 --out own/",
    ):
        assert girsanov(*line.split()).code == 0, line
    assert "this model drew" in mistake("audit", "model", "--data", "own/", *AUDIT)
    assert "this model drew" in mistake("audit", "model", "--data", "own", *AUDIT)
    next((here / "own").glob("*.png")).unlink()
    assert girsanov("audit", "model", "--data", "own", *AUDIT).code == 0
