"""How much of the data's variance do samples of trained networks keep, and how close are they?

    python benchmarks/spread_learned.py [--models FOLDER] [--only NAME ...] [--steps 16] [--plain]

Digits with two networks, tiles of photographs and three tables, each fitted for a short while on
four fifths of its rows (or read from FOLDER, where what is fitted is kept). Samples of the default
plan and, unless --plain, of the same plan matched to the data's spread
(`audit.plan(denoiser=...)`) stand beside all rows: variance in all and along the first ten
principal directions, and the Frechet distance.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _table import begin, finish, options, table
from sklearn import datasets

import girsanov as gv
from girsanov.comparison.measures.frechet import Frechet
from girsanov.sampling.loop import sample_standardised

FIRST = 10


def tiles() -> np.ndarray:
    """Return 4,000 tiles of 8 x 8 pixels of scikit-learn's two photographs, in random order."""
    rng, parts = np.random.default_rng(1), []
    for image in datasets.load_sample_images().images:
        ys, xs = (rng.integers(0, n - 8, 4000) for n in image.shape[:2])
        parts += [image[y : y + 8, x : x + 8] for y, x in zip(ys, xs, strict=True)]
    return np.stack(parts)[np.random.default_rng(0).permutation(len(parts))[:4000]]


def agreeing() -> np.ndarray:
    """Return 3,000 rows of four columns, of which pairs agree to a tenth."""
    rng = np.random.default_rng(3)
    a = rng.gamma(2.0, size=(3000, 2))
    noisy = a + 0.1 * rng.normal(size=a.shape)
    return np.stack([a[:, 0], noisy[:, 0], a[:, 1], noisy[:, 1]], axis=1)


DATA: dict[str, tuple[str, int, Callable[[], Any]]] = {
    "mlp": ("mlp", 2400, lambda: gv.load_data("digits").without_labels()),
    "unet": ("unet", 800, lambda: gv.load_data("digits").without_labels()),
    "tiles": ("mlp", 2000, lambda: gv.load_data(tiles())),
    "cancer": ("mlp", 2000, lambda: gv.load_data(np.float32(datasets.load_breast_cancer().data))),
    "diabetes": ("mlp", 2000, lambda: gv.load_data(np.float32(datasets.load_diabetes().data))),
    "agreeing": ("mlp", 2000, lambda: gv.load_data(np.float32(agreeing()))),
}


def fitted(name: str, folder: Path | None, train: gv.Dataset) -> gv.Denoiser:
    """Return the network of this name, fitted if it is not in the folder."""
    kind, steps, _ = DATA[name]
    if folder is not None and (folder / name).is_dir():
        return gv.load_model(folder / name)
    out = None if folder is None else folder / name
    return gv.fit(train, steps=steps, network=kind, out=out)


def measured(
    name: str, counts: list[int], samples: int, folder: Path | None, plain: bool
) -> list[dict]:
    """Return a row for each number of steps (0: the best), default and matched."""
    data = DATA[name][2]()
    train, held_out = data.split(0.8, seed=0)
    model = fitted(name, folder, train)
    audit = gv.audit(model, held_out, train=train)
    units = data.with_standardisation(model.standardisation)
    y = units.batch(slice(None)).reshape(len(data), -1).double().numpy()
    labels = gv.load_data("digits").labels if name in ("mlp", "unet") else None
    features = Frechet.fit(y, labels)
    variances, axes = np.linalg.eigh(np.cov(y.T))
    variances, axes = variances[::-1][:FIRST], axes[:, ::-1][:, :FIRST]
    ways = {"default": {}} if plain else {"default": {}, "matched": {"denoiser": model}}
    rows = []
    for count in counts:
        for way, extra in ways.items():
            plan = audit.plan(steps=count or None, **extra)
            x = sample_standardised(model, plan, samples, seed=1).double().numpy()
            x = x.reshape(samples, -1)
            ratio = (x @ axes).var(axis=0) / variances
            rows.append({
                "model": name, "steps": plan.steps, "plan": way, "last": plan.last,
                "end": plan.resolution, "total": float(x.var(axis=0).sum() / y.var(axis=0).sum()),
                "least": float(ratio.min()), "most": float(ratio.max()),
                "fd": features.plugin(x, y),
                "nats": sum(float(e.value or 0) for e in plan.ledger[:2]),
            })  # fmt: skip
    return rows


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--steps", type=int, nargs="+", default=[0, 16])
    parser.add_argument("--plain", action="store_true")
    given = begin(parser)
    told = (given.steps, given.samples, given.models, given.plain)
    rows = [r for name in given.only for r in measured(name, *told)]
    table(
        ("model", "steps", "plan", "last", "variance kept, all", "ten directions, least", "most",
         "fd", "nats"),
        ((r["model"], r["steps"], r["plan"], r["last"], f"{r['total']:.3f}", f"{r['least']:.3f}",
          f"{r['most']:.3f}", f"{r['fd']:.3f}", f"{r['nats']:.2g}") for r in rows),
    )  # fmt: skip
    finish(given, {"rows": rows})


if __name__ == "__main__":
    main()
