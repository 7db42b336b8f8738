"""Samples as a folder of numbered PNG files, whole or not at all; labels become sub-folders.

Their 8 bits show the learnt range [low, high] as 0..255 and so are exact for 8-bit pictures only;
grey ones of 16 bits are written in 16.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..._checks import InputError, require

if TYPE_CHECKING:
    from ..standardise import ImageStandardisation

NUMBERED = re.compile(r"\d{6,}\.png")


def require_replaceable(folder: Path, force: bool) -> None:
    """Refuse a folder that holds something, or with `force` other things than numbered PNGs."""
    if not folder.exists():
        return
    require(folder.is_dir(), str(folder), "must be a folder", "a file")
    entries = list(folder.iterdir())
    rule, remedy = "must be an empty folder or a new one", "Choose another or use --force"
    require(force or not entries, str(folder), rule, f"{len(entries)} entries", remedy)
    inner = [f for e in entries if e.is_dir() and not e.is_symlink() for f in e.iterdir()]
    files = [e for e in entries if not e.is_dir() or e.is_symlink()]
    for file in (*files, *inner):
        ours = NUMBERED.fullmatch(file.name) is not None
        rule = "holds files that are not numbered PNG images, so it is not replaced"
        require(ours, str(folder), rule, file.name, "Choose another folder")


def write_png_folder(
    images: NDArray[Any], units: ImageStandardisation, labels: NDArray[Any] | None, target: Path
) -> None:
    """Write images [n, ...] to a folder beside `target`, then let it take the name."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Its contents, not itself, are moved: mkdtemp's folder is closed to other users.
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as place:
            fresh, old = Path(place, "new"), Path(place, "old")
            fresh.mkdir()
            names = {} if labels is None else _folder_names(np.unique(labels).tolist())
            for row, image in enumerate(images):
                folder = fresh if labels is None else fresh / names[labels[row]]
                folder.mkdir(exist_ok=True)
                Image.fromarray(_picture(image, units)).save(folder / f"{row:06d}.png")
            _swap(fresh, target, old)
    except OSError as cause:
        raise InputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause


def _swap(fresh: Path, target: Path, old: Path) -> None:
    """Give `fresh` the name `target`; what had it becomes `old`, or stays if that fails."""
    if target.exists():
        os.replace(target, old)
    try:
        os.replace(fresh, target)
    except OSError:
        if old.exists():
            os.replace(old, target)
        raise


def _folder_names(labels: Sequence[Any]) -> dict[Any, str]:
    """Return a folder's name a label, never one name for two, whatever a file system allows."""
    names: dict[Any, str] = {}
    taken: set[str] = set()  # in one case: some file systems do not tell a from A
    for label in labels:
        safe = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "_", str(label)).strip(". ") or "_"
        choices = itertools.chain([safe], (f"{safe}_{k}" for k in itertools.count(2)))
        names[label] = next(name for name in choices if name.casefold() not in taken)
        taken.add(names[label].casefold())
    return names


def _picture(image: NDArray[Any], units: ImageStandardisation) -> NDArray[Any]:
    if units.dtype == np.uint16 and units.layout == "hw":
        return image
    span = units.high - units.low
    shares = np.clip((image.astype(np.float64) - units.low) / (span or 1.0), 0.0, 1.0)
    if units.layout == "chw":
        shares = np.moveaxis(shares, 0, -1)
    flat = shares[..., 0] if shares.ndim == 3 and shares.shape[-1] == 1 else shares
    return np.ascontiguousarray(np.rint(255 * flat).astype(np.uint8))
