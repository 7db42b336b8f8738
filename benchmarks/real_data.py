"""The main job on a real table and a real image folder.

    python benchmarks/real_data.py [table|images] [--steps 1500] [--out out/real] [--json FILE]

table: scikit-learn's breast cancer data as a .csv with its diagnosis as a text column. Each
marginal of the samples is compared with held-out rows by the Kolmogorov-Smirnov statistic, next
to the statistic between training and held-out rows, which is what sampling noise alone gives.
images: 8x8 tiles of scikit-learn's two photographs, a folder with a sub-folder for each. Sliced
W2 to held-out tiles, next to that between training and held-out tiles, and the same for
ddpm on a uniform log-SNR grid with as many network calls.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats
from sklearn import datasets

import girsanov as gv
from girsanov.comparison.measures.sliced_w2 import SlicedW2
from girsanov.sampling.loop import sample_standardised

TILE = 8


def write_table(path: Path) -> None:
    """Write the breast cancer data with its header and a text column."""
    bunch = datasets.load_breast_cancer()
    names = [name.replace(" ", "_") for name in bunch.feature_names]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "diagnosis"])
        for row, target in zip(bunch.data, bunch.target, strict=True):
            writer.writerow([*row, bunch.target_names[target]])


def write_tiles(folder: Path) -> None:
    """Write every 8x8 tile of the two photographs as a PNG in the photograph's sub-folder."""
    for image, name in zip(datasets.load_sample_images().images, ("china", "flower"), strict=True):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        rows, columns = image.shape[0] // TILE, image.shape[1] // TILE
        for k in range(rows * columns):
            i, j = divmod(k, columns)
            tile = image[i * TILE : (i + 1) * TILE, j * TILE : (j + 1) * TILE]
            Image.fromarray(tile).save(place / f"{k:05d}.png")


def whole_job(source, steps: int, out: Path, network: str):
    """Fit, audit, plan, sample and report; return the parts, the model, the plan, the samples."""
    train, held_out = gv.load_data(str(source)).without_labels().split(0.8, seed=0)
    model = gv.fit(train, steps=steps, network=network)
    audit = gv.audit(model, held_out, train=train)
    plan = audit.plan()
    drawn = gv.sample(model, plan, 2000, seed=0)
    gv.report(audit, plan, out=out, samples=drawn[:400], data=held_out.raw(slice(0, 400)))
    print(f"{plan.steps} steps ({plan.why}); report in {out}")
    for entry in plan.ledger:
        low, high = (None if v is None else round(v, 3) for v in (entry.low, entry.high))
        print(f"  {entry.name:14s} {entry.value}  [{low}, {high}]  {entry.kind}")
    return train, held_out, model, audit, plan, drawn


def table(out: Path, steps: int) -> dict:
    """Return the marginals' distances for the table."""
    path = out / "breast_cancer.csv"
    write_table(path)
    train, held_out, _, _, plan, drawn = whole_job(path, steps, out / "table.html", "mlp")
    real, seen = held_out.raw(slice(None)), train.raw(slice(None))
    names = [n for n in real.dtype.names if real.dtype[n].kind != "U"]
    ours = [stats.ks_2samp(drawn[n], real[n]).statistic for n in names]
    floor = [stats.ks_2samp(seen[n], real[n]).statistic for n in names]
    pairs = np.triu_indices(len(names), 1)
    corr = [np.corrcoef(np.stack([x[n] for n in names]))[pairs] for x in (drawn, real, seen)]
    shares = {
        str(v): [float(np.mean(x["diagnosis"] == v)) for x in (drawn, real)]
        for v in np.unique(real["diagnosis"])
    }
    result = {
        "steps": plan.steps,
        "ks_median": np.median(ours),
        "ks_max": np.max(ours),
        "ks_median_train": np.median(floor),
        "ks_max_train": np.max(floor),
        "correlation_rms": np.sqrt(np.mean((corr[0] - corr[1]) ** 2)),
        "correlation_rms_train": np.sqrt(np.mean((corr[2] - corr[1]) ** 2)),
        "diagnosis_sampled_and_held_out": shares,
    }
    print(json.dumps(result, indent=1, default=float))
    return result


def images(out: Path, steps: int) -> dict:
    """Return the sliced W2 of tiles, in units of [-1, 1]."""
    write_tiles(out / "tiles")
    parts = whole_job(out / "tiles", steps, out / "images.html", "auto")
    train, held_out, model, audit, plan, _ = parts
    real, seen = (
        p.batch(slice(None)).reshape(len(p), -1).double().numpy()
        for p in (held_out.with_standardisation(model.standardisation), train)
    )

    lines = SlicedW2(real.shape[1], 128)

    def distance(recipe) -> float:
        draws = sample_standardised(model, recipe, 2000, seed=0).reshape(2000, -1)
        return lines.plugin(draws.double().numpy(), real) ** 0.5

    rows = {"train_vs_held_out": lines.plugin(seen[:2000], real) ** 0.5}
    for calls in (8, 16):
        grid = gv.log_uniform_grid(audit.levels[0], audit.levels[-1], calls)
        start = (model.moments.mean, float(grid[0] ** -0.5), None)
        rows[f"ddpm, uniform log-SNR, {calls}"] = distance(gv.recipe("ddpm", grid, start=start))
        rows[f"analytic-dpm + pca, planned, {calls}"] = distance(
            audit.plan(steps=calls, covariance="pca", weight=0.0)
        )
    print(json.dumps({"plan_steps": plan.steps, **rows}, indent=1, default=float))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("which", nargs="*", default=["table", "images"])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("out/real"))
    parser.add_argument("--json")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = {"table": table, "images": images}
    result = {name: jobs[name](options.out, options.steps) for name in options.which}
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1, default=float))


if __name__ == "__main__":
    main()
