"""What one reader of files is to the fuzzer, and the ways in which its files are made hostile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from mutate import json_bytes, mutated_arrays, mutated_bytes, mutated_json
from safetensors.numpy import load_file, save_file

import girsanov as gv
from girsanov._files import sha256_of_file
from girsanov.train import TrainOptions

RNG = np.random.default_rng(5)
ROWS = RNG.gamma(2.0, size=(80, 3)).astype("f4")


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


_MODELS: dict[str, gv.Denoiser] = {}


def small_model(process: str = "vp") -> gv.Denoiser:
    """Return a model of two training steps, made once."""
    if process not in _MODELS:
        options = TrainOptions(width=8, depth=1)
        _MODELS[process] = gv.fit(
            gv.load_data(ROWS), steps=2, batch_size=8, options=options, process=process
        )
    return _MODELS[process]


def fresh_copy(good: Path, place: Path) -> Path:
    """Return a copy of a good folder to spoil."""
    shutil.rmtree(place, ignore_errors=True)
    return Path(shutil.copytree(good, place))
