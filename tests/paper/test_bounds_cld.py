"""Theorem 6 with constants, against the exact path KL and the table of theory 9.5."""

import numpy as np
import pytest
from bound_truth import Line, Spectrum, random_line, random_spectrum
from scipy import integrate

from girsanov._checks import InputError
from girsanov.paper.bounds import Facts, theorem6, theorem7
from girsanov.paper.bounds.chen2023_cld import (
    exact_discretisation,
    ou_time_of_cld,
    uniform_cld_discretisation,
)


def spectrum(value, d=1.0):
    return Spectrum(np.array([value]), np.array([d]))


def test_the_clock_of_the_reduction():
    for t in (1e-4, 0.01, 1.0, 1.001, 7.0, 25.0):
        r = np.exp(-2 * t) * (1 + 2 * t + 2 * t**2)
        if t > 0.1:
            assert ou_time_of_cld(t) == pytest.approx(-np.log(r) / 2, rel=1e-12)
        else:  # 1 - r = 4 t^3/3 (1 - 3t/2 + ...)
            assert ou_time_of_cld(t) == pytest.approx(2 * t**3 / 3, rel=2 * t)


@pytest.mark.parametrize(
    ("value", "h", "path", "a", "b"),
    [
        (1.0, 0.1, 2.284, 2.287, 2.284),
        (1.0, 0.01, 0.2388, 0.2388, 0.2388),
        (0.25, 0.1, 2.566, 34.5, 2.588),
        (0.25, 0.01, 0.2685, 3.80, 0.2708),
        (0.01, 0.1, 3.508, 2.1e4, 3.967),
        (0.01, 0.01, 0.3697, 2369, 0.4099),
        (4.0, 0.1, 2.037, 2.287, 2.051),
        (4.0, 0.01, 0.2128, 0.2388, 0.2142),
    ],
)
def test_table_of_critically_damped(value, h, path, a, b):
    law, n = spectrum(value), round(6 / h)
    facts = law.facts(lipschitz=float(max(1, 1 / value)))
    exact = exact_discretisation(1, law.information, n, time=6.0)
    assert exact == pytest.approx(path, rel=4e-3)
    assert uniform_cld_discretisation(facts, "4a", n, time=6.0) == pytest.approx(a, rel=2e-2)
    assert uniform_cld_discretisation(facts, "4b", n, time=6.0) == pytest.approx(b, rel=4e-3)


def test_exact_value_against_the_definition():  # twice the mean square lag of the v-score
    law, h, n = spectrum(0.2), 0.25, 8

    def moments(t):
        g = (law.information(ou_time_of_cld(t)) - 1) / (1 + 2 * t + 2 * t**2)
        return np.array([[1 + g * (1 + t) ** 2, g * t * (1 + t)], [g * t * (1 + t), 1 + g * t**2]])

    def lag(t, node):  # E S_t S_node^T = e^{uF^T} J(node), v row
        u = node - t
        forward = np.exp(-u) * np.array([[1 + u, -u], [u, 1 - u]])
        cross = (forward.T @ moments(node))[1, 1]
        return moments(t)[1, 1] + moments(node)[1, 1] - 2 * cross

    total = sum(
        integrate.quad(lag, h * j, h * (j + 1), args=(h * (j + 1),), epsrel=1e-10)[0]
        for j in range(n)
    )
    exact = exact_discretisation(1, law.information, n, time=2.0)
    assert exact == pytest.approx(2 * total, rel=1e-6)


def test_bounds_hold_for_random_gaussians():
    rng = np.random.default_rng(3)
    for _ in range(300):
        law = random_spectrum(rng)
        n, time = int(rng.integers(1, 60)), 10 ** rng.uniform(-2, 1)
        d = int(law.counts.sum())
        facts = law.facts(lipschitz=float(max(1, (1 / law.values).max())))
        exact = exact_discretisation(d, law.information, n, time=time)
        for form in ("4a", "4b"):
            assert exact <= uniform_cld_discretisation(facts, form, n, time=time) * (1 + 1e-6)
        assert law.kl(float(ou_time_of_cld(time))) <= facts.start(float(ou_time_of_cld(time))) * (
            1 + 1e-9
        )


def test_bounds_hold_for_mixtures():
    rng = np.random.default_rng(4)
    for _ in range(3):
        law: Line = random_line(rng)
        information = np.vectorize(lambda t, law=law: law.at(round(float(t), 12))[0])
        exact = exact_discretisation(1, information, 10, time=3.0)
        assert exact <= uniform_cld_discretisation(law.facts(), "4b", 10, time=3.0) * (1 + 1e-6)


def test_theorem_takes_the_lesser_and_adds_the_score_error():
    facts = Facts(2, 0.02, kl=3.0, lipschitz=100.0)
    plain, wrong = (theorem6(facts, 600, time=6.0, score_error=e) for e in (0.0, 0.1))
    assert plain.theorem == "Theorem 6, (4b)"
    cross = 2 * 5**0.5 * 0.01 * 6 * 0.1 * 200**0.5
    assert wrong.score == pytest.approx(2 * 6 * 0.01 + cross)
    assert wrong.kl == plain.kl + wrong.score
    assert theorem6(facts, 600, time=6.0, form="4a").kl > plain.kl
    with pytest.raises(InputError, match="facts: must bound the score of the data itself"):
        theorem6(Facts(2, 2.0), 600, time=6.0)


def test_theorem_seven_is_exact_and_a_lower_bound():
    facts = Facts(3, 3.0, kl=0.0, lipschitz=1.0)
    assert theorem7(3, 60, time=6.0, process="cld") == pytest.approx(
        exact_discretisation(3, lambda t: np.full_like(t, 3.0), 60, time=6.0), rel=1e-9
    )
    for process, per_h in (("cld", 3.8065), ("ddpm", 0.9675)):  # at h = 0.1, theory section 5
        value = theorem7(3, 60, time=6.0, process=process)
        assert value == pytest.approx(per_h * 3 * 0.1 * 6, rel=1e-4)
    assert theorem6(facts, 60, time=6.0).discretisation >= theorem7(
        3, 60, time=6.0, process="cld"
    ) * (1 - 1e-12)


@pytest.mark.parametrize("size", [1e6, 1e20, 1e100])
def test_huge_numbers_lose_no_digits_of_4b(size):
    # data far from the origin have the path KL of the same data at the origin
    law, n = spectrum(0.5), 30
    exact = exact_discretisation(1, law.information, n, time=3.0)
    far = Facts(1, size, variance=0.5, information=2.0)
    assert uniform_cld_discretisation(far, "4b", n, time=3.0) > exact
    # and data that are nearly points have at least that of a Gaussian
    sharp = Facts(1, 1.0, information=size)
    bound = uniform_cld_discretisation(sharp, "4b", n, time=3.0)
    point = exact_discretisation(1, spectrum(1 / size).information, n, time=3.0)
    assert np.isfinite(bound)
    assert bound > 0.99 * point
