"""Series and volumes after a few minutes of training, against the law that made them.

    python benchmarks/series.py [--data waves blobs] [--minutes 3] [--seeds 1]
                                [--who conv mlp] [--n 2000] [--steps N] [--json FILE]

waves: series [n, 64] of an AR(2) process with one of two sinusoids (6 or 14 periods, either as
likely, at any phase). blobs: volumes [n, 1, 8, 8, 8] of one or two Gaussian blobs (either as
likely) of a random width anywhere within the middle, and a little noise. Four fifths are trained
on; `conv` takes them as series and volumes, `mlp` as vectors. Both are sampled by the default
plan of an audit of the held-out rows, or by --steps.

Figures are of as many samples as there are rows, beside 20,000 fresh rows of the law; "rows" are
the rows trained on, which say what chance does. Minutes are of one CPU, as in `pictures.py`.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from _table import begin, finish, options, table
from scipy.ndimage import maximum_filter
from scipy.signal import lfilter
from scipy.stats import ks_2samp

import girsanov as gv
from girsanov.train import TrainOptions, choice, loop

DATA, WHO = ("waves", "blobs"), ("conv", "mlp")
CPU_CLOCK = SimpleNamespace(perf_counter=time.process_time)
FRESH = 20_000
LENGTH, PERIODS, HEIGHT = 64, (6, 14), 1.8
AR = (0.6, -0.3)
LAGS = 16
SIDE, WIDTHS, NOISE = 8, (0.8, 1.4), 0.03


def waves(n, seed):
    """Return series [n, 64] and which sinusoid each has."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 100 + LENGTH))
    x = lfilter([1.0], [1.0, -AR[0], -AR[1]], z, axis=1)[:, 100:]
    which, phase = rng.integers(2, size=n), rng.uniform(0, 2 * np.pi, n)
    t = np.arange(LENGTH) / LENGTH
    turns = 2 * np.pi * np.take(PERIODS, which)[:, None] * t + phase[:, None]
    return (x + HEIGHT * np.sin(turns)).astype(np.float32), which


def blobs(n, seed):
    """Return volumes [n, 1, 8, 8, 8] and how many blobs each has."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 3, size=n)
    place = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), -1)
    out = NOISE * rng.normal(size=(n, SIDE, SIDE, SIDE))
    for k in range(2):
        centre, width = rng.uniform(1.5, SIDE - 2.5, (n, 3)), rng.uniform(*WIDTHS, n)
        squares = ((place - centre[:, None, None, None]) ** 2).sum(-1)
        bump = np.exp(-squares / (2 * width[:, None, None, None] ** 2))
        out += np.where((count > k)[:, None, None, None], bump, 0.0)
    return out[:, None].astype(np.float32), count


def of_waves(x):
    """Return the log ratio of both bands [n] and the autocorrelations at lags 1..16."""
    x = x.reshape(len(x), LENGTH).astype(np.float64)
    power = np.abs(np.fft.rfft(x, axis=1)) ** 2
    bands = [power[:, p - 1 : p + 2].sum(axis=1) for p in PERIODS]
    c = x - x.mean()
    lags = [np.mean(c[:, k:] * c[:, : LENGTH - k]) / np.mean(c * c) for k in range(1, LAGS + 1)]
    return {"log ratio": np.log(bands[0] / bands[1])}, np.array(lags)


def of_blobs(x):
    """Return the number of blobs, the brightest one's width and place, and the mass, all [n]."""
    x = x.reshape(len(x), SIDE, SIDE, SIDE).astype(np.float64)
    top = (x == maximum_filter(x, size=(1, 3, 3, 3), mode="constant")) & (x > 0.5)
    at = np.stack(np.unravel_index(x.reshape(len(x), -1).argmax(1), x.shape[1:]), 1)
    rows, inner = np.arange(len(x)), np.clip(at, 1, SIDE - 2)
    logs = np.log(np.maximum(x, 1e-3))
    bends = []
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        around = (logs[(rows, *(inner + s * step).T)] for s in (-1, 1))
        bends.append(2 * logs[(rows, *inner.T)] - sum(around))
    width = np.maximum(np.mean(bends, axis=0), 0.05) ** -0.5  # a Gaussian's log bends by 1/w^2
    place = {f"place {a}": at[:, k].astype(float) for k, a in enumerate("dhw")}
    number = np.minimum(top.sum(axis=(1, 2, 3)), 4).astype(float)
    return {"number": number, "width": width, **place, "mass": x.sum(axis=(1, 2, 3))}, None


