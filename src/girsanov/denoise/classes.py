"""Which class of a model each label of data is, where a pipeline's classes are mere numbers.

Labels that are whole numbers (class folders 0, 1, ..., 11) are classes in one of two orders:

    number   0, 1, 2, ..., 11: label n is class n, or n - 1 where labels count from 1;         (1)
    text     0, 1, 10, 11, 2, ...: sorted as text, as image-folder loaders (torchvision, datasets)
             number the folders that a network is trained on.                                  (2)

Both are the same below ten classes, or with leading zeros. Labels of words are classes in their
own order, in which loaders of folders sort them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import Dataset

if TYPE_CHECKING:
    from .base import Denoiser

SHOWN = 12  # classes that a note lists


def names_for(denoiser: Denoiser, given: Sequence[str], order: str = "number") -> tuple[str, ...]:
    """Return the label names to code data by: the model's own, or, of one without any, the data's.

    given: the data's; order: ``number`` or ``text``, equations (1) and (2).
    """
    own: tuple[str, ...] = denoiser.label_names  # type: ignore[attr-defined]
    if not getattr(denoiser, "unnamed", False) or len(given) > len(own):
        return own
    names = _counted(given, len(own))
    names = sorted(names) if order == "text" and all(map(_is_whole, names)) else names
    return (*names, *(f"class {k}" for k in range(len(names), len(own))))


def _counted(given: Sequence[str], classes: int) -> list[str]:
    """Return the names of the classes in the order (1), also of those without data."""
    numbers = {int(name): name for name in given if _is_whole(name)}
    if len(numbers) < len(given):
        return list(given)
    first = int(classes in numbers and 0 not in numbers)
    counted = range(first, first + classes)
    if not set(numbers) <= set(counted):
        return [numbers[n] for n in sorted(numbers)]
    width = max((len(name) for name in given if name != str(int(name))), default=1)
    return [numbers.get(n, str(n).zfill(width)) for n in counted]


def _is_whole(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def classes_for(denoiser: Denoiser, data: Dataset) -> Dataset:
    """Return data with its labels coded as the classes of this model; InputError for others."""
    return data.with_label_names(names_for(denoiser, data.label_names, data.class_order))


def class_note(denoiser: Denoiser, data: Any) -> str | None:
    """Return which class each label of the data is taken for, None for a model with names."""
    if not (isinstance(data, Dataset) and getattr(denoiser, "unnamed", False)):
        return None
    if data.labels is None:
        return None
    order, coded = data.class_order, classes_for(denoiser, data)
    assert coded.labels is not None
    taken = {coded.label_names[k]: int(k) for k in np.unique(coded.labels)}
    other = "number" if order == "text" else "text"
    others = names_for(denoiser, data.label_names, other)
    moved = [name for name in taken if others.index(name) != taken[name]]
    words = f"the model's classes have no names, so {_listed(taken)}"
    if not moved:
        return words
    why = {"text": "sorted as text, as image-folder loaders do,", "number": "by number"}
    return (
        f"{words}, {why[order].rstrip(',')}; {why[other]} label {moved[0]} would be class "
        f'{others.index(moved[0])}: --class-order {other} (load_data(class_order="{other}"))'
    )


def _listed(taken: dict[str, int]) -> str:
    if all(name == str(k) for name, k in taken.items()):
        return "folder or label n of the data is taken for class n"
    listed = [f"{name} for class {k}" for name, k in list(taken.items())[:SHOWN]]
    more = f" and so on, {len(taken)} in all" if len(taken) > SHOWN else ""
    return f"labels of the data are taken in this order: {', '.join(listed)}{more}"
