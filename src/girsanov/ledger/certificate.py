r"""The certificate: what a ledger promises of the samples, level by level.

By the chain rule the path KL up to node k bounds the state there,

    KL(q_{s_k} | p_{s_k}) <= init + steps up to k - 1/2 int_0^{s_k} M ds,                  (1)

p_{s_k} the law of the sampler's state at SNR s_k: of its output when it stops there. So one plan
certifies every resolution sigma_k = s_k^{-1/2} that it visits, in TV by (1) of entry.py. In
high dimension the finest is often vacuous where a coarse one is not. Beside it,

    W2(m(X_s), x0)^2 <= M(s) for a denoised last step, whatever the denoiser, <= d/s without. (2)

(1) speaks of an exact denoiser; a learned one meets it up to its score error. Of a measured M
the upper end of `unseen_events.py` is stated, which allows for what no example showed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._checks import require, require_number
from .entry import Entry, entry_from_json, tv_from_kl

if TYPE_CHECKING:
    from .._typing import Json
    from ..montecarlo import Estimate

VACUOUS = 0.5  # a TV above one half says little: half of the samples may be anything


@dataclass(frozen=True)
class At:
    """What is certified at one noise level sigma: the KL in nats and the TV of the state there."""

    noise: float
    kl: Entry
    tv: Entry

    def to_json(self) -> Json:
        """Return this as a JSON object."""
        return {"noise": self.noise, "kl": self.kl.to_json(), "tv": self.tv.to_json()}


EXACT_ROOT = "root of the error there, which is exact"
MEASURED_ROOT = (
    "root of the measured error there, which holds for any denoiser; the upper 95 % end allows "
    "for mistakes that no example showed, none of them larger than {:.3g}, as far as two "
    "examples are apart"
)
EXACT_LAW = "it holds for this known distribution and its exact denoiser"


@dataclass(frozen=True)
class Certificate:
    """The promise of a plan: KL and TV at every level it visits, and W2 at the last.

    levels: coarsest first; w2: from the law at the last level, denoised if the plan does so, to
    the data, in units of the model; scale: the user's units in one of those, None when the
    coordinates do not share one; holds: up to what all this holds, in words; scored: whether the
    units are normal scores, not deviations.
    """

    levels: tuple[At, ...]
    w2: Entry
    scale: float | None
    holds: str
    scored: bool = False

    @property
    def kl(self) -> Entry:
        """The KL at the finest level, in nats."""
        return self.levels[-1].kl

    @property
    def tv(self) -> Entry:
        """The total variation at the finest level."""
        return self.levels[-1].tv

    @property
    def w2_in_units(self) -> float | None:
        """The upper end of `w2` in the user's units, where these have one scale."""
        high = self.w2.high
        return None if self.scale is None or high is None else high * self.scale

    def finest(self, tv: float = VACUOUS) -> At | None:
        """Return the finest level whose TV is certified to be at most `tv`, None if none is."""
        good = [at for at in self.levels if at.tv.high is not None and at.tv.high <= tv]
        return good[-1] if good else None

    def short(self) -> str:
        """Return the promise of TV in a sentence."""
        if self.holds == EXACT_LAW:
            return f"{self._tv()}."
        return f"{self._tv()} (from start and steps alone; the model's error comes on top)."

    def _tv(self) -> str:
        end, good = self.levels[-1], self.finest()
        text = f"TV is at most {_share(end.tv.high)} at noise level {end.noise:.3g}"
        if good is None:
            text += ", which says little, as at every other level"
        elif good is not end:
            text = (
                f"TV is at most {_share(good.tv.high)} at noise level {good.noise:.3g}, and "
                f"{_share(end.tv.high)} at {end.noise:.3g}, where the plan stops"
            )
        return text

    def words(self) -> str:
        """Return the promise in sentences, with what it holds up to."""
        high = self.w2.high or 0.0
        near = f"Stopping there leaves a W2 distance to the data of at most {high:.3g} ("
        distance = self.w2.value
        inside = ["in normal scores" if self.scored else "standardised units"]
        if distance is not None and distance != self.w2.high:
            inside.append(f"measured: {distance:.3g}")
        if self.w2_in_units is not None:
            inside.append(f"in the data's units: {self.w2_in_units:.3g}")
        holds = self.holds[0].upper() + self.holds[1:]
        return f"{self._tv()}. {near}{'; '.join(inside)}). {holds}."

    def to_json(self) -> Json:
        """Return the certificate as a JSON object."""
        good = self.finest()
        scored = {"scored": True} if self.scored else {}
        return scored | {
            "levels": [at.to_json() for at in self.levels],
            "w2": self.w2.to_json(),
            "w2_in_units": self.w2_in_units,
            "scale": self.scale,
            "finest": None if good is None else good.noise,
            "holds": self.holds,
        }


