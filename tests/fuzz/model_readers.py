"""Models, pipelines, and what runs that were stopped leave to go on from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutate import json_bytes, mutated_arrays, mutated_bytes
from reader import ROWS, Reader, small_model, spoil_json
from safetensors.numpy import load_file, save_file

import girsanov as gv
from girsanov.measuring import resume as kept
from girsanov.sampling.shards import sample_shards
from girsanov.train import TrainOptions
from girsanov.train.checkpoint import load_checkpoint
from girsanov.workflow.shared.data_sources import held_out_and_train


def make_model(folder: Path) -> None:
    small_model().save(folder / "model")  # type: ignore[attr-defined]


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

    from girsanov.sampling.sample import in_units

    model = gv.load_model(folder / "model")
    x = torch.ones(2, *model.shape)
    label = torch.zeros(2, dtype=torch.int64) if model.classes else None
    in_units(model.standardisation, model(x, 1.0, label))
    held_out, _ = held_out_and_train(model, gv.load_data(ROWS * 1.1), "x.npy")
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


class Stop(Exception):
    """The audit is stopped."""


def audit_with_sums(folder: Path, stop: bool) -> gv.Audit:
    """Audit the small model in batches, keeping its sums after each, and perhaps stop half way."""

    def progress(done: int, total: int) -> None:
        if stop and done > total // 2:
            raise Stop

    data, model = gv.load_data(ROWS * 0.9 + 0.05), small_model()
    seconds, kept.SECONDS = kept.SECONDS, 0.0
    try:
        return gv.audit(
            model, data, levels=3, draws=1, batch_size=32, keep=folder / "sums", progress=progress
        )
    finally:
        kept.SECONDS = seconds


def make_sums(folder: Path) -> None:
    try:
        audit_with_sums(folder, stop=True)
    except Stop:
        return
    raise AssertionError("the audit was to be stopped")


def spoil_sums(folder: Path, random: Random) -> None:
    path = random.choice(sorted((folder / "sums").iterdir()))
    if path.suffix == ".json":
        spoil_json(path.name)(path.parent, random)
    elif random.random() < 0.6:
        save_file(mutated_arrays(load_file(path), random), path)
    else:
        path.write_bytes(mutated_bytes(path.read_bytes(), random))


def use_sums(folder: Path) -> None:
    found = audit_with_sums(folder, stop=False).curve.traces
    if not _WHOLE:
        _WHOLE.append(audit_with_sums(folder / "new", stop=False).curve.traces)
    assert np.array_equal(found, _WHOLE[0]), "damaged sums became those of an audit"


_WHOLE: list[np.ndarray] = []


MODELS = {
    "model": Reader(make_model, spoil_model, use_model),
    "pipeline": Reader(make_pipeline, spoil_pipeline, use_pipeline),
    "shards": Reader(make_shards, spoil_shards, use_shards),
    "checkpoint": Reader(make_checkpoint, spoil_checkpoint, use_checkpoint),
    "sums": Reader(make_sums, spoil_sums, use_sums),
}
