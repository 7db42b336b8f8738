"""`compare`: how close two sample sets are, by several measures, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from .._checks import InputError, refuse, require, require_choice, require_number
from .._typing import Array, Json, Progress
from ..data import Dataset, Standardisation, load_data
from ..law.base import Law
from ..montecarlo import Estimate
from .bures import GaussianW2
from .classifier import ROWS as CLASSIFIER_ROWS
from .classifier import classifier_test
from .frechet import Frechet, builtin
from .jackknife import Measure, squared_interval
from .memorise import memorisation
from .mmd import MMD, median_distance, permutation_p_value, random_deals
from .mmd import ROWS as KERNEL_ROWS
from .printed import printed
from .sliced import SlicedW2
from .spread import Spread, spreads
from .vectors import ROWS, chosen_rows, halves, vectors

DISTANCES = ("sliced-w2", "gaussian-w2", "mmd", "frechet")
MEASURES = ("sliced-w2", "gaussian-w2", "mmd", "classifier", "frechet", "memorisation")
DEALS = 199  # permutations of the MMD
TURNS = 10  # times the data is cut into halves


@dataclass(frozen=True)
class Row:
    """One measure: the two laws' distance with its interval, and what puts it in proportion.

    value, low, high: the distance, free of its first bias, and its interval; computed: of these
    very rows, which never is 0; floor: the same between two halves of the data, mean and range
    of several cuts; p_value: of the hypothesis that nothing can be told apart, where there is an
    exact test; note: what the measure is.
    """

    name: str
    value: float
    low: float
    high: float
    computed: float
    floor: tuple[float, float, float] | None
    p_value: float | None
    note: str


@dataclass(frozen=True)
class Comparison:
    """The rows of every measure, what was compared, and how much variance the samples keep."""

    rows: tuple[Row, ...]
    about: Json
    spread: tuple[Spread, ...] = ()

    def __getitem__(self, name: str) -> Row:
        """Return the row of a measure."""
        return next(row for row in self.rows if row.name == name)

    def __repr__(self) -> str:
        """Return in a line what was compared, and every measure's value."""
        known = ", ".join(f"{row.name} {row.value:.3g}" for row in self.rows)
        return (
            f"Comparison({self.about['samples']} samples, {self.about['data']} examples: {known})"
        )

    def __str__(self) -> str:
        """Return the table of the measures and what each is and says, as the command prints."""
        return printed(self)

    def to_json(self) -> Json:
        """Return everything as JSON values."""
        kept = [asdict(one) for one in self.spread]
        return {**self.about, "measures": [asdict(row) for row in self.rows], "spread": kept}


