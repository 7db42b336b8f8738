"""Whole jobs: fit, audit, plan, sample, report, on every kind of data."""

from __future__ import annotations

import csv
import html
import json
import re
import shlex

import numpy as np
import pytest
from PIL import Image

import girsanov as gv

FIT = ("--steps", "20", "--network", "mlp")
QUICK = ("--levels", "9", "--draws", "4")


@pytest.fixture
def planned(girsanov):
    """Fit, audit and plan; return what `fit` and `audit` said as JSON."""

    def go(data, *options):
        fitted = girsanov("fit", data, "--out", "model", *FIT, "--json", *options)
        assert fitted.code == 0, fitted.err
        labels = options[-2:] if "--labels" in options else ()
        audited = girsanov("audit", "model", "--data", data, *QUICK, "--json", *labels)
        assert audited.code == 0, audited.err
        said = girsanov("plan", "audit.json", "--steps", "4", "--json")
        assert said.code == 0, said.err
        assert said.json["steps"] == 4
        return fitted.json, audited.json

    return go


def table(path):
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_a_table_comes_back_with_its_header_and_categories(girsanov, planned, trees):
    planned(trees)
    said = girsanov("sample", "model", "--plan", "plan.json", "--count", 40, "--out", "new.csv")
    assert said.code == 0
    header, rows = table("new.csv")
    assert header == ["height", "rings", "species"]
    assert len(rows) == 40
    assert {row[2] for row in rows} <= {"ash", "beech", "oak"}
    assert len({row[2] for row in rows}) > 1
    assert all(str(int(row[1])) == row[1] for row in rows)


def test_sampling_that_goes_on_says_so(girsanov, planned, here):
    np.save(here / "x.npy", np.random.default_rng(0).gamma(2.0, size=(300, 3)))
    planned("x.npy")
    line = ("sample", "model", "--plan", "plan.json", "--count", 2500, "--out", "new.npy")
    model, plan = gv.load_model("model"), gv.load_plan("plan.json")
    parts = gv.sample_shards(model, plan, 2500, "new.npy.parts")
    parts.path(1).unlink()  # 1500 of the samples are there
    said = girsanov(*line, "--json")
    assert said.code == 0
    assert "new.npy.parts keeps 1500 of these samples from a run that was stopped" in said.err
    assert said.json["count"] == 2500
    again = girsanov(*line, "--force")  # and nothing of it where there is nothing to go on with
    assert again.code == 0
    assert "keeps" not in again.err


def test_help_names_every_kind_of_model(girsanov):
    for command in ("audit", "sample"):
        said = " ".join(girsanov(command, "--help").out.replace("│", " ").split())
        assert "a diffusers pipeline (its folder, or hub:owner/name)" in said


def test_counts_are_kept_to_what_was_seen_unless_told_otherwise(girsanov, planned, trees):
    planned(trees)
    line = ("sample", "model", "--plan", "plan.json", "--count", 2500)  # more than one shard holds
    said = girsanov(*line, "--out", "new.csv", "--json")
    assert said.json["bounded"] == ["height", "rings"]
    free = girsanov(*line, "--out", "free.csv", "--as-drawn", "--json")
    assert free.json["bounded"] == []
    told = girsanov(*line[:-1], 3, "--out", "few.csv").out
    assert "kept to numbers that the training data could hold: height, rings" in told
    rings, raw = (np.array([int(row[1]) for row in table(f)[1]]) for f in ("new.csv", "free.csv"))
    seen = gv.load_model("model").standardisation.columns[1]
    assert raw.min() < seen.low >= 1
    np.testing.assert_array_equal(rings, raw.clip(seen.low, seen.high))
    plan, model = gv.load_plan("plan.json"), gv.load_model("model")
    for as_drawn, wanted in ((False, rings), (True, raw)):
        drawn = gv.sample(model, plan, 50, as_drawn=as_drawn)
        np.testing.assert_array_equal(drawn["rings"], wanted[:50])


def test_the_audit_finds_the_part_that_fit_kept_back(girsanov, planned, trees):
    _, audited = planned(trees)
    data = gv.load_data(trees)
    train, held_out = data.split(0.8, seed=0)
    assert audited["data"] == held_out.fingerprint
    assert audited["examples"] == 40
    by_hand = gv.audit(gv.load_model("model"), held_out, train=train, levels=9, draws=4)
    assert audited["error"] == pytest.approx(by_hand.total().value.tolist(), rel=1e-9)


def test_the_share_and_the_seed_of_the_split_are_the_models(girsanov, planned, vectors):
    _, audited = planned(vectors, "--held-out", "0.35", "--seed", "7")
    held_out = gv.load_data(vectors).split(0.65, seed=7)[1]
    assert audited["data"] == held_out.fingerprint


def test_training_data_is_not_audited(girsanov, mistake, vectors):
    girsanov("fit", vectors, "--out", "model", *FIT, "--held-out", "0")
    line = mistake("audit", "model", "--data", vectors)
    assert "is the data this model was trained on" in line
    assert "--held-out 0.2" in line


