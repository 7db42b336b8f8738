"""Theorem 2 with constants: never below the exact path KL, and equal to it where theory says."""

import numpy as np
import pytest
from bound_truth import (
    Line,
    Spectrum,
    path_kl,
    random_line,
    random_spectrum,
    random_times,
    random_uniform,
    relative_path_kl,
)

from girsanov._checks import InputError
from girsanov.paper.bounds import (
    Facts,
    ei_relative,
    theorem2,
    theorem2_on_grid,
)
from girsanov.paper.bounds.chen2023_ddpm import (
    exact_score_discretisation,
    grid_discretisation,
    relative_discretisation,
    root_information,
    uniform_discretisation,
)

GMM = Line(np.array([0.3, 0.7]), np.array([-1.5, 1.0]), np.array([0.04, 0.15]))
ROUNDING = 1e-12  # of the integral of I, of which D is the small difference


def uniform(n, time):
    return np.linspace(0, time, n + 1)


def below(exact, bound, size):
    return exact <= bound * (1 + 1e-9) + ROUNDING * size


def test_bounds_hold_for_random_gaussians():
    rng = np.random.default_rng(7)
    for _ in range(2000):
        law, (n, time) = random_spectrum(rng), random_uniform(rng, 60)
        facts = law.facts(lipschitz=float(max(1, (1 / law.values).max())))
        times, h = uniform(n, time), time / n
        exact, size = path_kl(law, times), law.integral(0, time)
        for form in ("2a", "2b", "2c"):
            bound = uniform_discretisation(facts, form, n, time=time)
            assert below(exact, bound, size), (form, law, n, time)
        assert below(exact, grid_discretisation(facts, times), size)
        relative = relative_path_kl(law, times)
        assert below(relative, relative_discretisation(facts, h), law.kl(0))
        assert law.kl(time) <= facts.start(time) * (1 + 1e-9) + 1e-12


def test_bounds_hold_on_random_grids():
    rng = np.random.default_rng(8)
    for _ in range(1000):
        law, times = random_spectrum(rng), random_times(rng)
        facts, size = law.facts(), law.integral(times[0], times[-1])
        assert below(path_kl(law, times), grid_discretisation(facts, times), size)


def test_bounds_hold_for_random_mixtures():
    rng = np.random.default_rng(9)
    for _ in range(15):
        law, n, time = random_line(rng), int(rng.integers(2, 25)), 10 ** rng.uniform(-1, 0.7)
        facts, times = law.facts(), uniform(n, time)
        exact, size = path_kl(law, times), law.integral(0, time)
        for bound in (
            uniform_discretisation(facts, "2b", n, time=time),
            uniform_discretisation(facts, "2c", n, time=time),
            grid_discretisation(facts, times),
        ):
            assert below(exact, bound, size)
        assert below(
            relative_path_kl(law, times), relative_discretisation(facts, time / n), law.kl(0)
        )


def test_equality_for_the_standard_gaussian():  # (2a), (2b) and Theorem 7
    facts = Facts(3, 3.0, kl=0.0, lipschitz=1.0)
    exact = 2 * 3 * 40 * (0.1 - 1 + np.exp(-0.1))
    for form in ("2a", "2b"):
        assert uniform_discretisation(facts, form, 40, time=4.0) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("value", [0.01, 0.25, 1.0, 4.0])
def test_equality_on_any_grid_for_isotropic_gaussians(value):  # (2.3)
    law = Spectrum(np.array([value]), np.array([5.0]))
    times = np.array([0.01, 0.05, 0.2, 0.5, 1.4, 2.0])
    assert grid_discretisation(law.facts(), times) >= path_kl(law, times) * (1 - 1e-12)
    noised = law.facts().noised(0.01)
    assert grid_discretisation(noised, times - 0.01) == pytest.approx(
        grid_discretisation(law.facts(), times), rel=1e-12
    )
    assert grid_discretisation(law.facts(), times) == pytest.approx(path_kl(law, times), rel=1e-9)


@pytest.mark.parametrize(
    ("law", "h", "figures"),
    [  # theory 9.3: exact path KL with initialisation, then 2a, 2b, 2c, at T = 4
        (Spectrum(np.array([1.0]), np.array([1.0])), 0.1, (0.3870, 0.387, 0.387, 0.387)),
        (Spectrum(np.array([0.25]), np.array([1.0])), 0.1, (0.5722, 6.04, 0.663, 0.604)),
        (Spectrum(np.array([0.25]), np.array([10.0])), 0.01, (0.614, 6.36, 0.696, 0.687)),
        (Spectrum(np.array([0.01]), np.array([1.0])), 0.1, (1.713, 3747, 9.50, 1.858)),
        (Spectrum(np.array([0.01]), np.array([10.0])), 0.01, (4.20, 3974, 10.2, 5.83)),
        (Spectrum(np.array([4.0]), np.array([10.0])), 0.01, (0.293, 0.399, 0.324, 0.324)),
    ],
)
def test_table_of_the_papers_sampler(law, h, figures):
    n = round(4 / h)
    facts = law.facts(lipschitz=float(max(1, 1 / law.values[0])))
    got = [path_kl(law, uniform(n, 4.0))]
    got += [uniform_discretisation(facts, f, n, time=4.0) for f in ("2a", "2b", "2c")]
    assert got == pytest.approx(figures, rel=6e-3)


