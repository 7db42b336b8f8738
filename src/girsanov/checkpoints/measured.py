"""Measuring checkpoints: the same examples, levels and noise for every one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import InputError, require, require_count
from ..data import Dataset
from ..denoise.base import trained_levels
from ..measuring.examples import held_out_examples, learnt
from ..measuring.model_record import levels_to_audit
from ..train.validation import squared_errors
from .series import Snapshot, TrainingSeries

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..denoise.base import Denoiser
    from ..error_curve.curve import Examples
    from ..law.base import Law

SERIES_GROUPS = 32  # of examples, fewer where there are few
FEWEST = 16  # examples
USUAL_EXAMPLES, USUAL_LEVELS = 500, 33
SAME_RUN = "Compare checkpoints of one training run"


class Bench:
    """What every checkpoint is measured on: held-out examples, and training examples if given.

    data: held-out, a data set or a law; train: the training data, of which as many are taken;
    levels: how many noise levels, or the SNRs; examples: at most so many of each; seed: of the
    choice and of the noise, which is the same for every checkpoint.
    """

    def __init__(
        self, data: Dataset | Law, train: Dataset | None = None, *,
        levels: int | Levels = USUAL_LEVELS, examples: int = USUAL_EXAMPLES, seed: int = 0,
    ) -> None:  # fmt: skip
        self.data, self.train, self.levels = data, train, levels
        self.examples, self.seed = require_count("examples", examples), seed
        require_count("seed", seed, at_least=0)
        self._units = ""

    def series(self, denoiser: Denoiser) -> TrainingSeries:
        """Return a series with no checkpoint, on levels and examples that `denoiser` takes."""
        grid, self._units = levels_to_audit(denoiser, self.levels), units_in_words(denoiser)
        held_out = len(self._rows(denoiser, self.data))
        seen = None if self.train is None else len(self._rows(denoiser, self.train))
        return TrainingSeries(
            grid, shares_of(held_out), math.prod(denoiser.shape), self.data.fingerprint, self.seed,
            None if seen is None else shares_of(seen),
        )  # fmt: skip

    def measure(
        self, series: TrainingSeries, denoiser: Denoiser, name: str, step: int | None = None
    ) -> TrainingSeries:
        """Return the series with a checkpoint more; (K examples) network calls, twice with
        training data.
        """
        alike = units_in_words(denoiser) == (self._units or units_in_words(denoiser))
        alike = alike and math.prod(denoiser.shape) == series.dimension
        rule = "must take the examples, units and classes of the first checkpoint"
        require(alike, name, rule, None, SAME_RUN)
        if trained_levels(denoiser) is not None:
            own = levels_to_audit(denoiser, series.levels)
            same = own.shape == series.levels.shape and np.allclose(own, series.levels, rtol=1e-6)
            rule = "must be trained at the noise levels of the first checkpoint"
            require(bool(same), name, rule, None, SAME_RUN)
        held_out = self._errors(series, denoiser, self.data, series.shares)
        seen = None
        if self.train is not None and series.seen_shares is not None:
            seen = self._errors(series, denoiser, self.train, series.seen_shares)
        return series.with_checkpoint(Snapshot(name, step, held_out, seen))

    def _rows(self, denoiser: Denoiser, data: Dataset | Law) -> Examples:
        count = self.examples
        if isinstance(data, Dataset):
            count = min(count, len(data))
            require(count >= FEWEST, data.name, f"must hold at least {FEWEST} examples", count)
            if data is self.train:
                rows = learnt(denoiser, data, count)
                require(rows is not None, data.name, "must hold more training examples", len(data))
                assert rows is not None
                return rows
        return held_out_examples(denoiser, data, count, self.seed)

    def _errors(
        self, series: TrainingSeries, denoiser: Denoiser, data: Dataset | Law, shares: Array
    ) -> Array:
        """Return errors by level and group, [K, B]."""
        rows = self._rows(denoiser, data)
        whole = slice(0, len(rows))
        label = rows.batch_labels(whole) if denoiser.classes else None
        with torch.no_grad():
            errors = squared_errors(
                denoiser, rows.batch(whole), label, np.log(series.levels), seed=self.seed
            )
        if not bool(np.isfinite(errors).all()):
            raise InputError("denoiser: gave NaN or infinite values. Check its weights and dtype")
        parts = np.array_split(errors, len(shares))
        return np.stack([part.mean(axis=0) for part in parts], axis=1)


def shares_of(count: int) -> Array:
    """Return the shares of groups of so many examples, [B]."""
    groups = min(SERIES_GROUPS, count)
    return np.array([len(part) for part in np.array_split(np.arange(count), groups)]) / count


def units_in_words(denoiser: Denoiser) -> str:
    """Return the shape, units and classes of a denoiser, which two alike have in common."""
    own = getattr(denoiser, "standardisation", None)
    units = None if own is None else own.as_drawn().to_json()
    return repr((denoiser.shape, denoiser.classes, units, getattr(denoiser, "units", None)))
