"""The data of a command: read, in a model's units, and the part that its training kept back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..._checks import InputError, refuse, require, require_choice
from ...data import Dataset, load_data
from ...data.dataset import CLASS_ORDERS
from ...data.table.selected_columns import AsWritten, left_out_of
from ...denoise.classes import classes_for
from ...denoise.pipelines.units import in_units_of
from ...law.read import read_law

if TYPE_CHECKING:
    from ..._typing import PathLike
    from ...denoise.base import Denoiser
    from ...law.base import Law

AS_IT_STANDS = AsWritten()


def read_source(
    source: PathLike,
    labels: str | None = None,
    drop: Sequence[str] = (),
    like: Any = None,
    class_order: str = "number",
    written: AsWritten = AS_IT_STANDS,
    given: Any = None,
) -> Dataset | Law:
    """Return the law of a .json file, or the data set of any other source.

    drop: columns to leave out; like: a model, or a record of its samples, which leaves out and
    reads the same; class_order: of labels that are numbers, ``number`` or ``text``; given: y, as
    in `load_data`.
    """
    choice = require_choice("--class-order", class_order, CLASS_ORDERS)
    if not str(source).endswith(".json"):
        return load_data(source, labels=labels, drop=drop, like=like, class_order=choice,
                         given=given, decimal=written.decimal, dates=written.dates)  # fmt: skip
    rule = "must name columns of a table; a law has none"
    require(not drop, "--drop", rule, ", ".join(drop))
    require(labels is None, "--labels", rule, labels)
    require(given is None, "--given", rule, given)
    return read_law(source)


def given_of(words: Sequence[str]) -> Any:
    """Return conditions as `load_data` takes them: columns by name, or one source; None for ()."""
    if len(words) < 2:
        return words[0] if words else None
    return [name.strip() for word in words for name in word.split(",")]


def unread(denoiser: Denoiser) -> list[str]:
    """Return the columns that were left out of the table that a model learnt from."""
    return list(left_out_of(denoiser))


def held_out_and_train(
    denoiser: Denoiser, data: Dataset, source: PathLike, *, labelled: bool = False
) -> tuple[Dataset, Dataset | None]:
    """Return the held-out and training parts of the very file a model was trained on.

    labelled: keep labels that the model does not know.
    """
    fitting = for_model(denoiser, data, source)
    whole = in_units_of(denoiser, data) if labelled else fitting
    lineage = getattr(denoiser, "training", {}).get("lineage")
    if not isinstance(lineage, dict) or lineage.get("of") != fitting.fingerprint:
        return whole, None
    if lineage.get("fraction") is None:
        refuse(
            str(source),
            "is the data this model was trained on, which says nothing about new data",
            None,
            "Give held-out data, or train again with --held-out 0.2",
        )
    train, held_out = whole.split(lineage["fraction"], seed=lineage["seed"])
    return held_out, train


def for_model(denoiser: Denoiser, data: Dataset, source: PathLike) -> Dataset:
    """Return data in the units of a model and with the labels it knows."""
    if not denoiser.classes:
        data = data.without_labels()
    elif data.labels is None:
        refuse(
            str(source), "has no labels, which this model needs", None, "Name them with --labels"
        )
    try:
        if denoiser.classes:
            data = classes_for(denoiser, data)
        return in_units_of(denoiser, data)
    except InputError as cause:
        raise InputError(f"{source}: does not fit the model; {cause}") from cause
