"""Files: JSON and safetensors, written whole or not at all, and their fingerprints."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ._checks import InputError, refuse, require

if TYPE_CHECKING:
    from ._typing import Json, PathLike

JSON_LIMIT = 64 * 2**20  # bytes; ours are far smaller, a larger one is a mistake or hostile


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its name when the block succeeds."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as cause:
        refuse(str(path), f"cannot be written ({cause.strerror})", None, "Choose another path")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, target)
    except (OSError, SafetensorError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise InputError(f"{path}: cannot be written ({why})") from cause
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: PathLike, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: PathLike, content: Mapping[str, Any]) -> None:
    """Write `content` as strict JSON (no NaN), whole or not at all."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: PathLike, argument: str = "", *, strict: bool = False) -> Json:
    """Return the JSON object in `path`, or refuse in one line.

    strict: refuse NaN and Infinity, which are no JSON, but which diffusers writes.
    """
    what = f"{argument} {path}".strip()
    got = "a folder" if Path(path).is_dir() else "no such file"
    require(Path(path).is_file(), what, "must be an existing JSON file", got)
    size = Path(path).stat().st_size
    require(0 < size <= JSON_LIMIT, what, f"must hold 1 to {JSON_LIMIT} bytes", size)
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_no_number if strict else None)
    except (ValueError, RecursionError) as cause:
        raise InputError(f"{what}: must be valid JSON; {cause}") from cause
    require(isinstance(content, dict), what, "must hold a JSON object", type(content).__name__)
    return dict(content)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def read_format(path: PathLike, kind: str) -> Json:
    """Return the JSON object in `path` whose "format" must be girsanov/`kind`/1."""
    content = read_json(path, strict=True)
    expected = f"girsanov/{kind}/1"
    require(
        content.get("format") == expected,
        str(path),
        f'must have "format": "{expected}"',
        content.get("format", "no format"),
        f"Make it again with: girsanov {kind}",
    )
    return content


def require_free(path: PathLike, kind: str, force: bool = False) -> Path:
    """Return `path` if it ends in .json and holds nothing, a file of this `kind`, or `force`."""
    target = Path(path)
    require(target.suffix == ".json", str(path), "must end in .json", target.suffix or "no suffix")
    if target.exists() and not force:
        kind_there = read_json(target).get("format", "no format")
        ours = str(kind_there).startswith(f"girsanov/{kind}/")
        require(
            ours, str(path), f"holds something else than a {kind}", kind_there, "Choose a name"
        )
    return target


def write_tensors(
    path: PathLike, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays as safetensors, whole or not at all."""
    arrays = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(arrays, temporary, dict(metadata or {}))


def write_pair(
    path: PathLike, content: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write `content` as JSON and arrays beside it, both or neither, tied by "arrays"."""
    arrays = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    with replacing(path) as first, replacing(Path(path).with_suffix(".safetensors")) as second:
        save_file(arrays, second)
        tied = {**content, "arrays": sha256_of_file(second)}
        first.write_text(json.dumps(tied, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_tensors(path: PathLike) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file, or refuse in one line."""
    require(Path(path).is_file(), str(path), "must be an existing safetensors file")
    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, OSError, TypeError, KeyError) as cause:
        raise InputError(f"{path}: must be a readable safetensors file; {cause}") from cause


def read_beside(path: PathLike, digest: Any, remedy: str) -> dict[str, np.ndarray]:
    """Return the arrays that belong to the JSON file `path`, which names their SHA-256."""
    file = Path(path).with_suffix(".safetensors")
    again = f"Keep the two files together, or run {remedy} again"
    require(
        file.is_file(), str(path), f"needs {file.name} beside it, which is missing", None, again
    )
    same = sha256_of_file(file) == digest
    require(same, str(file), f"is not the file that {path} was written with", None, again)
    return read_tensors(file)


def sha256_of(*parts: bytes | str | np.ndarray) -> str:
    """Return the SHA-256 of texts, bytes and arrays (with shape and dtype), in hex."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def sha256_of_file(path: PathLike) -> str:
    """Return the SHA-256 of a file, read in chunks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