def test_other_data_is_audited_whole(girsanov, vectors, here):
    girsanov("fit", vectors, "--out", "model", *FIT, "--held-out", "0")
    np.save(here / "new.npy", np.random.default_rng(9).gamma(2.0, size=(50, 3)))
    said = girsanov("audit", "model", "--data", "new.npy", *QUICK, "--json")
    assert said.json["examples"] == 50


def test_vectors_come_back_in_their_units(girsanov, planned, vectors):
    planned(vectors)
    for out in ("new.npy", "new.npz", "new.csv", "new.parquet"):
        said = girsanov("sample", "model", "--plan", "plan.json", "--count", 30, "--out", out)
        assert said.code == 0, said.err
    drawn = np.load("new.npy")
    assert drawn.shape == (30, 3)
    assert drawn.dtype == np.float64
    # the model is hardly trained, and still its moments are the data's: within 4 standard errors
    real = np.load(vectors)
    assert (abs(drawn.mean(0) - real.mean(0)) < 4 * real.std(0) * np.sqrt(1 / 30 + 1 / 160)).all()
    np.testing.assert_array_equal(np.load("new.npz")["x"], drawn)
    header, rows = table("new.csv")
    assert header == ["x0", "x1", "x2"]
    np.testing.assert_array_equal(np.array(rows, dtype=float), drawn)


def test_a_sample_is_the_same_for_every_count_and_batch_size(girsanov, planned, trees):
    planned(trees, "--labels", "species")
    for out, count, size in (("a.csv", 30, 1000), ("b.csv", 12, 5)):
        girsanov("sample", "model", "--plan", "plan.json", "--count", count, "--out", out,
                 "--batch-size", size)  # fmt: skip
    long, short = table("a.csv")[1], table("b.csv")[1]
    assert [row[1:] for row in short] == [row[1:] for row in long[:12]]
    heights = np.array([[float(a[0]), float(b[0])] for a, b in zip(short, long, strict=False)])
    np.testing.assert_allclose(heights[:, 0], heights[:, 1], rtol=1e-5)


def test_classes_are_drawn_as_often_as_they_occur(girsanov, planned, trees):
    fitted, _ = planned(trees, "--labels", "species")
    train = gv.load_data(trees, labels="species").split(0.8, seed=0)[0]
    shares = np.bincount(train.labels, minlength=3) / len(train)
    assert fitted["label_shares"] == pytest.approx(shares.tolist())
    said = girsanov("sample", "model", "--plan", "plan.json", "--count", 2000, "--out", "new.csv",
                    "--json")  # fmt: skip
    tally = said.json["labels"]
    assert list(tally) == ["ash", "beech", "oak"]
    wanted, error = 2000 * shares, np.sqrt(2000 * shares * (1 - shares))
    assert (abs(np.array(list(tally.values())) - wanted) < 4 * error).all()
    header, rows = table("new.csv")
    assert header == ["height", "rings", "species"]
    assert [sum(r[2] == k for r in rows) for k in tally] == list(tally.values())


def test_one_class_is_drawn_by_name(girsanov, planned, trees):
    planned(trees, "--labels", "species")
    said = girsanov("sample", "model", "--plan", "plan.json", "--count", 5, "--label", "oak",
                    "--out", "oak.npy", "--json")  # fmt: skip
    assert said.json["labels"] == {"ash": 0, "beech": 0, "oak": 5}
    assert np.load("oak.npy").dtype.names == ("height", "rings")


def test_labels_that_were_not_counted_must_be_named(girsanov, planned, mistake, trees, here):
    planned(trees, "--labels", "species")
    record = here / "model" / "girsanov.json"
    content = json.loads(record.read_text())
    del content["training"]["label_shares"]  # as in a model that Python's gv.fit made
    record.write_text(json.dumps(content))
    line = mistake("sample", "model", "--plan", "plan.json", "--count", 5, "--out", "x.csv")
    assert "label: must be one of ash, beech, oak: how often each occurs" in line


