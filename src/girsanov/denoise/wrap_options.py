"""What `girsanov.wrap` is asked for besides the network and the shape of one example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from torch import nn

from ..data import Dataset, Standardisation
from ..process import ScalarProcess

GivenWeights = nn.Module | Mapping[str, Any]
Units = Standardisation | tuple[Any, Any]


class WrapKeywords(TypedDict, total=False):
    """The fields of `WrapOptions` by name, each of which may be left out."""

    predicts: str
    process: ScalarProcess | None
    times: tuple[float, float] | None
    alphas_cumprod: Any
    time: str
    train: Dataset | None
    units: Units | None
    label_names: Sequence[str]
    given: Sequence[int] | int | None
    weights: GivenWeights | None
    learned_sigma: bool


@dataclass(frozen=True, kw_only=True)
class WrapOptions:
    """The options of `girsanov.wrap`, which says what each is."""

    predicts: str = "x0"
    process: ScalarProcess | None = None
    times: tuple[float, float] | None = None
    alphas_cumprod: Any = None
    time: str = "t"
    train: Dataset | None = None
    units: Units | None = None
    label_names: Sequence[str] = ()
    given: Sequence[int] | int | None = None
    weights: GivenWeights | None = None
    learned_sigma: bool = False
