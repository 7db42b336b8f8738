"""`compare`: how close two sample sets are, by several measures, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from .._checks import refuse, require, require_choice, require_number
from .._typing import Json, Progress
from ..montecarlo import Estimate
from .bures import GaussianW2
from .classifier import ROWS as CLASSIFIER_ROWS
from .classifier import classifier_test
from .frechet import Frechet, builtin
from .jackknife import Measure, squared_interval
from .labels import labels_kept
from .memorise import memorisation
from .mmd import MMD, median_distance, permutation_p_value, random_deals
from .mmd import ROWS as KERNEL_ROWS
from .printed import printed
from .sets import Sets
from .sliced import SlicedW2
from .spread import Spread, spreads
from .vectors import ROWS, halves

DISTANCES = ("sliced-w2", "gaussian-w2", "mmd", "frechet")
MEASURES = (*DISTANCES[:3], "classifier", "frechet", "labels", "memorisation")
DEALS = 199  # permutations of the MMD
TURNS = 10  # times the data is cut into halves


@dataclass(frozen=True)
class Row:
    """One measure: the two laws' distance with its interval, and what puts it in proportion.

    value, low, high: the distance, free of its first bias, and its interval; computed: of these
    very rows, which never is 0; floor: the same between two halves of the data, mean and range
    of several cuts, and of labels the data's own share with its interval; p_value: of the
    hypothesis that nothing can be told apart, where there is an
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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was compared, the rows of every measure, and how much variance the samples keep.

    samples, data: rows of each set, of samples_given and data_given; dimension: numbers a row;
    units: in words; confidence: of the intervals.
    """

    samples: int
    data: int
    dimension: int
    units: str
    confidence: float
    seed: int
    samples_given: int
    data_given: int
    rows: tuple[Row, ...]
    spread: tuple[Spread, ...]

    def __getitem__(self, name: str) -> Row:
        """Return the row of a measure."""
        return next(row for row in self.rows if row.name == name)

    def __repr__(self) -> str:
        """Return in a line what was compared, and every measure's value."""
        known = ", ".join(f"{row.name} {row.value:.3g}" for row in self.rows)
        return f"Comparison({self.samples} samples, {self.data} examples: {known})"

    def __str__(self) -> str:
        """Return the table of the measures and what each is and says, as the command prints."""
        return printed(self)

    def to_json(self) -> Json:
        """Return everything as JSON values."""
        out = asdict(self)
        out["measures"], spread = list(out.pop("rows")), list(out.pop("spread"))
        return out | {"spread": spread}


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
    to learn features from; rows: at most so many of each set, chosen by `seed`. Where both have
    labels (`load_data(..., labels=...)`) ``labels`` is a measure too. Rows are taken
    to be independent. Raises `InputError` when the two sets do not fit together.
    """
    level = require_number("confidence", confidence, above=0.0)
    require(level < 1, "confidence", "must be below 1", confidence)
    sets = Sets.of(samples, data, train, rows, seed)
    names = _names(by, train is not None, sets.labelled)
    makers = _makers(sets, features, level, seed)
    found = []
    for k, name in enumerate(names):
        found.append(makers[name]())
        if progress is not None:
            progress(k + 1, len(names))
    return Comparison(
        samples=len(sets.x), data=len(sets.y), dimension=sets.x.shape[1],
        units=sets.units, confidence=level, seed=seed,
        samples_given=sets.given[0], data_given=sets.given[1], rows=tuple(found),
        spread=spreads(sets.x, sets.y, sets.names, sets.train, level),
    )  # fmt: skip


def spread_of(
    samples: Any, data: Any, *, rows: int = ROWS, confidence: float = 0.95, seed: int = 0
) -> tuple[Spread, ...]:
    """Return how much of the data's variance samples keep, which `compare` returns as `spread`."""
    sets = Sets.of(samples, data, None, rows, seed)
    return spreads(sets.x, sets.y, sets.names, None, confidence)


def _names(by: Sequence[str] | None, trained: bool, labelled: bool) -> list[str]:
    if by is None:
        absent = {"memorisation"} if not trained else set()
        absent |= {"classifier", "labels"} if find_spec("sklearn") is None else set()
        absent |= set() if labelled else {"labels"}
        return [name for name in MEASURES if name not in absent]
    names = [require_choice("by", name, MEASURES) for name in by]
    require(bool(names), "by", "must name at least one measure", list(by))
    rule = "must be given to look for memorisation"
    require(trained or "memorisation" not in names, "train", rule, None, "Use --train-data")
    rule = "must be known of samples and of data, of two classes or more, to see them kept"
    require(labelled or "labels" not in names, "labels", rule, None, "Name their column: --labels")
    return list(dict.fromkeys(names))


def _makers(
    sets: Sets, features: Any, confidence: float, seed: int
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
        "labels": lambda: _labels(sets, confidence, seed),
        "memorisation": lambda: _memorisation(sets, confidence, seed),
    }


def _distance(
    sets: Sets, confidence: float, seed: int, measure: Measure, p_value: float | None = None
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


def _mmd(sets: Sets, confidence: float, seed: int) -> Row:
    x, y = sets.x[:KERNEL_ROWS], sets.y[:KERNEL_ROWS]
    deals = random_deals(len(x) + len(y), len(x), DEALS, seed)
    z = np.concatenate([x, y])
    # rows enter the bandwidth at random, whichever set they are of, so that the test stays exact
    width = median_distance(z[deals[:, 1].argsort(kind="stable")] if DEALS else z)
    return _distance(sets, confidence, seed, MMD(width), permutation_p_value(z, deals, width))


def _classifier(sets: Sets, confidence: float, seed: int) -> Row:
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


def _frechet(sets: Sets, features: Any, confidence: float, seed: int) -> Row:
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


def _given(features: Any, sets: Sets) -> tuple[Any, Any]:
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


def _memorisation(sets: Sets, confidence: float, seed: int) -> Row:
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


def _labels(sets: Sets, confidence: float, seed: int) -> Row:
    assert sets.sample_labels is not None
    assert sets.labels is not None
    mine, own = (sets.x, sets.sample_labels), (sets.y, sets.labels)
    found = labels_kept(mine, own, confidence=confidence, seed=seed)
    note = (
        "share of samples to which a classifier trained on data gives their own label, beside "
        f"the same of rows of data that it has not seen, {found.data.value:.3f} "
        f"({found.data.low:.3f} .. {found.data.high:.3f})"
    )
    return Row("labels", *found.samples, found.samples.value, found.data, found.p_value, note)
