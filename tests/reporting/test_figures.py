import re

import numpy as np
import pytest

from girsanov.ledger.certificate import Entry
from girsanov.reporting.figures import (
    curve_axis,
    curve_figure,
    frontier_figure,
    gain_figure,
    ledger_axis,
    ledger_figure,
    noise_axis,
)
from girsanov.reporting.svg import NARROW, WIDE


def entry(name, value, high=None, kind="estimate"):
    return Entry(name, value, value, value if high is None else high, kind, "")


def bound(low):
    return Entry("score", None, low, None, "lower bound", "")


def bars(figure):
    """Return x and width of the solid bars of the wide drawing."""
    wide = str(figure).split('class="narrow"')[0]
    found = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"[^>]*class="bar"', wide)
    return np.array(found, dtype=float)


def test_bars_are_a_waterfall_in_proportion():
    drawn = bars(ledger_figure([entry("init", 1.0), entry("discretisation", 3.0), bound(2.0)]))
    starts, widths = drawn.T
    np.testing.assert_allclose(widths / widths[0], [1, 3, 2], rtol=2e-3)
    np.testing.assert_allclose(starts[1:], (starts + widths)[:-1], atol=0.2)


def test_only_what_is_unknown_is_hatched():
    known = [entry("init", 1.0), entry("discretisation", 3.0), entry("score", 0.0, kind="exact")]
    assert "unknown beyond" not in ledger_figure(known)
    assert ledger_figure([*known[:2], bound(0.0)]).count("-hatch)") == 2  # wide and narrow


def test_whiskers_need_an_interval():
    assert 'class="whisker"' in ledger_figure([entry("init", 1.0, high=2.0)])
    assert 'class="whisker"' not in ledger_figure([entry("init", 1.0)])


def test_parts_that_differ_by_decades_get_a_log_axis():
    assert not ledger_axis([entry("init", 1.0), bound(20.0)], WIDE).log
    axis = ledger_axis([entry("init", 1e-4), bound(20.0)], WIDE)
    assert axis.log
    assert axis.low < 1e-4 < 20 < axis.high
    assert "log scale" in ledger_figure([entry("init", 1e-4), bound(20.0)])


@pytest.mark.parametrize("values", [(0.0, 0.0), (1e-300, 0.0), (-0.1, 0.2), (1e-12, 1e9)])
def test_degenerate_ledgers_are_drawn(values):
    for score in (bound(0.0), entry("score", 0.0, kind="exact")):
        drawn = ledger_figure([entry("init", values[0]), entry("disc", values[1]), score])
        assert "nan" not in drawn
        assert 'width="-' not in drawn


def test_the_curve_passes_through_the_measured_points(exact_audit, exact_plan):
    drawn = str(curve_figure(exact_audit, [exact_plan])).split('class="narrow"')[0]
    path = re.search(r'<path d="(M[^"]*)" class="line model"', drawn).group(1)
    points = np.array([p.split() for p in path[1:].split("L")], dtype=float)
    x = noise_axis(exact_audit, WIDE)(exact_audit.levels**-0.5)
    np.testing.assert_allclose(points[:, 0], x, atol=0.06)
    value = exact_audit.levels * exact_audit.total().value / 2
    slope = np.polyfit(value, points[:, 1], 1)  # linear in s M/d, upwards
    assert slope[0] < 0
    np.testing.assert_allclose(np.polyval(slope, value), points[:, 1], atol=0.1)
    rug = re.search(r'd="([^"]*)" class="rug"', drawn).group(1)
    assert rug.count("M") == len(exact_plan.levels)


def test_only_a_probed_audit_shows_linear_and_gain(exact_audit, wrong_audit):
    assert "line linear" not in curve_figure(exact_audit, [])
    drawn = curve_figure(wrong_audit, [])
    assert "line linear" in drawn
    assert 'class="gain"' in drawn
    assert "The gain is largest" in gain_figure(wrong_audit)


def test_a_curve_far_above_the_noise_gets_a_log_axis(wrong_audit):
    scaled = wrong_audit.levels * wrong_audit.total().value / 2
    assert scaled.max() > 10  # as of a model whose error stays while the noise goes
    assert curve_axis([scaled], 100.0).log
    assert not curve_axis([np.minimum(scaled, 1.0)], 100.0).log


def test_the_frontier_marks_the_chosen_steps(exact_plan):
    drawn = frontier_figure(exact_plan.frontier, [exact_plan.steps])
    assert drawn.count(f">{exact_plan.steps} steps</text>") == 2
    assert drawn.count("chosen-dot") == 2
    assert "chosen-dot" not in frontier_figure(exact_plan.frontier, [10_000])


def test_a_frontier_with_nothing_to_show_is_left_out():
    row = {"steps": 1, "above_best": 0.0, "standard_error": 0.0}
    assert frontier_figure([], []) is None
    assert frontier_figure([row], [1]) is None
    assert frontier_figure([row, {**row, "steps": 2}], [1]) is None


def test_every_drawing_has_an_accessible_name_and_unique_ids(wrong_audit, wrong_plans):
    page = ledger_figure(wrong_plans[0].ledger) + curve_figure(wrong_audit, wrong_plans)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert set(name.split()) <= set(ids)
    assert f'viewBox="0 0 {NARROW:g}' in page
