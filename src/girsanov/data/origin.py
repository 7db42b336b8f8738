"""How samples were drawn: the record beside them, and what it forbids.

A file that a model drew says nothing about the data that the model was meant to learn: judged by
its own samples, every model is good. The record holds the fingerprints of the model and of the
plan, and the SHA-256 of what was written, so that a file is known again under any other name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import InputError, refuse, require
from .._files import read_json, sha256_of, sha256_of_file, write_json

if TYPE_CHECKING:
    from .._typing import Json

ORIGIN_FORMAT = "girsanov/samples/1"
TEXTS = ("command", "model", "drawn_by", "plan", "content", "label", "label_column")


def origin_path(samples: str) -> Path:
    """Return where the record of drawn samples is kept: NAME.origin.json beside them."""
    bare = Path(samples.rstrip("/"))
    return bare.with_name(bare.name + ".origin.json")


def write_origin(samples: str, content: Json) -> None:
    """Record how samples were drawn, and their SHA-256."""
    record = {"format": ORIGIN_FORMAT, **content, "content": content_of(samples)}
    write_json(origin_path(samples), record)


def read_origin(samples: str) -> Json:
    """Return how samples were drawn, empty when that is not known; refuse a damaged record."""
    path = origin_path(samples)
    try:
        record = read_json(path)
    except (InputError, ValueError):  # somebody else's file, or a name that no file can have
        return {}
    if record.get("format") != ORIGIN_FORMAT:
        return {}
    for name in TEXTS:
        good = isinstance(record.get(name), str | None)
        require(good, str(path), f"must have text as {name}", record.get(name), "Remove it")
    return record


def is_of(origin: Json, samples: str) -> bool:
    """Return whether a record is of what lies there now, and not of what was there before."""
    return origin.get("content") == content_of(samples)


def content_of(samples: str) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder of samples.

    Hidden files, which file browsers leave in a folder that was looked at, are no samples.
    """
    path = Path(samples)
    if not path.is_dir():
        return sha256_of_file(path)
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return sha256_of(*(f"{p.relative_to(path)} {sha256_of_file(p)}\n" for p in files))


def refuse_drawn(source: str, fingerprint: str) -> None:
    """Refuse data that the model of this fingerprint drew itself, to be judged by."""
    origin = read_origin(source) if Path(source).exists() else {}
    if origin.get("drawn_by") == fingerprint and is_of(origin, source):
        rule = "holds samples that this model drew, which cannot judge it"
        refuse(source, rule, None, "Give held-out data")


def drawn_by_another(samples: str, fingerprint: str) -> bool:
    """Return whether the record of samples says that another model than this one drew them."""
    origin = read_origin(samples) if Path(samples).exists() else {}
    drew = (origin.get("model"), origin.get("drawn_by"))
    return any(drew) and fingerprint not in drew and is_of(origin, samples)
