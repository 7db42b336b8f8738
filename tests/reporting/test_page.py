import dataclasses
import html
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from girsanov import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.ledger.numbers import number
from girsanov.ledger.plan_records import Standing, Tournament
from girsanov.planning.given_grid import evaluate_grid
from girsanov.reporting.figures.error_curve import gain_figure
from girsanov.reporting.live import digest
from girsanov.reporting.page import render, report, shipped
from girsanov.reporting.words.advice import spoken
from girsanov.reporting.words.tournament import contest

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Every tag closed in order, every reference and header remembered."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references, self.ids, self.headers = [], set(), [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        given = dict(attrs)
        self.references += [given[k] for k in ("src", "href", "action", "data") if k in given]
        self.ids += [given["id"]] if "id" in given else []
        if tag == "th":
            self.headers.append(given.get("scope"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def scripts(page):
    """The island of plans and the one script; nothing else may be one."""
    found = re.findall(r"<script([^>]*)>(.*?)</script>", page, flags=re.S)
    assert page.lower().count("<script") == len(found)
    assert [a for a, _ in found] == [' type="application/json" id="plans"', ""][-len(found) :]
    return [text for _, text in found]


def text_of(page):
    shown = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", shown))


@pytest.fixture(scope="module")
def full(wrong_audit, wrong_plans):
    rng = np.random.default_rng(1)
    return render(
        wrong_audit,
        *wrong_plans,
        samples=rng.normal(size=(300, 2)),
        data=rng.normal(size=(300, 2)),
        commands=["girsanov audit model --data digits", "girsanov plan audit.json"],
    )


def test_it_is_well_formed_and_self_contained(full):
    page = Page(full)
    assert page.references == []
    assert not page.tags & {"link", "iframe", "object", "embed", "form", "base"}
    assert scripts(full)[1] == shipped("live.js")
    assert f"script-src '{digest(shipped('live.js'))}'\"" in full
    assert "://" not in full
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", full)
    assert len(page.ids) == len(set(page.ids))
    assert page.headers
    assert set(page.headers) <= {"col", "row"}
    assert len(full) < 1_000_000


def test_every_number_of_the_ledger_is_there_with_its_interval(full, wrong_plans):
    text = text_of(full)
    for plan in wrong_plans:
        for entry in plan.ledger:
            low, high = entry.low, entry.high
            if entry.value is not None:
                assert number(entry.value) in text
                assert f"{number(low)} to {number(max(low, high))}" in text
            else:
                assert f"≥ {number(low)}" in text
            assert entry.note in text or plan is not wrong_plans[0]


def test_sections_come_in_order(full):
    titles = [t for t in re.findall(r"<h2>(.*?)</h2>", full)]
    wanted = [
        "The ledger",
        "The promise",
        "The plans compared",
        "The error curve",
        "How many steps",
        "Samples next to data",
        "Use it",
        "What was run",
    ]
    assert [t for t in titles if t in wanted] == wanted


def test_what_was_run(full, wrong_audit, wrong_plans):
    text = text_of(full)
    for name in ("girsanov", "model", "data", "moments_from"):
        assert getattr(wrong_audit.facts, name) in text
    for level in wrong_plans[0].levels:
        assert number(float(level), 5) in text
    assert "girsanov plan audit.json" in text


def test_an_audit_without_plan_samples_or_probe(exact_audit):
    text = render(exact_audit)
    Page(text)
    assert "No plan was given" in text
    assert "Where training would pay" not in text
    assert "Samples" not in text


def test_an_exact_denoiser_reads_well(exact_audit, exact_plan):
    text = text_of(render(exact_audit, exact_plan))
    assert "It is the sampler: the denoiser is exact" in text
    assert "TV is at most" in text
    assert "unknown" not in text
    assert "best linear denoiser" not in text


def test_a_grid_by_hand_is_told_from_the_best_ones(exact_audit, exact_plan):
    by_hand = evaluate_grid(exact_audit, np.geomspace(0.01, exact_plan.levels[-1], 6))
    text = render(exact_audit, by_hand)
    Page(text)
    assert "visits other levels than the best grid" in text
    assert "visits other levels than the best grid" not in render(exact_audit, exact_plan)


def test_memorisation_is_drawn(wrong_audit):
    seen = dataclasses.replace(wrong_audit, memorisation=wrong_audit.curve.traces[:, :, 0])
    assert "on training examples" in render(seen)


def test_hostile_names_are_escaped(exact_audit, exact_plan):
    named = exact_audit.with_facts(data_name=HOSTILE, moments_from=HOSTILE)
    entry = dataclasses.replace(exact_plan.ledger[0], name=HOSTILE, note=HOSTILE)
    plan = dataclasses.replace(
        exact_plan,
        ledger=(entry, *exact_plan.ledger[1:]),
        why=HOSTILE,
    )
    rows = np.zeros(40, dtype=[(HOSTILE, "f8"), ("</title>", "U30")])
    rows[HOSTILE], rows["</title>"] = np.arange(40), HOSTILE
    text = render(named, plan, samples=rows, data=rows, commands=[HOSTILE])
    Page(text)
    assert scripts(text)[-1] == shipped("live.js")
    assert text_of(text).count("alert(1)") >= 6


def test_the_same_input_gives_the_same_page(wrong_audit, wrong_plans):
    assert render(wrong_audit, *wrong_plans) == render(wrong_audit, *wrong_plans)


def test_pictures_are_embedded(exact_audit, exact_plan):
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3)).astype(np.uint8)
    text = render(exact_audit, exact_plan, samples=images)
    assert [r[:22] for r in Page(text).references] == ["data:image/png;base64,"] * 2
    assert 'alt="48 pictures from the samples, in a grid"' in text
    assert len(text) < 1_000_000


