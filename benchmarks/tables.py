"""Samples of ordinary tables beside those of a copula, trees, GANs and a forest, in one run.

    pip install statsmodels ctgan ForestDiffusion    # those that are missing are left out
    python benchmarks/tables.py [--data NAME ...] [--by NAME ...] [--minutes 3] [--seeds 5]

Every contestant learns from the same half of the rows and draws as many as the other half has
(four fifths and one fifth of small tables). `girsanov.compare` holds samples against that part:

    median, largest  of the columns' distances: Kolmogorov-Smirnov, total variation of text;
    AUC              of boosted trees that tell samples from held-out rows;
    pairs            root mean square difference of the dependence of two columns;
    TSTR             of trees that learnt from samples: R2, or AUC of two classes;
    closest          mean distance to the closest training row over that of held-out rows.

The row "real rows" is of as many training rows. Seeds choose the split, the training and the
draws; after ± stands the standard error of their mean.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from _table import begin, finish, options, table
from scipy import stats
from sklearn import datasets
from sklearn.tree import DecisionTreeRegressor

import girsanov as gv

SMALL = 2000  # rows below which four fifths are learnt from
MEASURES = ("columns", "trees", "pairs", "target", "closest")
FIGURES = ("median", "largest", "AUC", "pairs", "TSTR", "closest", "CPU s")
GAP = -1e3  # in place of what is missing, below all numbers
Frame = pd.DataFrame
Pair = tuple[float, float]  # of samples, and of real rows


def from_statsmodels(name: str) -> Frame:
    """Return a data set that the package ships."""
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data


def mixed() -> Frame:
    """Return Fair's survey with words for its codes, and a tenth of one column missing."""
    frame = from_statsmodels("fair")
    works = ["student", "farming", "clerical", "teacher", "manager", "doctor"]
    frame["occupation"] = [works[int(v) - 1] for v in frame["occupation"]]
    frame["religious"] = frame["religious"].map({1: "not", 2: "mildly", 3: "fairly", 4: "very"})
    gone = np.random.default_rng(0).random(len(frame)) < 0.1 * frame["age"] / frame["age"].mean()
    frame.loc[gone, "educ"] = np.nan
    return frame


def of_sklearn(name: str) -> Frame:
    """Return a data set of scikit-learn with its target."""
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    return loaded.frame


DATA: dict[str, tuple[Callable[[], Frame], str]] = {
    "randhie": (lambda: from_statsmodels("randhie"), "disea"),
    "mixed": (mixed, "affairs"),
    "cancer": (lambda: of_sklearn("breast_cancer"), "target"),
    "wine": (lambda: of_sklearn("wine"), "alcohol"),
    "diabetes": (lambda: of_sklearn("diabetes"), "target"),
}


# --- contestants: (training rows, how many to draw, minutes, seed) -> samples ------------------


def ours(rows: Frame, count: int, minutes: float, seed: int, network: str = "auto") -> Frame:
    """Return samples of the default plan."""
    train, rest = gv.load_data(rows).split(1 - max(0.2, 40 / len(rows)), seed=seed)
    model = gv.fit(train, minutes=minutes, seed=seed, network=network)
    audit = gv.audit(model, rest, train=train, seed=seed)
    return Frame(gv.sample(model, audit.plan(force=True), count, seed=seed))


def copula(rows: Frame, count: int, minutes: float, seed: int) -> Frame:
    """Return samples of a Gaussian copula with the rows' own values, gaps as one more value."""
    rng, codes = np.random.default_rng(seed), numbers(rows)
    ranks = stats.rankdata(codes + 1e-9 * rng.random(codes.shape), axis=0)
    scores = stats.norm.ppf((ranks - 0.5) / len(rows))
    drawn = rng.multivariate_normal(np.zeros(codes.shape[1]), np.corrcoef(scores.T), count)
    places = np.minimum((stats.norm.cdf(drawn) * len(rows)).astype(int), len(rows) - 1)
    order = codes.argsort(axis=0, kind="stable")
    return Frame({c: rows[c].to_numpy()[order[places[:, j], j]] for j, c in enumerate(rows)})


def trees(rows: Frame, count: int, minutes: float, seed: int) -> Frame:
    """Return samples column after column, each from the leaf of a tree on those before."""
    rng, codes = np.random.default_rng(seed), numbers(rows)
    places = rng.integers(len(rows), size=(count, 1))
    drawn = codes[places[:, 0], :1]
    for j in range(1, codes.shape[1]):
        tree = DecisionTreeRegressor(min_samples_leaf=5, random_state=seed)
        tree.fit(codes[:, :j], codes[:, j])
        leaves, here = tree.apply(codes[:, :j]), tree.apply(drawn)
        order = leaves.argsort(kind="stable")
        first, last = (np.searchsorted(leaves[order], here, side) for side in ("left", "right"))
        place = order[first + (rng.random(count) * (last - first)).astype(int)]
        places = np.column_stack([places, place])
        drawn = np.column_stack([drawn, codes[place, j]])
    return Frame({c: rows[c].to_numpy()[places[:, j]] for j, c in enumerate(rows)})


