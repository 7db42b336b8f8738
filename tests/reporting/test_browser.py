"""The page in headless Chromium: nothing fails, nothing is too wide, the slider moves it right."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from girsanov.ledger.grade import grade_words
from girsanov.ledger.numbers import value_of
from girsanov.ledger.verdict import plan_verdict
from girsanov.planning.make_plan import make_plan
from girsanov.reporting.figure_files import write_figures
from girsanov.reporting.figures.error_curve import curve_figure
from girsanov.reporting.figures.tv_by_level import certificate_figure, certificate_words
from girsanov.reporting.figures.waterfall import ledger_figure
from girsanov.reporting.page import render, report

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
FLAGS = (
    "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync hide-scrollbars "
    "disable-background-networking disable-component-update enable-logging=stderr "
    "virtual-time-budget=3000"
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
SLIDE = """
const found = [], input = document.getElementById("steps");
const visible = (e) => e.getBoundingClientRect().height > 0;
for (let k = 0; k <= Number(input.max); k++) {
  input.value = k;
  input.dispatchEvent(new Event("input"));
  const svg = (name) =>
    [...document.querySelectorAll(`svg[data-live=${name}]`)].map((e) => e.outerHTML);
  found.push({
    title: document.querySelector("h1").textContent,
    output: document.querySelector("output").textContent,
    spoken: input.getAttribute("aria-valuetext"),
    card: document.querySelector(".big").textContent,
    grade: document.querySelector("[data-grade]").textContent,
    graded: document.querySelector("[data-live=graded]").textContent,
    certificate: document.querySelector("[data-live=certificate]").textContent,
    snippet: document.querySelector("pre[data-copy]").textContent,
    given: [...document.querySelectorAll("[data-given]")].some(visible),
    ledger: svg("ledger"), tv: svg("tv"), curve: svg("curve"), total: svg("total"),
  });
}
document.getElementById("back").click();
const buttons = [...document.querySelectorAll("button")].map(
  (b) => [b.textContent, b.getAttribute("aria-label")]);
const named = (e) =>
  e.getAttribute("aria-labelledby").split(" ").every((id) => document.getElementById(id));
const unnamed = [...document.querySelectorAll("svg")].filter((e) => !named(e));
const out = document.createElement("pre");
out.id = "found";
out.textContent = JSON.stringify({
  found, buttons, unnamed: unnamed.length, back: document.querySelector("output").textContent,
  label: input.labels[0].textContent, wide: document.documentElement.scrollWidth,
});
document.body.append(out);
"""


def browse(page, tmp_path):
    """Open a page; return its DOM, after checking that nothing was logged."""
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    flags = [f"--{flag}" for flag in f"{FLAGS} user-data-dir={tmp_path}/profile".split()]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def page(wrong_audit, wrong_plans):
    return render(wrong_audit, wrong_plans[0], samples=np.zeros((9, 8, 8), np.uint8))


@pytest.fixture(scope="module")
def slid(page, tmp_path_factory):
    """What the page shows at every place of the slider; its policy would refuse our probe."""
    free = re.sub(r"<meta http-equiv[^>]*>", "", page)
    free = free.replace("</body>", f"<script>{SLIDE}</script></body>")
    dom = browse(free, tmp_path_factory.mktemp("browser"))
    found = dom.split('<pre id="found">')[1].split("</pre>")[0]
    return json.loads(html.unescape(found).replace("\u00a0%", " %"))


class Flat(HTMLParser):
    """A drawing as a list of tags, attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.parts = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.parts.append((tag, sorted((k, v) for k, v in attrs if k != "desc")))

    def handle_data(self, data):
        self.parts.append(("text", [("", data)]))


def same(drawn, wanted):
    """Compare two drawings: all words equal, all pixels within a fifth of one."""
    a, b = Flat(drawn).parts, Flat(str(wanted)).parts
    in_desc = [k for k, (tag, _) in enumerate(b) if tag == "desc"]
    assert [tag for tag, _ in a] == [tag for tag, _ in b]
    for k, ((_, one), (_, two)) in enumerate(zip(a, b, strict=True)):
        if k - 1 in in_desc:
            continue
        for (name, mine), (_, right) in zip(one, two, strict=True):
            pattern = r"-?\d+(?:\.\d+)?"
            assert re.sub(pattern, "#", mine) == re.sub(pattern, "#", right), name
            numbers = [[float(v) for v in re.findall(pattern, text)] for text in (mine, right)]
            np.testing.assert_allclose(*numbers, atol=0.2)


