"""The measures of `compare` by name, in the order in which they are listed.

A measure's file is read when the measure is used, since help lists all of them and is to be quick.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from ..._checks import require_choice

if TYPE_CHECKING:
    from .measure import Measure, SquaredDistance


class Listed(NamedTuple):
    """A measure as it is listed; distance: whether a tournament can be decided by it."""

    load: Callable[[], type[Measure]]
    distance: bool = False


def _in(file: str, name: str) -> Callable[[], type[Measure]]:
    return lambda: cast("type[Measure]", getattr(import_module(f".{file}", __package__), name))


MEASURES = {
    "sliced-w2": Listed(_in("sliced_w2", "SlicedW2"), distance=True),
    "gaussian-w2": Listed(_in("gaussian_w2", "GaussianW2"), distance=True),
    "mmd": Listed(_in("mmd", "MMD"), distance=True),
    "classifier": Listed(_in("classifier", "ClassifierMeasure")),
    "frechet": Listed(_in("frechet", "Frechet"), distance=True),
    "columns": Listed(_in("columns", "ColumnsMeasure")),
    "pairs": Listed(_in("pairs", "PairsMeasure")),
    "trees": Listed(_in("trees", "TreesMeasure")),
    "target": Listed(_in("target", "TargetMeasure")),
    "closest": Listed(_in("closest", "ClosestMeasure")),
    "labels": Listed(_in("labels", "LabelsMeasure")),
    "memorisation": Listed(_in("memorisation", "MemorisationMeasure")),
}


def distances() -> list[str]:
    """Return the names of the measures by which a tournament can be decided."""
    return [name for name, listed in MEASURES.items() if listed.distance]


def measure_of(name: str) -> type[Measure]:
    """Return the measure of this name."""
    return MEASURES[name].load()


def distance_of(name: str) -> type[SquaredDistance]:
    """Return the measure of this name by which a tournament is decided; refuse other names."""
    return cast("type[SquaredDistance]", measure_of(require_choice("by", name, distances())))
