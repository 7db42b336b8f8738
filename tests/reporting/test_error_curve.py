import dataclasses
import re

import numpy as np
import pytest

from girsanov.ledger.entry import Entry
from girsanov.reporting.figures.cost_by_steps import line, rises, total_figure
from girsanov.reporting.figures.error_curve import (
    curve_axis,
    curve_figure,
    gain_figure,
    noise_axis,
)
from girsanov.reporting.figures.spectrum import spectra, spectrum_figures
from girsanov.reporting.figures.svg import NARROW, WIDE
from girsanov.reporting.figures.tv_by_level import certificate_figure, most_tv
from girsanov.reporting.figures.waterfall import ledger_figure, reach


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
    drawn = str(ledger_figure([*known[:2], bound(0.0)]))
    hatched = re.findall(r'width="([\d.]+)" height="22" fill="url', drawn)
    assert [float(w) > 0 for w in hatched] == [False, False, True] * 2  # wide and narrow


def whiskers(figure):
    return re.findall(r'<path d="([^"]*)" class="whisker"', str(figure))


def test_whiskers_need_an_interval():
    assert all(whiskers(ledger_figure([entry("init", 1.0, high=2.0)])))
    assert not any(whiskers(ledger_figure([entry("init", 1.0)])))


def test_the_axis_reaches_past_everything_known():
    ledger = [entry("init", 1.0, high=2.5), entry("discretisation", 3.0)]
    assert reach(ledger) >= 4.0
    assert reach([*ledger, bound(2.0)]) > 1.2 * 6.0
    assert reach([entry("init", 1.0, high=9.0)]) >= 9.0


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


def test_cost_against_steps_marks_the_chosen_and_the_best(exact_audit, exact_plan):
    plans = [exact_audit.plan(steps=n) for n in (2, 4, 6)]
    falls = line("analytic-dpm", plans)
    rises_again = falls._replace(values=[falls.values[k] for k in (1, 2, 0)])
    drawn = total_figure([rises_again], 6, best=4)
    assert drawn.count(">6 steps</text>") == 2
    assert drawn.count("chosen-dot") == 2
    assert drawn.count("best-dot") == 2
    assert "best-dot" not in total_figure([rises_again], 4, best=4)
    assert "best-dot" not in total_figure([rises_again], 6)  # nothing is known of the best
    assert "chosen-dot" not in total_figure([rises_again], None)
    assert "data-live" not in total_figure([rises_again], None)
    assert line("analytic-dpm", plans[:1]) is None


def test_it_is_said_when_more_steps_cost_more(exact_plan):
    def row(steps, above, se):
        return {"steps": steps, "above_best": above, "standard_error": se}

    for se, said in ((0.1, "Here it rises again: 9 steps cost 1.00"), (0.6, "does not clearly")):
        frontier = [row(1, 5.0, 0.1), row(4, 0.0, 0.0), row(9, 1.0, se)]
        assert said in rises(dataclasses.replace(exact_plan, frontier=frontier))


def test_the_certificate_is_drawn_where_it_is(exact_plan):
    drawn = str(certificate_figure(exact_plan, (0.01, 30.0))).split('class="narrow"')[0]
    path = re.search(r'<path d="(M[^"]*)" class="line model"', drawn).group(1)
    points = np.array([p.split() for p in path[1:].split("L")], dtype=float)
    slope = np.polyfit(most_tv(exact_plan.certificate()), points[:, 1], 1)
    assert slope[0] == pytest.approx(-190, abs=1)  # the height of 0 to 1
    assert [at.tv.high for at in exact_plan.certificate().levels] == most_tv(
        exact_plan.certificate()
    )
    assert certificate_figure(dataclasses.replace(exact_plan, promised=None), (0.1, 1.0)) is None


def test_a_spectrum_sums_to_the_curve(exact_audit):
    rows = [3, 8]
    total = exact_audit.levels[rows] * exact_audit.total().value[rows]
    for basis in exact_audit.curve.errors:
        found = spectra(exact_audit, basis, rows)
        # each basis is rid of what chance made of the noise by itself
        main = basis == exact_audit.curve.main
        near = 1e-9 * total if main else exact_audit.levels[rows] * exact_audit.total().se[rows]
        assert (np.abs(found.sum(axis=1) - total) <= near).all()
        assert (np.diff(found, axis=1) <= 0).all()
    assert len(spectrum_figures(exact_audit)) == len(exact_audit.curve.errors)


def test_every_drawing_has_an_accessible_name_and_unique_ids(wrong_audit, wrong_plans):
    page = ledger_figure(wrong_plans[0].ledger) + curve_figure(wrong_audit, wrong_plans)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert set(name.split()) <= set(ids)
    assert f'viewBox="0 0 {NARROW:g}' in page
