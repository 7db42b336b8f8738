"""The plans embedded in the page: each is the plan for its number of steps, safely written."""

import json

import numpy as np
import pytest

from girsanov.ledger.verdict import plan_verdict
from girsanov.planning.all_step_counts import relatives
from girsanov.planning.given_grid import evaluate_grid
from girsanov.planning.make_plan import make_plan
from girsanov.reporting.live import island, live, state
from girsanov.reporting.page import render


@pytest.fixture(scope="module")
def embedded(wrong_audit, wrong_plans):
    page = render(wrong_audit, wrong_plans[0])
    text = page.split('id="plans">')[1].split("</script>")[0]
    return json.loads(text.replace("\u00a0%", " %"))


def test_every_embedded_plan_is_the_one_made_for_its_steps(embedded, wrong_audit, wrong_plans):
    given = wrong_plans[0]
    counts = [p["steps"] for p in embedded["plans"]]
    assert counts[:8] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert counts[embedded["given"]] == given.steps
    assert embedded["own"] is True
    for told in embedded["plans"]:
        options = {"resolution": given.resolution, "sampler": given.sampler}
        plan = make_plan(wrong_audit, steps=told["steps"], **options)
        np.testing.assert_allclose(told["noise"], plan.levels**-0.5, rtol=1e-4)
        assert told["sentence"] == plan_verdict(plan)
        for bar, entry in zip(told["bars"], plan.ledger, strict=True):
            known = entry.low if entry.value is None else entry.value
            assert bar[1] == pytest.approx(known, rel=1e-4)
        highs = [at.tv.high for at in plan.certificate().levels]
        np.testing.assert_allclose(told["tv"], highs, rtol=1e-4)


def test_the_given_plan_is_what_the_static_page_shows(embedded, wrong_plans):
    told = embedded["plans"][embedded["given"]]
    assert told == json.loads(json.dumps(state(wrong_plans[0])))


def test_a_grid_by_hand_is_shown_as_it_is(exact_audit, exact_plan):
    by_hand = evaluate_grid(exact_audit, np.geomspace(0.01, exact_plan.levels[-1], 6))
    kin = relatives(exact_audit, exact_plan, [4, 6, 8])
    found = live(exact_audit, by_hand, kin)
    assert found["own"] is False
    assert [p["steps"] for p in found["plans"]] == [4, 6, 8]
    assert found["plans"][found["given"]] == state(by_hand)
    assert found["plans"][0] == state(kin[0])
    between = live(exact_audit, by_hand, [kin[0], kin[2]])
    assert between["given"] == 1
    assert between["plans"][1] == state(by_hand)


def test_a_sampler_that_cannot_be_priced_has_no_slider(exact_audit, exact_plan):
    assert live(exact_audit, exact_plan, [exact_plan]) is None
    other = [exact_plan, make_plan(exact_audit, steps=9)]
    assert live(exact_audit, exact_plan, other)["given"] == 0


def test_nothing_in_an_island_can_end_it():
    hostile = "</script><script>alert(1)</script>&lt;<!--\u2028\u2029"
    text = str(island({"words": hostile}))
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"words": hostile}


def test_relatives_end_where_the_plan_does(wrong_audit, wrong_plans):
    found = relatives(wrong_audit, wrong_plans[0], [2, 5])
    assert [p.steps for p in found] == [2, 5]
    assert all(p.resolution == pytest.approx(wrong_plans[0].resolution) for p in found)
