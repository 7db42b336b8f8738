"""The search on measured curves: divide and conquer against the full programme, and all grids."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.smooth import repaired, single_crossing
from girsanov.law import GaussianMixture
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.shortest_path import _divided, _full, is_monge
from girsanov.planning.make_plan import make_plan
from girsanov.sampling.registry import SAMPLERS

LAWS = {
    "line": GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "far": GaussianMixture([0.98, 0.02], [[0.0], [10.0]], [0.01, 0.01]),
    "plane": GaussianMixture(
        [0.25, 0.75],
        [[-1.0, 2.0], [1.5, 0.5]],
        [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
    ),
}
KINDS = [("ddpm", None), ("analytic-dpm", "scalar"), ("analytic-dpm", "pca"),
         ("ei-relative", None), ("ei-score", None)]  # fmt: skip


class Wrong(ExactDenoiser):
    """The exact denoiser shrunk and shifted; nothing knows what was done."""

    exact = False

    def __call__(self, x, snr, label=None):
        return 0.85 * self.law.denoise(x, snr) + 0.1


@pytest.fixture(scope="module", params=[(law, kind) for law in LAWS for kind in (0, 1)], ids=str)
def measured(request):
    name, wrong = request.param
    law = LAWS[name]
    denoiser = Wrong(law) if wrong else ExactDenoiser(law)
    return audit(denoiser, law, levels=np.geomspace(0.02, 2000, 49), examples=300, seed=3)


@pytest.mark.parametrize(("sampler", "covariance"), KINDS)
def test_divided_is_the_full_programme_wherever_it_is_used(measured, sampler, covariance):
    """On the curve of all examples and of every fold that chooses, for every number of levels."""
    price = prices(measured, SAMPLERS[sampler], covariance, levels=np.geomspace(0.02, 2000, 193))
    for fold in (None, 0, 1, 2, 3):
        choice = price.choice(fold)
        if not is_monge(choice.cell):
            continue
        columns = np.array(choice.cell.T)
        columns[np.triu_indices(len(columns))] = np.inf
        quick = full = choice.starts
        for _ in range(40):
            quick, full = _divided(quick, columns)[0], _full(full, columns)[0]
            np.testing.assert_allclose(quick, full, rtol=1e-12)


def test_of_an_exact_denoiser_most_searches_are_divided(measured):
    if measured.facts.exact:
        each = [prices(measured, SAMPLERS[s[0]], *s[1:]) for s in KINDS[:4]]
        assert sum(is_monge(p.cell) for p in each) >= 3


@pytest.mark.parametrize(("sampler", "covariance"), KINDS)
@pytest.mark.parametrize("exact", [True, False])
def test_no_grid_of_all_is_cheaper_than_the_planned_one(sampler, covariance, exact):
    law = LAWS["plane"]
    denoiser = ExactDenoiser(law) if exact else Wrong(law)
    made = audit(denoiser, law, levels=np.geomspace(0.1, 200, 9), examples=200, seed=2)
    price = prices(made, SAMPLERS[sampler], covariance)
    cell, starts = price.choice().cell, price.choice().starts
    for count in range(1, 6):
        for last in (6, 9):
            every = [(*p, last - 1) for p in combinations(range(last - 1), count - 1)]
            costs = [starts[g[0]] + sum(cell[i, j] for i, j in pairwise(g)) for g in every]
            planned = price.choice().nodes(count, last) - 1
            mine = starts[planned[0]] + sum(cell[i, j] for i, j in pairwise(planned))
            assert mine == pytest.approx(min(costs), rel=1e-12)


def test_repair_leaves_a_good_curve_alone_and_mends_a_dip(measured):
    curve = measured.curve
    one, done = repaired(curve, np.ones(len(curve.shares), bool), exact=measured.facts.exact)
    mean = one.mean_errors(one.main)
    with np.errstate(divide="ignore"):
        bent = 1 / mean
    if measured.facts.exact:  # single crossing, after repair, in every band
        step = np.diff(curve.levels)[:, None]
        assert (np.diff(bent, axis=0) >= step * (1 - 1e-6) - 1e-6 * bent[1:]).all()
    raw = curve.mean_errors(curve.main)
    assert (done.share > 0) == (not np.allclose(raw, mean, rtol=1e-8))


def test_single_crossing_is_the_nearest_curve_that_crosses_once():
    s = np.array([0.0, 1.0, 2.0, 4.0])
    true = 1 / (0.5 + s)
    same = single_crossing(s, true, np.ones(4))
    np.testing.assert_allclose(same, true, rtol=1e-12)
    dipped = true.copy()
    dipped[1] = 1 / (0.5 + 2.5)  # as if s were 2.5 there: 1/M - s is .5, 2, .5, .5
    mended = single_crossing(s, dipped, np.ones(4))
    np.testing.assert_allclose(1 / mended - s, [0.5, 1.0, 1.0, 1.0], rtol=1e-12)  # pooled mean


def test_a_plan_of_ei_score_says_that_no_grid_was_left_out():
    """Beyond steps of ln 2 its cells are not Monge (theory 7.2): a mixture far apart shows it."""
    law = GaussianMixture([0.5, 0.5], [[-20.0], [20.0]], [1.0, 1.0])
    made = audit(ExactDenoiser(law), law, levels=np.geomspace(1e-6, 100, 97))
    options = {"steps": 6, "resolution": 0.2, "weight": 0.0}
    plans = [make_plan(made, sampler=s, **options) for s in ("ei-score", "ddpm")]
    notes = [plan.ledger[1].note for plan in plans]
    assert ["ln 2" in note for note in notes] == [True, False]
    price = prices(made, SAMPLERS["ei-score"])
    times = np.log1p(1 / price.levels) / 2
    long = times[:, None] - times[None, :] > np.log(2)
    masked = np.where(long, np.inf, price.cell)
    assert is_monge(masked)
    assert not is_monge(price.cell)
