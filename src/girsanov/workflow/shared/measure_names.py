"""Names of measures that a command is given, and what a tournament needs, refused early."""

from __future__ import annotations

from collections.abc import Iterable

from ..._checks import require
from ..requests import PlanRequest

NO_FID = "frechet is the same formula in features other than Inception's: its numbers are no FID"


def require_measures(names: Iterable[str], measures: Iterable[str]) -> None:
    """Refuse a --by that is none of `measures`, before anything is read."""
    for name in names:
        remedy = NO_FID if name.lower() in ("fid", "fréchet") else ""
        require(name in measures, "--by", f"must be one of {', '.join(measures)}", name, remedy)


def require_model_and_data(request: PlanRequest) -> None:
    """Refuse a tournament without what draws samples, or without what they are compared with."""
    rule = "must be given with --by, whose candidates draw samples to be compared"
    for name, value in (("--model", request.model), ("--data", request.data)):
        require(value is not None, name, rule)
