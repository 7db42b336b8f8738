"""The verdict on constructed cases: what is wrong is known, and is what the words name."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.ledger.plan_records import Standing, Tournament
from girsanov.planning.remedies import Remedy, Training, remedies
from girsanov.reporting.words.advice import audit_spoken, help_most, helped, listed, spoken

LAW = GaussianMixture(
    [0.5, 0.3, 0.2],
    [[1.0, 2.0], [-2.0, 0.0], [0.5, -2.0]],
    [[[0.1, 0.02], [0.02, 0.2]], [[0.3, 0], [0, 0.05]], [[0.05, 0], [0, 0.4]]],
)
GRID = np.geomspace(1e-3, 1e3, 49)


class Model(ExactDenoiser):
    """The exact denoiser, which does not say that it is, made wrong by `error`(m, x, s)."""

    exact = False

    def __init__(self, error=lambda m, x, s: m):
        super().__init__(LAW)
        self.error = error

    def __call__(self, x, snr, label=None):
        level = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return self.error(self.law.denoise(x, snr), x, level)


def measured(error=lambda m, x, s: m, levels=GRID):
    return audit(Model(error), LAW, levels=levels, examples=1000, seed=1)


@pytest.fixture(scope="module")
def good():
    return measured()


@pytest.fixture(scope="module")
def bad():
    # its error jumps twice, which is told from a sampler's share on levels that lie close
    fine = np.geomspace(1e-3, 1e3, 97)
    return measured(lambda m, x, s: torch.where((s > 1) & (s < 30), 0.5 * m + 0.5, m), levels=fine)


def named(found, name):
    return next(r for r in found if r.name == name)


def test_good_model_with_a_bad_grid(good):
    plan = gv.evaluate_grid(good, GRID[[4, 8, 12, 44]])  # one leap over where the modes are told
    found = remedies(good, plan)
    assert found[0].name in ("grid", "steps")
    best = good.plan(steps=4, resolution=plan.resolution, sampler="analytic-dpm")
    grid = named(found, "grid")
    saved = sum(e.value for e in plan.ledger[:2]) - sum(e.value for e in best.ledger[:2])
    assert grid.value == pytest.approx(saved, abs=0.02 + 0.05 * saved)
    assert grid.low > 0.1
    said = spoken(good, plan)
    assert "sampler" in said[0]
    assert "a better grid with as many steps" in said[2]
    assert "calibration" not in said[2]
    # on the best grid of as many steps there is nothing to gain from another of them
    assert named(remedies(good, best), "grid").value == pytest.approx(0, abs=1e-9)


def test_bad_model_with_a_good_grid(bad):
    plan = bad.plan(steps=24, sampler="analytic-dpm", weight=0.0)
    said = spoken(bad, plan)
    assert said[0].startswith("It is the model")
    found = remedies(bad, plan)
    assert {r.name for r in found[:2]} == {"training", "calibration"}
    assert "calibration (plan --calibrate)" in said[2]
    assert "more training" in said[2]
    low, high = named(found, "training").training.where
    assert 30**-0.5 <= low < high <= 1  # where it is wrong


def test_remedies_of_a_plan_priced_along_the_flow(good, bad):
    coarse = gv.evaluate_grid(good, GRID[[4, 20, 24, 30, 36, 40]], sampler="mixed")
    found = remedies(good, coarse)
    best = good.plan(steps=coarse.steps, sampler="mixed", resolution=coarse.resolution)
    saved = sum(e.value for e in coarse.ledger[:2]) - sum(e.value for e in best.ledger[:2])
    assert named(found, "grid").value == pytest.approx(saved, abs=1e-6)
    more = named(found, "steps")
    many = good.plan(steps=more.steps, sampler="mixed", resolution=coarse.resolution)
    saved = sum(e.value for e in best.ledger[:2]) - sum(e.value for e in many.ledger[:2])
    assert more.value == pytest.approx(saved, abs=1e-6)
    assert more.low <= more.value <= more.high
    plan = bad.plan(steps=24, sampler="mixed")
    assert remedies(bad, plan)[0].name == "training"
    assert spoken(bad, plan)[0].startswith("It is the model")


def test_the_range_of_noise_levels_is_too_short():
    short = measured(levels=np.geomspace(3, 1e3, 25))
    plan = short.plan(steps=16)
    found = remedies(short, plan)
    assert found[0].name == "range"
    assert found[0].value == pytest.approx(plan.ledger[0].value)
    assert "What would help most: a longer range of noise levels" in spoken(short, plan)[2]


def test_a_start_that_is_not_noisy_enough_is_a_better_grid(good):
    plan = gv.evaluate_grid(good, GRID[28:45:2])
    grid = named(remedies(good, plan), "grid")
    assert grid.start > 2 * plan.levels[0] ** -0.5
    assert f"from noise level {grid.start:.3g}"[:18] in spoken(good, plan)[2]


def test_a_calibrated_plan_is_not_told_to_calibrate(bad):
    plan = bad.plan(steps=6, calibrate=True)
    found = remedies(bad, plan)
    assert "calibration" not in {r.name for r in found}
    options = {"calibrate": False, "sampler": "analytic-dpm"}
    same = bad.plan(steps=6, resolution=plan.resolution, **options)
    raw = named(remedies(bad, same), "calibration")
    assert raw.low > 0


def test_nothing_helps_an_exact_denoiser_with_many_steps():
    report = audit(ExactDenoiser(LAW), LAW, levels=GRID, examples=600)
    found = remedies(report, report.plan(steps=len(report.levels) - 12))
    assert {r.name for r in found} <= {"grid", "steps", "range"}
    assert audit_spoken(report)[0].startswith("With ")


def test_what_is_known_by_heart_is_not_mended_by_more_training(bad):
    plan = bad.plan(steps=6, sampler="analytic-dpm")
    assert "more training" in helped(bad, remedies(bad, plan), plan)
    seen = bad.curve.traces[:, :, 0] / 5
    learnt = replace(bad, memorisation=seen)
    said = helped(learnt, remedies(learnt, plan), plan)
    assert said.startswith("It has memorised training examples")
    assert "an earlier stop would help. With the same model, what would help most" in said
    assert "more training" not in said
    page = listed(learnt, remedies(learnt, plan), plan)
    assert "memorised" in page.faults[0]
    assert not any("ore training" in line for line in page.items)
    assert f"down to noise {plan.resolution:.3g}" in said
    assert f"down to noise {learnt.levels[-1] ** -0.5:.3g}" in str(learnt)


def test_a_model_that_is_far_off_under_much_noise_is_told_so_first():
    made = measured(
        lambda m, x, s: torch.where(s < 0.1, 3 * x, m), levels=np.geomspace(1e-3, 1e3, 33)
    )
    for calibrate, remedy in (
        (True, "The calibration corrects this"),
        (False, "plan --calibrate"),
    ):
        plan = made.plan(steps=8, calibrate=calibrate)
        told = helped(made, remedies(made, plan), plan)
        assert told.startswith("The model is far off where noise hides the data: at noise")
        assert "called with the wrong times, units" in told
        assert remedy in told
        assert told.split(".")[0] in listed(made, remedies(made, plan), plan).faults[0]


def test_nats_advise_no_other_grid_where_samples_chose(good):
    plan = gv.evaluate_grid(good, GRID[[4, 8, 12, 44]])
    found = remedies(good, plan)
    assert {"grid", "steps"} & {r.name for r in found if r.low > 0.1}
    row = Standing("ours", "ddpm", None, 4, 0.1, True, 1, won=True, own=False, failure="",
                   samples=99, value=0.1, low=0.05, high=0.2)  # fmt: skip
    played = Tournament("frechet", "", 0, 800, 0, 0, "", 0.95, "", 99, (row,))
    chosen = replace(plan, tournament=played)
    known = [r for r in found if r.name == "training" and r.low > 0.01]
    said = helped(good, found, chosen)
    assert ("more training" in said) == bool(known)
    for word in ("grid", "steps", "calibration", "range", "No measured change"):
        assert word not in said
        assert not any(word in line for line in listed(good, found, chosen).items)


def test_the_words_say_when_the_data_cannot_tell():
    grid = Remedy("grid", 1.0, 0.6, 1.4)
    steps = Remedy("steps", 0.9, 0.5, 1.3, steps=9)
    range_ = Remedy("range", 0.2, 0.1, 0.3, start=20.0)
    training = Remedy("training", None, 2.0, math.inf, training=Training((0.1, 0.5)))
    told = help_most([grid, steps, range_], 4)
    assert told.startswith("What would help most: a better grid with as many steps saves 1.")
    assert "Perhaps as good: more steps: 9 would save 0.900 nats" in told
    assert "Then: a longer range" in told
    assert "fewer steps" in help_most([steps], 12)
    told = help_most([training, grid], 4)
    assert "more training, above all at noise levels 0.100 to 0.500" in told
    assert "Perhaps as good" not in told
    unsure = Remedy("steps", 0.3, -0.1, 0.7, steps=9)
    assert help_most([unsure], 4).startswith("No measured change would clearly help")


def test_a_saving_beyond_what_the_sampler_costs_is_explained():
    steps = Remedy("steps", 3.0, 2.5, 3.5, steps=9)
    beyond = "more than the sampler’s whole error, because it also hides model error"
    assert beyond in help_most([steps], 40, 1.2)
    assert beyond in help_most([steps], 40, -0.1)  # clipped at 0
    assert beyond not in help_most([steps], 40, 3.1)
    assert beyond not in help_most([steps], 40)
    correction = Remedy("calibration", 3.0, 2.5, 3.5)  # that is what it does
    assert beyond not in help_most([correction], 40, 1.2)


def test_threads_do_not_matter(good):
    plan, usual = good.plan(steps=4), torch.get_num_threads()
    alone = remedies(good, plan)
    torch.set_num_threads(usual + 1)
    try:
        assert remedies(good, plan) == alone
    finally:
        torch.set_num_threads(usual)


@pytest.mark.parametrize("stopped", [True, False])
def test_a_model_whose_training_stopped_by_itself_is_not_told_to_train_on(stopped):
    """`fit` says of it that more steps do not help: a plan does not contradict that."""
    report = measured(lambda m, x, s: 0.6 * m)
    audit = report.with_facts(training_stopped=stopped)
    plan = audit.plan(steps=4)
    said = gv.verdict(audit, plan)
    assert ("more training" in said) != stopped
    assert ("training stopped by itself" in said) == stopped
