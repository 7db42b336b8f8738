"""What looking at the pages found, so that it stays mended: contrast, widths, names, honesty."""

import html
import re
from itertools import product

import numpy as np
import pytest

from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.planning.all_step_counts import relatives
from girsanov.reporting.code_snippets import lines, snippets
from girsanov.reporting.figures.error_curve import curve_figure
from girsanov.reporting.figures.waterfall import ledger_figure
from girsanov.reporting.live import live
from girsanov.reporting.page import render, shipped
from girsanov.reporting.words.advice import listed, priced

from .test_browser import browse, pytestmark  # noqa: F401 - needs chromium

WIDTHS = """
const wide = [...document.querySelectorAll(".scroll, .control, .cards, pre, figure")]
  .filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.className + " " + (e.getAttribute("aria-label") || e.tagName));
const tabs = [...document.querySelectorAll("input, button, summary, pre, .scroll")]
  .filter((e) => e.tabIndex < 0).length;
document.title = JSON.stringify({ wide, tabs });
"""


def text_of(page):
    shown = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * c for c in digits) if len(digits) == 3 else digits
    shares = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    """The contrast ratio of WCAG 2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_theme_can_be_read():
    assert contrast("#000", "#fff") == pytest.approx(21)
    themes = re.findall(r":root \{(.*?)\}", shipped("style.css"), flags=re.S)
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#\w+)", theme))
        for text, ground in product(("ink", "quiet", "accent"), ("paper", "panel")):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["axis"], colours["paper"]) >= 3  # what is drawn, not read


def test_nothing_moves_by_itself():
    assert not re.search(r"animation|transition|scroll-behavior", shipped("style.css"))


@pytest.fixture(scope="module")
def many(law):
    """A page with plans of every kind, an ODE sampler's distance among them."""
    measured = audit(ExactDenoiser(law), law, levels=33, examples=64, trajectories=32)
    kinds = {"analytic-dpm": 6, "ddpm": 6, "ddim": 4, "ei-score": 12, "ei-relative": 5}
    plans = [measured.plan(steps=k, sampler=name) for name, k in kinds.items()]
    commands = [
        "girsanov audit a-long-name-of-a-model --data a-long-name-of-data.npy --out b.json"
    ]
    return measured, plans, render(measured, *plans, commands=commands)


def test_no_table_is_cut_off_and_all_can_be_reached(many, tmp_path):
    free = re.sub(r"<meta http-equiv[^>]*>", "", many[2])
    free = free.replace("</body>", f"<script>{WIDTHS}</script></body>")
    for width in (620, 900):  # just above a phone, and wider than the text
        report = "document.title = frame.contentDocument.title"
        host = (
            f'<iframe id="frame" style="width:{width}px;height:20000px;border:0" '
            f'srcdoc="{html.escape(free)}" onload="{report}"></iframe>'
        )
        title = html.unescape(re.search(r"<title>(.*?)</title>", browse(host, tmp_path))[1])
        assert title == '{"wide":[],"tabs":0}'


def test_the_page_says_what_it_is(many):
    assert '<html lang="en">' in many[2]
    assert re.search(r"<title>girsanov report: \S.*</title>", many[2])


def test_every_plan_has_its_row_of_levels(many):
    measured, plans, _ = many
    drawn = str(curve_figure(measured, plans)).split('class="narrow"')[0]
    assert drawn.count('class="rug"') == 5
    assert re.findall(r'class="end row-name">(\d)<', drawn) == list("12345")
    assert "row-name" not in curve_figure(measured, plans[:1])


def test_no_line_ends_before_its_sign_of_percent(many):
    assert not re.search(r"\d %", many[2])
    assert "\u00a0%" in many[2]


def test_a_plan_between_the_stops_of_the_slider_is_the_best_of_its_steps(exact_audit):
    plan = exact_audit.plan(steps=37)
    kin = relatives(exact_audit, plan, [6, 40])
    assert live(exact_audit, plan, kin)["own"] is True


def test_the_first_tick_of_the_ledger_is_not_cut_off(exact_plan):
    drawn = str(ledger_figure(exact_plan.ledger))
    assert len(re.findall(r'<text x="1" y="[\d.]+" class="tick">0</text>', drawn)) == 2


def test_promises_say_what_they_leave_out(wrong_audit, wrong_plans, exact_audit, exact_plan):
    apart = "The model’s error comes on top"
    assert apart in text_of(render(wrong_audit, wrong_plans[0]))
    assert apart not in text_of(render(exact_audit, exact_plan))
    assert "leave out the model's error" in wrong_plans[0].promised.words()


def test_lines_to_copy_are_whole(wrong_plans):
    given = [
        "girsanov audit 'my model' --data d.npy --out a.json",
        "girsanov sample m --out s.csv",
    ]
    for snippet in snippets(wrong_plans[1], given):
        shown = lines(snippet.code)
        plain = [re.sub(r"<[^>]+>", "", text) for text in (shown, snippet.code)]
        assert plain[0] == plain[1] + "\n"
        assert 'data-live="count"' in shown
    first = lines(snippets(wrong_plans[1], given)[0].code)
    assert '<span class="code-word">--out</span>' in first
    assert "s-with-" in first
    assert "&lt;b&gt;" in lines("<b> x")


def test_what_would_help_is_listed(wrong_audit, wrong_plans):
    told = listed(wrong_audit, priced(wrong_audit, wrong_plans[0]), wrong_plans[0])
    page = render(wrong_audit, wrong_plans[0])
    assert len(told.items) >= 2
    assert page.count("<li>") == len(told.items)
    assert all(item in text_of(page).replace("\u00a0%", " %") for item in told.items)
    assert all(item[0].isupper() for item in told.items)


def test_two_models_are_compared_or_named(exact_audit, wrong_audit, wrong_plans):
    plan = exact_audit.plan(steps=9)
    page = render(wrong_audit, wrong_plans[0], plan, others=[exact_audit])
    words = text_of(page)
    order = ["Which model is better?", "The models compared", "The promise for each",
             "How many steps each needs", "Model 1 in detail", "The ledger", "Use it",
             "What was run"]  # fmt: skip
    places = [words.index(part) for part in order]
    assert places == sorted(places)
    run = words[places[-1] :]
    for one in (wrong_audit, exact_audit):
        assert str(one.facts.model) in run
    drawn = page.split('aria-labelledby="rivals-tv-wide-title')[1].split("</svg>")[0]
    assert [kind in drawn for kind in ("line model", "line second")] == [True, True]
    assert "Where model 2 is ahead of model 1" in words
