"""Samples of ordinary tables beside those of a copula, trees, GANs and a forest, in one run.

    pip install statsmodels ctgan ForestDiffusion    # those that are missing are left out
    python benchmarks/tables.py [--data NAME ...] [--by NAME ...] [--minutes 3] [--seeds 5]

Every contestant learns from the same half of the rows and draws as many as the other half has
(four fifths and one fifth of small tables). Against that held-out part the table gives

    KS       Kolmogorov-Smirnov distance of a column (total variation of text), median / largest;
    AUC      of a boosted classifier, cross-fitted, that tells samples from held-out rows;
    rank     mean absolute error of Spearman's correlations;
    TSTR     of a boosted model trained on samples: R2, or AUC of two classes, on held-out rows;
    closest  median distance to the closest training row over that of held-out rows.

The row "rows" is of training rows themselves. Seeds choose the split, the training and the draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from _table import begin, finish, options, table
from scipy import stats
from sklearn import datasets
from sklearn import ensemble as boosted
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.tree import DecisionTreeRegressor

import girsanov as gv

SMALL = 2000  # rows below which four fifths are learnt from
Frame = pd.DataFrame


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
    rng, codes = np.random.default_rng(seed), numbers(rows, rows)
    ranks = stats.rankdata(codes + 1e-9 * rng.random(codes.shape), axis=0)
    scores = stats.norm.ppf((ranks - 0.5) / len(rows))
    drawn = rng.multivariate_normal(np.zeros(codes.shape[1]), np.corrcoef(scores.T), count)
    places = np.minimum((stats.norm.cdf(drawn) * len(rows)).astype(int), len(rows) - 1)
    order = codes.argsort(axis=0, kind="stable")
    return Frame({c: rows[c].to_numpy()[order[places[:, j], j]] for j, c in enumerate(rows)})


def trees(rows: Frame, count: int, minutes: float, seed: int) -> Frame:
    """Return samples column after column, each from the leaf of a tree on those before."""
    rng, codes = np.random.default_rng(seed), numbers(rows, rows)
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

    codes = numbers(rows, rows)
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
            out[c] = drawn[:, j].astype(float)
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


def numbers(frame: Frame, like: Frame) -> np.ndarray:
    """Return the columns as numbers [n, d], words by their place among those of both."""
    out = []
    for c in like:
        if pd.api.types.is_numeric_dtype(like[c]):
            out.append(frame[c].to_numpy(float, na_value=np.nan))
        else:
            words = pd.Index(sorted(set(like[c].astype(str)) | set(frame[c].astype(str))))
            out.append(words.get_indexer(frame[c].astype(str)).astype(float))
    codes = np.column_stack(out)
    return np.where(np.isnan(codes), -1e3, codes)


def distances(held: Frame, drawn: Frame) -> np.ndarray:
    """Return each column's distance between two frames."""
    out = []
    for a, b in zip(numbers(held, held).T, numbers(drawn, held).T, strict=True):
        out.append(stats.ks_2samp(a, b).statistic)
    return np.asarray(out)


def detection(held: Frame, drawn: Frame, seed: int) -> float:
    """Return the AUC of a boosted classifier that tells samples from held-out rows."""
    a, b = numbers(held, held), numbers(drawn, held)
    x, y = np.concatenate([a, b]), np.repeat([0, 1], [len(a), len(b)])
    judge = boosted.HistGradientBoostingClassifier(max_iter=200, random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return float(roc_auc_score(
        y, cross_val_predict(judge, x, y, cv=folds, method="predict_proba")[:, 1]
    ))  # fmt: skip


def ranks(held: Frame, drawn: Frame) -> float:
    """Return the mean absolute error of Spearman's correlations."""
    a, b = (stats.spearmanr(numbers(f, held)).statistic for f in (held, drawn))
    return float(np.nanmean(np.abs(a - b)[np.triu_indices(len(a), 1)]))


def trained_on(rows: Frame, held: Frame, target: str, seed: int) -> float:
    """Return how well a boosted model of `target` trained on rows does on held-out ones."""
    names = [c for c in held if c != target]
    x, x_held = numbers(rows[names], held[names]), numbers(held[names], held[names])
    y, y_held = rows[target].to_numpy(float), held[target].to_numpy(float)
    if len(np.unique(y_held)) > 2:
        model = boosted.HistGradientBoostingRegressor(random_state=seed).fit(x, y)
        return float(r2_score(y_held, model.predict(x_held)))
    if len(np.unique(y > 0.5)) < 2:
        return 0.5
    judge = boosted.HistGradientBoostingClassifier(random_state=seed).fit(x, y > 0.5)
    return float(roc_auc_score(y_held, judge.predict_proba(x_held)[:, 1]))


def closeness(rows: Frame, held: Frame, drawn: Frame) -> float:
    """Return the median distance of samples to the closest training row over held-out rows'."""
    train = numbers(rows, rows)
    scale = train.std(axis=0) + 1e-12
    near = NearestNeighbors(n_neighbors=1).fit(train / scale)
    a, b = (near.kneighbors(numbers(f, rows)[:2000] / scale)[0] for f in (held, drawn))
    return float(b.mean() / a.mean())


def judged(rows: Frame, held: Frame, drawn: Frame, target: str, seed: int) -> list[float]:
    """Return the six figures of one contestant."""
    ks = distances(held, drawn)
    return [
        float(np.median(ks)), float(ks.max()), detection(held, drawn, seed), ranks(held, drawn),
        trained_on(drawn, held, target, seed), closeness(rows, held, drawn),
    ]  # fmt: skip


def main() -> None:
    """Print a table for every data set."""
    parser = options(__doc__, runs=1)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--by", nargs="+", choices=BY, default=list(BY))
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=5)
    given = begin(parser)
    head = ["by", "KS median", "largest", "AUC", "rank", "TSTR", "closest", "seconds"]
    out: list[dict[str, Any]] = []
    for name in given.data:
        load, target = DATA[name]
        figures: dict[str, list[list[float]]] = {"rows": [], **{by: [] for by in given.by}}
        for seed in range(given.seeds):
            frame = load().sample(frac=1, random_state=seed).reset_index(drop=True)
            cut = int(len(frame) * (0.8 if len(frame) < SMALL else 0.5))
            rows, held = frame[:cut], frame[cut:].reset_index(drop=True)
            figures["rows"].append([*judged(rows, held, rows, target, seed), 0.0])
            for by in given.by:
                begun = time.process_time()
                try:
                    drawn = BY[by](rows, len(held), given.minutes, seed)
                except ImportError as cause:
                    print(f"{by} is left out: {cause}", flush=True)
                    continue
                took = time.process_time() - begun
                figures[by].append([*judged(rows, held, drawn, target, seed), took])
        means = {by: np.mean(values, axis=0) for by, values in figures.items() if values}
        print(f"\n{name}: {len(frame)} rows, {frame.shape[1]} columns, {given.seeds} seeds")
        table(head, [[by, *(f"{v:.3f}" for v in m[:-1]), f"{m[-1]:.0f}"]
                     for by, m in means.items()])  # fmt: skip
        out.append({"data": name, **{by: m.tolist() for by, m in means.items()}})
    finish(given, out)


if __name__ == "__main__":
    main()