MAKERS = {"waves": (waves, of_waves), "blobs": (blobs, of_blobs)}


def fitted(x, given, seed, who):
    """Return the samples of a model of x, in words how they came about, and its audit."""
    choice.time = loop.time = CPU_CLOCK
    rows = "series" if x.ndim == 2 and who == "conv" else None
    data = gv.load_data(x if who == "conv" else x.reshape(len(x), -1), rows=rows)
    train, held_out = data.split(0.8, seed=0)
    network = "auto" if who == "conv" else "mlp"
    settings = TrainOptions(device="cpu")
    out = given.models and given.models / f"{'waves' if x.ndim == 2 else 'blobs'}-{who}-{seed}"
    model = gv.fit(train, minutes=given.minutes, network=network, seed=seed, options=settings,
                   out=out)  # fmt: skip
    count = min(given.examples, len(held_out))
    audit = gv.audit(model, held_out, examples=count, seed=seed)
    if out:
        audit.save(out / "audit.json")
    plan = audit.plan(steps=given.steps) if given.steps else audit.plan()
    samples = gv.sample(model, plan, len(x), seed=seed)
    run = model.training
    network = f"{run['network']} {run['options']['width'] or ''}".strip()
    words = f"{network}, {run['steps_run']} x {run['batch_size']}, {len(plan.levels)} steps"
    return samples, words


def figures(samples, truth, measure):
    """Return how far samples are from the truth in every figure."""
    (got, lags), (want, true_lags) = measure(samples), measure(truth)
    out = {}
    for name, values in want.items():
        out[name] = {
            "deviation over the law's": got[name].std() / values.std(),
            "KS": ks_2samp(got[name], values).statistic,
        }
    if lags is not None:
        out["autocorrelation"] = {"largest error": float(np.abs(lags - true_lags).max())}
    if "number" in want:
        out["number"]["share of one"] = float(np.mean(got["number"] == 1))
        out["number"]["of the law"] = float(np.mean(want["number"] == 1))
    return {name: {k: float(v) for k, v in of.items()} for name, of in out.items()}


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__)
    parser.add_argument("--data", choices=DATA, nargs="+", default=list(DATA))
    parser.add_argument("--who", choices=WHO, nargs="+", default=list(WHO))
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--steps", type=int, help="of the plan, by default its own choice")
    parser.add_argument("--examples", type=int, default=100, help="of the audit")
    parser.add_argument("--models", type=Path, help="keep models and audits in this folder")
    given = begin(parser)
    torch.set_num_threads(1)
    rows = []
    for name in given.data:
        make, measure = MAKERS[name]
        truth = make(FRESH, 1)[0]
        for seed in range(given.seeds):
            x = make(given.n, 100 + seed)[0]
            for who in ("rows", *given.who):
                samples, words = (x, "") if who == "rows" else fitted(x, given, seed, who)
                row = {"data": name, "who": who, "seed": seed, "trained": words,
                       **figures(samples, truth, measure)}  # fmt: skip
                rows.append(row)
                print(row, flush=True)
    for name in given.data:
        own = [row for row in rows if row["data"] == name]
        keys = [(f, k) for f, of in own[0].items() if isinstance(of, dict) for k in of]
        cells = ((r["who"], r["trained"], *(f"{r[f][k]:.3f}" for f, k in keys)) for r in own)
        table(("who", "trained", *(f"{f}: {k}" for f, k in keys)), cells)
    finish(given, rows)


if __name__ == "__main__":
    main()
