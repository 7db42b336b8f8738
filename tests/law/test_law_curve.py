"""The curve M(s): equation (5) of law/base.py, against quadrature, sampling and the theory.

"Theory" is Guo, Shamai, Verdu (2005): dI/ds = M/2 in nats; and Guo, Wu, Shamai, Verdu (2011):
1/M(s) - s/d never falls.
"""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special

from girsanov._checks import InputError
from girsanov.law import Gaussian, GaussianMixture, Points, line
from girsanov.law import mixture as module

RNG = np.random.default_rng(4)
THEORY = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
LINES = {
    "theory": THEORY,
    "thin": GaussianMixture([0.2, 0.5, 0.3], [[0.0], [1e-3], [4.0]], [1e-10, 1e-6, 1.0]),
    "tilted": GaussianMixture([1e-6, 1 - 1e-6], [[30.0], [0.0]], [4.0, 1e-4]),
    "points": Points([[0.0], [0.1], [5.0]], [0.5, 0.3, 0.2]),
    "half": GaussianMixture([0.4, 0.6], [[2.0], [-1.0]], [0.0, 0.3]),
}
over_lines = pytest.mark.parametrize("law", LINES.values(), ids=LINES.keys())
ROOTS = RNG.normal(size=(4, 3, 3)) * 0.5
SOLIDS = {
    "full": GaussianMixture(
        [0.1, 0.2, 0.3, 0.4], 2 * RNG.normal(size=(4, 3)) + 1, ROOTS @ ROOTS.transpose(0, 2, 1)
    ),
    "isotropic": GaussianMixture([0.7, 0.3], [[0.0, 1.0], [2.0, -1.0]], [0.05, 0.4]),
    "points": Points(RNG.normal(size=(30, 2)), RNG.dirichlet(np.ones(30))),
}
over_solids = pytest.mark.parametrize("law", SOLIDS.values(), ids=SOLIDS.keys())


def nodes(edges, count=400):
    """Gauss-Legendre nodes and weights on each panel."""
    x, w = np.polynomial.legendre.leggauss(count)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half + half * x).ravel(), (half * w).ravel()


def brute(law, snr):
    """M(s) = E tr Cov(X_0 | x) on a fixed mesh as fine as the thinnest component near each."""
    w, mu, values = law.weights, law.means[:, 0], law._variances[:, 0]
    wide = values + 1 / snr
    edges = mu + np.sqrt(wide) * np.linspace(-20, 20, 161)[:, None]
    x, dx = nodes(np.unique(edges), 30)
    away = x[:, None] - mu
    logs = np.log(w) - np.log(2 * math.pi * wide) / 2 - away**2 / (2 * wide)
    r = special.softmax(logs, axis=1)
    guess = mu - law.mean[0] + values / wide * away
    m = (r * guess).sum(axis=1)
    spread = (r * (values / snr / wide + (guess - m[:, None]) ** 2)).sum(axis=1)
    return (dx * np.exp(special.logsumexp(logs, axis=1)) * spread).sum()


@over_lines
@pytest.mark.parametrize("snr", [1e-6, 1e-2, 1.0, 30.0, 1e3, 1e6, 1e8])
def test_a_line_is_integrated_exactly(law, snr):
    found = law.curve([snr])
    assert found.value[0] == pytest.approx(brute(law, snr), rel=1e-10, abs=1e-28)
    assert (found.se == 0).all()
    assert math.isinf(found.degrees)


def test_the_integral_is_scipys():
    """M(s) = E X_0^2 - E m^2, by adaptive quadrature of a function written out here."""
    w, mu, values = np.array([0.3, 0.7]), np.array([-1.5, 1.0]), np.array([0.04, 0.15])
    for snr in (0.1, 5.0, 80.0):
        wide = values + 1 / snr

        def rule(x, wide=wide):
            p = w * np.exp(-((x - mu) ** 2) / (2 * wide)) / np.sqrt(2 * math.pi * wide)
            return (p @ (mu + values / wide * (x - mu))) ** 2 / p.sum()

        ends = (-1.5 - 12 * math.sqrt(wide[0]), 1.0 + 12 * math.sqrt(wide[1]))
        square, _ = integrate.quad(rule, *ends, points=[-1.5, 0, 1], epsabs=1e-12, limit=400)
        assert THEORY.curve([snr]).value[0] == pytest.approx(1.492 - square, rel=1e-9)


