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

from .._checks import InputError, require

FILES = ("metadata.csv", "metadata.jsonl", "captions.csv")
TEXTS = ("text", "caption", "prompt")


def captions_of(folder: Path, images: Sequence[Path]) -> list[str] | None:
    """Return the text of each image, or None where the folder has no file of texts.

    A metadata file without a column of texts says something else and is left alone. Raises
    InputError for an image without a text, and for files that cannot be read.
    """
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        return None
    rows = _jsonl(file) if file.suffix == ".jsonl" else _csv(file)
    column = next((name for name in TEXTS if rows and name in rows[0]), None)
    if column is None or "file_name" not in rows[0]:
        said = file.name == "captions.csv"
        rule = f"must have the columns file_name and one of {', '.join(TEXTS)}"
        require(not said, str(file), rule, ", ".join(map(str, rows[0])) if rows else "no rows")
        return None
    known = {str(row.get("file_name")): row.get(column) for row in rows}
    found = []
    for path in images:
        name = path.relative_to(folder).as_posix()
        text = known.get(name)
        require(isinstance(text, str), str(file), f"must have a {column} for every image", name)
        found.append(str(text))
    return found


def _csv(file: Path) -> list[dict[str, Any]]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines, strict=True))
    except (UnicodeDecodeError, csv.Error) as cause:
        raise InputError(f"{file}: must be a CSV file in UTF-8; {cause}") from cause


def _jsonl(file: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        for line in lines:
            if line.strip():
                rows.append(json.loads(line))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as cause:
        raise InputError(f"{file}: must have one JSON object a line; {cause}") from cause
    whole = all(isinstance(row, dict) for row in rows)
    require(whole, str(file), "must have one JSON object a line")
    return rows
