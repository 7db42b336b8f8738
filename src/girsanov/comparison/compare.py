"""`compare`: how close two sample sets are, by several measures, each with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from .._checks import refuse, require, require_choice, require_number
from .._signatures import takes
from .measures.registry import MEASURES, measure_of
from .result import Compared, Comparison
from .sets import COMPARED_ROWS, Sets
from .spread import Spread, spreads

if TYPE_CHECKING:
    from .._typing import Progress
    from .measures.measure import Measure


class CompareKeywords(TypedDict, total=False):
    """The fields of `CompareOptions` by name, each of which may be left out."""

    by: Sequence[str] | None
    features: Any
    train: Any
    target: str | None
    rows: int
    confidence: float
    seed: int
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """The options of `girsanov.compare`, which says what each is."""

    by: Sequence[str] | None = None
    features: Any = "builtin"
    train: Any = None
    target: str | None = None
    rows: int = COMPARED_ROWS
    confidence: float = 0.95
    seed: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Take one name of a measure for a list of one; refuse what is no list of names."""
        by = (self.by,) if isinstance(self.by, str) else self.by
        names = by is None or (isinstance(by, Sequence) and all(isinstance(n, str) for n in by))
        require(names, "by", "must be names of measures", by)
        object.__setattr__(self, "by", by)


@takes(CompareOptions)
def compare(samples: Any, data: Any, **options: Unpack[CompareKeywords]) -> Comparison:
    """Return how close `samples` are to `data`, in the units of the data's own standardisation.

    samples, data, train: what `load_data` takes, data sets, or a law for `data`; by: names of
    measures (`comparison/measures/registry.py`), all that can be had by default; features:
    ``builtin``, or features of every row of the two sets for the Frechet distance, as a pair of
    arrays [n, f] and [m, f] or a .npz with the arrays ``samples`` and ``data``; train: the
    training data, for ``memorisation``, to learn features from, and as the real rows that stand
    beside the samples of tables; target: a column of a table that trees predict, learnt from
    samples or from real rows; rows: at most so many of each
    set, chosen by `seed`. Where both have labels (`load_data(..., labels=...)`) ``labels`` is a
    measure too. Rows are taken to be independent. Raises `InputError` when the two sets do not
    fit together.
    """
    asked = CompareOptions(**options)
    level, seed = require_number("confidence", asked.confidence, above=0.0), asked.seed
    require(level < 1, "confidence", "must be below 1", level)
    sets = Sets.of(samples, data, asked.train, rows=asked.rows, seed=seed, confidence=level,
                   features=asked.features)  # fmt: skip
    if asked.target is not None:
        sets = _with_target(sets, asked.target)
    measures, left_out = _available(sets) if asked.by is None else (_named(asked.by, sets), ())
    measured = []
    for k, measure in enumerate(measures, start=1):
        measured.append(measure.row(sets))
        if asked.progress is not None:
            asked.progress(k, len(measures))
    (n, d), m = sets.x.shape, len(sets.y)
    real = None if sets.tables is None else sets.tables.words
    compared = Compared(n, m, d, sets.units, level, seed, *sets.given, real)
    return Comparison(tuple(measured), compared, _spreads(sets), left_out)


def spread_of(samples: Any, data: Any, train: Any = None) -> tuple[Spread, ...]:
    """Return how much of the data's variance samples keep, which `compare` returns as `spread`."""
    return _spreads(Sets.of(samples, data, train))


def _spreads(sets: Sets) -> tuple[Spread, ...]:
    return spreads(sets.x, sets.y, sets.names, sets.train, sets.confidence)


def _with_target(sets: Sets, target: str) -> Sets:
    """Return the sets with the column that trees are to predict, or refuse it."""
    of_tables = replace(sets, target=target)
    lack = measure_of("target").lack(of_tables)
    if lack is not None:
        _, rule, remedy = lack
        refuse("target", rule, target, remedy)
    return of_tables


def _available(sets: Sets) -> tuple[list[type[Measure]], tuple[str, ...]]:
    """Return the measures that these sets have all for, and those that this installation lacks.

    Of tables, those of columns as they are come first.
    """
    every = [measure_of(name) for name in MEASURES]
    every = [measure for measure in every if measure.lack(sets) is None]
    here = [m for m in every if m.extra is None or find_spec(m.extra[0].split(".")[0])]
    here.sort(key=lambda measure: not measure.tabular)
    return here, tuple(measure.name for measure in every if measure not in here)


def _named(by: Sequence[str], sets: Sets) -> list[type[Measure]]:
    names = [require_choice("by", name, MEASURES) for name in by]
    require(bool(names), "by", "must name at least one measure", list(by))
    measures = [measure_of(name) for name in dict.fromkeys(names)]
    for measure in measures:
        if (lack := measure.lack(sets)) is not None:
            argument, rule, remedy = lack
            refuse(argument, rule, None, remedy)
    return measures
