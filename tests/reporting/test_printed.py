"""What `print` shows of an audit and a plan: a few lines with their numbers, and no arrays."""

import dataclasses

import numpy as np
import pytest

from girsanov.denoise.exact import ExactDenoiser
from girsanov.ledger.audit import audit


def plain(text):
    return " ".join(text.split())


def test_an_audit_is_told_in_a_line_and_in_a_few(wrong_audit, exact_audit):
    line = repr(wrong_audit)
    assert "\n" not in line
    assert "on 600 examples [2] of GaussianMixture: 17 noise levels" in line
    assert f"{wrong_audit.about['calls']} network calls" in line
    assert "ffffffff" in line
    assert "exact denoiser" in repr(exact_audit)
    for measured in (wrong_audit, exact_audit):
        told = str(measured)
        assert len(told.splitlines()) <= 5
        assert "array(" not in told + line
        at, total = measured.levels, measured.total().value
        assert f"{np.trapezoid(at * total, np.log(at)) / 2:.4g} nats" in told


def test_a_plan_is_told_in_a_line_and_in_a_few(wrong_plans, exact_plan):
    for plan in (*wrong_plans, exact_plan):
        line, told = repr(plan), str(plan)
        assert line.startswith(f"Plan(6 steps, {plan.sampler} hold")
        assert "\n" not in line
        assert len(line) < 200
        assert len(told.splitlines()) <= 10
        assert "array(" not in told + line
        for entry in plan.ledger:
            value = entry.low if entry.kind == "lower bound" else entry.value
            assert f"{value:.3g} nats" in told
            assert (
                f"{entry.name} {'>= ' if entry.kind == 'lower bound' else ''}{value:.3g}" in line
            )
        assert plain(plan.promised.words()) in plain(told)
        assert max(map(len, told.splitlines())) <= 88


def test_a_solver_is_told_by_its_distance(law):
    measured = audit(ExactDenoiser(law), law, levels=33, examples=64, trajectories=32)
    plan = measured.plan(steps=4, sampler="ddim")
    assert repr(plan).startswith("Plan(4 steps, ddim solver, noise levels ")
    for told in (repr(plan), str(plan)):
        assert f"{plan.distance.value:.3g}" in told
        assert "unknown" not in told
        assert "certificate" not in told


@pytest.mark.parametrize("sampler", ["gaussian", "x0"])
def test_what_is_not_a_plan_of_ours_is_told_too(wrong_plans, sampler):
    plan = dataclasses.replace(wrong_plans[0], ledger=(), promised=None, sampler=sampler)
    assert repr(plan).endswith(": )")
