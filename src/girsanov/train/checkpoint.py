"""Checkpoints of a run: JSON for what was asked and counted, safetensors for all numbers.

`state.json` names its tensor file and is written after it, so the pair is always whole: a run
killed at any moment leaves the previous pair or the new one.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import InputError, require, shown
from .._files import read_json, read_tensors, write_json, write_tensors

if TYPE_CHECKING:
    from .._typing import Json

CHECKPOINT_FORMAT = "girsanov/checkpoint/1"


@dataclass(frozen=True)
class Checkpoint:
    """A run as it was at a step.

    settings: what was asked, with the fingerprints of the data; progress: counters and log;
    tensors: weights, averages, optimiser and objective, by name.
    """

    settings: Json
    progress: Json
    tensors: Mapping[str, np.ndarray]

    def save(self, folder: Path) -> None:
        """Write this checkpoint in place of the one before it."""
        name = f"state-{self.progress['step']:09d}.safetensors"
        write_tensors(folder / name, self.tensors)
        content = {"settings": self.settings, "progress": self.progress, "tensors": name}
        write_json(folder / "state.json", {"format": CHECKPOINT_FORMAT, **content})
        for old in folder.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)

    def require_settings(self, settings: Json, folder: Path) -> None:
        """Refuse to go on with anything but what this run was started with."""
        for key in settings:
            before, now = self.settings.get(key), settings.get(key)
            if key == "data":
                remedy = "Give the data that it was started with, or train into another folder"
                require(before == now, str(folder), "holds a run on other data", None, remedy)
            require(
                before == now, str(folder),
                f"holds a run with {key} = {shown(before)}", now,
                "Resume with what it was started with, or train into another folder",
            )  # fmt: skip
        steps = self.progress.get("steps")
        whole = settings["steps"] in (None, steps)
        require(whole, str(folder), "must hold as many steps as its run was asked for", steps)

    def take(self, prefix: str, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the tensors named `prefix`.*, which must have the names and shapes of `like`."""
        arrays = {
            name.removeprefix(prefix + "."): value
            for name, value in self.tensors.items()
            if name.startswith(prefix + ".")
        }
        want = {name: np.shape(value) for name, value in like.items()}
        good = want == {name: value.shape for name, value in arrays.items()}
        require(good, "checkpoint", f"must hold the tensors of {prefix} in this run's shapes",
                sorted(arrays), "Train again into another folder")  # fmt: skip
        return arrays


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in `folder`, None when there is none; refuse a damaged one."""
    path = folder / "state.json"
    if not path.is_file():
        return None
    content = read_json(path, strict=True)
    good = content.get("format") == CHECKPOINT_FORMAT and isinstance(content.get("tensors"), str)
    parts = [content.get("settings"), content.get("progress")]
    require(good and all(isinstance(p, dict) for p in parts), str(path),
            f'must be a checkpoint of "format": "{CHECKPOINT_FORMAT}"',
            content.get("format"))  # fmt: skip
    name = Path(content["tensors"]).name
    return Checkpoint(content["settings"], content["progress"], read_tensors(folder / name))


def require_free_folder(out: Path, resume: bool) -> None:
    """Refuse to train over a model or a run that is already in `out`, unless it is resumed."""
    if resume and (out / "checkpoint" / "state.json").is_file():
        return
    for name in ("girsanov.json", "model_index.json", "checkpoint/state.json"):
        remedy = "Choose another folder, remove it, or resume it if checkpoint/ is there"
        taken = (out / name).exists()
        require(not taken, "out", "must not hold a model or a run already", str(out), remedy)


@contextmanager
def whole_step() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done, so that weights and counters stay together."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *args: held.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held and callable(before):
        before(*held[0])


def json_line(entry: Json) -> str:
    """Return one line of log.jsonl."""
    return json.dumps(entry, allow_nan=False) + "\n"


def damaged(folder: Path, cause: Exception) -> InputError:
    """Return the refusal of a checkpoint whose counters cannot be read."""
    return InputError(
        f"{folder}: must hold a whole checkpoint; {type(cause).__name__}: {cause}. "
        "Train again into another folder"
    )
