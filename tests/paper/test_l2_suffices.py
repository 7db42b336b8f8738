"""A law pushed through a score with a pole, against the quadrature that knows no poles."""

import math

import numpy as np
import pytest

from girsanov.paper.output_law import exact_denoise, law_density, line_output, total_variation
from girsanov.paper.path_kl import SKEWED, ou_levels
from girsanov.paper.statements import l2_suffices as room
from girsanov.sampling.registry import recipe


def smooth(x):
    return 0.3 * np.sin(2 * x) + 0.1


def by_output_law(error):
    levels = ou_levels(room.TIME, room.STEPS)
    plan = recipe("ei-score", levels, start=(0.0, math.sqrt(1 + 1 / levels[0]), None),
                  last="sample")  # fmt: skip

    def guess(x, s):
        alpha = math.sqrt(s / (1 + s))
        return exact_denoise(SKEWED, x, s) + error(alpha * x) / ((1 + s) * alpha)

    return line_output(SKEWED, plan, room.X, guess)


@pytest.mark.parametrize("error", [lambda x: 0 * x, smooth], ids=["exact", "smooth"])
def test_laws_agree_with_the_other_quadrature(error):
    out = room.pushed(error(room.MESH))
    assert total_variation(out, by_output_law(error)) < 3e-4  # the mesh is not even


def test_more_points_near_the_pole_change_nothing(monkeypatch):
    plain = room.pushed(room.pole(0.3, math.inf))
    near = np.geomspace(1e-18, 1.0, 700)
    x = np.unique(np.concatenate([room.X, room.POLE - near, room.POLE + near]))
    monkeypatch.setattr(room, "MESH", x[np.abs(x - room.POLE) > 1e-17])
    monkeypatch.setattr(room, "MESH_WEIGHTS", room.trapezium(room.MESH))
    assert total_variation(plain, room.pushed(room.pole(0.3, math.inf))) < 3e-4


@pytest.mark.parametrize("s", [0.5, 20.0])
def test_the_mean_square_is_that_of_the_integral(s):
    """E|x - 1|^-1/2 after the substitution |x - 1| = u^2, which has no pole."""
    alpha = math.sqrt(s / (1 + s))
    u = np.linspace(0, 3, 20_001)
    sides = [
        law_density(SKEWED, s, (1 + sign * u**2)[::sign] / alpha).p[::sign] for sign in (1, -1)
    ]
    expected = 0.04 * sum(np.trapezoid(2 * p, u) for p in sides) / alpha
    found = room.mean_square(room.pole(0.2, math.inf), s)
    assert found == pytest.approx(expected, rel=2e-3)


def test_a_bound_by_the_largest_error_falls_to_that_of_the_l2_error():
    one, other = room.promised(0.0, math.inf)[0], room.promised(0.1, 1e-9)[1]
    assert one == pytest.approx(other, rel=1e-6)


def test_the_statement_fails_when_the_error_is_left_out(monkeypatch):
    right = room.pushed
    monkeypatch.setattr(room, "pushed", lambda error: right(10 * error))
    assert not room.run(True, 0).holds