def test_samples_stand_right_under_the_headline(wrong_audit, wrong_plans):
    page = render(wrong_audit, wrong_plans[0], samples=np.zeros((9, 8, 8), np.uint8))
    places = [page.index(mark) for mark in ("<h1", 'class="strip"', 'data-live="graded"', "<main")]
    assert places == sorted(places)
    grade = wrong_plans[0].grade
    assert f'data-grade="{grade}">{grade}</span>' in page


def test_report_writes_the_page(exact_audit, exact_plan, tmp_path):
    path = report(exact_audit, exact_plan, out=str(tmp_path / "new" / "report.html"))
    assert path.read_text(encoding="utf-8") == render(exact_audit, exact_plan)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_mistakes_are_refused(exact_audit, exact_plan, wrong_plans):
    with pytest.raises(InputError, match="plan: must be of the model that was audited; got ffff"):
        render(exact_audit, wrong_plans[0])
    with pytest.raises(InputError, match="commands: must be a list of commands"):
        render(exact_audit, exact_plan, commands="girsanov demo")
    with pytest.raises(InputError, match="plans: must be at most 12; got 13"):
        render(exact_audit, *[exact_plan] * 13)


def test_two_models_are_compared(exact_audit, wrong_audit, wrong_plans):
    text = render(wrong_audit, wrong_plans[0], others=[exact_audit])
    Page(text)
    words = text_of(text)
    assert "Model 2 is the better one" in words
    assert "The models compared" in words
    assert len(text) < 1_000_000


def test_two_models_without_a_plan_are_planned_alike(exact_audit, wrong_audit):
    text = render(wrong_audit, others=[exact_audit])
    Page(text)
    words = " ".join(text_of(text).split())
    assert "No plan was given, so each model was planned for this page in the same way" in words
    assert "there is no verdict yet" not in words
    assert words.index("Model 2 is the better one") < words.index("The models compared")
    steps = re.findall(r'data-label="Steps">(\d+)<', text)
    assert len(steps) == 2
    assert steps[0] == steps[1]


def test_an_ode_sampler_has_a_distance_and_no_empty_ledger(law):
    measured = audit(ExactDenoiser(law), law, levels=33, examples=64, trajectories=32)
    sampler = measured.plan(steps=4, sampler="ddim")
    text = render(measured, sampler, measured.plan(steps=4))
    Page(text)
    words = text_of(text)
    far = sampler.distance
    assert number(far.value) in words
    assert f"predicted, {number(far.low)} to {number(far.high)}" in words
    assert "The ledger" not in words
    assert "unknown" not in words
    assert "No measured change would clearly help" not in words
    assert words.count("Distance") >= 2


def test_what_lies_beyond_the_end_of_a_plan_is_not_drawn(wrong_audit):
    end = float(wrong_audit.levels[9] ** -0.5)
    whole, part = (str(gain_figure(wrong_audit, end=e)) for e in (None, end))
    points = [
        len(re.findall("L", re.search(r'd="(M[^"]*)" class="line', f)[1])) for f in (whole, part)
    ]
    assert [n + 1 for n in points] == [len(wrong_audit.levels), 10]
    assert "the plan stops" in part
    assert "the plan stops" not in whole


