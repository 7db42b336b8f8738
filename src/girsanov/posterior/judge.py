"""`coverage`: draws given y beside the truth, ranks and scores, and what is to blame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np
import torch

from .._checks import require, require_count, require_number
from .._signatures import takes
from ..data.dataset import Dataset
from ..data.lineage import shared_rows
from ..denoise.base import Denoiser, told_of
from ..denoise.calibrate import CalibratedDenoiser
from ..denoise.pipelines.units import in_units_of
from ..noise import NoiseSource
from ..sampling.loop import sample_batches
from ..sampling.observation import Measured, Observation, require_observable, scaled
from ..sampling.sample import check_model, in_units, units_of
from .cause import Cause, fine_recipe, rank_features, square_of_mean
from .ranks import RankShare, shares, uniform_ranks, width_of
from .result import Coverage
from .scores import scores

if TYPE_CHECKING:
    from .._typing import Array, Progress
    from ..planning.plan import Plan
    from ..sampling.sampler import Recipe

PAIRS, DRAWS = 1000, 32  # that will do: 20 % of a deviation are five standard errors
FEWEST_PAIRS = 50
COORDINATES = 20  # that are ranked one by one, at most; beyond, the main axes


class CoverageKeywords(TypedDict, total=False):
    """The fields of `CoverageOptions` by name, each of which may be left out."""

    rows: int | None
    draws: int
    confidence: float
    cause: bool
    observed: Observation | None
    seed: int
    batch_size: int | None
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class CoverageOptions:
    """The options of `girsanov.coverage`, which says what each is."""

    rows: int | None = None
    draws: int = DRAWS
    confidence: float = 0.99
    cause: bool = True
    observed: Observation | None = None
    seed: int = 0
    batch_size: int | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        require_count("draws", self.draws, at_least=4)
        level = require_number("confidence", self.confidence, above=0.0)
        require(level < 1, "confidence", "must be below 1", level)
        if self.rows is not None:
            require_count("rows", self.rows, at_least=FEWEST_PAIRS)


@takes(CoverageOptions)
def coverage(
    denoiser: Denoiser, plan: Plan, pairs: Dataset, **options: Unpack[CoverageKeywords]
) -> Coverage:
    """Return whether what a plan draws of x given y can be trusted, and if not, why.

    denoiser: a model of x given y; plan: made from its audit; pairs: x and y that it has not seen
    (`load_data(..., given=)`); or a model of x alone and x that it has not seen, with
    observed: how each is measured, by A with noise, which is simulated; rows: at most so many
    of them, chosen by `seed` (1000); draws: L of each (32); confidence: that draws which can be
    trusted are called so; cause: whether to draw again on many more steps where they cannot be
    (of pairs); progress(done, total) counts network calls times draws. Equations:
    `posterior/ranks.py`, `scores.py`, `cause.py`. Raises InputError for a model of x alone, and
    for pairs that the model has seen.
    """
    asked = CoverageOptions(**options)
    check_model(denoiser, plan)
    own = _held_out(denoiser, pairs, asked)
    judge = _Judge(denoiser, plan, own, asked)
    ranks, nearer, drawn = judge.ranked(denoiser, plan, "coverage")
    counted = shares(ranks, nearer, judge.names, asked.confidence)
    cause = None
    if asked.cause and asked.observed is None and not all(share.good for share in counted):
        cause = judge.blamed(ranks)
    central = np.abs(2 * ranks - 1)
    widths = {name: width_of(central[:, k]) for k, name in enumerate(judge.names)}
    return Coverage(
        tuple(counted), width_of(central.mean(axis=1)), widths,
        tuple(scores(judge.truth, drawn)), len(own), asked.draws, plan.steps, asked.confidence,
        cause, _ledger(plan), asked.observed is not None,
    )  # fmt: skip


def _held_out(denoiser: Denoiser, pairs: Dataset, asked: CoverageOptions) -> Dataset:
    """Return the pairs that are judged, in the model's units."""
    rule = "must be a data set with conditions (load_data(..., given=))"
    if asked.observed is not None:
        require_observable(denoiser)
        require(not denoiser.classes, "denoiser", "must take no labels, which are observed too")
        rule = "must be a data set (load_data)"
    else:
        none = "must be of x given y: there is nothing to be given here"
        remedy = "Say how x is measured: observed=, or --operator and --noise"
        told = told_of(denoiser) is not None
        require(told, "denoiser", none, "a model of x alone", remedy)
    require(isinstance(pairs, Dataset), "pairs", rule, type(pairs).__name__)
    record = getattr(denoiser, "training", {})
    seen = record.get("seen") or [record.get("lineage")]
    shared = shared_rows(pairs.lineage, seen)
    rule = f"holds {shared} of {len(pairs)} pairs that this model saw in training"
    require(shared == 0, "pairs", rule, None, "Give held-out pairs")
    require(len(pairs) >= FEWEST_PAIRS, "pairs", f"must be at least {FEWEST_PAIRS}", len(pairs))
    own = in_units_of(denoiser, pairs)
    count = asked.rows or PAIRS
    if count < len(own):
        own, _ = own.split(count / len(own), seed=asked.seed)
    return own


