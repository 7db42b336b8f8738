r"""What a network of one's own is told and answers: its clock, the time it is told, the sign.

A network of a process x_t = alpha(t) x0 + sigma(t) z may be told another number than t,

    t                 as the process counts (``t``);                                      (1)
    end - t           from noise at 0 to data (``reversed``): 1 - t of `Flow`, T - 1 - t of
                      a DDPM's whole times;                                               (2)
    1000 t            (``1000t``), as the embeddings of many codes take a time in [0, 1]; (3)
    log(t)/4          (``log``): of `VarianceExploding` EDM's c_noise (Karras et al., 2022), (4)

and may answer minus what it is called for: ``-velocity`` is x0 - z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .._checks import require, require_choice
from ..process import Flow, ScalarProcess, VarianceExploding
from .parametrise import PARAMETRISATIONS
from .pipelines.schedule import vp_clock, x0_behind

if TYPE_CHECKING:
    from .._typing import Array, Tensor

STRAIGHT = "velocity is of process=gv.Flow(), whose x_t = (1 - t) x0 + t z"
TIMES = ("t", "reversed", "1000t", "log")
ANSWERS = (*PARAMETRISATIONS, *(f"-{kind}" for kind in PARAMETRISATIONS if kind != "x0"))


class _Levels(Protocol):
    """A clock of a process; `snrs` are the levels that were trained, None for any."""

    @property
    def snr_range(self) -> tuple[float, float]: ...
    @property
    def snrs(self) -> Array | None: ...
    def alpha(self, snr: Array) -> Array: ...
    def time(self, snr: Array) -> Array: ...


@dataclass(frozen=True)
class _AnyLevel:
    process: ScalarProcess
    snr_range: tuple[float, float]
    snrs = None

    def alpha(self, snr: Array) -> Array:
        return np.asarray(self.process.alpha(self.process.time(snr)))

    def time(self, snr: Array) -> Array:
        return np.asarray(self.process.time(snr))


@dataclass(frozen=True)
class OwnClock:
    """What a network is shown, told and answers at each level.

    levels: alpha and t of each SNR; predicts: one of `ANSWERS`; told: one of `TIMES`; end: the
    time that (2) counts back from, None where time has no end.
    """

    levels: _Levels
    predicts: str
    told: str = "t"
    end: float | None = None

    @property
    def snr_range(self) -> tuple[float, float]:
        """The lowest and the highest SNR that it was trained at."""
        return self.levels.snr_range

    @property
    def snrs(self) -> Array | None:
        """The SNRs that it was trained at, increasing; None when any will do."""
        return self.levels.snrs

    def alpha(self, snr: Array) -> Array:
        """Return the factor on x of what the network is shown."""
        return self.levels.alpha(snr)

    def time(self, snr: Array) -> Array:
        """Return what it is told, one of (1) to (4)."""
        t = self.levels.time(snr)
        if self.told == "t":
            return t
        if self.told == "log":
            return np.asarray(np.log(t) / 4)
        if self.told == "1000t":
            return np.asarray(1000 * t)
        assert self.end is not None
        return np.asarray(self.end - t)

    @property
    def whole(self) -> bool:
        """Whether it is told whole numbers."""
        return self.snrs is not None

    def x0(self, output: Tensor, x: Tensor, snr: Array) -> Tensor:
        """Return the x0 prediction behind `output`; x [B, *], snr [B] or [1]."""
        kind = self.predicts.removeprefix("-")
        signed = output if kind == self.predicts else -output
        return x0_behind(kind, signed, x, snr, self.alpha(snr))

    @property
    def tellable(self) -> tuple[str, ...]:
        """Those of `TIMES` that this process has."""
        if self.snrs is not None:
            return ("t", "reversed")
        of_noise = isinstance(getattr(self.levels, "process", None), VarianceExploding)
        last = "log" if of_noise else "1000t"
        return ("t", last) if self.end is None else ("t", "reversed", last)

    @property
    def answerable(self) -> tuple[str, ...]:
        """Those of `ANSWERS` that this process has: a velocity is of `Flow`."""
        straight = isinstance(getattr(self.levels, "process", None), Flow)
        return tuple(a for a in ANSWERS if straight or not a.endswith("velocity"))


def own_clock(
    predicts: str, process: ScalarProcess | None, times: Any, alphas_cumprod: Any, told: str
) -> OwnClock:
    """Return the clock that `wrap` was told, or refuse what does not fit together."""
    require_choice("predicts", predicts, ANSWERS)
    require_choice("time", told, TIMES)
    if alphas_cumprod is not None:
        clock = _of_whole_times(predicts, process, times, alphas_cumprod, told)
    else:
        clock = _of_process(predicts, process, times, told)
    rule = f"must be one of {', '.join(clock.tellable)} for this process"
    require(told in clock.tellable, "time", rule, told)
    return clock


def _of_whole_times(
    predicts: str, process: ScalarProcess | None, times: Any, alphas_cumprod: Any, told: str
) -> OwnClock:
    alone = process is None and times is None
    require(alone, "alphas_cumprod", "takes the place of process and times: leave them out")
    require(not predicts.endswith("velocity"), "predicts", STRAIGHT)
    on_cpu: Callable[[], Any] = getattr(alphas_cumprod, "cpu", lambda: alphas_cumprod)
    kept = np.asarray(on_cpu(), dtype=np.float64)
    levels = vp_clock(kept, predicts.removeprefix("-"), "alphas_cumprod")
    return OwnClock(levels, predicts, told, len(kept) - 1.0)


def _of_process(predicts: str, process: ScalarProcess | None, times: Any, told: str) -> OwnClock:
    clock = VarianceExploding() if process is None else process
    require(isinstance(clock, ScalarProcess), "process", "must be a ScalarProcess", process)
    straight = not predicts.endswith("velocity") or isinstance(clock, Flow)
    require(straight, "predicts", STRAIGHT)
    rule = "must be the first and the last time that the network was trained at"
    what = "" if process is not None else ", its lowest and highest noise level"
    require(times is not None and len(times) == 2, "times", rule + what, times or "nothing")
    low, high = (float(clock.snr(t)) for t in sorted(times, reverse=True))
    require(0 < low < high, "times", rule, times)
    end = float(clock.end) if np.isfinite(clock.end) else None
    return OwnClock(_AnyLevel(clock, (low, high)), predicts, told, end)
