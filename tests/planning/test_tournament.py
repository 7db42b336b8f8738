"""Tournaments: within their budget, the same again, fair to hand grids, honest about ties."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import girsanov as gv
from girsanov.comparison.jackknife import Squared
from girsanov.comparison.measures.sliced_w2 import SlicedW2
from girsanov.denoise.facts import DiffusersScheduler
from girsanov.planning.tournament.candidates import Candidate, candidates, end
from girsanov.planning.tournament.halving import Entrant, best_entrant, go_on, standing
from girsanov.planning.tournament.tournament import is_fresh, rounds, tournament

LAW = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.02])
MODEL = gv.ExactDenoiser(LAW)
SMALL = {"steps": 4, "calls": 20_000}


@pytest.fixture(scope="module")
def audit():
    return gv.audit(MODEL, LAW, levels=25, examples=600)


@pytest.fixture(scope="module")
def plan(audit):
    return tournament(audit, MODEL, LAW, **SMALL)


def rows(plan):
    return plan.tournament.table


class Counting(gv.ExactDenoiser):
    calls = 0

    def __call__(self, x, snr, label=None):
        self.calls += len(x)
        return super().__call__(x, snr, label)


def test_the_calls_are_counted_and_within_what_was_said(audit):
    model, seen = Counting(LAW), []
    plan = tournament(audit, model, LAW, progress=lambda *now: seen.append(now), **SMALL)
    assert model.calls == plan.tournament.calls <= SMALL["calls"]
    assert model.calls > SMALL["calls"] / 3
    done, total = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] == total[-1]


@pytest.mark.parametrize("count", [1, 4, 5, 22, 40])
def test_rounds_double_within_the_budget(count):
    sizes = rounds([8] * count, 200_000)
    left, spent, before = count, 0, 0
    for size in sizes:
        spent, before = spent + 8 * left * (size - before), size
        left = -(-left // 2)
    assert spent <= 200_000
    assert all(b == 2 * a for a, b in pairwise(sizes))
    assert all(size % 20 == 0 for size in sizes)
    assert sizes[-1] <= 10_000
    more = rounds([8] * count, 400_000)
    assert more[0] >= sizes[0]


def test_too_few_calls_are_refused_with_how_many_are_needed(audit):
    with pytest.raises(gv.InputError, match=r"calls: must be at least (\d+) for") as refusal:
        tournament(audit, MODEL, LAW, steps=4, calls=1000)
    least = int(str(refusal.value).split("at least ")[1].split()[0])
    found = tournament(audit, MODEL, LAW, steps=4, calls=least)
    assert min(row.samples for row in rows(found)) >= 40


def test_too_few_calls_are_refused_before_anything_is_planned_or_drawn(audit, monkeypatch):
    def planned(*_, **__):
        raise AssertionError("candidates were planned")

    monkeypatch.setattr("girsanov.planning.tournament.tournament.enter", planned)
    with pytest.raises(gv.InputError, match="calls: must be at least"):
        tournament(audit, MODEL, LAW, steps=4, calls=1000)


def test_the_same_seed_gives_the_same(audit, plan):
    again = audit.plan(by="sliced-w2", model=MODEL, data=LAW, **SMALL)
    assert rows(again) == rows(plan)
    other = tournament(audit, MODEL, LAW, seed=1, **SMALL)
    assert rows(other) != rows(plan)


def test_the_table_says_what_it_is_based_on(plan, audit):
    table = rows(plan)
    (won,) = [row for row in table if row.won]
    assert (won.sampler, won.covariance) == (plan.sampler, plan.covariance)
    assert won.behind == 0
    assert plan.why.startswith("closest to held-out data by sliced-w2")
    names = [row.candidate for row in table]
    assert len(set(names)) == len(names) == len(candidates(audit, 4))
    for grid in ("karras", "cosine", "exponential", "linear-beta"):
        assert sum(f", {grid} to" in name for name in names) == 3
    for grid in ("entropy", "beta", "ays"):
        assert sum(f", {grid} to" in name for name in names) == 2
    for row in table:
        assert row.low <= row.value <= row.high
        assert row.behind_low <= row.behind <= row.behind_high
        assert row.steps == 4
        assert row.path_kl


def test_common_noise_makes_differences_sharper_than_distances(audit):
    levels = np.geomspace(0.1, 100, 6)
    grids = {"one": levels, "two": levels ** (1 + 0.05 * np.sin(levels))}
    made = {name: gv.evaluate_grid(audit, grid, sampler="ddpm") for name, grid in grids.items()}
    found = tournament(audit, MODEL, LAW, candidates=made, calls=8000)
    won, lost = rows(found)
    apart = lost.behind_high - lost.behind_low
    assert apart < 0.7 * (won.high**2 - won.low**2)


def test_the_winner_is_not_worse_than_any_hand_grid_on_fresh_samples(audit, plan):
    """Within the stated error, on samples and data that the tournament has not seen."""
    measure, fresh = SlicedW2(2, 64, seed=5), LAW.sample(4000, seed=99).numpy()

    def squared(made):
        return measure.squared(gv.sample(MODEL, made, 4000, seed=77), fresh)

    won = squared(plan)
    plans = {c.name: c.plan for c in candidates(audit, 4)}
    for row in rows(plan):
        assert row.candidate in plans
        if "planned" not in row.candidate:
            gap = won.pseudo - squared(plans[row.candidate]).pseudo
            assert gap.mean() <= 4 * gap.std(ddof=1) / 20**0.5 + max(0, row.behind_high)


def test_a_winner_is_saved_and_read_with_its_table(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    read = gv.load_plan(tmp_path / "plan.json")
    assert read.tournament == plan.tournament
    drawn = [gv.sample(MODEL, p, 5, seed=1) for p in (plan, read)]
    np.testing.assert_array_equal(*drawn)


def entrant(plan, name, squares, sampler="ddpm"):
    made = replace(plan, sampler=sampler)
    return Entrant(Candidate(name, made), np.zeros((40, 1)), [Squared(1.0, np.array(squares))])


def test_a_tie_goes_to_the_candidate_with_a_path_kl(plan):
    spread = np.linspace(-1, 1, 20)
    best = entrant(plan, "sampler", 1 + spread, "ddim")
    close = entrant(plan, "close", 1.1 + spread[::-1])
    closer = entrant(plan, "an ODE sampler too", 1.01 + spread, "heun")
    assert best_entrant([best, closer, close]) is close
    assert standing(close, close).won
    assert standing(best, close).behind == pytest.approx(-0.1)
    far = entrant(plan, "far", 5 + spread)
    assert best_entrant([best, closer, far]) is best
    sure = entrant(plan, "paired", 1.1 + spread)  # behind by 0.1 in every group
    assert best_entrant([best, sure]) is best
    assert best_entrant([close, best]) is close


def owned(plan, name, squares):
    made = entrant(plan, name, squares, "diffusers")
    mine = replace(made.candidate.plan, scheduler=DiffusersScheduler(name, {}, 4))
    made.candidate = made.candidate._replace(plan=mine)
    return made


def test_what_the_pipeline_has_is_never_knocked_out_and_nothing_worse_preferred(plan):
    spread = np.linspace(-1, 1, 20)
    best, close = entrant(plan, "ddim", spread, "ddim"), entrant(plan, "close", 0.2 + spread[::-1])
    mine = owned(plan, "DDPM", 0.1 + spread)
    worse = owned(plan, "PNDM", 0.3 + spread)
    ranked = [best, close, mine, worse]
    assert go_on(ranked, 3) == [best, close, mine]
    assert go_on(ranked, 2) == [best, mine]
    mine.failure = "broken"
    assert go_on(ranked, 2) == [best, worse]
    assert go_on([best, close], 1) == [best]
    mine.failure = ""
    assert best_entrant([best, mine, close]) is best  # the certified one is behind what there is
    assert best_entrant([best, close, mine]) is close
    assert best_entrant([mine, close]) is mine


def test_a_candidate_that_fails_loses(audit):
    made = {
        "good": audit.plan(steps=3),
        "bad": gv.evaluate_grid(audit, np.geomspace(0.1, 1000, 40)),
    }
    broken = max(set(made["bad"].levels) - set(made["good"].levels))

    class Broken(gv.ExactDenoiser):
        def __call__(self, x, snr, label=None):
            out = super().__call__(x, snr, label)
            return out * float("nan") if snr == broken else out

    found = tournament(audit, Broken(LAW), LAW, steps=3, candidates=made, calls=20_000)
    assert [row.won for row in rows(found)] == [True, False]
    assert "NaN" in rows(found)[1].failure
    with pytest.raises(gv.InputError, match="candidates: all failed"):
        tournament(audit, Broken(LAW), LAW, candidates={"bad": made["bad"]}, calls=20_000)


def test_candidates_are_chosen_by_sampler(audit):
    only = candidates(audit, 4, ["ddpm"])
    assert {c.plan.sampler for c in only} == {"ddpm"}
    assert len(only) == 8
    one = candidates(audit, 1)  # no grid by hand has one level
    assert all("planned" in c.name for c in one)


def test_what_the_audit_fits_enters_for_data_that_it_has_not_seen(tmp_path):
    draws = np.random.default_rng(0).gamma(2.0, size=(240, 3))
    train, one, two = (gv.load_data(draws[k::3]) for k in range(3))
    model = gv.fit(train, steps=5, network="mlp")
    found = gv.audit(model, one, levels=9, draws=4)
    for data, entered in ((one, False), (two, True)):
        plan = tournament(found, model, data, steps=2, candidates=["analytic-dpm"], calls=6000)
        told = plan.tournament
        for fitted in ("calibrated", "full"):
            assert any(fitted in row.candidate for row in told.table) == entered
        assert bool(told.left_out) != entered
    labelled = gv.load_data(draws[1::3], labels=np.arange(80) % 2)
    assert not is_fresh(found, labelled)
    calibrated = next(c.plan for c in candidates(found, 2, fresh=True) if c.plan.calibration)
    calibrated.save(tmp_path / "plan.json")
    assert gv.load_plan(tmp_path / "plan.json").calibration is not None


def test_ode_samplers_enter_when_there_are_trajectories_to_plan_them_on(audit, tmp_path):
    with pytest.raises(gv.InputError, match="candidates: takes trajectories"):
        candidates(audit, 5, ["ddim"])
    paths = gv.audit(MODEL, LAW, levels=17, examples=300, trajectories=32)
    found = candidates(paths, 5, ["dpmpp-2m", "heun"])
    assert {c.plan.sampler for c in found} == {"dpmpp-2m", "heun"}
    assert not any(c.certified for c in found)
    assert all(c.plan.steps <= 5 for c in found)
    assert max(c.plan.steps for c in found if c.plan.sampler == "heun") == 5
    made = {c.name: c.plan for c in found[:2]}
    won = tournament(paths, MODEL, LAW, candidates=made, calls=4000)
    assert won.sampler == "dpmpp-2m"
    won.save(tmp_path / "plan.json")
    assert gv.load_plan(tmp_path / "plan.json").sampler == "dpmpp-2m"


class Straight(Counting):
    """A network with errors that a calibration takes away."""

    exact = False

    def __call__(self, x, snr, label=None):
        return 0.8 * super().__call__(x, snr, label) + 0.3


@pytest.fixture(scope="module")
def straight():
    seen, unseen = (gv.load_data(LAW.sample(500, seed=k).numpy()) for k in (3, 4))
    model = Straight(LAW)
    return model, gv.audit(model, seen, levels=9, draws=4, trajectories=32), seen, unseen


def test_ode_samplers_on_the_calibrated_network_compete_and_their_trajectories_are_paid(straight):
    model, audit, _, unseen = straight
    model.calls = 0
    plan = tournament(audit, model, unseen, steps=4, calls=60_000)
    told = plan.tournament
    assert model.calls == told.calls <= 60_000
    assert told.trajectory_calls == told.trajectories * 33 == 32 * 33
    names = [row.candidate for row in rows(plan)]
    for sampler in ("ddim", "heun", "dpmpp-2m"):
        assert any(name.startswith(f"{sampler}, calibrated, planned") for name in names)
    assert plan.calibration is not None  # worth correcting, whatever draws


def test_they_stay_away_from_data_that_fitted_them_and_from_small_budgets(straight):
    model, audit, seen, unseen = straight
    plan = tournament(audit, model, seen, steps=2, candidates=["ddim"], calls=9000)
    assert not any("calibrated" in row.candidate for row in rows(plan))
    assert plan.tournament.trajectory_calls == 0
    for calls, words in ((2100, "over a quarter"), (2200, "these calls are too few")):
        few = tournament(audit, model, unseen, steps=2, candidates=["ddim"], calls=calls)
        told = few.tournament
        assert words in told.left_out
        assert told.trajectory_calls == 0
        assert told.calls <= calls
    bare = replace(audit, trajectories=None)
    told = tournament(bare, model, unseen, steps=2, calls=20_000).tournament
    assert "audit with --trajectories" in told.left_out


def test_ends_miss_at_most_their_share(audit):
    sigmas = [end(audit, share) for share in (0.2, 0.1, 0.05, 0.0)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[-1] == pytest.approx(audit.levels[-1] ** -0.5)
    error, variance = audit.total().value, audit.curve.total().value[0]
    at = np.abs(audit.levels**-0.5 - sigmas[1]).argmin()
    assert error[at] <= 0.01 * variance < error[at - 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "fid"}, "by: must be one of sliced-w2, gaussian-w2, mmd, frechet"),
        ({"candidates": ["euler"]}, "candidates: must be among"),
        ({"candidates": {}}, "candidates: must be names of samplers, or plans by name"),
        ({"steps": 1000}, "steps: must be 1 to 256"),
    ],
)
def test_what_cannot_be_done_is_refused(audit, options, message):
    with pytest.raises(gv.InputError, match=message):
        tournament(audit, MODEL, LAW, **{**SMALL, **options})


def test_an_audit_asks_for_what_samples_need(audit):
    with pytest.raises(gv.InputError, match="model: must be given with by"):
        audit.plan(by="mmd", data=LAW)


@pytest.mark.parametrize("by", ["gaussian-w2", "mmd", "frechet"])
def test_every_measure_can_decide(audit, by):
    made = {"two": audit.plan(steps=2, sampler="ddpm"), "six": audit.plan(steps=6)}
    found = tournament(audit, MODEL, LAW, by=by, candidates=made, calls=8000)
    assert rows(found)[0].candidate == "six"
    assert found.steps == 6


def test_the_least_number_of_calls_is_what_the_pages_say():
    page = (
        (Path(__file__).parents[2] / "docs" / "samplers.md")
        .read_text(encoding="utf-8")
        .replace("\n", " ")
    )
    for count, told in ((4, "160"), (6, "360"), (10, "840"), (13, "1,120"), (20, "2,080")):
        least = int(told.replace(",", "")) * 8
        assert rounds([8] * count, least, 10_000)[0] == 40
        with pytest.raises(
            gv.InputError, match=f"must be at least {least} for {count} candidates"
        ):
            rounds([8] * count, least - 1, 10_000)
        assert re.search(rf"{told} (calls )?for {count}\b", page)
