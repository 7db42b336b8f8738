r"""Checkpoints measured on the same examples and noise, and the nats that they differ by.

With M_c(s_k) the mean squared error of checkpoint c at SNR s_k, t_k trapezium weights in log s,

    L_c = 1/2 sum_k t_k s_k M_c(s_k),   an estimate of 1/2 int M_c ds,                    (1)

and between two checkpoints the path KL of very many steps differs by

    KL_a - KL_b = L_a - L_b:                                                              (2)

the error of the best denoiser, which is in both, cancels. Examples and noise are the same for
all, so that (2) is paired: its standard error is that of the difference, by groups of examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..montecarlo import Estimate, group_estimate, trapezium

if TYPE_CHECKING:
    from .._typing import Array, Json

SERIES_FORMAT = "girsanov/series/1"
MEASURE_AGAIN = "Measure the checkpoints again"


@dataclass(frozen=True)
class Snapshot:
    """One checkpoint: its name, its training step if known, and its errors by group of examples.

    held_out: M by level and group [K, B]; seen: the same of training examples, or None.
    """

    name: str
    step: int | None
    held_out: Array
    seen: Array | None = None

    def to_json(self) -> Json:
        """Return the checkpoint as a JSON object."""
        out: Json = {"name": self.name, "step": self.step, "held_out": self.held_out.tolist()}
        return out if self.seen is None else {**out, "seen": self.seen.tolist()}


@dataclass(frozen=True)
class TrainingSeries:
    """Checkpoints in the order of their training, on the same noise.

    levels: SNRs [K]; shares: of the examples in each group [B]; seen_shares: of training examples
    [B], or None; dimension: d; data: what they were measured on, in a fingerprint; seed: of the
    noise.
    """

    levels: Array
    shares: Array
    dimension: int
    data: str
    seed: int
    seen_shares: Array | None = None
    checkpoints: tuple[Snapshot, ...] = ()

    @property
    def weights(self) -> Array:
        """1/2 t_k s_k of (1), [K]."""
        return np.asarray(trapezium(np.log(self.levels)) * self.levels / 2)

    def nats(self, which: Snapshot) -> Estimate:
        """Return (1)."""
        return group_estimate(self.weights @ which.held_out, self.shares)

    def gain(self, before: Snapshot, after: Snapshot) -> Estimate:
        """Return (2), L before - L after: what training gained between them."""
        return group_estimate(self.weights @ (before.held_out - after.held_out), self.shares)

    def unpaired(self, before: Snapshot, after: Snapshot) -> Estimate:
        """Return (2) as if each had its own examples, which is what two audits would know."""
        one, two = self.nats(before), self.nats(after)
        return Estimate(one.value - two.value, np.hypot(one.se, two.se), one.degrees)

    def gain_by_level(self, before: Snapshot, after: Snapshot) -> Estimate:
        """Return the terms of (2), in nats [K]."""
        terms = self.weights[:, None] * (before.held_out - after.held_out)
        return group_estimate(terms.T, self.shares)

    def overfit_by_level(self, which: Snapshot) -> Estimate | None:
        """Return the terms of L on held-out less those on training examples, in nats [K]."""
        if which.seen is None or self.seen_shares is None:
            return None
        one, two = (
            group_estimate((self.weights[:, None] * errors).T, shares)
            for errors, shares in ((which.held_out, self.shares), (which.seen, self.seen_shares))
        )
        return Estimate(
            one.value - two.value, np.hypot(one.se, two.se), min(one.degrees, two.degrees)
        )

    def overfit(self, which: Snapshot) -> Estimate | None:
        """Return L on held-out less L on training examples, in nats."""
        if which.seen is None or self.seen_shares is None:
            return None
        one = self.nats(which)
        two = group_estimate(self.weights @ which.seen, self.seen_shares)
        return Estimate(one.value - two.value, np.hypot(one.se, two.se), one.degrees)

    def best(self) -> Snapshot:
        """Return the checkpoint of the fewest nats."""
        require(bool(self.checkpoints), "checkpoints", "must be at least one", 0)
        return min(self.checkpoints, key=lambda c: float(self.nats(c).value))

    def with_checkpoint(self, one: Snapshot) -> TrainingSeries:
        """Return the series with one more."""
        return replace(self, checkpoints=(*self.checkpoints, one))

    def header(self) -> Json:
        """Return what all checkpoints share, as a JSON object: the first line of the file."""
        seen = None if self.seen_shares is None else self.seen_shares.tolist()
        return {
            "format": SERIES_FORMAT,
            "levels": self.levels.tolist(),
            "shares": self.shares.tolist(),
            "dimension": self.dimension,
            "data": self.data,
            "seed": self.seed,
            "seen_shares": seen,
        }