class _Judge:
    """Truths, their y, and what is ranked of a draw."""

    def __init__(
        self, denoiser: Denoiser, plan: Plan, own: Dataset, asked: CoverageOptions
    ) -> None:
        self.denoiser, self.plan, self.asked = denoiser, plan, asked
        self.own, self.units = own, units_of(denoiser, plan)
        self.x = own.batch(slice(None))
        self.truth = self.x.flatten(1).double().numpy()
        self.y, self.measured = self._given()
        self.table = own.is_table and len(own.raw(slice(0, 1)).dtype.names or ()) <= COORDINATES
        self.names = self._names()

    def _given(self) -> tuple[torch.Tensor | None, Measured | None]:
        """Return what is given of each truth: its y, or what is simulated to be measured of it."""
        seen = self.asked.observed
        if seen is None:
            y = self.own.batch_labels(slice(None))
            assert y is not None
            return y, None
        each = self.asked.draws + 1
        a, _ = scaled(seen, self.units)
        noise = NoiseSource(self.asked.seed, "coverage, measured")
        xi = noise.normal(0, 0, len(self.truth), len(a))
        return None, Measured(a, self.truth @ a.T + xi.double().numpy(), each)

    def _names(self) -> tuple[str, ...]:
        if self.table:
            return tuple(self.own.raw(slice(0, 1)).dtype.names or ())
        d = self.truth.shape[1]
        word = "x" if d <= COORDINATES else "axis "
        return tuple(f"{word}{k}" for k in range(min(d, COORDINATES)))

    def _ranked(self, x: Array, y: torch.Tensor | None) -> Array:
        """Return what is ranked of x [m, d] in the model's units, [m, c]."""
        if self.table:  # as it comes out, rounded and in its categories: an atom is hit or missed
            rows = in_units(self.units, torch.from_numpy(x), self.denoiser, y)
            columns = [np.unique(rows[name], return_inverse=True)[1] for name in self.names]
            return np.stack(columns, axis=1).astype(np.float64)
        if x.shape[1] <= COORDINATES:
            return x
        return np.asarray(self.plan.moments.basis.to_coordinates(x)[:, :COORDINATES])

    def ranked(
        self, denoiser: Denoiser, plan: Plan | Recipe, stream: str
    ) -> tuple[Array, Array, Array]:
        """Return ranks of coordinates [n, c], of distances [n], and the draws [n, L, d]."""
        n, each = self.truth.shape[0], self.asked.draws + 1  # one is the point of TARP
        y = None if self.y is None else self.y.repeat_interleave(each, dim=0)
        batches = sample_batches(
            denoiser, plan, n * each, seed=self.asked.seed, label=y, measured=self.measured,
            batch_size=self.asked.batch_size, progress=self.asked.progress,
        )  # fmt: skip
        drawn = torch.cat([b.flatten(1).cpu() for b in batches]).double().numpy()
        every = np.concatenate([self.truth, drawn])
        told = None if self.y is None or y is None else torch.cat([self.y, y])
        seen = self._ranked(every, told)
        truth, draws = seen[:n], seen[n:].reshape(n, each, -1)
        v = NoiseSource(self.asked.seed, stream).uniform(0, 0, n * (truth.shape[1] + 1))
        v = v.reshape(n, -1)
        ranks = uniform_ranks(truth, draws[:, 1:], v[:, 1:])
        cloud = drawn.reshape(n, each, -1)
        point, rest = cloud[:, 0], cloud[:, 1:]
        far = np.linalg.norm(self.truth - point, axis=1)
        nearer = uniform_ranks(far, np.linalg.norm(rest - point[:, None], axis=2), v[:, 0])
        return ranks, nearer, rest

    def blamed(self, ranks: Array) -> Cause:
        """Return what is to blame for ranks [n, c] that are not uniform."""
        recipe = fine_recipe(self.denoiser, self.plan)
        model = self.denoiser
        if self.plan.calibration is not None:
            model = CalibratedDenoiser(model, self.plan.calibration)
        fine, nearer, _ = self.ranked(model, recipe, "coverage, many steps")
        g, h = rank_features(ranks), rank_features(fine)
        counted: list[RankShare] = shares(fine, nearer, self.names, self.asked.confidence)
        width = width_of(np.abs(2 * fine - 1).mean(axis=1))
        return Cause(
            square_of_mean(g - h), square_of_mean(h), len(recipe.steps),
            all(share.good for share in counted), float(width.value),
        )  # fmt: skip


def _ledger(plan: Plan) -> str:
    """Return what the plan's own ledger says of its steps and of the network, in a sentence."""
    entries = {e.name: e for e in plan.ledger}
    parts = [e for name in ("init", "discretisation") if (e := entries.get(name)) is not None]
    known = [e.value for e in parts if e.value is not None]
    words = []
    if len(known) == len(parts) and parts:
        words.append(f"start and steps cost {sum(known):.2g} nats")
    score = entries.get("score")
    if score is not None and score.low:
        words.append(f"the network at least {score.low:.2g}")
    return f"Its ledger: {', '.join(words)}." if words else ""
