r"""Attainable losses beside those of a model: where it is underfit, and where overfit.

At every level M is the model's error on new examples, M_n and D the least ones of the training
examples and without training (`training_law.py`), S the model's error on its training examples:

    underfit   1/2 int (M - D) ds  at least,   1/2 int (M - M_n) ds  at most,               (1)
    overfit    1/2 int [(M - L) - (S - L_n)] ds,                                            (2)

L the straight line's error on new examples and L_n on training ones: what few examples do to any
model (`score_error/memorisation.py`). The first of (1) counts the levels alone where it is above
two standard errors, and less those; the last of (1) may be no fault at all where M_n is that of
examples known by heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import figure, refuse, require
from ..data.standardise import Standardisation
from ..montecarlo import Estimate, group_estimate, trapezium
from .examples import compared_examples
from .training_law import Attainable, attainable

if TYPE_CHECKING:
    from .._typing import Array, Json
    from ..data.dataset import Dataset
    from ..measuring.record import AuditRecord

CERTAIN = 2.0  # standard errors
MOST = 0.8  # of the nats, which "most of it" means
SMALL = 0.01  # nats that are not worth a sentence


@dataclass(frozen=True)
class BesideAudit:
    """What a model leaves or has by heart, in nats: in all, and at every level.

    errors: the attainable ones; model: M [K]; gap: of (2) [K], None of an audit without training
    data.
    """

    errors: Attainable
    model: Estimate
    gap: Estimate | None

    @property
    def weights(self) -> Array:
        """Return what a level's error counts, in nats [K]."""
        s = self.errors.levels
        return np.asarray(trapezium(np.log(s)) * s / 2)

    def underfit(self) -> Array:
        """Return the nats of the first of (1) at every level, [K]."""
        gap = self.model.value - self.errors.new.value
        unsure = CERTAIN * np.hypot(self.model.se, self.errors.new.se)
        return np.asarray(self.weights * np.maximum(gap - unsure, 0.0))

    def at_most(self) -> float:
        """Return the last of (1), and two standard errors of every level more."""
        gap = self.model.value - self.errors.training.value
        unsure = CERTAIN * np.hypot(self.model.se, self.errors.training.se)
        return float(self.weights @ np.maximum(gap + unsure, 0.0))

    def overfit(self) -> Array | None:
        """Return the nats of (2) at every level where they are certain, [K]."""
        if self.gap is None:
            return None
        sure = self.gap.value > CERTAIN * self.gap.se
        return np.asarray(self.weights * np.where(sure, self.gap.value, 0.0))

    def lines(self) -> list[str]:
        """Return a sentence about both."""
        low, over = self.underfit(), self.overfit()
        if low.sum() > SMALL:
            first = (
                f"Underfit by at least {figure(low.sum())} nats, {self._where(low)}: what needs "
                f"no training does better there. It may be up to {figure(self.at_most())}."
            )
        else:
            first = (
                "Nothing that needs no training does better than this model at any noise level. "
                f"At most {figure(self.at_most())} nats could be gained, if the training examples "
                "were all there is."
            )
        if over is None:
            return [first, "The audit knows no training data, so it says nothing of overfitting."]
        if over.sum() <= SMALL:
            return [first, "No noise level is overfit for certain."]
        second = (
            f"Overfit by {figure(over.sum())} nats, {self._where(over)}: new examples cost so "
        )
        return [first, second + "much more than those it was trained on."]

    def to_json(self) -> Json:
        """Return the totals, the losses at every level, and the sentences."""
        over, e = self.overfit(), self.errors
        return {
            "underfit_at_least": float(self.underfit().sum()),
            "underfit_at_most": self.at_most(),
            "overfit": None if over is None else float(over.sum()),
            "noise": (e.levels**-0.5).tolist(), "model": self.model.value.tolist(),
            "least_on_training": e.training.value.tolist(),
            "without_training": e.new.value.tolist(),
            "lines": self.lines(),
        }  # fmt: skip

    def _where(self, nats: Array) -> str:
        """Return the noise levels between which most of these nats lie."""
        share = np.cumsum(nats) / nats.sum()
        first, last = (int(np.searchsorted(share, q)) for q in ((1 - MOST) / 2, (1 + MOST) / 2))
        coarse, fine = (figure(self.errors.levels[k] ** -0.5) for k in (first, last))
        return f"most of it between noise {coarse} and {fine}"


def beside_audit(audit: AuditRecord, data: Dataset, *, seed: int = 0) -> BesideAudit:
    """Return how far a model is from what its training data attain, at the levels of its audit.

    data: the whole file that the model was fitted to, or its training data in the audit's units.
    """
    x = compared_examples(training_part(audit, data), seed)
    errors = attainable(x, audit.levels, seed=seed)
    return BesideAudit(errors, audit.total(), _gap(audit))


def _gap(audit: AuditRecord) -> Estimate | None:
    if audit.memorisation is None:
        return None
    held, seen = audit.curve.traces[1:, :, 0], audit.memorisation[1:]
    if audit.line_seen is not None and audit.probe is not None:
        held, seen = held - audit.probe.linear, seen - audit.line_seen
    shares = audit.curve.shares
    new, known = (group_estimate(np.ascontiguousarray(part.T), shares) for part in (held, seen))
    return Estimate(new.value - known.value, np.hypot(new.se, known.se), new.degrees)


def training_part(audit: AuditRecord, data: Dataset) -> Dataset:
    """Return the rows that the audited model was fitted to, in its units.

    Raises InputError where data are not the file that was split, and the audit has no units.
    """
    lineage, units = audit.facts.lineage or {}, audit.facts.units
    rule = "must be of a model of x alone, whose rows have the shape of the data"
    alike = not audit.facts.given and audit.facts.shape == data.shape
    require(alike, "audit", rule, audit.facts.given or audit.facts.shape)
    if lineage.get("root") == data.rows.fingerprint:
        if not lineage["splits"] or data.splits:
            rule = "holds the rows that were audited, not those the model was fitted to"
            refuse("data", rule, None, "Give the training data")
        *before, (fraction, seed, _) = lineage["splits"]
        for share, own_seed, part in before:
            data = data.split(share, seed=own_seed)[part]
        train = data.split(fraction, seed=seed)[0]
        return train.with_standardisation(train.scored_units) if audit.facts.scored else train
    rule = "must be the file that the audited model was fitted to with `girsanov fit`"
    if units is None:
        refuse("data", rule, data.name)
    return data.with_standardisation(Standardisation.from_json(units))