def _share(value: float | None) -> str:
    return "1" if value is None else f"{value:.3g}"


def tv_entry(kl: Entry) -> Entry:
    """Return what an entry for the KL says of the TV: its ends, through (1) of entry.py.

    The KL bounds the TV from above only, so there is no low end but 0.
    """
    value, high = (None if k is None else tv_from_kl(max(0.0, k)) for k in (kl.value, kl.high))
    note = "Pinsker or Bretagnolle-Huber, the better; the TV itself may be far below"
    return Entry("tv", value, 0.0, high, "upper bound", note)


def w2_entry(
    error: Estimate | None,
    snr: float,
    dimension: int,
    *,
    high: float | None = None,
    widest: float = 0.0,
    drawn: float = 0.0,
) -> Entry:
    """Return equation (2): `error` is M at the last level, None without a denoised last step.

    high: the upper end of an error that was measured, by (1) of unseen_events.py, whose D is
    `widest`; None for an exact one; drawn: the variance that a last draw adds to the prediction.
    """
    if error is None:
        bound = math.sqrt(dimension / snr)
        note = "of the noised data, sqrt(d/s), for any data"
        return Entry("w2", bound, 0.0, bound, "upper bound", note)
    measured, note = max(0.0, float(error.value)), EXACT_ROOT
    if high is not None:
        note = MEASURED_ROOT.format(widest)
    value, top = (math.sqrt(x + drawn) for x in (measured, measured if high is None else high))
    note += "; with the variance that is drawn there" if drawn else ""
    return Entry("w2", value, 0.0, top, "upper bound", note)


def kl_entry(low: float, value: float, high: float, *, certain: bool, note: str) -> Entry:
    """Return the KL up to a level from the ends of its interval, cut at zero.

    certain: no sampling error is in it, so that its high end is a bound and not an estimate.
    """
    low, value, high = (max(0.0, float(x)) for x in (low, value, high))
    if certain:
        return Entry("kl", high, low, high, "upper bound", note)
    return Entry("kl", min(max(value, low), high), low, high, "estimate", note)


def certify(
    kls: list[tuple[float, Entry]], w2: Entry, *, scale: float | None, holds: str,
    scored: bool = False,
) -> Certificate:  # fmt: skip
    """Return the certificate with (SNR, KL entry) of each level, coarsest first."""
    require(len(kls) > 0, "levels", "must be at least one")
    rows = tuple(At(float(s**-0.5), kl, tv_entry(kl)) for s, kl in kls)
    return Certificate(rows, w2, scale, holds, scored)


def certificate_from_json(content: Json) -> Certificate:
    """Return the certificate whose `to_json` is `content`; TypeError or InputError if none is."""
    rows = tuple(
        At(
            require_number("noise", row["noise"], above=0.0),
            entry_from_json(row["kl"]),
            entry_from_json(row["tv"]),
        )
        for row in content["levels"]
    )
    scale = content["scale"]
    if scale is not None:
        scale = require_number("scale", scale, above=0.0)
    require(isinstance(content["holds"], str), "holds", "must be text", content["holds"])
    require(len(rows) > 0, "certificate", "must have at least one level")
    w2, scored = entry_from_json(content["w2"]), content.get("scored") is True
    certificate = Certificate(rows, w2, scale, content["holds"], scored)
    require(certificate.to_json() == content, "certificate", "must agree with itself")
    return certificate