@pytest.mark.parametrize("snr", [1e-6, 0.3, 4.0, 60.0, 300.0, 1e4])
def test_two_points_have_their_formula(snr):
    """M(s) = 1 - E tanh(s + sqrt(s) z), for X_0 = -1 or 1 alike; also where it is 1e-60."""
    root = math.sqrt(snr)
    # 1 - tanh y = 2 / (1 + e^2y), times the normal density of y about s, without underflow.
    expected, _ = integrate.quad(
        lambda y: math.exp(-snr / 2) * math.exp(-(y**2) / (2 * snr)) / math.cosh(y),
        -40 * min(1.0, root), 40 * min(1.0, root), epsabs=0, epsrel=1e-12, limit=500,
    )  # fmt: skip
    expected /= math.sqrt(2 * math.pi * snr)
    law = Points([[-1.0], [1.0]])
    assert law.curve([snr]).value[0] == pytest.approx(expected, rel=1e-9, abs=1e-300)


@over_lines
def test_halving_the_panels_again_changes_nothing(law, monkeypatch):
    levels = np.geomspace(1e-6, 1e8, 15)
    before = law.curve(levels).value

    def finer(rule, edges, known):
        halved = [np.sort(np.concatenate([e, (e[1:] + e[:-1]) / 2])) for e in edges]
        return integrals(rule, halved, known)

    integrals = line.integrals
    monkeypatch.setattr(line, "integrals", finer)
    np.testing.assert_allclose(law.curve(levels).value, before, rtol=1e-11)


def test_many_components_on_a_line():
    law = Points(RNG.normal(size=(1500, 1)))
    levels = [1e-3, 1.0, 1e4, 1e9]
    value = law.curve(levels).value
    assert value[0] == pytest.approx(law.variance / (1 + 1e-3 * law.variance), rel=1e-5)
    sampled = law._measured_curve(np.array(levels), 2000, 0, 1000)
    assert (np.abs(sampled.value - value) <= 4 * sampled.se).all()
    longer = Points(RNG.normal(size=(module.QUADRATURE_LIMIT + 1, 1)))
    assert longer.curve([1.0], examples=50).se[0] > 0


@pytest.mark.parametrize("name", sorted(LINES.keys() - {"tilted"}))  # 1e-6 is never drawn
def test_sampling_agrees_with_the_integral(name):
    law = LINES[name]
    levels = np.array([1e-3, 0.5, 3.0, 20.0])
    exact = law.curve(levels).value
    found = law._measured_curve(levels, 20_000, 1, 3000)
    assert (np.abs(found.value - exact) <= 4 * found.se + 1e-12).all()


@over_solids
def test_the_curve_is_the_mean_squared_error(law):  # equation (5), without Rao and Blackwell
    levels = np.array([0.1, 1.0, 10.0])
    found = law.curve(levels, examples=8000, seed=3)
    x0 = law.sample(8000, seed=99)
    z = torch.from_numpy(RNG.normal(size=x0.shape))
    for k, s in enumerate(levels):
        errors = ((law.denoise(x0 + z / math.sqrt(s), s) - x0) ** 2).sum(dim=1).numpy()
        se = math.hypot(found.se[k], errors.std() / math.sqrt(8000))
        assert abs(errors.mean() - found.value[k]) <= 4 * se
        assert 0 < found.se[k] < errors.std() / math.sqrt(8000)


@over_solids
def test_batches_do_not_change_a_measured_curve(law):
    levels = [0.1, 5.0]
    whole = law.curve(levels, examples=500, seed=2, batch_size=500)
    parts = law.curve(levels, examples=500, seed=2, batch_size=77)
    np.testing.assert_allclose(parts.value, whole.value, rtol=1e-12)
    np.testing.assert_allclose(parts.se, whole.se, rtol=1e-11)
    assert parts.degrees == whole.degrees == 499
    assert (law.curve(levels, examples=500, seed=3).value != whole.value).all()


