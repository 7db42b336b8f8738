"""`advise`: which noise levels to train on, from the data alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import figure, plural, refuse, require, require_count, require_number
from ..data.dataset import Dataset
from .examples import compared_rows
from .levels_of import MeasuredLevels, measured_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._typing import Json, Progress
    from ..audited import Audit
    from .beside_audit import BesideAudit
    from .recipes import Levels
    from .trial import TrialRun

STANDARDISED = "standardised units"
OWN_UNITS = "the data's own units"
START_NATS = 0.01
UNLIKE = 10.0  # the largest deviation of a column over the least, from which on a note is due


@dataclass(frozen=True)
class Advice:
    """What to train on, in two choices of units, and why.

    examples, of: how many were looked at, and of how many; measured: in the model's units; own:
    the levels in the data's own, None of tables that hold words; notes: what else was seen; fit:
    beside an audit, if one was given; trial: what a short training measured, in the model's units.
    """

    examples: int
    of: int
    measured: MeasuredLevels
    own: Levels | None
    notes: list[str]
    fit: BesideAudit | None = None
    trial: TrialRun | None = None

    def to_json(self) -> Json:
        """Return both choices of units, the reasons, and the attainable losses by level."""
        e = self.measured.errors
        return {
            "examples": self.examples, "of": self.of,
            "standardised": {**self.measured.levels.to_json(),
                             "ddpm": self.measured.levels.ddpm_json()},
            "own": None if self.own is None else self.own.to_json(),
            "why": self.measured.reasons(),
            "nearest_neighbour": self.measured.distance,
            "by_heart_below": self.measured.by_heart,
            "spacing": self.measured.fine.spacing,
            "attainable": {
                "noise": (e.levels**-0.5).tolist(),
                "training": e.training.value.tolist(), "training_se": e.training.se.tolist(),
                "new_at_most": e.new.value.tolist(), "new_se": e.new.se.tolist(),
            },
            "notes": self.notes,
            "fit": None if self.fit is None else self.fit.to_json(),
            "trial": None if self.trial is None else self.trial.to_json(),
        }  # fmt: skip

    def rows(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return what to type: units, and a label and its values in each line."""
        first = self.measured.levels
        out = [(first.units, [*first.lines(), *first.ddpm_lines()])]
        return out if self.own is None else [*out, (self.own.units, self.own.lines())]

    def __str__(self) -> str:
        """Return all of it in lines."""
        out = []
        for units, lines in self.rows():
            out += [f"in {units}:", *(f"  {a:14}{b}" for a, b in lines)]
        out += [f"{name}: {line}" for name, line in self.measured.reasons().items()]
        out += [] if self.fit is None else self.fit.lines()
        out += [] if self.trial is None else [self.trial.line()]
        return "\n".join([*out, *(f"note: {note}" for note in self.notes)])


def advise(
    data: Dataset, *, audit: Audit | None = None, minutes: float | None = None,
    nats: float = START_NATS, seed: int = 0, progress: Progress | None = None,
) -> Advice:  # fmt: skip
    """Return the noise levels that a model of `data` is worth training on, and why.

    data: the examples, of which at most 4,096 are compared; audit: of a model that was fitted to
    this very file, which is put beside the least losses that are attainable; minutes: of a short
    training that measures where the gradient varies, None for none; nats: what a start from noise
    may cost; seed: of all randomness; progress: called with (steps done, of how many). Raises
    InputError for fewer than 8 examples, and for examples that are all equal.
    """
    require(isinstance(data, Dataset), "data", "must be a data set, as gv.load_data makes of a "
            "file or an array", type(data).__name__)  # fmt: skip
    nats, seed = require_number("nats", nats, above=0.0), require_count("seed", seed, 0)
    if minutes is not None:
        require_number("minutes", minutes, above=0.0)
    if data.beside is not None:
        refuse("data", "must be x alone: there is no advice on x given y yet")
    rows = compared_rows(data, seed)
    measured = measured_levels(data.batch(rows), STANDARDISED, nats, seed)
    own = _own_levels(data, rows, measured, seed)
    fit = None
    if audit is not None:
        from .beside_audit import beside_audit

        fit = beside_audit(audit, data, seed=seed)
    trial = None
    if minutes is not None:
        from .trial import run_trial

        trial = run_trial(data, measured.levels, minutes, seed, progress)
    return Advice(len(rows), len(data), measured, own, _notes(data, rows), fit, trial)


def _own_levels(
    data: Dataset, rows: NDArray[np.int64], measured: MeasuredLevels, seed: int
) -> Levels | None:
    """Return the levels in the data's own units, None where they are no numbers."""
    own = _own_numbers(data, rows)
    if own is None:
        return None
    scale = data.standardisation.scale_in_units
    if not scale:
        import torch

        return measured_levels(torch.from_numpy(own), OWN_UNITS, measured.nats, seed).levels
    return measured.levels.scaled(scale, float(np.sqrt(np.mean(own**2))), OWN_UNITS)


def _own_numbers(data: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return rows as the user wrote them, [n, d], None of tables with words, dates or gaps."""
    raw = data.raw(rows)
    columns = [raw[name] for name in raw.dtype.names] if raw.dtype.names else [raw]
    if any(column.dtype.kind not in "biuf" for column in columns):
        return None
    own = np.concatenate([c.reshape(len(raw), -1).astype(np.float64) for c in columns], axis=1)
    return own if np.isfinite(own).all() else None


def _notes(data: Dataset, rows: NDArray[np.int64]) -> list[str]:
    """Return what else a training should know of the examples."""
    x = data.batch(rows).flatten(1).numpy()
    notes = list(data.notes)
    if len(rows) < len(data):
        notes.append(f"{len(rows)} of {plural(len(data), 'example')} were compared.")
    repeats = len(x) - len(np.unique(x, axis=0))
    if repeats:
        notes.append(f"{plural(repeats, 'example')} of {len(x)} are repeats of others.")
    still = int((np.ptp(x, axis=0) == 0).sum())
    if still:
        verb = "varies" if still == 1 else "vary"
        notes.append(f"{plural(still, 'coordinate')} of {x.shape[1]} never {verb}.")
    own = _own_numbers(data, rows)
    if own is not None and data.standardisation.scale_in_units is None:
        spread = own.std(axis=0)[np.ptp(own, axis=0) > 0]
        if spread.max() > UNLIKE * spread.min():
            ends = f"{figure(spread.min())} to {figure(spread.max())}"
            notes.append(
                f"The columns' deviations in their own units go from {ends}: standardise them "
                "first."
            )
    return notes
