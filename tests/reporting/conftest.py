"""One small audit of an exact denoiser and one of a wrong one, with plans."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture


@pytest.fixture(scope="session")
def law():
    return GaussianMixture(
        np.array([0.5, 0.3, 0.2]),
        np.array([[1.0, 2.0], [-2.0, 0.0], [0.5, -2.0]]),
        np.array([[[0.1, 0.02], [0.02, 0.2]], [[0.3, 0], [0, 0.05]], [[0.05, 0], [0, 0.4]]]),
    )


class Shrunk:
    """The exact denoiser times 0.8: a model with an error that can be found."""

    exact = False
    fingerprint = "f" * 64

    def __init__(self, law):
        self.inner = ExactDenoiser(law)
        self.shape, self.classes = self.inner.shape, 0
        self.dtype, self.device = self.inner.dtype, self.inner.device
        self.snr_range = self.inner.snr_range

    def __call__(self, x, snr, label=None):
        return 0.8 * self.inner(x, snr, label)


@pytest.fixture(scope="session")
def exact_audit(law):
    return audit(ExactDenoiser(law), law, levels=17, examples=600)


@pytest.fixture(scope="session")
def exact_plan(exact_audit):
    return exact_audit.plan(steps=6)


@pytest.fixture(scope="session")
def wrong_audit(law):
    return audit(Shrunk(law), law, levels=17, examples=600)


@pytest.fixture(scope="session")
def wrong_plans(wrong_audit):
    return [wrong_audit.plan(steps=6, sampler=s) for s in ("analytic-dpm", "ddpm")]


@pytest.fixture
def with_ledger(exact_plan):
    """Return a function that gives a plan other ledger entries (and maybe frontier)."""
    return lambda *entries, **other: dataclasses.replace(
        exact_plan, ledger=tuple(entries), **{"frontier": [], **other}
    )
