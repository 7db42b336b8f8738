"""What `check` is asked for: whether a network is called the right way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from .._typing import PathLike
from .requests import Request


@dataclass(frozen=True)
class CheckRequest(Request):
    """A network of one's own, to be called in every way that can be told.

    model: FILE.py:function, code that is run and wraps the network; data: held-out, what
    `load_data` takes, or a law's .json; other: FILE.py:function of the same network with other
    weights, such as the averaged ones; labels, class_order, drop, decimal, dates, device: as in
    `AuditRequest`; examples: how many are tried; seed: of all randomness.
    """

    model: PathLike
    _: KW_ONLY
    data: PathLike
    other: PathLike | None = None
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    examples: int = 64
    device: str | None = None
    seed: int = 0
