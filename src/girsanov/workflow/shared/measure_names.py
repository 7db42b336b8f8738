"""Names of measures that a command is given, refused before anything is read."""

from __future__ import annotations

from collections.abc import Iterable

from ..._checks import require

NO_FID = "frechet is the same formula in features other than Inception's: its numbers are no FID"


def require_measures(names: Iterable[str], measures: Iterable[str]) -> None:
    """Refuse a --by that is none of `measures`, before anything is read."""
    for name in names:
        remedy = NO_FID if name.lower() in ("fid", "fréchet") else ""
        require(name in measures, "--by", f"must be one of {', '.join(measures)}", name, remedy)
