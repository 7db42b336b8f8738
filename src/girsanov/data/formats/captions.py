"""Texts beside a folder of images, as Hugging Face's image folders have them.

metadata.csv, metadata.jsonl or captions.csv, with a column file_name (the path below the folder)
and one of text, caption or prompt.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..._checks import InputError, require

CAPTION_FILES = ("metadata.csv", "metadata.jsonl", "captions.csv")
TEXT_COLUMNS = ("text", "caption", "prompt")


def captions_of(folder: Path, images: Sequence[Path]) -> list[str] | None:
    """Return the text of each image, or None where the folder has no file of texts.

    A metadata file without a column of texts says something else and is left alone. Raises
    InputError for an image without a text, and for files that cannot be read.
    """
    file = next((folder / name for name in CAPTION_FILES if (folder / name).is_file()), None)
    if file is None:
        return None
    rows = _jsonl(file) if file.suffix == ".jsonl" else _csv(file)
    column = next((name for name in TEXT_COLUMNS if rows and name in rows[0]), None)
    if column is None or "file_name" not in rows[0]:
        rule = f"must have the columns file_name and one of {', '.join(TEXT_COLUMNS)}"
        columns = ", ".join(map(str, rows[0])) if rows else "no rows"
        require(file.name != "captions.csv", str(file), rule, columns)
        return None
    text_of = {str(row.get("file_name")): row.get(column) for row in rows}
    names = [path.relative_to(folder).as_posix() for path in images]
    for name in names:
        there = isinstance(text_of.get(name), str)
        require(there, str(file), f"must have a {column} for every image", name)
    return [str(text_of[name]) for name in names]


def _csv(file: Path) -> list[dict[str, Any]]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines, strict=True))
    except (UnicodeDecodeError, csv.Error) as cause:
        raise InputError(f"{file}: must be a CSV file in UTF-8; {cause}") from cause


def _jsonl(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as cause:
        raise InputError(f"{file}: must have one JSON object a line; {cause}") from cause
    objects = all(isinstance(row, dict) for row in rows)
    require(objects, str(file), "must have one JSON object a line")
    return rows
