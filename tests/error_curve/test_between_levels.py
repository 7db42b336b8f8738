"""Between the levels: equations (1) to (3) of between_levels.py, on curves of any shape."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.error_curve.between_levels import bends, bumps, places_between
from girsanov.error_curve.curve import GROUPS
from girsanov.error_curve.interpolate import refined_curve, stretches

GRID = np.geomspace(0.1, 100.0, 6)
LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5], [3.0]], [0.04, 0.15])


def test_places_are_one_in_every_sixteenth_of_a_gap():
    at = places_between(GRID, GROUPS, 3)
    u = np.log(at.levels[1:] / GRID[:-1, None]) / np.log(GRID[1] / GRID[0])
    assert (np.sort((u * GROUPS).astype(int), axis=1) == np.arange(GROUPS)).all()
    assert not (np.diff(u, axis=1) > 0).all()  # in no order
    assert at.weights[1:] == pytest.approx(at.levels[1:] * np.log(GRID[1] / GRID[0]))
    assert not at.weights[0].any()


def test_places_of_a_discrete_model_are_levels_it_knows():
    known = np.sort(np.concatenate([GRID, np.geomspace(0.11, 0.39, 5), [2.0]]))
    at = places_between(GRID, GROUPS, 0, known)
    assert np.isin(at.levels, known).all()
    assert (at.weights.any(axis=1) == [False, True, False, True, False, False]).all()
    f = known[1:6] * (known[1:6] - GRID[0])
    length = (known[2:7] - known[:5]) / 2
    drawn = [
        (p.weights[1] * p.levels[1] * (p.levels[1] - GRID[0])).mean()
        for p in (places_between(GRID, GROUPS, seed, known) for seed in range(400))
    ]
    assert np.mean(drawn) == pytest.approx(f @ length, abs=4 * np.std(drawn) / 20)


@pytest.mark.parametrize("wild", [lambda u: np.sin(9 * u), lambda u: (u > 0.7) * 1.0, np.sqrt])
def test_the_integral_over_a_gap_is_unbiased_whatever_the_shape(wild):
    """(1) and (2): with nothing but what interpolation missed, no noise."""
    shares, found = np.full(GROUPS, 1 / GROUPS), []
    grid = GRID[:2]
    fine = np.linspace(0, 1, 20001)
    s = grid[0] * (grid[1] / grid[0]) ** fine
    truth = np.trapezoid(wild(fine), s)
    form = bumps(s[None], grid[:1], grid[1:])[0]
    for seed in range(300):
        at = places_between(grid, GROUPS, seed)
        u = np.log(at.levels[1] / grid[0]) / np.log(grid[1] / grid[0])
        missed = np.zeros((2, GROUPS, 1))
        missed[1, :, 0] = wild(u)
        c = bends(at, grid, missed, np.ones_like(missed), shares)
        found.append(np.trapezoid(form @ c[1, :, 0].mean(axis=0), s))
    se = np.std(found) / len(found) ** 0.5
    # what both bumps miss falls in the wrong sixteenth now and then: a hundredth of the whole
    assert abs(np.mean(found) - truth) < 4 * se + 0.01 * abs(truth)
    assert np.std(found) < 0.1 * np.abs(wild(fine)).max() * (grid[1] - grid[0])


class Bumpy(gv.ExactDenoiser):
    """Wrong in the middle of a gap only, where no level is."""

    exact = False

    def __call__(self, x, snr, label=None):
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        u = torch.log(s / GRID[3]) / np.log(GRID[4] / GRID[3])
        return self.law.denoise(x, snr) + 0.3 * torch.sin(np.pi * u.clamp(0, 1))


def test_what_happens_between_levels_alone_is_seen():
    wrong, right = (
        gv.audit(model(LAW), LAW, levels=GRID, examples=4000, seed=2).curve
        for model in (Bumpy, gv.ExactDenoiser)
    )
    assert wrong.mean_traces() == pytest.approx(right.mean_traces())
    gap = (stretches(wrong, GRID) - stretches(right, GRID)).mean(axis=1)
    u, s = np.linspace(0, 1, 4001), np.geomspace(GRID[3], GRID[4], 4001)
    truth = np.trapezoid(0.09 * np.sin(np.pi * u) ** 2, s) / 2
    se = (stretches(wrong, GRID) - stretches(right, GRID))[4].std() / 4
    assert gap[4] == pytest.approx(truth, abs=4 * se + 0.01 * truth)
    # how much chance is taken off is one number for all gaps, so others move a little
    spread = stretches(right, GRID).std(axis=1) / 4
    assert (np.abs(np.delete(gap, 4)) < np.delete(spread, 4) + 1e-6).all()
    middle = np.sqrt(GRID[3] * GRID[4])
    fine = np.sort(np.append(GRID, middle))
    at = [refined_curve(c, fine).mean_traces()[5, 0] for c in (wrong, right)]
    assert at[0] - at[1] == pytest.approx(0.09, abs=0.03)


def test_the_integral_of_an_exact_denoiser_is_the_laws_without_bias():
    grid, values = np.geomspace(0.05, 50.0, 7), []
    edges = np.geomspace(1e-5, 50.0, 4001)
    truth = np.trapezoid(LAW.curve(edges).value, edges) / 2
    for seed in range(40):
        curve = gv.audit(gv.ExactDenoiser(LAW), LAW, levels=grid, examples=400, seed=seed).curve
        values.append(stretches(curve, grid).sum(axis=0) @ curve.shares)
    assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / 40**0.5)


def test_levels_are_the_same_with_and_without_a_stop_between_them():
    whole = gv.audit(gv.ExactDenoiser(LAW), LAW, levels=GRID, examples=320, draws=1, seed=4)
    from girsanov.measuring.examples import LawExamples
    from girsanov.measuring.measuring_pass import measure_curve
    from girsanov.measuring.options import Pass

    examples = LawExamples(LAW, 320, 4)
    bare = measure_curve(gv.ExactDenoiser(LAW), examples, GRID, whole.frame, Pass(seed=4))
    assert np.array_equal(bare.traces, whole.curve.traces)
    assert not bare.bends