def compare(
    samples: Any,
    data: Any,
    *,
    by: Sequence[str] | None = None,
    features: Any = "builtin",
    train: Any = None,
    rows: int = ROWS,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Return how close `samples` are to `data`, in the units of the data's own standardisation.

    samples, data, train: what `load_data` takes, data sets, or a law for `data`; by: names of
    `MEASURES`, all that can be had by default; features: ``builtin``, or features of every row
    of the two sets for the Frechet distance, as a pair of arrays [n, f] and [m, f] or a .npz
    with the arrays ``samples`` and ``data``; train: the training data, for ``memorisation`` and
    to learn features from; rows: at most so many of each set, chosen by `seed`. Rows are taken
    to be independent. Raises `InputError` when the two sets do not fit together.
    """
    level = require_number("confidence", confidence, above=0.0)
    require(level < 1, "confidence", "must be below 1", confidence)
    sets = _Sets.of(samples, data, train, rows, seed)
    names = _names(by, train is not None)
    makers = _makers(sets, features, level, seed)
    found = []
    for k, name in enumerate(names):
        found.append(makers[name]())
        if progress is not None:
            progress(k + 1, len(names))
    about = {
        "samples": len(sets.x), "data": len(sets.y), "dimension": sets.x.shape[1],
        "units": sets.units, "confidence": level, "seed": seed,
        "samples_given": sets.given[0], "data_given": sets.given[1],
    }  # fmt: skip
    kept = spreads(sets.x, sets.y, sets.names, sets.train, level)
    return Comparison(tuple(found), about, kept)


def spread_of(
    samples: Any, data: Any, *, rows: int = ROWS, confidence: float = 0.95, seed: int = 0
) -> tuple[Spread, ...]:
    """Return how much of the data's variance samples keep, which `compare` returns as `spread`."""
    sets = _Sets.of(samples, data, None, rows, seed)
    return spreads(sets.x, sets.y, sets.names, None, confidence)


@dataclass(frozen=True)
class _Sets:
    """Both sets and the training data as vectors, and the data sets they come from."""

    x: Array
    y: Array
    train: Array | None
    chosen: tuple[np.ndarray, np.ndarray]
    given: tuple[int, int]
    labels: np.ndarray | None
    train_labels: np.ndarray | None
    units: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, samples: Any, data: Any, train: Any, rows: int, seed: int) -> _Sets:
        known = data.sample(rows, seed=seed).numpy() if isinstance(data, Law) else data
        real = _dataset(known)
        made = _alike("samples", samples, real.standardisation)
        seen = None if train is None else _alike("train", train, real.standardisation)
        chosen = [
            chosen_rows(s, rows, seed=seed, argument=name)
            for s, name in ((made, "samples"), (real, "data"))
        ]
        labels = None if real.labels is None else real.labels[chosen[1]]
        train_labels = None
        if seen is not None and seen.labels is not None:
            train_labels = seen.labels[chosen_rows(seen, rows, seed=seed, argument="train")]
        return cls(
            vectors(made, rows, seed=seed, argument="samples"),
            vectors(real, rows, seed=seed, argument="data"),
            None if seen is None else vectors(seen, rows, seed=seed, argument="train"),
            (chosen[0], chosen[1]),
            (len(made), len(real)),
            labels,
            train_labels,
            _units(real),
            _columns(real),
        )

    def learnt(self) -> tuple[Array, np.ndarray | None]:
        """Return what features are learnt from: labelled training data, or else the data."""
        if self.train is not None and self.train_labels is not None:
            return self.train, self.train_labels
        return self.y, self.labels


def _dataset(source: Any) -> Dataset:
    return source if isinstance(source, Dataset) else load_data(source)


def _alike(argument: str, source: Any, units: Standardisation) -> Dataset:
    try:
        return _dataset(source).with_standardisation(units)
    except InputError as cause:
        raise InputError(f"{argument}: does not fit the data; {cause}") from cause


def _units(data: Dataset) -> str:
    kind = data.standardisation.kind
    if kind == "image":
        return "values of the data mapped to [-1, 1]"
    return "standard deviations of each column of the data"


def _columns(data: Dataset) -> tuple[str, ...]:
    """Return the names of the columns of a table, empty where one is several numbers."""
    columns = getattr(data.standardisation, "columns", ())
    plain = all(column.width == 1 for column in columns)
    return tuple(str(column.name) for column in columns) if plain else ()


def _names(by: Sequence[str] | None, trained: bool) -> list[str]:
    if by is None:
        absent = {"memorisation"} if not trained else set()
        absent |= {"classifier"} if find_spec("sklearn") is None else set()
        return [name for name in MEASURES if name not in absent]
    names = [require_choice("by", name, MEASURES) for name in by]
    require(bool(names), "by", "must name at least one measure", list(by))
    rule = "must be given to look for memorisation"
    require(trained or "memorisation" not in names, "train", rule, None, "Use --train-data")
    return list(dict.fromkeys(names))


def _makers(
    sets: _Sets, features: Any, confidence: float, seed: int
) -> dict[str, Callable[[], Row]]:
    """Return what makes the row of each measure."""
    d = sets.x.shape[1]
    distance = partial(_distance, sets, confidence, seed)
    return {
        "sliced-w2": lambda: distance(SlicedW2(d, seed=seed)),
        "gaussian-w2": lambda: distance(GaussianW2(sets.y)),
        "mmd": lambda: _mmd(sets, confidence, seed),
        "classifier": lambda: _classifier(sets, confidence, seed),
        "frechet": lambda: _frechet(sets, features, confidence, seed),
        "memorisation": lambda: _memorisation(sets, confidence, seed),
    }


def _distance(
    sets: _Sets, confidence: float, seed: int, measure: Measure, p_value: float | None = None
) -> Row:
    """Return the row of a distance, its floor from several cuts of the data in halves."""
    found = measure.squared(sets.x, sets.y)
    cuts = [measure.plugin(*halves(sets.y, turn, seed)) for turn in range(TURNS)]
    return _row(measure, found.estimate(), found.plugin, cuts, confidence, p_value)