def of_ctgan(kind: str) -> Callable[[Frame, int, float, int], Frame]:
    """Return a contestant of the package ctgan: CTGAN or TVAE, in as many epochs as fit."""

    def draw(rows: Frame, count: int, minutes: float, seed: int) -> Frame:
        import ctgan
        import torch

        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        filled = rows.fillna(rows.median(numeric_only=True))
        few = [c for c in filled if filled[c].nunique() <= 20]
        begun = time.perf_counter()
        getattr(ctgan, kind)(epochs=2).fit(filled, few)
        each = (time.perf_counter() - begun) / 2
        model = getattr(ctgan, kind)(epochs=max(2, min(300, int(60 * minutes / each))))
        model.fit(filled, few)
        return model.sample(count)

    return draw


def forest(rows: Frame, count: int, minutes: float, seed: int) -> Frame:
    """Return samples of ForestDiffusion by its flow, with its settings but fewer noise draws."""
    from ForestDiffusion import ForestDiffusionModel

    codes = numbers(rows)
    few = [j for j, c in enumerate(rows) if not pd.api.types.is_numeric_dtype(rows[c])]
    whole = [j for j in range(codes.shape[1]) if j not in few and (codes[:, j] % 1 == 0).all()]
    model = ForestDiffusionModel(
        codes, n_t=20, duplicate_K=max(5, min(100, 20_000 // len(rows))), cat_indexes=few,
        int_indexes=whole, diffusion_type="flow", n_jobs=1, seed=seed,
    )  # fmt: skip
    drawn, out = model.generate(batch_size=count), {}
    for j, c in enumerate(rows):
        if j in few:
            texts = np.sort(rows[c].astype(str).unique())
            out[c] = texts[drawn[:, j].astype(int).clip(0, len(texts) - 1)]
        else:
            out[c] = np.where(drawn[:, j] < GAP / 2, np.nan, drawn[:, j]).astype(float)
    return Frame(out)


BY: dict[str, Callable[..., Frame]] = {
    "girsanov": ours,
    "girsanov, network mlp": lambda *given: ours(*given, network="mlp"),
    "Gaussian copula": copula,
    "sequential trees": trees,
    "CTGAN": of_ctgan("CTGAN"),
    "TVAE": of_ctgan("TVAE"),
    "ForestDiffusion": forest,
}


# --- measures ---------------------------------------------------------------------------------


def numbers(frame: Frame) -> np.ndarray:
    """Return the columns as numbers [n, d], words by their place, gaps below all."""
    out = [
        frame[c].to_numpy(float) if pd.api.types.is_numeric_dtype(frame[c])
        else np.unique(frame[c].astype(str), return_inverse=True)[1].astype(float)
        for c in frame
    ]  # fmt: skip
    return np.nan_to_num(np.column_stack(out), nan=GAP)


def judged(halves: tuple[Frame, Frame], drawn: Frame, target: str, seed: int) -> dict[str, Pair]:
    """Return each figure of samples, and the same of training rows, by `girsanov.compare`.

    halves: training and held-out rows.
    """
    rows, held = halves
    found = gv.compare(drawn, held, train=rows, target=target, by=MEASURES, seed=seed)
    columns, closest = found["columns"], found["closest"].parts[0]
    every = np.array([(part.value, part.real) for part in columns.parts])
    return {
        "median": tuple(np.median(every, axis=0)),
        "largest": (columns.value, columns.floor[0]),
        "AUC": (found["trees"].value, found["trees"].floor[0]),
        "pairs": (found["pairs"].computed, found["pairs"].floor[0]),
        "TSTR": (found["target"].computed, found["target"].floor[0]),
        "closest": (closest.value / closest.real, 1.0),
    }


def shown(values: list[float]) -> str:
    """Return a mean and its standard error over the seeds."""
    spread = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{np.mean(values):.3f} ± {spread:.3f}"


def row_of(by: str, found: list[dict[str, Pair]], side: int = 0) -> list[str]:
    """Return a row of the table: the figures of samples, or with side 1 those of real rows."""
    return [by, *(shown([one[name][side] for one in found]) for name in found[0])]


def main() -> None:
    """Print every figure as it is measured, and in the end a table for every data set."""
    parser = options(__doc__, runs=1)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--by", nargs="+", choices=BY, default=list(BY))
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=5)
    given = begin(parser)
    found: dict[str, dict[str, list[dict[str, Pair]]]] = {name: {} for name in given.data}
    for seed, name, by in itertools.product(range(given.seeds), given.data, given.by):
        load, target = DATA[name]
        frame = load().sample(frac=1, random_state=seed).reset_index(drop=True)
        cut = int(len(frame) * (0.8 if len(frame) < SMALL else 0.5))
        halves = frame[:cut], frame[cut:].reset_index(drop=True)
        begun = time.process_time()
        try:
            drawn = BY[by](halves[0], len(halves[1]), given.minutes, seed)
        except ImportError as cause:
            print(f"{by} is left out: {cause}", flush=True)
            continue
        took = time.process_time() - begun
        one = {**judged(halves, drawn, target, seed), "CPU s": (took, 0.0)}
        print(json.dumps({"data": name, "by": by, "seed": seed, **one}), flush=True)
        found[name].setdefault(by, []).append(one)
    for name, rows in found.items():
        print(f"\n{name}, {given.seeds} seeds")
        table(["by", *FIGURES], [row_of("real rows", next(iter(rows.values())), 1),
                                 *(row_of(by, each) for by, each in rows.items())])  # fmt: skip
    finish(given, found)


if __name__ == "__main__":
    main()
