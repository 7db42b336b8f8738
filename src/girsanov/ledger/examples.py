"""Where the audited examples and the moments come from: a data set or a law."""

from __future__ import annotations

from dataclasses import dataclass

from .._checks import refuse, require, require_count
from .._typing import Tensor
from ..data import Dataset
from ..denoise.base import Denoiser
from ..law.base import Law
from ..moments import Moments, measure_moments, moments_from_covariance
from .curve import Examples

LAW_EXAMPLES = 20_000
MOMENT_SHARE = 4  # one example in so many is set aside for moments when there are no others


@dataclass(frozen=True)
class LawExamples:
    """Draws of a law, as examples: draw i under `seed` is the same in every batch."""

    law: Law
    count: int
    seed: int

    def __len__(self) -> int:
        return self.count

    def batch(self, rows: slice) -> Tensor:
        """Return draws rows.start..rows.stop-1, [b, d]."""
        return self.law.sample(rows.stop - rows.start, seed=self.seed, first=rows.start)

    def batch_labels(self, rows: slice) -> None:
        """Return None: a law has no labels."""


@dataclass(frozen=True)
class Part:
    """Examples first..first+count-1 of others."""

    examples: Examples
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def batch(self, rows: slice) -> Tensor:
        """Return the examples of these rows."""
        return self.examples.batch(slice(self.first + rows.start, self.first + rows.stop))

    def batch_labels(self, rows: slice) -> Tensor | None:
        """Return their labels."""
        return self.examples.batch_labels(slice(self.first + rows.start, self.first + rows.stop))


def held_out_examples(
    denoiser: Denoiser, data: Dataset | Law, examples: int | None, seed: int
) -> Examples:
    """Return the first `examples` of the data (None: all), in the model's units."""
    if isinstance(data, Law):
        count = LAW_EXAMPLES if examples is None else require_count("examples", examples)
        return LawExamples(data, count, seed)
    _refuse_training_data(denoiser, data)
    standardisation = getattr(denoiser, "standardisation", None)
    own = data if standardisation is None else data.with_standardisation(standardisation)
    if examples is None:
        return own
    require_count("examples", examples)
    require(
        examples <= len(own), "examples", f"must be at most the {len(own)} in the data", examples
    )
    return Part(own, 0, examples)


def _refuse_training_data(denoiser: Denoiser, data: Dataset) -> None:
    """Refuse data with examples the model was trained on: they say nothing about new ones."""
    seen = getattr(denoiser, "training", {}).get("lineage") or {}
    own = data.lineage or {}
    related = seen.get("of") in (data.fingerprint, own.get("of"))
    same_split = all(seen.get(k) == own.get(k) for k in ("of", "fraction", "seed"))
    disjoint = same_split and seen.get("part") != own.get("part")
    if seen and related and not disjoint:
        refuse(
            "data",
            f"is what this model was trained on, or shares examples with it ({data.name})",
            None,
            "Audit on held-out data, and give this as the training data",
        )


def require_shape(argument: str, examples: Examples, denoiser: Denoiser) -> None:
    """Refuse examples of another shape than the denoiser takes."""
    shape = tuple(examples.batch(slice(0, 1)).shape[1:])
    rule = f"must hold examples of shape {denoiser.shape}, which the model takes"
    require(shape == denoiser.shape, argument, rule, shape)


def training_examples(denoiser: Denoiser, train: Dataset, most: int) -> Examples:
    """Return at most `most` training examples, in the model's units."""
    own = (
        train.with_standardisation(denoiser.standardisation)
        if hasattr(denoiser, "standardisation")
        else train
    )
    return Part(own, 0, min(most, len(own)))


def moments_for(
    denoiser: Denoiser, data: Dataset | Law, train: Dataset | None, source: Examples
) -> tuple[Moments, Examples, str]:
    """Return moments from examples that are not audited, the examples left, and their origin."""
    if isinstance(data, Law):
        return moments_from_covariance(data.mean, data.covariance()), source, "law"
    if getattr(denoiser, "moments", None) is not None:
        return denoiser.moments, source, "model"  # type: ignore[attr-defined]
    if train is not None:
        return _measured(training_examples(denoiser, train, len(train)), denoiser), source, "train"
    aside = len(source) // MOMENT_SHARE
    kept = Part(source, aside, len(source) - aside)
    return _measured(Part(source, 0, aside), denoiser), kept, "held-out, set aside"


def _measured(examples: Examples, denoiser: Denoiser, chunk: int = 1024) -> Moments:
    rows = (slice(a, min(a + chunk, len(examples))) for a in range(0, len(examples), chunk))
    return measure_moments((examples.batch(r) for r in rows), denoiser.shape)