def test_a_folder_of_images_with_classes(girsanov, planned, here):
    draw = np.random.default_rng(5)
    for name, level in (("dark", 60), ("light", 190)):
        (here / "pictures" / name).mkdir(parents=True)
        for k in range(90):
            pixels = np.clip(draw.normal(level, 25, (6, 6)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(here / "pictures" / name / f"{k}.png")
    planned("pictures", "--conditional")
    said = girsanov("sample", "model", "--plan", "plan.json", "--count", 12, "--out", "new/",
                    "--json")  # fmt: skip
    assert said.code == 0, said.err
    found = {p.parent.name for p in (here / "new").rglob("*.png")}
    assert found == {name for name, n in said.json["labels"].items() if n}
    assert len(list((here / "new").rglob("*.png"))) == 12
    said = girsanov("report", "audit.json", "--plan", "plan.json", "--samples", "new/",
                    "--data", "pictures", "--json")  # fmt: skip
    content = said.json
    (model,) = content.pop("models")
    assert (model["audit"], model["untrained"]) == ("audit.json", None)
    assert content == {"report": "report.html", "replaced": False, "notes": []}
    assert (here / "report.html").read_text().count("data:image/png") == 3  # and a strip on top


@pytest.mark.parametrize("out", ["new.npy", "new.csv"])
def test_a_law_is_model_and_data(girsanov, law, here, out):
    said = girsanov("audit", law, "--data", law, "--examples", 800, "--json")
    assert said.json["exact"] is True
    assert girsanov("plan", "audit.json", "--tv", "0.5", "--json").json["ledger"][2]["value"] == 0
    said = girsanov("sample", law, "--plan", "plan.json", "--count", 400, "--out", out)
    assert said.code == 0, said.err
    if out.endswith(".npy"):
        x, exact = np.load(out), gv.read_law(law)
        spread = np.sqrt(np.diag(exact.covariance()) / 400)
        assert (abs(x.mean(0) - np.asarray(exact.mean)) < 4 * spread + 0.05).all()
    said = girsanov("report", "audit.json", "--plan", "plan.json", "--samples", out,
                    "--data", law)  # fmt: skip
    assert said.code == 0, said.err


def test_a_law_is_audited_on_data_in_its_own_units(girsanov, law, here):
    exact = gv.read_law(law)
    np.save(here / "draws.npy", exact.sample(600, seed=1).numpy())
    said = girsanov("audit", law, "--data", "draws.npy", "--levels", 9, "--json").json
    levels, got = np.array(said["levels"]), np.array(said["error"])
    want = gv.audit(gv.ExactDenoiser(exact), exact, levels=levels, examples=6000).total()
    error = np.hypot(np.array(said["standard_error"]), want.se)
    assert (abs(got - want.value) < 5 * error).all()


def test_the_page_lists_commands_that_make_the_same_page(girsanov, planned, trees, here):
    planned(trees, "--labels", "species")
    girsanov("sample", "model", "--plan", "plan.json", "--count", 30, "--out", "new.csv")
    girsanov("report", "audit.json", "--plan", "plan.json", "--samples", "new.csv", "--data",
             trees, "--labels", "species", "--out", "page.html")  # fmt: skip
    page = (here / "page.html").read_text()
    listed = re.search("To run it again</h3>\n<pre[^>]*><code>(.*?)</code>", page, re.S)
    lines = html.unescape(re.sub(r"<[^>]+>", "", listed[1])).strip().splitlines()
    assert [line.split()[1] for line in lines] == ["fit", "audit", "plan", "sample", "report"]
    again = here / "again"
    again.mkdir()
    (again / trees).write_text((here / trees).read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(again)
        for line in lines:
            said = girsanov(*shlex.split(line)[1:])
            assert said.code == 0, said.err
    assert table(again / "new.csv") == table(here / "new.csv")
    seconds = re.compile(r"Time of the audit</dt><dd>[0-9.]+ s")
    new = (again / "page.html").read_text().replace(str(again), str(here))  # lines to paste
    assert seconds.sub("", new) == seconds.sub("", page)


def test_minutes_are_recorded_as_the_steps_they_came_to(girsanov, vectors):
    said = girsanov("fit", vectors, "--out", "model", "--minutes", "0.003", "--network", "mlp",
                    "--json").json  # fmt: skip
    assert said["minutes"] == 0.003
    expected = f"girsanov fit {vectors} --out model --steps {said['steps']} --network mlp"
    assert said["command"] == expected


def test_a_calibrated_plan_is_carried_to_the_samples(girsanov, planned, vectors, here):
    planned(vectors)
    said = girsanov("plan", "audit.json", "--steps", "3", "--calibrate", "--force", "--json")
    assert said.json["calibrated"] is True
    girsanov("sample", "model", "--plan", "plan.json", "--count", "20", "--out", "c.npy")
    plan = gv.load_audit("audit.json").plan(steps=3, calibrate=True)
    assert np.array_equal(np.load(here / "c.npy"), gv.sample(gv.load_model("model"), plan, 20))


def test_an_audit_says_that_the_split_cuts_through_near_copies(girsanov, here):
    draw = np.random.default_rng(8)
    one = draw.gamma(2.0, size=(700, 10))
    np.save(here / "twice.npy", np.concatenate([one, one + 0.01 * draw.normal(size=one.shape)]))
    np.save(here / "once.npy", draw.gamma(2.0, size=(1400, 10)))
    for name, said in (("twice", True), ("once", False)):
        assert girsanov("fit", f"{name}.npy", "--out", name, *FIT).code == 0
        audit = ("audit", name, "--data", f"{name}.npy", *QUICK, "--out", f"{name}.json")
        found = girsanov(*audit)
        assert found.code == 0, found.err
        assert ("near copies: " in " ".join(found.out.split())) is said
