"""What theory promises for the data of an audit, in a sentence beside its plan."""

import dataclasses
import functools
import re

import numpy as np
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.paper import beside_audit
from girsanov.paper.beside_audit import facts_beside, promised_beside
from girsanov.paper.bounds import steps_for
from girsanov.paper.bounds.chen2023_support import early_stopping_w2

SKEWED = gv.GaussianMixture([0.3, 0.7], [[2.5], [5.0]], [0.04, 0.15])
ATOMS = gv.GaussianMixture([0.1, 0.2, 0.7], [[3.0], [9.0], [4.0]], 0.0)
# the same atoms along a line in space: the same error curve
IN_SPACE = gv.GaussianMixture([0.1, 0.2, 0.7], [[1.8, 0, 2.4], [5.4, 0, 7.2], [2.4, 0, 3.2]], 0.0)
WORDS = re.compile(
    r"What theory promises for your data: (?P<steps>\d+) steps? of ddpm cost at most "
    r"(?P<kl>\S+) nats down to noise level (?P<noise>\S+), if the denoiser is exact, .* "
    r"This plan takes (?P<planned>\d+) steps? for at most (?P<nats>\S+) nats, as measured"
)


@functools.cache
def audited(law, **options):
    return gv.audit(gv.ExactDenoiser(law), law, levels=17, examples=400, seed=0, **options)


def exact_path_kl(law, levels):
    """Start and steps of ddpm, by integrals of the law's own error curve between the levels."""
    fine = np.unique(np.concatenate([levels, np.geomspace(levels[0] / 1e6, levels[-1], 8001)]))
    m = law.curve(fine).value
    halves = np.diff(fine) * (m[1:] + m[:-1]) / 2
    inside = fine[1:] > levels[0] * (1 + 1e-12)
    variance = law.second_moment - float(law.mean @ law.mean)
    # 1/2 s_0 V - 1/2 int_0^s_0 M: from the data's mean, with d of N(0, 1/s_0) left as it is
    below = halves[~inside].sum() + fine[0] * variance
    start = (levels[0] * variance - below) / 2
    at = law.curve(levels[:-1]).value
    return start + (np.diff(levels) @ at - halves[inside].sum()) / 2


@pytest.mark.parametrize(("law", "on_line"), [(SKEWED, SKEWED), (ATOMS, ATOMS), (IN_SPACE, ATOMS)])
@pytest.mark.parametrize("steps", [3, 6])
def test_what_is_promised_is_kept(law, on_line, steps):
    audit = audited(law)
    plan = audit.plan(steps=steps)
    said = WORDS.match(promised_beside(audit, plan))
    assert int(said["planned"]) == steps
    assert float(said["noise"]) == pytest.approx(plan.resolution, rel=0.01)
    high = sum(e.high for e in plan.ledger if e.name in ("init", "discretisation"))
    assert float(said["nats"]) == pytest.approx(high, rel=0.01)
    assert float(said["kl"]) <= float(said["nats"])
    facts = facts_beside(audit)
    w2 = early_stopping_w2(facts, np.log1p(plan.resolution**2) / 2)
    bounds = [
        steps_for(name, facts, tv=gv.tv_from_kl(high), w2=w2)
        for name in ("ddpm-intrinsic", "ddpm", "ddpm-flow")
    ]
    assert int(said["steps"]) == min(b.steps for b in bounds)
    for bound in bounds[:2]:  # of the path; the law's curve knows what the audit estimated
        ends = np.expm1(2 * np.array([bound.time, bound.stop])) ** -1.0
        assert ends[1] ** -0.5 == pytest.approx(plan.resolution, rel=1e-6)
        assert exact_path_kl(on_line, np.geomspace(*ends, bound.steps + 1)) <= bound.kl


def test_fewer_nats_take_more_steps_and_a_learned_model_is_said():
    class Shrunk(gv.ExactDenoiser):
        exact = False

        def __call__(self, x, snr, label=None):
            return 0.97 * super().__call__(x, snr, label)

    audit = gv.audit(Shrunk(IN_SPACE), IN_SPACE, levels=17, examples=400)
    said = [promised_beside(audit, audit.plan(steps=n)) for n in (2, 12)]
    few, many = (int(WORDS.match(words)["steps"]) for words in said)
    assert few < many
    assert "without its own error" in said[0]
    assert "upper end at 95 % confidence" in said[0]
    estimated = promised_beside(*_planned(audited(ATOMS), steps=2))
    assert "score error" not in estimated
    assert "confidence" in estimated
    normal = gv.Gaussian([3.0, -1.0, 2.0], [2.0, 0.5, 1e-6])
    exact = gv.audit(gv.ExactDenoiser(normal), normal, levels=17)
    known = promised_beside(*_planned(exact, sampler="ddpm"))
    assert WORDS.match(known)
    assert "confidence" not in known  # its curve has a closed form


def _planned(audit, **options):
    return audit, audit.plan(**{"steps": 4, **options})


def test_sizes_allow_for_what_few_examples_showed():
    law, below = gv.GaussianMixture([0.97, 0.03], [[3.0], [11.0]], 0.25), np.zeros((2, 2), int)
    truth = np.array([law.second_moment, law.variance])
    for seed in range(24):
        data = gv.load_data(law.sample(120, seed=seed))
        few = gv.audit(gv.ExactDenoiser(law), data, levels=3, seed=seed)
        facts = facts_beside(few)
        at_first = [few.curve.second_moments @ few.curve.shares, few.curve.total().value[0]]
        below[0] += at_first < truth
        below[1] += np.array([facts.second_moment, facts.variance]) < truth
    assert (below[0] > 6).all()  # as estimates are
    assert (below[1] <= 3).all()  # 2.5 % are allowed, and some of 120 show no far example
    near = facts_beside(few, radius=12.0)
    assert near.second_moment <= 144.0
    plain = facts_beside(few, second_moment=200.0)
    assert (plain.second_moment, plain.variance) == (200.0, facts.variance)


def test_nothing_is_said_where_nothing_is_promised(monkeypatch):
    audit, plan = _planned(audited(SKEWED))
    assert promised_beside(audit, plan)
    doubted = dataclasses.replace(plan, cannot_tell="too few examples")
    assert promised_beside(audit, doubted) == ""
    guided = dataclasses.replace(audit, facts=dataclasses.replace(audit.facts, guidance=3.0))
    assert promised_beside(guided, plan) == ""
    solved, ode = _planned(audited(SKEWED, trajectories=32), sampler="ddim")
    assert ode.distance is not None
    assert promised_beside(solved, ode) == ""

    def refuse(*given, **options):
        raise InputError("tv: cannot be promised")

    monkeypatch.setattr(beside_audit, "steps_for", refuse)
    assert promised_beside(audit, plan) == ""
    monkeypatch.setattr(beside_audit, "facts_beside", refuse)
    assert promised_beside(audit, plan) == ""
