"""Whether training made a model better than it was before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BEGINS_AS = {  # what a network knows before its first step
    "columns": "it knows every column by itself, and not what ties columns together",
}
STRAIGHT = "it knows the data's mean and covariance, and no more"


def learnt_nothing(training: Mapping[str, Any]) -> str:
    """Return what a model is that training did not make better, "" of any other.

    training: the record of a model that `fit` made, empty of others.
    """
    first, last = (
        (training.get(name) or {}).get("held_out_ledger")
        for name in ("linear_ledger", "held_out_ledger")
    )
    better = last is not None and (first is None or last < first)
    if better or "network" not in training:
        return ""
    return f"training did not help: {BEGINS_AS.get(training['network'], STRAIGHT)}"
