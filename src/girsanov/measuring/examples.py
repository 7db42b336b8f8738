"""Where the audited examples and the moments come from: a data set or a law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import require, require_count
from ..data import Dataset, Standardisation
from ..data.lineage import shared_rows
from ..denoise.base import Denoiser, is_told, require_denoiser, told_of
from ..denoise.classes import classes_for
from ..denoise.neighbours import Neighbours, can_stand_beside, copied, most_points
from ..denoise.pipelines.units import in_units_of, knows_units
from ..error_curve.curve import GROUPS, Examples
from ..law.base import Law
from ..moments import (
    Moments,
    measure_moments,
    moments_from_covariance,
    with_classes,
)
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .._typing import Array, Tensor
    from .own_samples import OwnSamples

LAW_EXAMPLES = 20_000
AUDITED = 2**17  # rows that are looked for among the training examples, at most
MOMENT_SHARE = 4  # one example in so many is set aside for moments when there are no others
DRAWN, VALUES = 2**14, 2**22  # draws of a law that tell how far it reaches; numbers in them
# draws of a law are audited from here on, far from any a model was trained on
FIRST_AUDITED_DRAW = 2**40


@dataclass(frozen=True)
class LawExamples:
    """Draws of a law in a model's units: draw i under `seed` is the same in every batch."""

    law: Law
    count: int
    seed: int
    standardisation: Standardisation | None = None

    def __len__(self) -> int:
        """The number of draws."""
        return self.count

    def batch(self, rows: slice) -> Tensor:
        """Return draws rows.start..rows.stop-1, [b, d]."""
        x = self.law.sample(
            rows.stop - rows.start, seed=self.seed, first=FIRST_AUDITED_DRAW + rows.start
        )
        if self.standardisation is None:
            return x
        return torch.from_numpy(self.standardisation.encode(x.numpy()))

    def batch_labels(self, rows: slice) -> None:
        """Return None: a law has no labels."""


@dataclass(frozen=True)
class Part:
    """Some of the examples of a data set, in any order; order: their row numbers."""

    examples: Dataset | Part | OwnSamples
    order: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.order)

    def batch(self, rows: slice | NDArray[np.int64]) -> Tensor:
        """Return the examples of these rows."""
        return self.examples.batch(self.order[rows])

    def batch_labels(self, rows: slice | NDArray[np.int64]) -> Tensor | None:
        """Return their labels."""
        return self.examples.batch_labels(self.order[rows])


class PriorKnowledge(NamedTuple):
    """What an audit knows before it measures; origin: of the moments, in words.

    source: the examples to audit; others: examples of the same data that are not audited.
    """

    moments: Moments
    origin: str
    source: Examples
    others: Part | None


def held_out_examples(
    denoiser: Denoiser, data: Dataset | Law, examples: int | None, seed: int
) -> Examples:
    """Return `examples` of the data chosen by `seed` (None: all), in the model's units."""
    require_denoiser(denoiser)
    rule = "must be a data set (load_data) or a law"
    require(isinstance(data, Dataset | Law), "data", rule, type(data).__name__)
    if isinstance(data, Law):
        count = LAW_EXAMPLES if examples is None else require_count("examples", examples)
        require(denoiser.classes == 0, "data", "must have labels, which this model needs", "a law")
        rule = f"must hold examples of shape {denoiser.shape}, which the model takes"
        require(data.dimension == math.prod(denoiser.shape), "data", rule, (data.dimension,))
        units = None if denoiser.exact else getattr(denoiser, "standardisation", None)
        return LawExamples(data, count, seed, units)
    _refuse_training_data(denoiser, data)
    own = _in_units("data", denoiser, data)
    return own if examples is None else _some(own, require_count("examples", examples), seed)


def _in_units(argument: str, denoiser: Denoiser, data: Dataset) -> Dataset:
    """Return data in the model's units and with its labels' codes, or refuse."""
    if denoiser.classes:
        require(data.labels is not None, argument, "must have labels, which this model needs")
        data = classes_for(denoiser, data)
    return in_units_of(denoiser, data)


