"""Plans on so few examples that what was measured between the levels bends far."""

from dataclasses import replace

import numpy as np
import pytest

import girsanov as gv

LAW = gv.GaussianMixture([0.97, 0.03], [[0.0] * 4, [10.0] * 4], [0.01, 0.01])
GRID = np.geomspace(0.02, 200, 5)


class Constant(gv.ExactDenoiser):
    """Predicts the mean whatever it is shown."""

    exact = False

    def __call__(self, x, snr, label=None):
        return x * 0 + 0.3


def bent(audit, bend):
    """The audit with this bend of the sum of all errors in every gap."""
    curve, total = audit.curve, np.full_like(audit.curve.bends["total"], bend)
    return replace(audit, curve=replace(curve, bends={**curve.bends, "total": total}))


@pytest.mark.parametrize("steps", [3, None])
def test_bends_below_zero_leave_a_full_covariance_numbers(steps):
    made = gv.audit(Constant(LAW), LAW, levels=GRID, examples=40, seed=2)
    plan = bent(made, -20.0).plan(covariance="full", steps=steps, force=True)
    ends = [[e.value, e.low, e.high] for e in plan.ledger[:2]]
    assert np.isfinite(ends).all()
    assert all((np.asarray(v) >= 0).all() for v in plan.variances)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_predictions_that_never_move_have_no_defect(tmp_path):
    made = gv.audit(Constant(LAW), LAW, levels=GRID, examples=40, seed=2)
    assert (made.probe.martingale_bound()[1:] == 0).all()
    made.save(tmp_path / "audit.json")
    assert "NaN" not in (tmp_path / "audit.json").read_text(encoding="utf-8")
