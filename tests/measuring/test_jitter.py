"""Networks that jitter from noise level to noise level are seen by an audit, and no others."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.measuring.jitter import jitter_nats

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [[0.04, 0.1], [0.15, 0.3]])


class Jittering(gv.ExactDenoiser):
    """The exact denoiser with a sine of log sigma added, a share of sigma large."""

    exact = False

    def __init__(self, law, share):
        super().__init__(law)
        self.share, self.fingerprint = share, law.fingerprint[::-1]

    def __call__(self, x, snr, label=None):
        m = super().__call__(x, snr, label)
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return m + self.share * s**-0.5 * torch.sin(173 * s.log() / 2)


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_jitter_is_found_where_it_is(share, tmp_path):
    audit = gv.audit(Jittering(LAW, share), LAW, examples=400, levels=17)
    jitter = audit.facts.jitter
    assert jitter is not None
    truth = share**2 / 2  # of a sine
    inner = slice(2, -2)
    found = np.array(jitter.variance)[inner].mean()
    assert found == pytest.approx(truth, rel=0.5, abs=1e-5)
    told = any("jitters" in note for note in audit.facts.notes)
    assert told == (share > 0)
    audit.save(tmp_path / "a.json")
    assert gv.load_audit(tmp_path / "a.json").facts.jitter == jitter


def test_what_it_costs_is_what_midpoint_steps_miss():
    """Beside the same steps without jitter, priced along the flow, in the limit of short ones."""
    measured = np.geomspace(0.09, 3000, 57)  # more noise, and a straight line is better
    audits = [
        gv.audit(Jittering(LAW, x), LAW, examples=2000, levels=measured, seed=4) for x in (0, 0.05)
    ]
    levels = np.geomspace(0.1, 1000, 41)
    smooth, rough = (
        gv.evaluate_grid(a, levels, sampler="dpm2-ancestral", last="sample", force=True)
        for a in audits
    )
    beyond = rough.ledger[1].value - smooth.ledger[1].value
    share = np.log(levels[-1] / levels[0]) / np.log(audits[1].levels[-1] / audits[1].levels[0])
    said = jitter_nats(audits[1].facts.jitter, 2) * share
    assert 0.1 * said < beyond < 2 * said  # planned noise spares some of it


def test_an_exact_denoiser_is_not_asked():
    assert gv.audit(gv.ExactDenoiser(LAW), LAW, examples=64, levels=9).facts.jitter is None
