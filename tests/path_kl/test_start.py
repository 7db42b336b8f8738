"""What a start costs: equations (1)-(3) of start.py against KL by quadrature on a line."""

import numpy as np
import pytest
import torch
from scipy import stats

from girsanov._checks import InputError
from girsanov.error_curve.exact import exact_curve
from girsanov.law import Gaussian, GaussianMixture
from girsanov.path_kl.start import start_cost

LAWS = {
    "theory": GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "far": GaussianMixture([0.1, 0.9], [[6.0], [3.0]], [0.01, 0.5]),
    "gaussian": Gaussian([2.0], 0.3),
}
SNRS = [1e-3, 0.05, 0.7, 20.0]


def start_law(law, snr, start, variance):
    """Centre and standard deviation of the start in x = x0 + z/sqrt(s) coordinates."""
    return {
        "gaussian": (law.mean[0], (variance + 1 / snr) ** 0.5),
        "mean": (law.mean[0], snr**-0.5),
        "standard": (0.0, (1 + 1 / snr) ** 0.5),  # N(0, 1) in X = alpha x
    }[start]


def kl_by_quadrature(law, snr, centre, scale):
    reach = 12 * (1 / snr + law.second_moment) ** 0.5
    x, dx = np.linspace(-reach, reach, 40_001, retstep=True)
    log_q = law.log_prob(torch.as_tensor(x)[:, None], snr).numpy()
    return float((np.exp(log_q) * (log_q - stats.norm.logpdf(x, centre, scale))).sum() * dx)


def half_information(law, snr):
    x, w = np.polynomial.legendre.leggauss(60)
    return float(law.curve(snr * (1 + x) / 2).value @ w) * snr / 4


@pytest.mark.parametrize("off", [1.0, 0.4], ids=["right", "wrong-variance"])
@pytest.mark.parametrize("start", ["gaussian", "mean", "standard"])
@pytest.mark.parametrize("snr", SNRS)
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_cost_is_the_kl_of_the_noised_law_from_the_start(law, snr, start, off):
    variance = off * law.variance  # equation (1) holds at any v
    cost = start_cost(exact_curve(law, SNRS), snr, start, np.array([variance]))
    kl = kl_by_quadrature(law, snr, *start_law(law, snr, start, variance))
    assert cost.shape == (1,)
    assert cost[0] - half_information(law, snr) == pytest.approx(kl, rel=1e-6, abs=1e-9)


def test_costs_of_many_levels_are_those_of_each():
    curve = exact_curve(LAWS["theory"], SNRS)
    v = np.array([1.1])
    for start in ("gaussian", "mean", "standard"):
        many = start_cost(curve, np.array(SNRS), start, v)
        assert many.shape == (len(SNRS), 1)
        assert many[:, 0] == pytest.approx([start_cost(curve, s, start, v)[0] for s in SNRS])


def test_unknown_start_is_refused():
    with pytest.raises(InputError, match="start: must be one of gaussian, mean, standard"):
        start_cost(exact_curve(LAWS["theory"], SNRS), 0.1, "prior", np.ones(1))
