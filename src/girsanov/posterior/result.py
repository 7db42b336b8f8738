"""What a run of coverage found, and the verdict in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._checks import figure, plural
from .._notebook import notebook_card
from .._records import as_json

if TYPE_CHECKING:
    from .._typing import Json
    from ..montecarlo import Estimate
    from .cause import Cause
    from .ranks import RankShare
    from .scores import Score

TOO_WIDE, TOO_NARROW = "too wide", "too narrow"
OBSERVED = (
    "The steps, the network or the conjugate step, which takes x0 given the state for Gaussian, "
    "may do it. Plan with --covariance pca or full if it was neither, and with more steps."
)
FEW = 3  # counts outside their bands that a sentence names


@dataclass(frozen=True)
class Coverage:
    """Pairs that the model has not seen among draws given y.

    shares: counts beside their bands, all of which hold at once with `confidence` for draws that
    can be trusted; width, widths: c of `ranks.py` of all coordinates together, and of each;
    scores: CRPS and energy score; pairs, draws, calls: how many, and network calls a draw; cause:
    of draws that cannot be trusted, None of others; ledger: what the plan says of itself;
    observed: whether y was measured of x, which a model of x alone then drew.
    """

    shares: tuple[RankShare, ...]
    width: Estimate
    widths: dict[str, Estimate]
    scores: tuple[Score, ...]
    pairs: int
    draws: int
    calls: int
    confidence: float
    cause: Cause | None
    ledger: str
    observed: bool = False

    @property
    def calibrated(self) -> bool:
        """Whether every count lies within its band."""
        return all(share.good for share in self.shares)

    @property
    def outside(self) -> tuple[RankShare, ...]:
        """The counts outside their bands, the farthest first."""
        bad = [share for share in self.shares if not share.good]
        return tuple(sorted(bad, key=lambda s: -abs(s.share - s.expected) / (s.high - s.low)))

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted, what is wrong with them and by how much, and why."""
        of = f"{plural(self.pairs, 'pair')} with {self.draws} draws each"
        if self.calibrated:
            low, high = (100 * (c - 1) for c in self.width.interval())
            return (
                f"Calibrated, as far as {of} can show: all {len(self.shares)} counts lie within "
                f"their {100 * self.confidence:.0f} % band. The draws’ deviation is between "
                f"{_signed(low)} % and {_signed(high)} % off (95 % interval)."
            )
        return f"Not calibrated ({of}): {self._fault()}. {self._why()}"

    def _fault(self) -> str:
        widths = [_width_words(self.width, "draws")]
        if widths == [""]:  # one coordinate may be too wide and another too narrow
            order = sorted(self.widths.items(), key=lambda item: -abs(item[1].value - 1))
            widths = [_width_words(w, f"draws of {name}") for name, w in order][:FEW]
        named = [words for words in widths if words]
        counts = [
            f"{100 * s.share:.0f} % of the pairs lie {s.what}{f' of {s.of}' if s.of else ''}, and "
            f"{100 * s.low:.0f} to {100 * s.high:.0f} % should"
            for s in self.outside[: 1 if named else FEW]
        ]
        return "; ".join([*named, *counts])

    def _why(self) -> str:
        cause = self.cause
        if self.observed:
            return OBSERVED
        if cause is None:
            return "No cause was looked for."
        fine = f"with {cause.calls} network calls a draw in place of {self.calls}"
        blame = {
            "steps": f"The steps are to blame: {fine} the same pairs are {_as(cause)}",
            "network": f"The network is to blame: {fine} the same pairs are {_as(cause)}",
            "both": "Steps and network are both to blame, the steps for "
            f"{100 * cause.share:.0f} % of it: {fine} the same pairs are {_as(cause)}",
        }[cause.name]
        help_ = {
            "steps": "more steps (girsanov plan --steps)",
            "network": "longer training, or more pairs",
            "both": "more steps, and longer training",
        }[cause.name]
        return f"{blame}. {self.ledger} What would help: {help_}."

    def to_json(self) -> Json:
        """Return all of it as JSON values."""
        return {
            "verdict": self.verdict, "calibrated": self.calibrated, "pairs": self.pairs,
            "draws": self.draws, "calls": self.calls, "confidence": self.confidence,
            "width": _estimate(self.width),
            "widths": {name: _estimate(w) for name, w in self.widths.items()},
            "shares": [{**as_json(s), "good": s.good} for s in self.shares],
            "scores": [
                {"name": s.name, "value": _estimate(s.value), "excess": _estimate(s.excess)}
                for s in self.scores
            ],
            "cause": None if self.cause is None else {
                "name": self.cause.name, "main": self.cause.main, **as_json(self.cause),
            },
        }  # fmt: skip

    def cells(self) -> list[tuple[str, str, str, str, str]]:
        """Return a line a count: what is counted, of what, share, band, and "outside"."""
        return [
            (s.what, s.of or "all", _percent(s.share), band, "" if s.good else "outside")
            for s in self.shares
            for band in [f"{_percent(s.low)} to {_percent(s.high)}"]
        ]

    def score_lines(self) -> list[str]:
        """Return a sentence a score."""
        lines = []
        for s in self.scores:
            value, excess = (f"{figure(e.value)} ± {figure(1.96 * e.se, 2)}"
                             for e in (s.value, s.excess))  # fmt: skip
            lines.append(f"{s.name} {value}, {excess} above what the draws themselves score")
        return lines

    def __str__(self) -> str:
        return "\n".join([self.verdict, *self.score_lines()])

    def _repr_html_(self) -> str:
        """Return the verdict, the counts beside their bands and the scores, for a notebook."""
        band = f"{100 * self.confidence:.0f} % band"
        heads = ("pairs", "of", "share", band, "")
        first, _, rest = self.verdict.partition(". ")
        return notebook_card([f"{first}.", rest], heads, self.cells(), self.score_lines())


def _estimate(value: Estimate) -> Json:
    low, high = value.interval()
    return {"value": float(value.value), "low": float(low), "high": float(high)}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _signed(percent: float) -> str:
    return f"{percent:+.0f}"


def _width_words(width: Estimate, what: str) -> str:
    """Return by how much draws are too wide or too narrow, "" where that is not known."""
    low, high = width.interval()
    if low <= 1 <= high:
        return ""
    ends = sorted(abs(100 * (c - 1)) for c in (low, high))
    kind = TOO_WIDE if width.value > 1 else TOO_NARROW
    off = abs(100 * (width.value - 1))
    return f"{what} are {kind} by {off:.0f} % (95 % interval {ends[0]:.0f} to {ends[1]:.0f} %)"


def _as(cause: Cause) -> str:
    if cause.good:
        return "calibrated"
    kind = TOO_WIDE if cause.width > 1 else TOO_NARROW
    return f"still {kind} by {100 * abs(cause.width - 1):.0f} %"
