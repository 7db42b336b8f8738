"""What a run of training has counted, and what a checkpoint may say that it has."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._typing import Json

LOGGED = ("step", "seconds", "loss", "held_out_ledger", "se")
WHOLE = ("step", "bad", "skipped", "stale", "best_step", "loss_count")
REAL = ("best", "loss_sum", "seconds")
JUDGED_EVALUATIONS, JUDGED_STEPS = 10, 300  # before which no evaluation decides anything
HARMFUL = 2.0  # standard errors by which a short run may end above where it began


@dataclass
class Counters:
    """What a run has counted; JSON in a checkpoint.

    step: steps done; bad: in a row, not finite; skipped: in all; stale: evaluations since the
    best; best_step, best: where the lowest held-out ledger was and its value; loss_sum,
    loss_count: since the last evaluation; seconds: trained, over all sessions; stopped: whether
    it came to its end; log: one entry an evaluation.
    """

    step: int = 0
    bad: int = 0
    skipped: int = 0
    stale: int = 0
    best_step: int = 0
    best: float = math.inf
    loss_sum: float = 0.0
    loss_count: int = 0
    seconds: float = 0.0
    stopped: bool = False
    log: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raise TypeError for what no run can have counted, such as a damaged checkpoint holds."""
        for name, value in vars(self).items():
            if name in WHOLE and not (type(value) is int and value >= 0):
                raise TypeError(f"{name} must be a whole number >= 0, and is {value!r}")
            if name in REAL and not (type(value) in (int, float) and not math.isnan(value)):
                raise TypeError(f"{name} must be a number, and is {value!r}")
        if not math.isfinite(self.seconds) or not math.isfinite(self.loss_sum):
            raise TypeError("seconds and loss_sum must be finite")
        if type(self.stopped) is not bool:
            raise TypeError(f"stopped must be true or false, and is {self.stopped!r}")
        _require_log(self.log)

    @property
    def judged(self) -> bool:
        """Whether there was enough, beyond the first evaluation, to choose among."""
        return len(self.log) > JUDGED_EVALUATIONS and self.step >= JUDGED_STEPS

    def take_last(self) -> bool:
        """Take the last evaluation for the best of a run that is too short to say which is.

        Not so where it is worse than the first by more than chance; returned is whether it was.
        """
        start, se = (self.log[0][name] or 0.0 for name in ("held_out_ledger", "se"))
        value = self.log[-1]["held_out_ledger"]
        short = not self.judged and value is not None and value <= start + HARMFUL * se
        if short:
            self.best, self.best_step, self.stale = value, self.step, 0
        return short


def _require_log(log: Any) -> None:
    """Raise TypeError unless `log` is a list of what the training loop writes at evaluations."""
    if not isinstance(log, list):
        raise TypeError("log must be a list of evaluations")
    for entry in log:
        if not isinstance(entry, dict) or entry.keys() != set(LOGGED):
            raise TypeError(f"log must hold {', '.join(LOGGED)}")
        for name, value in entry.items():
            missing = value is None and name not in ("step", "seconds")
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not (missing or whole or (isinstance(value, float) and name != "step")):
                raise TypeError(f"log holds {name} = {value!r}")