def test_standard_errors_are_those_of_the_mean():
    law = SOLIDS["isotropic"]
    runs = [law.curve([2.0], examples=200, seed=seed) for seed in range(150)]
    spread = np.std([run.value[0] for run in runs], ddof=1)
    claimed = math.sqrt(np.mean([run.se[0] ** 2 for run in runs]))
    assert claimed == pytest.approx(spread, rel=4 / math.sqrt(2 * 150))


@over_lines
def test_the_curve_is_twice_the_slope_of_information(law):  # I-MMSE
    """h(X_s) - h(z / sqrt s) rises by the integral of M/2; h by quadrature of log_prob."""

    def information(s):
        noisy = np.sqrt(law._variances[:, 0] + 1 / s)
        ends = law.means[:, 0] + np.array([[-12], [0], [12]]) * noisy
        x, w = nodes(np.sort(ends.ravel()))
        log = law.log_prob(torch.from_numpy(x)[:, None], s).numpy()
        return -(w * np.exp(log) * log).sum() - math.log(2 * math.pi * math.e / s) / 2

    low, high = 0.05, 200.0
    t, w = nodes(np.linspace(math.log(low), math.log(high), 5), 24)
    area = (w * np.exp(t) * law.curve(np.exp(t)).value).sum() / 2
    assert information(high) - information(low) == pytest.approx(area, rel=1e-7)


@over_lines
def test_noised_densities_integrate_to_one(law):
    for s in (0.01, 1.0, 1e4):
        noisy = np.sqrt(law._variances[:, 0] + 1 / s)
        x, w = nodes(
            np.sort((law.means[:, 0] + np.array([[-12], [-3], [0], [3], [12]]) * noisy).ravel())
        )
        p = law.log_prob(torch.from_numpy(x)[:, None], s).exp().numpy()
        assert (w * p).sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    "law", [*LINES.values(), *SOLIDS.values(), Gaussian([1.0, 2.0], [3.0, 0.1])],
    ids=[*LINES, *SOLIDS, "gaussian"],
)  # fmt: skip
def test_every_curve_crosses_a_gaussians_once(law):
    levels = np.geomspace(1e-4, 1e3, 40)
    found = law.curve(levels, examples=20_000)
    value = np.maximum(found.value, 1e-290)
    crossing = 1 / value - levels / law.dimension
    slack = 3 * (found.se / value**2)
    assert (np.diff(crossing) >= -slack[1:] - slack[:-1] - 1e-9 * np.abs(1 / value[1:])).all()
    bound = law.dimension * law.variance / (law.dimension + levels * law.variance)
    assert (value <= bound + 4 * found.se + 1e-12).all()


def test_the_numbers_of_the_theory():
    """I_0 = lim s d - s^2 M(s) = E|grad log p|^2 = 12.16 and m2^2 = 1.492."""
    assert THEORY.second_moment == pytest.approx(1.492, rel=1e-12)
    s = 1e6
    assert s - s**2 * THEORY.curve([s]).value[0] == pytest.approx(12.16, abs=5e-3)
    x, w = nodes(np.linspace(-6, 6, 13))
    rows = torch.from_numpy(x)[:, None].requires_grad_()
    log = THEORY.log_prob(rows)
    (score,) = torch.autograd.grad(log.sum(), rows)
    fisher = (w * (log.exp() * score[:, 0] ** 2).detach().numpy()).sum()
    assert fisher == pytest.approx(12.16, abs=5e-3)


def test_refusals():
    law = SOLIDS["isotropic"]
    for levels in ([0.0, 1.0], [2.0, 1.0], [math.inf], "a", [[1.0]]):
        with pytest.raises(InputError, match=r"levels: must be"):
            law.curve(levels)
    with pytest.raises(InputError, match=r"examples: must be a whole number >= 2; got 1"):
        law.curve([1.0], examples=1)
    with pytest.raises(InputError, match=r"batch_size: must be a whole number >= 1; got 0"):
        law.curve([1.0], batch_size=0)
    with pytest.raises(InputError, match=r"seed: must be a whole number >= 0"):
        THEORY.curve([1.0], seed=-1)
