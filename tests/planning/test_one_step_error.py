"""Cells of trajectories: the one-step errors themselves, and the best of all grids."""

import itertools

import numpy as np
import pytest

import girsanov as gv
from girsanov.error_curve.frame import make_frame
from girsanov.measuring.teacher import Trajectories, measure_trajectories
from girsanov.moments import moments_from_covariance
from girsanov.planning.ode_samplers.one_step_error import teacher_of
from girsanov.sampling.registry import SAMPLERS, ode_names

LAW = gv.GaussianMixture(
    [0.7, 0.3], [[2.0, 0.5], [-1.0, 1.5]], [[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0], [0, 0.4]]]
)
FRAME = make_frame(moments_from_covariance(LAW.mean, LAW.covariance()), (2,))
LEVELS = gv.log_uniform_grid(0.02, 200.0, 9)
DENOISER = gv.ExactDenoiser(LAW)
over_ode_samplers = pytest.mark.parametrize("sampler", ode_names())


@pytest.fixture(scope="module")
def paths():
    return measure_trajectories(DENOISER, FRAME, LEVELS, 30, refine=6)


def carried(j, end, denoise):  # equation (2)
    v = FRAME.moments.variances
    factor = (v + 1 / LEVELS[end]) / (v + 1 / LEVELS[j])
    return factor * ((v / (v + 1 / LEVELS[end])) ** 2 if denoise else 1.0)


def weighed(miss, j, end, denoise=True):
    c = miss @ FRAME.moments.basis.factors[0]
    return float((carried(j, end, denoise) * np.square(c)).mean(0).sum() / 2)


@over_ode_samplers
def test_a_cell_is_the_error_of_one_step_of_the_loop(paths, sampler):
    """With the teacher's prediction where heun would ask a second time."""
    x, m = paths.states.astype(float), paths.predictions.astype(float)
    teacher = teacher_of(paths, FRAME, LEVELS, slice(None))
    for p, i, j in ((0, 2, 3), (1, 2, 7), (4, 6, 8)):
        y, predictions = x[i], [m[p], m[i], m[j]]
        for k, step in enumerate(SAMPLERS[sampler].step(LEVELS[p], LEVELS[i], LEVELS[j])):
            y = step.state * y + step.prediction * predictions[k + 1]
            y = y + step.history * predictions[k]
        before = np.array([p]) if sampler == "dpmpp-2m" else None
        found = teacher.squares(SAMPLERS[sampler], before, np.array([i]), j)[0]
        assert found == pytest.approx(weighed(y - x[j], j, 8), rel=1e-7)


@pytest.mark.parametrize("denoise", [True, False])
def test_starts_and_stops(paths, denoise):
    end = None if denoise else 6
    teacher = teacher_of(paths, FRAME, LEVELS, slice(1, None, 2), end=end, denoise=denoise)
    x, m = (v[:, 1::2].astype(float) for v in (paths.states, paths.predictions))
    basis, v = FRAME.moments.basis.factors[0], FRAME.moments.variances
    z = (x[0] - LAW.mean) @ basis / np.sqrt(v + 1 / LEVELS[0])
    at = 8 if denoise else 6
    for k in (0, 3, 5):
        begin = LAW.mean + (z * np.sqrt(v + 1 / LEVELS[k])) @ basis.T
        assert teacher.start[k] == pytest.approx(weighed(begin - x[k], k, at, denoise), abs=1e-9)
    assert teacher.stop[at] == 0
    if denoise:
        np.testing.assert_allclose(teacher.stop, np.square(m - m[-1]).mean((1, 2)), atol=1e-9)
    else:
        assert np.isinf(np.delete(teacher.stop, 6)).all()


@over_ode_samplers
@pytest.mark.parametrize("end", [None, 7])
def test_the_best_grid_is_the_best_of_all_grids(paths, sampler, end):
    teacher = teacher_of(paths, FRAME, LEVELS, slice(None), end=end)
    found = teacher.paths(SAMPLERS[sampler])
    last = 8 if end is None else end
    for count in range(1, 7):
        every = [np.array(c) for c in itertools.combinations(range(last + 1), count)]
        costs = [teacher.path_cost(SAMPLERS[sampler], nodes) for nodes in every]
        total = found.costs[count - 1] + teacher.stop
        nodes = found.grid(count, int(total.argmin()))
        assert total.min() == pytest.approx(min(costs), rel=1e-9)
        assert teacher.path_cost(SAMPLERS[sampler], nodes) == pytest.approx(min(costs), rel=1e-9)
        assert len(nodes) == count


def test_bands_and_chunks_change_nothing(paths, monkeypatch):
    whole = teacher_of(paths, FRAME, LEVELS, slice(None))
    monkeypatch.setattr("girsanov.planning.ode_samplers.one_step_error.CHUNK", 100)
    parts = teacher_of(paths, FRAME, LEVELS, slice(None))
    np.testing.assert_allclose(parts.gram, whole.gram, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(parts.starts, whole.starts, rtol=1e-10, atol=1e-12)


def test_a_gaussian_costs_nothing_to_start_late():
    law = gv.Gaussian([3.0, -1.0], [[2.0, 0.6], [0.6, 0.3]])
    frame = make_frame(moments_from_covariance(law.mean, law.covariance()), (2,))
    paths = measure_trajectories(gv.ExactDenoiser(law), frame, LEVELS, 16, refine=40)
    teacher = teacher_of(paths, frame, LEVELS, slice(None))
    assert teacher.start.max() < 1e-6
    one = teacher.paths(SAMPLERS["ddim"]).grid(1, int(teacher.stop.argmin()))
    assert one.tolist() == [8]  # starts where it ends: the Gaussian is the answer


def test_cells_shrink_with_the_order(paths):
    """Halving a cell divides ddim's one-step error by 2^2 and that of dpmpp-2m by 2^3."""
    fine = gv.log_uniform_grid(0.5, 2.0, 65)
    path = measure_trajectories(DENOISER, FRAME, fine, 20, refine=2)
    exact = Trajectories(path.states.astype(np.float64), path.predictions.astype(np.float64))
    teacher = teacher_of(exact, FRAME, fine, slice(None))
    for sampler, order in (("ddim", 2), ("dpmpp-2m", 3)):
        rms = []
        for width in (16, 8):
            before = np.array([32 - width]) if sampler == "dpmpp-2m" else None
            rms.append(
                teacher.squares(SAMPLERS[sampler], before, np.array([32]), 32 + width)[0] ** 0.5
            )
        assert np.log2(rms[0] / rms[1]) == pytest.approx(order, abs=0.25)
