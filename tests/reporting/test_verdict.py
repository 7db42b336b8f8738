import dataclasses

import pytest

from girsanov.ledger.distance import Distance
from girsanov.ledger.entry import Entry, tv_from_kl
from girsanov.ledger.verdict import advice, certificate_verdict, plan_verdict, sampler_share


def estimate(name, value, half):
    return Entry(name, value, max(0.0, value - half), value + half, "estimate", "")


def bound(low):
    return Entry("score", None, low, None, "lower bound", "")


EXACT = Entry("score", 0.0, 0.0, 0.0, "exact", "")


def test_the_samplers_share_adds_the_ends_of_the_intervals(with_ledger):
    plan = with_ledger(estimate("init", 0.5, 0.2), estimate("discretisation", 2.0, 0.3), bound(9))
    assert sampler_share(plan) == pytest.approx((2.5, 2.0, 3.0))


@pytest.mark.parametrize(
    ("disc", "half", "low", "begins"),
    [
        (2.0, 0.3, 2.5, "It is the model: its error is at least 2.50 nats of the path"),
        (2.0, 0.3, 2.0, "Too close to call: the sampler adds 2.10 nats"),
        (2.0, 0.3, 1.0, "The sampler is the larger measured error: it adds 2.10 nats"),
        (2.0, 0.3, 0.0, "The sampler is the larger measured error: it adds 2.10 nats"),
        (0.002, 0.001, 0.0, "Neither stands out"),
    ],
)
def test_the_words_follow_equations_1_to_3(with_ledger, disc, half, low, begins):
    init = Entry("init", 0.1, 0.1, 0.1, "exact", "")
    if disc < 0.01:
        init = Entry("init", 0.0, 0.0, 0.0, "exact", "")
    plan = with_ledger(init, estimate("discretisation", disc, half), bound(low))
    assert plan_verdict(plan).startswith(begins)


def test_a_larger_sampler_never_acquits_the_model(with_ledger):
    plan = with_ledger(estimate("init", 0.0, 0.0), estimate("discretisation", 9.0, 1.0), bound(1))
    assert "at least 1.00 nats of the path. Data cannot show how much" in plan_verdict(plan)


@pytest.mark.parametrize(
    ("init", "disc", "part"),
    [
        (0.1, 0.9, "most of it from the steps"),
        (0.9, 0.1, "most of it from the start"),
        (0.5, 0.5, "from the start and the steps equally"),
    ],
)
def test_an_exact_denoiser_leaves_the_sampler(with_ledger, init, disc, part):
    plan = with_ledger(estimate("init", init, 0.01), estimate("discretisation", disc, 0.01), EXACT)
    assert plan_verdict(plan).startswith("It is the sampler: the denoiser is exact")
    assert part in plan_verdict(plan)


def test_an_exact_denoiser_with_enough_steps(with_ledger):
    plan = with_ledger(estimate("init", 1e-4, 0), estimate("discretisation", 1e-3, 1e-4), EXACT)
    assert plan_verdict(plan).startswith("Neither: the denoiser is exact")


def test_an_unmeasured_sampler_gets_no_verdict(with_ledger):
    plan = with_ledger(Entry("init", None, None, None, "unknown", ""), bound(1))
    assert "there is no verdict" in plan_verdict(plan)


def test_the_certificate_is_the_ends_sum(with_ledger):
    plan = with_ledger(estimate("init", 0.01, 0), estimate("discretisation", 0.02, 0.01), EXACT)
    assert "at most 0.0400 nats" in certificate_verdict(plan)
    assert f"at most {tv_from_kl(0.04):.3f}" in certificate_verdict(plan)
    plan = with_ledger(estimate("init", 0.01, 0), estimate("discretisation", 0.02, 0.01), bound(1))
    assert certificate_verdict(plan).startswith("There is no total")


def test_advice_compares_with_the_cheapest_number_of_steps(with_ledger, exact_plan):
    n = exact_plan.steps
    rows = [
        {"steps": n, "above_best": 0.5, "standard_error": 0.05},
        {"steps": n + 3, "above_best": 0.0, "standard_error": 0.0},
    ]
    parts = estimate("init", 0.0, 0), estimate("discretisation", 0.5, 0.1), bound(1)
    plan = with_ledger(*parts, frontier=rows)
    assert f"has {n + 3} steps instead of {n}" in advice(plan)
    assert "0.400 to 0.600" in advice(plan)
    rows[0]["standard_error"] = 0.3
    assert advice(with_ledger(*parts, frontier=rows)).startswith("No other number of steps")
    assert advice(with_ledger(*parts)) == ""


def test_advice_names_the_spacing_when_steps_do_not_explain_the_cost(with_ledger, exact_plan):
    rows = [{"steps": exact_plan.steps, "above_best": 0.0, "standard_error": 0.0}]
    parts = estimate("init", 0.0, 0), estimate("discretisation", 5.0, 0.1), bound(1)
    assert "spacing of those levels" in advice(with_ledger(*parts, frontier=rows))


def test_an_ode_sampler_is_judged_by_its_distance(exact_plan):
    far = Distance(0.031, 0.02, 0.04, "predicted", 100.0, "")
    plan = dataclasses.replace(exact_plan, distance=far, promised=None)
    assert "has no error in nats. With 6 steps its samples end 0.0310" in plan_verdict(plan)
    assert "no bound in nats" in certificate_verdict(plan)
