"""Total variation and KL: equations (1), (2) of entry.py, against exact pairs."""

import math

import numpy as np
import pytest
from scipy import stats

from girsanov._checks import InputError
from girsanov.ledger.entry import Entry, estimate_entry, kl_from_tv, tv_from_kl
from girsanov.montecarlo import Estimate

NATS = np.geomspace(1e-6, 30, 60)


def test_tv_grows_with_kl_and_stays_below_one():
    tv = [tv_from_kl(k) for k in NATS]
    assert (np.diff(tv) > 0).all()
    assert 0 < tv[0] < tv[-1] <= 1
    assert tv_from_kl(0) == 0
    assert tv_from_kl(math.inf) == 1


@pytest.mark.parametrize("tv", [1e-6, 0.01, 0.3, 0.6, 0.8, 0.9, 0.999])
def test_kl_from_tv_is_the_inverse(tv):  # both branches: Pinsker's is the better one below .8
    assert tv_from_kl(kl_from_tv(tv)) == pytest.approx(tv, rel=1e-12)


def test_both_branches_of_the_bound_are_used():
    assert tv_from_kl(0.1) == math.sqrt(0.05)
    assert tv_from_kl(4.0) == pytest.approx(math.sqrt(1 - math.exp(-4)))


@pytest.mark.parametrize("shift", [0.01, 0.3, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("scale", [1.0, 0.5, 3.0])
def test_bound_holds_for_pairs_of_gaussians(shift, scale):
    kl = math.log(scale) + (1 + shift**2) / (2 * scale**2) - 0.5  # KL(N(shift, 1) | N(0, scale^2))
    x, dx = np.linspace(-40, 48, 200_001, retstep=True)
    gap = np.abs(stats.norm.pdf(x, shift) - stats.norm.pdf(x, scale=scale))
    tv = gap.sum() * dx / 2
    assert tv <= tv_from_kl(kl) + 1e-9
    if scale == 1.0 and shift <= 0.3:  # exact: 2 Phi(shift / 2) - 1; the bound is near here
        assert tv == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, abs=1e-8)
        assert tv_from_kl(kl) < 1.3 * tv


@pytest.mark.parametrize("kl", [-1e-9, math.nan])
def test_negative_kl_is_refused(kl):
    with pytest.raises(InputError, match="kl: must be >= 0 nats"):
        tv_from_kl(kl)


@pytest.mark.parametrize("tv", [0.0, -0.1, 1.0, 1.5, math.nan, "0.1", True])
def test_targets_that_no_kl_certifies_are_refused(tv):
    with pytest.raises(InputError, match="tv: must"):
        kl_from_tv(tv)


def test_entries_are_cut_at_zero_and_keep_their_interval():
    e = estimate_entry("init", Estimate(0.5, 0.1, 15), "")
    half = stats.t(15).ppf(0.975) * 0.1
    assert (e.low, e.high) == pytest.approx((0.5 - half, 0.5 + half))
    below = estimate_entry("init", Estimate(-0.5, 0.1, 15), "note")
    assert below == Entry("init", 0.0, 0.0, 0.0, "estimate", "note")
    assert below.to_json()["kind"] == "estimate"


def test_an_entry_is_told_in_three_digits():
    made = estimate_entry("init", Estimate(0.0117123, 0.0037, 100.0), "")
    assert str(made) == f"init 0.0117 ({made.low:.3g} to {made.high:.3g}), estimate"
    told = [("exact", 0.0, 0.0, "0, exact"), ("unknown", None, None, "unknown, unknown"),
            ("lower bound", None, 0.0365123, ">= 0.0365, lower bound, path KL")]  # fmt: skip
    for kind, value, low, words in told:
        assert str(Entry("score", value, low, None, kind, "")) == f"score {words}"