def _some(data: Dataset | Part, count: int, seed: int) -> Part:
    """Return `count` rows chosen by `seed`: files are often sorted, so never the first ones."""
    require(count <= len(data), "examples", f"must be at most the {len(data)} in the data", count)
    keys = NoiseSource(seed, "examples").uniform(0, 0, len(data))
    return Part(data, np.sort(np.argsort(keys, kind="stable")[:count]).astype(np.int64))


def _refuse_training_data(denoiser: Denoiser, data: Dataset) -> None:
    """Refuse data with examples the model has seen: they say nothing about new ones."""
    record = getattr(denoiser, "training", {})
    seen = record.get("seen") or [record.get("lineage")]
    _refuse_shared(data, seen, "this model saw in training or to choose its weights")


def require_reference(denoiser: Denoiser, reference: Denoiser | None, data: Dataset | Law) -> None:
    """Refuse a reference that cannot be called on the same paths, or that has seen the data."""
    if reference is None:
        return
    rule = f"must take examples of shape {denoiser.shape}, as the model does"
    require(reference.shape == denoiser.shape, "reference", rule, reference.shape)
    names, own = (tuple(getattr(m, "label_names", ())) for m in (reference, denoiser))
    same = reference.classes == denoiser.classes and names == own
    require(same, "reference", "must know the same labels as the model", names or "no labels")
    units = [getattr(m, "standardisation", None) for m in (reference, denoiser)]
    alike = units[0] is units[1] or len({repr(u and u.as_drawn().to_json()) for u in units}) == 1
    alike &= len({repr(getattr(m, "units", None)) for m in (reference, denoiser)}) == 1
    given = [told_of(m) for m in (reference, denoiser)]
    alike &= len({told and told.fingerprint for told in given}) == 1
    remedy = "Train both on the same data"
    require(alike, "reference", "must work in the same units as the model", None, remedy)
    if isinstance(data, Dataset):
        record = getattr(reference, "training", {})
        seen = record.get("seen") or [record.get("lineage")]
        _refuse_shared(data, seen, "the reference saw in training")


def beside_train(denoiser: Denoiser, data: Dataset | Law, train: Dataset | None) -> Dataset | Law:
    """Return held-out data as they may be audited beside the training data given, or refuse.

    They share no example with these and, of a model that knows no units, are in theirs.
    """
    require_denoiser(denoiser)
    valid = train is None or isinstance(train, Dataset)
    require(valid, "train", "must be a data set: load it with gv.load_data", type(train).__name__)
    if train is None or not isinstance(data, Dataset):
        return data
    _refuse_shared(data, [train.lineage], "are also in the training data given")
    if (
        knows_units(denoiser) or not data.shape == train.shape == denoiser.shape
    ):  # of the latter more is said
        return data
    return data.with_standardisation(train.standardisation)


def _refuse_shared(data: Dataset, seen: list[Any], where: str) -> None:
    shared = shared_rows(data.lineage, seen)
    remedy = "Audit on held-out data, and give this as the training data"
    rule = f"holds {shared} of {len(data)} examples that {where} ({data.name})"
    require(shared == 0, "data", rule, None, remedy)


def require_shape(argument: str, examples: Examples, denoiser: Denoiser) -> None:
    """Refuse examples of another shape than the denoiser takes."""
    shape = tuple(examples.batch(slice(0, 1)).shape[1:])
    rule = f"must hold examples of shape {denoiser.shape}, which the model takes"
    require(shape == denoiser.shape, argument, rule, shape)


def training_examples(denoiser: Denoiser, train: Dataset, most: int, seed: int = 0) -> Part:
    """Return at most `most` training examples chosen by `seed`, in the model's units."""
    own = _in_units("train", denoiser, train)
    require_shape("train", own, denoiser)
    return _some(own, min(most, len(train)), seed)


def learnt(denoiser: Denoiser, train: Dataset | None, most: int) -> Part | None:
    """Return the examples that tell what is known by heart, None where too few are given."""
    few = train is None or len(train) < 2 * GROUPS
    return None if train is None or few else training_examples(denoiser, train, most)