def test_a_tournament_is_told_first(wrong_audit, wrong_plans):
    row = Standing("", "ddpm", None, 6, 0.1, True, 1, won=False, own=False, failure="", samples=40,
                   value=0.5, low=0.4, high=0.6, behind=0.1, behind_low=-0.1,
                   behind_high=0.3)  # fmt: skip
    names = [f"number {k}" for k in range(14)]
    rows = [dataclasses.replace(row, candidate=n, won=k == 3) for k, n in enumerate(names)]
    rows[5] = dataclasses.replace(rows[5], failure="no", candidate=HOSTILE)
    rows[6] = dataclasses.replace(rows[6], behind=0.05)
    played = Tournament("sliced-w2", "of samples", 0, 12345, 0, 0, "nothing", 0.95, "", 99,
                        tuple(rows))  # fmt: skip
    plan = dataclasses.replace(wrong_plans[0], tournament=played)
    text = render(wrong_audit, plan)
    Page(text)
    title = html.unescape(re.search(r"<h1>(.*?)</h1>", text)[1]).replace("\u00a0%", " %")
    assert title.startswith("Of 14 candidates, the samples of number 3 (6 steps) came closest")
    assert title.endswith("The data cannot separate it from number 6 or 11 more.")
    assert "<summary>4 more</summary>" in text
    assert "0.10 ± 0.2" in text
    assert spoken(wrong_audit, plan)[0] == title
    assert contest(wrong_plans[0]) is None
    assert "The candidates" not in render(wrong_audit, wrong_plans[0])


def ids_of(text):
    return set(re.findall(r'aria-labelledby="([a-z0-9-]+?)(?:-wide|-narrow)?-title', text))


def test_every_figure_of_the_page_is_a_file(wrong_audit, wrong_plans, exact_audit, tmp_path,
                                            monkeypatch):  # fmt: skip
    monkeypatch.setattr("girsanov.reporting.figure_files.browser", lambda: None)
    draw = np.random.default_rng(0)
    rows = np.zeros(60, [("../a/b", "f8"), ("</svg>", "f8"), ("…", "i8"), ("kind", "U3")])
    for name in rows.dtype.names[:2]:
        rows[name] = draw.normal(size=60)
    rows["kind"] = draw.choice(["a", "b"], 60)
    for k, (shown, others) in enumerate(((rows, ()), (draw.random((9, 8, 8, 3)), [exact_audit]))):
        given = {"samples": shown, "data": shown, "others": others}
        folder = tmp_path / str(k)
        report(wrong_audit, wrong_plans[0], out=tmp_path / "r.html", figures=folder, **given)
        files = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}
        on_page = ids_of((tmp_path / "r.html").read_text(encoding="utf-8"))
        on_page -= {"column-12", "column-13", "column-14"}  # the first ones again, at the top
        assert set().union(*map(ids_of, files.values())) == on_page
        for text in files.values():
            ElementTree.fromstring(text)
        pictures = {name for name in files if name.startswith(("column", "pairs", "pictures"))}
        assert pictures == (
            {"column-1-a-b.svg", "column-2-svg.svg", "column-3.svg", "column-4-kind.svg",
             "pairs.svg"},
            {"pictures-samples.svg", "pictures-data.svg"},
        )[k]  # fmt: skip


def test_figures_are_files(wrong_audit, wrong_plans, tmp_path, monkeypatch):
    monkeypatch.setattr("girsanov.reporting.figure_files.browser", lambda: None)
    report(wrong_audit, wrong_plans[0], out=tmp_path / "r.html", figures=tmp_path / "figures")
    names = {p.name for p in (tmp_path / "figures").iterdir()}
    assert {"ledger.svg", "curve.svg", "certificate.svg", "total.svg", "training.svg"} <= names
    assert {p.suffix for p in (tmp_path / "figures").iterdir()} == {".svg"}
    for path in (tmp_path / "figures").iterdir():
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.get("width")
        assert "var(" not in text
        assert "rgb(" not in text


def test_no_words_are_parted_from_their_figure_in_print(wrong_audit, wrong_plans):
    text = render(wrong_audit, wrong_plans[0])
    for title in (
        "The ledger",
        "The promise",
        "The error curve",
        "Where training would pay",
        "The spectrum of the error",
        "How many steps",
    ):
        found = re.search(rf'<div class="whole">\n<h[23]>{title}</h[23]>(.*?)<svg', text, re.S)
        assert found, title
        assert "</figure>" not in found[1]
        assert found[1].count("</div>") == 0
    printed = shipped("style.css").split("@media print")[-1]
    assert re.search(r"\.whole,[^{]*\{ break-inside: avoid; \}", printed)


def test_what_is_no_audit_or_plan_is_refused_in_a_line(wrong_audit, wrong_plans, tmp_path):
    out = tmp_path / "page.html"
    with pytest.raises(InputError, match=r"^audit: must be an audit"):
        report([wrong_audit], out=out)
    with pytest.raises(InputError, match=r"^plans: must be plans"):
        report(wrong_audit, list(wrong_plans), out=out)
    assert not out.exists()