def _row(
    measure: Measure,
    found: Estimate,
    computed: float,
    cuts: list[float],
    confidence: float,
    p_value: float | None,
) -> Row:
    """Return the row of a squared distance, as a root except for the Frechet distance."""

    def shown(v: Any) -> float:
        v = max(0.0, float(v))
        return v if measure.name == "frechet" else math.sqrt(v)

    value, low, high = (shown(v) for v in squared_interval(found, confidence))
    floor = (shown(np.mean(cuts)), shown(min(cuts)), shown(max(cuts)))
    return Row(measure.name, value, low, high, shown(computed), floor, p_value, measure.note)


def _mmd(sets: _Sets, confidence: float, seed: int) -> Row:
    x, y = sets.x[:KERNEL_ROWS], sets.y[:KERNEL_ROWS]
    deals = random_deals(len(x) + len(y), len(x), DEALS, seed)
    z = np.concatenate([x, y])
    # rows enter the bandwidth at random, whichever set they are of, so that the test stays exact
    width = median_distance(z[deals[:, 1].argsort(kind="stable")] if DEALS else z)
    return _distance(sets, confidence, seed, MMD(width), permutation_p_value(z, deals, width))


def _classifier(sets: _Sets, confidence: float, seed: int) -> Row:
    told = classifier_test(sets.x, sets.y, seed=seed)
    cuts = [
        float(classifier_test(*halves(sets.y, turn, seed), seed=seed, deals=2).accuracy.value)
        for turn in range(3)
    ]
    return _share(
        "classifier",
        told.accuracy,
        confidence,
        (float(np.mean(cuts)), min(cuts), max(cuts)),
        told.p_value,
        f"share told apart rightly of {min(len(sets.x), len(sets.y), CLASSIFIER_ROWS)} of each; "
        "chance is 1/2",
    )


def _share(
    name: str,
    found: Estimate,
    confidence: float,
    floor: tuple[float, float, float] | None,
    p_value: float,
    note: str,
) -> Row:
    """Return the row of a share of rows, which as computed has no bias."""
    low, high = found.interval(confidence)
    value = float(found.value)
    ends = max(0.0, float(low)), min(1.0, float(high))
    return Row(name, value, *ends, value, floor, p_value, note)


def _frechet(sets: _Sets, features: Any, confidence: float, seed: int) -> Row:
    if isinstance(features, str) and features == "builtin":
        return _distance(sets, confidence, seed, builtin(*sets.learnt(), seed=seed))
    given = [
        np.asarray(f, dtype=np.float64).reshape(len(f), -1)[rows]
        for f, rows in zip(_given(features, sets), sets.chosen, strict=True)
    ]
    measure = Frechet(lambda f: f, f"in {given[0].shape[1]} given features")
    found = measure.squared(given[0], given[1])
    cuts = [measure.plugin(*halves(given[1], turn, seed)) for turn in range(TURNS)]
    return _row(measure, found.estimate(), found.plugin, cuts, confidence, None)


def _given(features: Any, sets: _Sets) -> tuple[Any, Any]:
    """Return given features of both sets, checked."""
    pair = features
    if not isinstance(features, tuple | list):
        try:
            with np.load(features, allow_pickle=False) as file:
                pair = (file["samples"], file["data"])
        except (OSError, ValueError, KeyError, TypeError) as cause:
            refuse("features", "must be a .npz with arrays samples and data", str(cause))
    require(len(pair) == 2, "features", "must be a pair, of the samples and of the data")
    for values, rows, name in zip(pair, sets.chosen, ("samples", "data"), strict=True):
        rule = f"must have one row for each of the {name}"
        require(len(values) > rows.max(), "features", rule, len(values))
    same = np.shape(pair[0])[1:] == np.shape(pair[1])[1:]
    require(same, "features", "must be as many of the samples as of the data")
    return pair[0], pair[1]


def _memorisation(sets: _Sets, confidence: float, seed: int) -> Row:
    assert sets.train is not None
    found = memorisation(sets.x, sets.train, sets.y, seed=seed)
    return _share(
        "memorisation",
        found.share,
        confidence,
        None,
        found.p_value,
        f"share of samples whose nearest of {min(len(sets.train), len(sets.y))} training and as "
        "many held-out examples is a training one; chance is 1/2",
    )