def neighbours(
    denoiser: Denoiser, examples: Dataset | Part | None, source: Examples
) -> tuple[Neighbours | None, str]:
    """Return what training examples, or others that are not audited, say by themselves.

    source: the examples that are audited. None without any, where they say nothing of this
    model, and, with the reason, where what is audited is among them.
    """
    if examples is None or not can_stand_beside(denoiser):
        return None, ""
    most = most_points(denoiser.shape)
    if len(examples) > most:
        examples = _some(examples, most, 0)
    rows = slice(0, len(examples))
    cloud = examples.batch(rows)
    for first in range(0, min(len(source), AUDITED), most):
        part = source.batch(slice(first, min(first + most, len(source))))
        why = copied(cloud.flatten(1), part.flatten(1))
        if why:
            return None, why
    label = examples.batch_labels(rows) if is_told(denoiser) else None
    return Neighbours(denoiser, cloud, label), ""


def moments_for(
    denoiser: Denoiser, data: Dataset | Law | OwnSamples, train: Dataset | None, source: Examples
) -> PriorKnowledge:
    """Return moments from examples that are not audited, these, and the examples left.

    Of a model that takes labels also those of each class: of one that was kept without them only
    where training data are given.
    """
    others = None if train is None else training_examples(denoiser, train, len(train))
    if getattr(denoiser, "moments", None) is not None:
        moments: Moments = denoiser.moments  # type: ignore[attr-defined]
        if moments.classes is None and others is not None:
            moments = _of_classes(moments, others, denoiser)
        return PriorKnowledge(moments, "model", source, others)
    if isinstance(data, Law):
        moments = moments_from_covariance(data.mean, data.covariance())
        return PriorKnowledge(moments, "law", source, others)
    if others is not None:
        return PriorKnowledge(_measured(others, denoiser), "train", source, others)
    rows = cast("Dataset | Part | OwnSamples", source)
    order = NoiseSource(0, "set aside").uniform(0, 0, len(source)).argsort(kind="stable")
    aside = len(source) // MOMENT_SHARE
    kept, others = Part(rows, np.sort(order[aside:])), Part(rows, np.sort(order[:aside]))
    own = not isinstance(data, Dataset)
    origin = "its own samples, set aside" if own else "held-out, set aside"
    return PriorKnowledge(_measured(others, denoiser), origin, kept, others)


def diameter(examples: Examples, mean: Array, chunk: int = 1024) -> float:
    """Return the largest distance found between two examples, of a law between many draws.

    Two sweeps: from the mean to the farthest example, and from that to the one farthest from it.
    """
    if isinstance(examples, LawExamples):
        most = min(DRAWN, max(1, VALUES // examples.law.dimension))
        examples = replace(examples, count=max(len(examples), most))
    farthest, distance = torch.tensor(mean), 0.0
    for _ in range(2):
        centre, distance = farthest, -1.0
        for first in range(0, len(examples), chunk):
            x = examples.batch(slice(first, min(first + chunk, len(examples))))
            x = x.flatten(1).to(centre)
            squares = (x - centre).square().sum(1)
            if float(squares.max()) > distance:
                distance, farthest = float(squares.max()), x[int(squares.argmax())]
    return math.sqrt(distance)


def _measured(examples: Examples, denoiser: Denoiser, chunk: int = 1024) -> Moments:
    rows = (slice(a, min(a + chunk, len(examples))) for a in range(0, len(examples), chunk))
    moments = measure_moments((examples.batch(r) for r in rows), denoiser.shape)
    return _of_classes(moments, examples, denoiser)


def _of_classes(
    moments: Moments, examples: Examples, denoiser: Denoiser, chunk: int = 1024
) -> Moments:
    """Return moments with those of each class that the denoiser knows.

    Of a model that reads text there are none: samples are drawn for prompts of any kind.
    """
    if not denoiser.classes or getattr(denoiser, "text", None) is not None:
        return moments

    def labelled() -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(examples), chunk):
            rows = slice(first, min(first + chunk, len(examples)))
            label = examples.batch_labels(rows)
            assert label is not None
            yield examples.batch(rows), label

    return with_classes(moments, labelled(), denoiser.classes)
