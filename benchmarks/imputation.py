r"""Gaps of tables filled by `gv.fill`, beside chained regressions, by CRPS and coverage.

    pip install statsmodels
    nice -n 10 .venv/bin/python benchmarks/imputation.py [--data randhie] [--seeds 3]

A model is fitted on one part of the rows (half of randhie, four fifths of the breast cancers),
without a gap. In the others a share of the cells is hidden at random (--gaps), and filled `FILLS`
times by

    girsanov   `gv.fit`, `gv.audit`, a plan of analytic-dpm, `gv.fill`;
    chained    scikit-learn's IterativeImputer(sample_posterior=True): Bayesian ridge regressions
               in ten rounds, fitted on training rows and those with gaps, one run a filling;
               within the training range, rounded where the column is of whole numbers;
    marginal   cells of the training rows, drawn alike whatever else is known.

CRPS: of the hidden cells in units of their column's deviation, mean over columns, with the
standard error over rows; 90 %: how many lie within the central interval of their fillings that
should hold so many, by ranks (ties shared at random).
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from tables import DATA

import girsanov as gv

FILLS, MOST_ROWS = 19, 800  # 19 fillings: a rank among 20, of which the middle 18 are 90 %


def crps(truth: np.ndarray, fills: np.ndarray) -> np.ndarray:
    """The fair CRPS of each cell: truth [n], fills [K, n]."""
    k = len(fills)
    ordered = np.sort(fills, 0)
    weights = (2 * np.arange(1, k + 1) - k - 1)[:, None]
    pairs = (weights * ordered).sum(0) / (k * (k - 1))
    return np.abs(fills - truth).mean(0) - pairs


def inside(truth: np.ndarray, fills: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether each cell's rank among its fillings is neither the first nor the last of 20."""
    below, same = (fills < truth).sum(0), (fills == truth).sum(0)
    rank = below + np.floor(rng.random(len(truth)) * (same + 1))
    return (rank >= 1) & (rank <= len(fills) - 1)


def chained(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    low, high = train.min().to_numpy(), train.max().to_numpy()
    whole = (train == train.round()).all().to_numpy()
    both, out = pd.concat([train, rows]).to_numpy(float), []
    for seed in range(FILLS):
        imputer = IterativeImputer(
            sample_posterior=True, random_state=seed, min_value=low, max_value=high
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            filled = imputer.fit_transform(both)[len(train) :]
        out.append(np.where(whole, np.round(filled), filled))
    return np.array(out)


def ours(
    train: pd.DataFrame, rows: pd.DataFrame, asked: argparse.Namespace, seed: int
) -> np.ndarray:
    parts = gv.load_data(train).split(0.85, seed=seed)
    model = gv.fit(parts[0], minutes=asked.minutes, seed=seed)
    audit = gv.audit(model, parts[1], examples=min(2000, len(parts[1])))
    plan = audit.plan(steps=asked.steps, sampler="analytic-dpm", last="draw")
    filled = gv.fill(model, plan, rows, FILLS, seed=seed)
    return np.stack([filled[name].astype(float) for name in rows.columns], -1).swapaxes(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["randhie", "cancer"])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gaps", type=float, default=0.3)
    asked = parser.parse_args()
    print("| data | seed | by | CRPS | 90 % | seconds |\n|---|---|---|---|---|---|")
    for name in asked.data:
        frame = DATA[name][0]().astype(float)
        for seed in range(asked.seeds):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(frame))
            cut = len(frame) // 2 if len(frame) > 2000 else 4 * len(frame) // 5
            train = frame.iloc[order[:cut]].reset_index(drop=True)
            truth = frame.iloc[order[cut : cut + MOST_ROWS]].reset_index(drop=True)
            hidden = rng.random(truth.shape) < asked.gaps
            hidden[hidden.all(1), 0] = False
            rows = truth.mask(hidden)
            drawn = rng.integers(len(train), size=(FILLS, *truth.shape))
            marginal = train.to_numpy()[drawn, np.arange(truth.shape[1])]
            ways = {
                "girsanov": lambda t=train, r=rows, s=seed: ours(t, r, asked, s),
                "chained": lambda t=train, r=rows: chained(t, r),
                "marginal": lambda m=marginal: m,
            }  # fmt: skip
            scale = train.std().to_numpy()
            for way, run in ways.items():
                begun = time.perf_counter()
                fills = run()
                seconds = time.perf_counter() - begun
                score = np.full(truth.shape, np.nan)
                good = np.full(truth.shape, np.nan)
                for j in range(truth.shape[1]):
                    at = hidden[:, j]
                    cells = truth.to_numpy()[at, j], fills[:, at, j]
                    score[at, j] = crps(*cells) / scale[j]
                    good[at, j] = inside(*cells, rng)
                each = np.nanmean(score, 1)[hidden.any(1)]
                error = each.std(ddof=1) / np.sqrt(len(each))
                line = f"{np.nanmean(score, 0).mean():.4f} ± {error:.4f} | {np.nanmean(good):.1%}"
                print(f"| {name} | {seed} | {way} | {line} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
