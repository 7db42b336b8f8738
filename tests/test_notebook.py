"""What a notebook shows of results: the same words and numbers, escaped, with no style sheet."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import girsanov as gv
from girsanov._notebook import GRADES, notebook_card, spark
from girsanov.ledger.numbers import value_of
from girsanov.posterior.cause import Cause
from girsanov.posterior.ranks import shares, width_of
from girsanov.posterior.result import Coverage

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])


class Balanced(HTMLParser):
    """Refuses tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert not {"src", "href"} & {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


def words(text):
    Balanced(text)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", text).split()))


@pytest.fixture(scope="module")
def audit():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=33)


def test_an_audit_shows_its_verdict_and_its_curve(audit):
    shown = audit._repr_html_()
    assert audit.verdict in words(shown)
    assert f"{float(audit.nats().value):.4g}" in words(shown)
    points = re.search(r'points="([^"]+)"', shown)[1].split()
    assert len(points) == len(audit.levels)


def test_a_plan_shows_its_grade_and_every_entry(audit):
    plan = audit.plan(steps=3)
    shown = plan._repr_html_()
    said = words(shown)
    for sentence in plan.verdict.split(". "):
        assert sentence in said
    assert f"color:{GRADES[plan.grade]}" in shown
    for e in plan.ledger:
        assert value_of(e) in said
    assert plan.in_words() in said


def test_a_comparison_shows_its_table():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(200, 2)), rng.normal(0.5, 1.2, size=(300, 2))
    compared = gv.compare(one, two, by=["sliced-w2", "mmd"])
    said = words(compared._repr_html_())
    for row in compared.rows:
        assert row.name in said
        assert f"{row.value:.3g}" in said
    assert "200 samples and 300 examples" in said


def test_coverage_shows_its_verdict_and_every_count():
    rng = np.random.default_rng(1)
    ranks = np.clip(0.5 + 0.8 * (rng.uniform(size=(200, 2)) - 0.5) * 2, 0, 1)
    counted = tuple(shares(ranks, ranks[:, 0], ("age", "height"), 0.99))
    width = width_of(np.abs(2 * ranks - 1).mean(axis=1))
    cause = Cause(0.0, 0.5, 160, False, 0.6)
    found = Coverage(counted, width, {}, (), 200, 16, 8, 0.99, cause, "Its ledger says 0.")
    said = words(found._repr_html_())
    assert all(part in said for part in found.verdict.split(". ", 1))
    assert "too narrow" in said
    assert said.count("outside") == len(found.outside) > 0
    for share in counted:
        assert f"{100 * share.share:.1f} %" in said


def test_every_text_is_escaped():
    bad = "<script>alert(1)</script>"
    shown = notebook_card([bad, bad], (bad,), [(bad, bad)], [bad], drawing=spark([1.0, 1.0], bad))
    assert "<script" not in shown
    assert shown.count("&lt;script") == 7
    Balanced(shown)