def wide_and_narrow(figure):
    return re.findall(r"<svg.*?</svg>", str(figure), flags=re.S)


def test_the_slider_draws_what_python_draws(slid, wrong_audit, wrong_plans):
    given = wrong_plans[0]
    noise = wrong_audit.levels**-0.5
    ends = (float(noise.min()), float(noise.max()))
    assert len(slid["found"]) > 8
    for shown in slid["found"]:
        steps = int(shown["output"].split()[0])
        options = {"resolution": given.resolution, "sampler": given.sampler}
        plan = make_plan(wrong_audit, steps=steps, **options)
        wanted = {
            "ledger": ledger_figure(plan.ledger),
            "tv": certificate_figure(plan, ends),
            "curve": curve_figure(wrong_audit, [plan]),
        }
        for name, figure in wanted.items():
            for drawn, right in zip(shown[name], wide_and_narrow(figure), strict=True):
                same(drawn, right)
        assert all(f">{shown['output']}</text>" in drawn for drawn in shown["total"])


def test_the_slider_moves_the_words(slid, wrong_audit, wrong_plans):
    given = wrong_plans[0]
    for shown in slid["found"]:
        steps = int(shown["output"].split()[0])
        options = {"resolution": given.resolution, "sampler": given.sampler}
        plan = make_plan(wrong_audit, steps=steps, **options)
        assert shown["title"] == plan_verdict(plan)
        assert (shown["grade"], shown["graded"]) == (plan.grade, grade_words(plan))
        assert shown["spoken"] == shown["output"]
        assert shown["card"].startswith(value_of(plan.ledger[0]))
        assert shown["certificate"] == certificate_words(plan)
        assert f"--steps {steps} " in shown["snippet"]
        assert shown["given"] == (steps == given.steps)
    assert len({s["title"] for s in slid["found"]}) > 3
    assert len({s["graded"] for s in slid["found"]}) > 3
    assert slid["back"] == f"{given.steps} steps"


def test_controls_have_names(slid):
    assert slid["label"] == "Try another number of steps"
    assert slid["unnamed"] == 0
    said = [text for text, _ in slid["buttons"]]
    assert {"As planned", "Copy", "Enlarge"} <= set(said)
    labels = [label for text, label in slid["buttons"] if text == "Copy"]
    assert len(set(labels)) == len(labels) >= 2


def test_its_own_policy_lets_the_script_run(page, tmp_path):
    dom = browse(page, tmp_path)
    assert re.search(r'<div class="control"[^>]*aria-label="Number of steps">', dom)  # not hidden
    assert dom.count('class="copy"') >= 2


def test_a_phone_shows_it_without_scrolling_sideways(page, tmp_path):
    measure = "document.title = frame.contentDocument.documentElement.scrollWidth + ' wide'"
    host = (
        f'<iframe id="frame" style="width:390px;height:40000px;border:0" '
        f'srcdoc="{html.escape(page)}" onload="{measure}"></iframe>'
    )
    assert "<title>390 wide</title>" in browse(host, tmp_path)


def test_figures_become_pictures_and_pages(wrong_plans, tmp_path):
    made = write_figures({"ledger": ledger_figure(wrong_plans[0].ledger)}, tmp_path)
    assert [p.name for p in made] == ["ledger.svg", "ledger.png", "ledger.pdf"]
    drawing, picture, sheet = (p.read_bytes() for p in made)
    width = float(re.search(rb'width="([0-9.]+)"', drawing)[1])
    assert Image.open(made[1]).width == 2 * width
    assert len({*Image.open(made[1]).convert("L").tobytes()}) > 10  # something is drawn
    assert picture[:4] == b"\x89PNG"
    assert sheet[:5] == b"%PDF-"
    assert len(list(tmp_path.iterdir())) == 3


def test_the_picture_to_share_has_just_its_pixels(wrong_audit, wrong_plans, tmp_path):
    shown = np.random.default_rng(0).integers(0, 256, (9, 8, 8), dtype=np.uint8)
    report(wrong_audit, wrong_plans[0], samples=shown, out=tmp_path / "r.html",
           figures=tmp_path / "figures")  # fmt: skip
    with Image.open(tmp_path / "figures" / "share.png") as picture:
        assert picture.size == (1200, 630)
        assert len({*picture.convert("L").tobytes()}) > 10
    assert not (tmp_path / "figures" / "share.pdf").exists()