def test_table_for_the_mixture():
    facts = GMM.facts(lipschitz=243.6)
    assert facts.information == pytest.approx(12.16, rel=1e-3)
    # (2b) is kappa_h 11.16 + 2 N b_h by hand: 0.0920 x 11.16 + 0.290, 0.01967 x 11.16 + 0.0596
    for n, figures in ((30, (0.654, 16668, 1.317, 0.844)), (150, (0.167, 3512, 0.279, 0.241))):
        got = [path_kl(GMM, uniform(n, 3.0))]
        got += [uniform_discretisation(facts, f, n, time=3.0) for f in ("2a", "2b", "2c")]
        assert got == pytest.approx(figures, rel=6e-3)


def test_exact_formula_from_given_information():  # (2.0)
    times = np.linspace(0.1, 2.0, 12)
    got = exact_score_discretisation(times, GMM.information(times), GMM.integral(0.1, 2.0))
    assert got == pytest.approx(path_kl(GMM, times), rel=1e-12)


def test_score_error_of_a_gaussian_is_exact_when_aligned():  # (2.1), theory 9.1: .4674183
    law, h, n = Spectrum(np.array([0.3]), np.array([1.0])), 0.1, 20
    times = uniform(n, h * n)
    # score^ = (1 + 0.2) score: E|score^ - S_s|^2 within a step from 1.1
    u, w = np.polynomial.legendre.leggauss(40)
    left, right = law.information(times[:-1]), law.information(times[1:])
    total = 0.0
    for j in range(n):
        t = times[j] + h * (u + 1) / 2
        later = times[j + 1] - t
        gap = law.information(t) + (1.2**2 - 2 * 1.2 * np.exp(-later)) * right[j]
        total += (w * gap).sum() * h / 2
    eps = 0.2 * np.sqrt(right)
    from girsanov.paper.bounds.chen2023_ddpm import score_term

    exact = path_kl(law, times) + score_term(np.full(n, h), eps, right)
    assert exact == pytest.approx(total, rel=1e-9)
    assert left[0] > right[0]


def test_sum_of_roots_of_information():
    for law in (Spectrum(np.array([1e-3, 0.5]), np.array([2.0, 3.0])), GMM):
        for n, time, stop in ((7, 2.0, 0.0), (200, 5.0, 0.01)):
            exact = np.sqrt(law.information(np.linspace(stop, time, n + 1)[1:])).sum()
            assert exact <= root_information(law.facts(), n, time, stop)
    wide = Spectrum(np.array([4.0]), np.array([2.0])).facts()
    assert root_information(wide, 10, 1.0, 0.0) <= 10 * np.sqrt(2.0)


def test_theorem_takes_the_least_form_and_names_what_it_used():
    facts = GMM.facts(lipschitz=243.6)
    bound = theorem2(facts, 150, time=3.0, score_error=0.1)
    assert bound.theorem == "Theorem 2, (2c)"
    assert bound.kl == bound.init + bound.discretisation + bound.score
    # h N eps^2, and a cross term that is small beside it
    assert 3 * 0.1**2 < bound.score < 3 * 0.1**2 + 150 * 0.02**2 * 0.1 * np.sqrt(12.2)
    assert any("Assumption 3" in a for a in bound.assumptions)
    assert bound.rate.unit == "TV"
    assert "rate" in bound.to_json()["rate"]["kind"]
    assert theorem2(facts, 150, time=3.0, form="2a").assumptions[0].startswith("Assumption 1")


def test_early_stopping_needs_a_second_moment_only():
    facts = Facts(10, 25.0)
    with pytest.raises(InputError, match="facts: must say more of the data"):
        theorem2(facts, 100, time=3.0)
    uniform_steps = theorem2(facts, 4000, time=3.0, stop=0.01)
    grid = np.log1p(1 / np.geomspace(1 / np.expm1(0.02), 1 / np.expm1(6.0), 1000)) / 2
    assert theorem2_on_grid(facts, grid).kl < uniform_steps.kl
    as_conforti = theorem2(facts, 4000, time=3.0, stop=0.01, form="2b")
    assert ei_relative(facts, 4000, time=3.0, stop=0.01).kl < as_conforti.kl
    assert uniform_steps.w2 == pytest.approx(np.sqrt((1 - np.exp(-0.01)) ** 2 * 25 + 0.1980133))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps: must be a whole number >= 1; got 0"),
        ({"time": 0.5, "stop": 0.5}, "time: must be > 0.5"),
        ({"score_error": -1.0}, "score_error: must be >= 0"),
        ({"form": "2d"}, "form: must be one of 2a, 2b, 2c; got 2d"),
    ],
)
def test_mistakes_are_refused(given, message):
    given = {"steps": 10, "time": 2.0, **given}
    with pytest.raises(InputError, match=message):
        theorem2(Facts(2, 2.0, lipschitz=2.0), given.pop("steps"), **given)
