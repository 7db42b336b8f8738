"""What came out of a run of `girsanov verify`: of every statement, and of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._typing import Json
    from .statement import Result, Statement


@dataclass(frozen=True)
class Outcome:
    """A statement, what came out, and the seconds it took."""

    statement: Statement
    result: Result
    seconds: float

    def to_json(self) -> Json:
        """Return the outcome as a JSON object."""
        s, r = self.statement, self.result
        return {
            "name": s.name,
            "title": s.title,
            "paper": s.paper,
            "claim": s.claim,
            "criterion": s.criterion,
            "holds": r.holds,
            "words": r.words,
            "headline": r.headline.to_json(),
            "rows": [row.to_json() for row in r.rows],
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True)
class Verification:
    """All outcomes of one run."""

    outcomes: tuple[Outcome, ...]
    quick: bool
    seed: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every statement holds."""
        return all(o.result.holds for o in self.outcomes)
