"""Data sets and loaders of torch, and generators of batches, read once into arrays.

A loader shuffles and a data set may augment, so that what they give differs from time to time:
they are read once, from beginning to end, and held in memory. An example is an array, a tensor, a
picture, or a pair of one with its label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import InputError, refuse, require, shown

MOST_BYTES = 4 * 2**30  # held at most: an endless generator ends there
TOGETHER = 1024  # examples put into one array at a time
OF_TORCH = "torch.utils.data"


def is_of_torch(source: Any) -> bool:
    """Return whether this is a data set or a loader of torch, or gives batches one by one."""
    return isinstance(source, Iterator) or any(
        kind.__module__.startswith(OF_TORCH) for kind in type(source).__mro__
    )


def read_set(source: Any, what: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the examples [n, ...] and labels [n], or None, of `source`; read once.

    Raises InputError for examples of several shapes, and where there are too many.
    """
    import torch

    with torch.random.fork_rng(devices=[]):  # a loader draws a seed; the caller's stays
        try:
            batches = [*_within(_batches(source, what), what)]
        except InputError:
            raise
        except Exception as cause:  # whatever a user's own code may raise
            error = f"{type(cause).__name__}: {shown(str(cause))}"
            raise InputError(f"{what}: fails when it is read; {error}") from cause
    require(bool(batches), what, "must not be empty", "no example")
    values, labels = zip(*batches, strict=True)
    forms = {v.shape[1:] for v in values}
    rule = "must hold examples of one shape"
    require(len(forms) == 1, what, rule, " and ".join(map(str, sorted(forms)[:2])))
    known = [label for label in labels if label is not None]
    require(len(known) in (0, len(labels)), what, "must have labels everywhere, or nowhere")
    return np.concatenate(values), np.concatenate(known) if known else None


def _batches(source: Any, what: str) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
    """Yield batches [b, ...] with their labels [b]; single examples are put together."""
    if isinstance(source, Iterator) or getattr(source, "batch_sampler", None) is not None:
        for batch in source:
            yield _taken_apart(batch, what)
        return
    examples = iter(_examples(source))
    while some := [*islice(examples, TOGETHER)]:
        apart = [_taken_apart(one, what, alone=True) for one in some]
        forms = {x.shape for x, _ in apart}
        rule = "must hold examples of one shape"
        require(len(forms) == 1, what, rule, " and ".join(map(str, sorted(forms)[:2])))
        label = [y for _, y in apart if y is not None]
        require(len(label) in (0, len(some)), what, "must have labels everywhere, or nowhere")
        yield np.stack([x for x, _ in apart]), np.stack(label) if label else None


def _examples(source: Any) -> Iterable[Any]:
    """Return the examples of a data set by their numbers, or as they come where it has none."""
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return (source[k] for k in range(len(source)))
    return source  # type: ignore[no-any-return]


def _taken_apart(
    given: Any, what: str, *, alone: bool = False
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return x and the label, or labels, of an example or a batch; labels are whole numbers."""
    label = None
    if isinstance(given, tuple | list) and given and _is_array(given[0]):
        given, *rest = given
        label = _labels(rest[0], alone) if rest else None
    if not _is_array(given):
        rule = "must give arrays, tensors or pictures, or pairs of one with its label"
        refuse(what, rule, type(given).__name__, "Let it yield (x, label)")
    values = _array(given)
    require(alone or values.ndim > 0, what, "must give batches [b, ...]", "a single number")
    return values, label


def _is_array(given: Any) -> bool:
    return hasattr(given, "detach") or hasattr(given, "__array_interface__")


def _array(given: Any) -> NDArray[Any]:
    if not hasattr(given, "detach"):
        return np.asarray(given)
    plain = given.detach().cpu()
    return np.asarray(plain.float() if str(plain.dtype) == "torch.bfloat16" else plain)


def _labels(given: Any, alone: bool) -> NDArray[Any] | None:
    """Return labels that are whole numbers or text, one an example; None for any other second."""
    values = _array(given) if _is_array(given) else np.asarray(given)
    return values if values.dtype.kind in "iuU" and values.ndim == (0 if alone else 1) else None


def _within(batches: Iterator[Any], what: str) -> Iterator[Any]:
    held = 0
    for batch in batches:
        held += batch[0].nbytes
        rule = f"must end within {MOST_BYTES // 2**30} GiB: it is read whole"
        require(held <= MOST_BYTES, what, rule, None, "Give a part of it, as a file or an array")
        yield batch
