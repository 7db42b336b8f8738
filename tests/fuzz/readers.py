"""Every file that a user can hand us: how a good one is made, made hostile, read and used."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutate import json_bytes, mutated_arrays, mutated_bytes, mutated_json
from PIL import Image
from safetensors.numpy import load_file, save_file

import girsanov as gv
from girsanov._files import sha256_of_file
from girsanov.cli.work import parts
from girsanov.sampling.shards import sample_shards
from girsanov.train import TrainOptions
from girsanov.train.checkpoint import load_checkpoint

RNG = np.random.default_rng(5)
ROWS = RNG.gamma(2.0, size=(80, 3)).astype("f4")
TABLE = b"size,town,price\n" + b"".join(
    b"%d,%s,%.3f\n" % (k, b"Ulm Bonn Rom".split()[k % 3], k / 7) for k in range(40)
)


@dataclass(frozen=True)
class Reader:
    """One kind of file. make: writes a good one in a folder; spoil: changes it; use: reads it."""

    make: Callable[[Path], None]
    spoil: Callable[[Path, Random], None]
    use: Callable[[Path], None]


def spoil_bytes(name: str) -> Callable[[Path, Random], None]:
    """Return what changes the bytes of file `name`, or renames it to another suffix."""

    def spoil(folder: Path, random: Random) -> None:
        path = folder / name
        path.write_bytes(mutated_bytes(path.read_bytes(), random))

    return spoil


def use_data(name: str, labels: str | None = None) -> Callable[[Path], None]:
    """Return what loads `name` as data, and reads and splits it."""

    def use(folder: Path) -> None:
        data = gv.load_data(folder / name, labels=labels)
        x = data.batch(slice(0, 8))
        assert np.isfinite(x.numpy()).all()
        data.standardisation.decode(x.numpy())
        if len(data) > 4:
            first, second = data.split(0.5, seed=1)
            first.batch(slice(0, 2)), second.batch_labels(slice(0, 2))

    return use


def make_npy(folder: Path) -> None:
    np.save(folder / "x.npy", ROWS)


def make_npz(folder: Path) -> None:
    np.savez_compressed(folder / "x.npz", x=ROWS, y=np.arange(80) % 3)


def make_csv(folder: Path) -> None:
    (folder / "x.csv").write_bytes(TABLE)


def make_parquet(folder: Path) -> None:
    data = gv.load_data(np.array([(k, k / 3) for k in range(30)], [("a", "i8"), ("b", "f8")]))
    gv.write_samples(data.raw(slice(None)), data.standardisation, folder / "x.parquet")


def make_images(folder: Path) -> None:
    for k in range(4):
        (folder / "images" / "ab"[k % 2]).mkdir(parents=True, exist_ok=True)
        picture = RNG.integers(0, 255, (5, 6, 3)).astype("u1")
        Image.fromarray(picture).save(folder / "images" / "ab"[k % 2] / f"{k}.png")


def spoil_images(folder: Path, random: Random) -> None:
    path = random.choice(sorted((folder / "images").rglob("*.png")))
    match random.randrange(4):
        case 0:
            path.rename(path.with_suffix(random.choice((".jpg", ".txt", ".gif", ".PNG"))))
        case 1:
            mode, size = random.choice(("L", "RGBA", "I;16", "1", "P")), (5, 6)
            Image.new(mode, size).save(path)
        case _:
            path.write_bytes(mutated_bytes(path.read_bytes(), random))


def make_law(folder: Path) -> None:
    law = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [2.0, -1.0]], [np.eye(2), 0.1 * np.eye(2)])
    (folder / "law.json").write_text(json.dumps(law.to_json()))


def spoil_json(name: str) -> Callable[[Path, Random], None]:
    """Return what changes the JSON file `name`, as a tree most of the time."""

    def spoil(folder: Path, random: Random) -> None:
        path = folder / name
        data = path.read_bytes()
        whole = random.random() < 0.2
        changed = (
            mutated_bytes(data, random)
            if whole
            else json_bytes(mutated_json(json.loads(data), random))
        )
        path.write_bytes(changed)

    return spoil


def use_law(folder: Path) -> None:
    law = gv.read_law(folder / "law.json")
    if law.dimension <= 64:
        x = law.sample(4, seed=0)
        law.log_prob(x, 1.0), law.denoise(x, 1.0)


def make_results(folder: Path) -> None:
    law = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [2.0, -1.0]], [np.eye(2), 0.1 * np.eye(2)])
    model, _ = small_model()
    held_out = gv.load_data(law.sample(64, seed=9).numpy()) if model is None else None
    audit = gv.audit(model, held_out or gv.load_data(ROWS * 0.9 + 0.05), levels=5)
    audit.save(folder / "audit.json")
    audit.plan(steps=3).save(folder / "plan.json")


_MODELS: list[gv.Denoiser] = []


def small_model() -> tuple[gv.Denoiser, None]:
    """Return a model of two training steps, made once."""
    if not _MODELS:
        data = gv.load_data(ROWS)
        _MODELS.append(gv.fit(data, steps=2, batch_size=8, options=TrainOptions(width=8, depth=1)))
    return _MODELS[0], None


def spoil_signed(name: str) -> Callable[[Path, Random], None]:
    """Return what changes NAME.json or NAME.safetensors and signs the pair again."""

    def spoil(folder: Path, random: Random) -> None:
        path, beside = folder / f"{name}.json", folder / f"{name}.safetensors"
        content = json.loads(path.read_bytes())
        kind = random.randrange(5)
        if kind < 2:
            content = mutated_json(content, random)
        elif kind < 4:
            save_file(mutated_arrays(load_file(beside), random), beside)
        else:
            beside.write_bytes(mutated_bytes(beside.read_bytes(), random))
        if isinstance(content, dict) and random.random() < 0.95:
            content["arrays"] = sha256_of_file(beside)
        path.write_bytes(json_bytes(content))

    return spoil


def use_audit(folder: Path) -> None:
    audit = gv.load_audit(folder / "audit.json")
    audit.summary()
    audit.plan(steps=2)
    audit.plan()


def use_plan(folder: Path) -> None:
    plan = gv.load_plan(folder / "plan.json")
    model, _ = small_model()
    x = gv.sample(model, plan, 3, any_model=True)
    assert np.isfinite(x).all()


def make_model(folder: Path) -> None:
    small_model()[0].save(folder / "model")  # type: ignore[attr-defined]


def spoil_model(folder: Path, random: Random) -> None:
    path = random.choice(sorted(p for p in (folder / "model").rglob("*") if p.is_file()))
    if path.suffix == ".json":
        spoil_json(path.name)(path.parent, random)
    elif random.random() < 0.6:
        save_file(mutated_arrays(load_file(path), random), path)
    else:
        path.write_bytes(mutated_bytes(path.read_bytes(), random))
    if random.random() < 0.8:
        _sign_model(folder / "model")


def _sign_model(folder: Path) -> None:
    """Give a changed model the fingerprint that it now has, if it can be told."""
    from girsanov.denoise import load

    try:
        record = load._record(folder / "girsanov.json")
        config = load.read_json(folder / "network" / "config.json")
        parts = (
            load._network(folder / "network", config),
            load.load_moments(folder / "moments.safetensors"),
        )
        record["fingerprint"] = load._assembled(folder, record, parts).fingerprint
    except Exception:  # whatever it is, the reader meets it again
        return
    (folder / "girsanov.json").write_bytes(json_bytes(record))


def use_model(folder: Path) -> None:
    import torch

    from girsanov.sampling.draw import in_units

    model = gv.load_model(folder / "model")
    x = torch.ones(2, *model.shape)
    label = torch.zeros(2, dtype=torch.int64) if model.classes else None
    in_units(model.standardisation, model(x, 1.0, label))
    held_out, _ = parts(model, gv.load_data(ROWS * 1.1), "x.npy")
    gv.audit(model, held_out, levels=3, examples=40)


def make_pipeline(folder: Path) -> None:
    sys.path.append(str(Path(__file__).parent.parent / "denoise"))
    from pipelines import ddpm

    ddpm(classes=3).save_pretrained(folder / "pipeline")


def spoil_pipeline(folder: Path, random: Random) -> None:
    path = random.choice(sorted(p for p in (folder / "pipeline").rglob("*") if p.is_file()))
    if path.suffix == ".json":
        spoil_json(path.name)(path.parent, random)
    elif random.random() < 0.5:
        save_file(mutated_arrays(load_file(path), random), path)
    elif random.random() < 0.2:
        path.rename(path.with_suffix(".bin"))
    else:
        path.write_bytes(mutated_bytes(path.read_bytes(), random))


def use_pipeline(folder: Path) -> None:
    import torch

    model = gv.load_model(folder / "pipeline")
    x = torch.ones(2, *model.shape)
    model(x, float(model.snr_range[0]), torch.zeros(2, dtype=torch.int64))


def make_shards(folder: Path) -> None:
    law = gv.Gaussian([1.0, -2.0], [[1.0, 0.3], [0.3, 0.5]])
    (folder / "law.json").write_text(json.dumps(law.to_json()))
    use_shards(folder)


def spoil_shards(folder: Path, random: Random) -> None:
    for name in random.sample(("index.json", "000000.npy", "000001.npy"), random.choice((1, 2))):
        path = folder / "parts" / name
        if name == "index.json" and random.random() < 0.5:
            spoil_json(name)(path.parent, random)
        else:
            path.write_bytes(mutated_bytes(path.read_bytes(), random))


def use_shards(folder: Path) -> None:
    model = gv.load_model(folder / "law.json")
    shards = sample_shards(model, _recipe(model), 1003, folder / "parts")
    shards.merge(folder / "all.npy")
    assert np.load(folder / "all.npy").shape == (1003, 2)


def _recipe(model: gv.Denoiser) -> Any:
    if "recipe" not in _RECIPES:
        _RECIPES["recipe"] = gv.audit(model, model.law, levels=9, examples=64).plan(steps=2)  # type: ignore[attr-defined]
    return _RECIPES["recipe"]


_RECIPES: dict[str, Any] = {}


def make_checkpoint(folder: Path) -> None:
    data = gv.load_data(ROWS)
    gv.fit(data, out=folder / "run", steps=2, batch_size=8, options=TrainOptions(width=8, depth=1))


def spoil_checkpoint(folder: Path, random: Random) -> None:
    place = folder / "run" / "checkpoint"
    (arrays,) = place.glob("*.safetensors")
    match random.randrange(3):
        case 0:
            spoil_json("state.json")(place, random)
        case 1:
            save_file(mutated_arrays(load_file(arrays), random), arrays)
        case _:
            arrays.write_bytes(mutated_bytes(arrays.read_bytes(), random))


def use_checkpoint(folder: Path) -> None:
    load_checkpoint(folder / "run" / "checkpoint")
    data = gv.load_data(ROWS)
    options = TrainOptions(width=8, depth=1)
    gv.fit(data, out=folder / "run", steps=2, batch_size=8, options=options, resume=True)


READERS = {
    "npy": Reader(make_npy, spoil_bytes("x.npy"), use_data("x.npy")),
    "npz": Reader(make_npz, spoil_bytes("x.npz"), use_data("x.npz", "y")),
    "csv": Reader(make_csv, spoil_bytes("x.csv"), use_data("x.csv")),
    "parquet": Reader(make_parquet, spoil_bytes("x.parquet"), use_data("x.parquet")),
    "images": Reader(make_images, spoil_images, use_data("images")),
    "law": Reader(make_law, spoil_json("law.json"), use_law),
    "audit": Reader(make_results, spoil_signed("audit"), use_audit),
    "plan": Reader(make_results, spoil_signed("plan"), use_plan),
    "model": Reader(make_model, spoil_model, use_model),
    "pipeline": Reader(make_pipeline, spoil_pipeline, use_pipeline),
    "shards": Reader(make_shards, spoil_shards, use_shards),
    "checkpoint": Reader(make_checkpoint, spoil_checkpoint, use_checkpoint),
}


def fresh_copy(good: Path, place: Path) -> Path:
    """Return a copy of a good folder to spoil."""
    shutil.rmtree(place, ignore_errors=True)
    return Path(shutil.copytree(good, place))
