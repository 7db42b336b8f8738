"""The audit as it is kept: everything that planning, certifying and reporting need, in a file.

Nothing here or below it takes torch, which is slow to import, so that planning is instant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from textwrap import fill
from typing import TYPE_CHECKING, Any

from .._checks import InputError, plural, require, require_choice
from .._files import read_beside, read_format, require_free, write_pair
from .._typing import Array, Json, Levels, PathLike
from ..denoise.calibration import Calibration
from ..moments import Moments, moments_from_tensors
from ..montecarlo import Estimate, group_estimate
from ..sampling.holds import PROCESSES
from .about import require_record
from .bands import Bands
from .calibrated import Corrected, calibrate, calibrated
from .curve import Curve
from .frame import Frame, make_frame
from .memorised import memorised
from .paths import Trajectories
from .paths import trajectories_from_tensors as paths_from_tensors
from .probe import Probe, kept_probe, probe
from .refine import half_between
from .rounding import rounding_cost
from .untrained import Untrained, untrained
from .whole import require_whole

if TYPE_CHECKING:
    from ..plan.plan import Plan

SAMPLED = "Candidates draw samples, which are compared with held-out data"
BENDS = ("total", "traces", "probe", "calibrated")


@dataclass(frozen=True)
class Audit:
    """What was measured of one model on one data set.

    curve: the error curve; frame: the coordinates it is measured in; memorisation: error on
    training examples [K+1, B] or None; about: the record (fingerprints, seed, counts, calls);
    trajectories: of the teacher, which deterministic solvers are planned on, or None;
    calibration: what the denoiser was corrected by before all this, or None.
    """

    curve: Curve
    frame: Frame
    memorisation: Array | None
    about: Json
    trajectories: Trajectories | None = None
    calibration: Calibration | None = None

    def __repr__(self) -> str:
        """Return in a line what was measured, of what, and with how many network calls."""
        about, noise = self.about, self.levels**-0.5
        shape = "x".join(str(n) for n in about["shape"])
        model = "exact denoiser" if about["exact"] else f"model {str(about['model'])[:8]}"
        return (
            f"Audit({model} on {plural(about['examples'], 'example')} [{shape}] of "
            f"{about['data_name']}: {plural(len(noise), 'noise level')} {noise[0]:.3g} to "
            f"{noise[-1]:.3g}, {plural(about['calls'], 'network call')})"
        )

    def __str__(self) -> str:
        """Return the verdict, `repr`, what the curve comes to in nats, and what to do next."""
        nats = self.nats()
        low, high = (float(end) for end in nats.interval())
        lines = [
            *([fill(self.verdict, 88)] if self.verdict else []),
            repr(self),
            f"  error           {float(nats.value):.4g} nats, 95 % interval {low:.4g} to "
            f"{high:.4g} (half of its integral over SNR)",
        ]
        found = self.memorised()
        if found is not None:
            low, high = (float(end) for end in found.interval())
            lines.append(f"  memorised       {float(found.value):.3g} nats, 95 % interval "
                         f"{low:.3g} to {high:.3g}, down to noise "
                         f"{self.levels[-1] ** -0.5:.3g}")  # fmt: skip
        lines += [f"  note            {note}" for note in self.about.get("notes", ())]
        steps = self.about.get("precision", {}).get("steps") or 16
        return "\n".join([*lines, f"  next            audit.plan(steps={steps}), or audit.plan()"])

    @property
    def verdict(self) -> str:
        """What limits samples of this model, in sentences, "" where nothing can be said.

        Of the best number of steps; `girsanov.verdict` of a plan.
        """
        from ..reporting.helps import audit_spoken  # words of what is below: an audit speaks them

        if "verdict" not in self.shared:
            self.shared["verdict"] = " ".join(audit_spoken(self))
        return str(self.shared["verdict"])

    def recorded(self) -> Json:
        """Return `about`, and that the model knows nothing of the data if so: what plans keep."""
        found = self.untrained()
        return self.about if found is None else {**self.about, "untrained": found.to_json()}

    def nats(self) -> Estimate:
        """Return 1/2 int M ds over the measured levels, in nats, with its standard error."""
        by_group = half_between(self.curve, float(self.levels[0]), float(self.levels[-1]))
        if self.curve.exact:
            return Estimate(float(self.curve.shares @ by_group), 0.0)
        return group_estimate(by_group, self.curve.shares)

    @property
    def probe(self) -> Probe | None:
        """The probe of the score error; None for exact denoisers, which have none."""
        if self.about["exact"]:
            return None
        if "_probe" not in self.__dict__:
            object.__setattr__(self, "_probe", probe(self.curve))
        return self.__dict__["_probe"]  # type: ignore[no-any-return]

    @property
    def corrected(self) -> Corrected | None:
        """What a calibration comes to; None where there is none: `calibrated` says why."""
        blind = self.about["exact"] or self.calibration is not None
        if blind or self.about.get("process", "vp") != "vp":
            return None
        if "_corrected" not in self.__dict__:
            made = calibrate(self.curve, self.frame, int(self.about["examples"]))
            object.__setattr__(self, "_corrected", made)
        return self.__dict__["_corrected"]  # type: ignore[no-any-return]

    @cached_property
    def shared(self) -> dict[str, Any]:
        """What plans of this audit have worked out and may use again; not kept in its file."""
        return {}

    @property
    def levels(self) -> Levels:
        """The measured SNRs [K]."""
        return self.curve.levels[1:]

    def total(self) -> Estimate:
        """Return the curve M(s) with its standard error at `levels`, [K]."""
        value, se, degrees = self.curve.total()
        return Estimate(value[1:], se[1:], degrees)

    def calibrated(self) -> Audit:
        """Return the audit of the same denoiser corrected as this audit's examples advise.

        The correction is fitted by cross-fitting (`ledger/calibrated.py`) and needs no network
        call; the curve is that of examples which did not fit it. Plans made from it carry the
        correction, and `sample` applies it. Raises InputError for an exact denoiser.
        """
        require(not self.about["exact"], "calibrate", "is not for an exact denoiser")
        scalar = self.about.get("process", "vp") == "vp"
        require(scalar, "calibrate", "is not for a model trained in phase space (process cld)")
        if self.calibration is not None:
            return self
        if "_calibrated" not in self.__dict__:
            assert self.corrected is not None
            curve, frame, found = calibrated(self.curve, self.frame, self.corrected)
            made = Audit(curve, frame, self.memorisation, {**self.recorded(), "calibrated": True},
                         None, found)  # fmt: skip
            taken = (self.curve.traces - curve.traces)[1:, :, 0]
            assert self.probe is not None
            object.__setattr__(made, "_probe", self.probe.less(taken))
            object.__setattr__(self, "_calibrated", made)
        return self.__dict__["_calibrated"]  # type: ignore[no-any-return]

    def in_process(self, process: str | None) -> Audit:
        """Return this audit for sampling as ``vp`` or ``cld``; None: as the model was trained.

        Any model samples as cld, through the statistic that tells all about x0; one trained in
        phase space samples as cld alone.
        """
        own = self.about.get("process", "vp")
        wanted = own if process is None else require_choice("process", process, PROCESSES)
        rule = "must be cld, in which this model was trained"
        require(wanted == "cld" or own == "vp", "process", rule, process)
        if wanted == own:
            return self
        made = replace(self, about={**self.about, "process": wanted})
        if "_probe" in self.__dict__:
            object.__setattr__(made, "_probe", self.probe)
        return made

    def plan(self, **options: Any) -> Plan:
        """Return a plan made from this audit; options as `girsanov.make_plan`.

        With `by`, `model` and `data`, the choice between samplers is made by samples; options
        then as `girsanov.tournament`.
        """
        from ..plan.make import make_plan  # the room below: an audit knows its most natural use

        if "by" in options:
            from ..plan.tournament import tournament

            for name in ("model", "data"):
                require(name in options, name, "must be given with by", None, SAMPLED)
            return tournament(self, options.pop("model"), options.pop("data"), **options)
        return make_plan(self, **options)

    def save(self, path: PathLike, *, force: bool = False) -> None:
        """Write `path` (JSON, to read) and its arrays beside it (safetensors).

        force: replace a file that holds something else than an audit.
        """
        rule = "cannot be saved: save the audit it was made from, which says the same"
        require(self.calibration is None, "calibrated audit", rule)
        target = require_free(path, "audit", force)
        curve = self.curve
        tensors: dict[str, Any] = {f"errors.{name}": value for name, value in curve.errors.items()}
        tensors |= {f"bends.{name}": value for name, value in curve.bends.items()}
        tensors |= {f"bands.{name}": b.index for name, (_, b) in self.frame.bases.items()}
        tensors |= {
            "levels": curve.levels,
            "shares": curve.shares,
            "traces": curve.traces,
            "second_moments": curve.second_moments,
            "probe_bands": self.frame.probe_bands.index,
        }
        optional = (("products", curve.products), ("full", curve.full),
                    ("gamma", curve.gamma), ("memorisation", self.memorisation))  # fmt: skip
        tensors |= {name: value for name, value in optional if value is not None}
        tensors |= {f"moments.{k}": v for k, v in self.frame.moments.tensors().items()}
        tensors |= {} if self.trajectories is None else self.trajectories.tensors()
        # what follows from all this takes more time than a plan, so it is kept as well
        if self.probe is not None:
            tensors |= {f"probe.{name}": value for name, value in self.probe.tensors().items()}
        if self.corrected is not None:
            own = self.corrected._asdict()
            tensors |= {f"calibrated.{name}": value for name, value in own.items()}
        record = {"format": "girsanov/audit/1", **self.about, **self.summary()}
        write_pair(target, {**record, "bases": list(self.frame.bases)}, tensors)

    def summary(self) -> Json:
        """Return the curve as JSON lists: levels, error and standard error."""
        total = self.total()
        out: Json = {
            "levels": self.levels.tolist(),
            "error": total.value.tolist(),
            "standard_error": total.se.tolist(),
        }
        if self.probe is not None:
            out |= self.probe.summary()
        nothing = self.untrained()
        out["untrained"] = None if nothing is None else nothing.to_json()
        for name, found in (("memorised", self.memorised()), ("rounding", self.rounding())):
            if found is not None:
                low, high = found.interval()
                out[name] = {"nats": float(found.value), "low": float(low), "high": float(high)}
        return out

    def untrained(self) -> Untrained | None:
        """Return how much worse than guesses without training the model is, if it knows nothing.

        None of a model that knows something of the data; see `ledger/untrained.py`. Of a guided
        field, which has no data, and of a calibrated denoiser nothing is said.
        """
        if self.probe is None or self.calibration is not None:
            return None
        if self.about.get("guidance", 1.0) != 1:
            return None
        clipped = bool(self.about.get("pipeline", {}).get("clip"))
        return untrained(self.curve, self.probe.linear, self.memorisation, clipped=clipped)

    def rounding(self) -> Estimate | None:
        """Return what fewer digits in the network cost, in nats (`ledger/rounding.py`).

        None for a network in float32, and without itself in float32 as the reference.
        """
        known = self.about.get("arithmetic") and self.about.get("reference")
        return rounding_cost(self.curve) if known else None

    def memorised(self, resolution: float = 0.0) -> Estimate | None:
        """Return what the model has memorised, in nats down to noise level `resolution`.

        None without training data; see `ledger/memorised.py`.
        """
        if self.memorisation is None:
            return None
        return memorised(self.curve, self.memorisation, resolution)


def load_audit(path: PathLike) -> Audit:
    """Return the audit saved in `path`; refuse files that are not one, or were changed."""
    about = read_format(path, "audit")
    require_record(about, str(path))
    t = read_beside(path, about.get("arrays"), "girsanov audit")
    moments = moments_from_tensors(
        {k[8:]: v for k, v in t.items() if k[:8] == "moments."}, str(path)
    )
    require_whole(str(path), t, moments.basis.dimension)
    try:
        return _from_arrays(about, t, moments)
    except (KeyError, IndexError, ValueError, TypeError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(
            f"{path}: is not a whole audit ({cause!r}). Run girsanov audit again"
        ) from cause


def _from_arrays(about: Json, t: dict[str, Any], moments: Moments) -> Audit:
    if math.prod(about["shape"]) != moments.basis.dimension:
        raise ValueError(f"shape is {about['shape']}")
    names = about["bases"]
    made = make_frame(moments, tuple(about["shape"]))
    if names != list(made.bases):
        raise ValueError(f"bases are {names}")
    bands = {name: Bands(t[f"bands.{name}"]) for name in names}
    frame = Frame(
        moments,
        bands[names[0]],
        Bands(t["probe_bands"]),
        {name: (basis, bands[name]) for name, (basis, _) in made.others.items()},
    )
    curve = Curve(
        t["levels"],
        t["shares"],
        {name: t[f"errors.{name}"] for name in names},
        {name: b.sizes for name, b in bands.items()},
        t["traces"],
        t["second_moments"],
        t["products"],
        frame.probe_bands.sizes,
        t.get("full"),
        probe_variances=frame.probe_variances,
        bends={name: t[f"bends.{name}"] for name in BENDS + tuple(names)},
        gamma=t.get("gamma"),
    )
    drop = ("format", "arrays", "bases", "levels", "error", "standard_error", "probe",
            "martingale", "reference_gain", "memorised", "rounding", "untrained")  # fmt: skip
    record = {k: v for k, v in about.items() if k not in drop}
    paths = paths_from_tensors(t, (len(curve.levels) - 1, curve.dimension))
    out = Audit(curve, frame, t.get("memorisation"), record, paths)
    if "probe.gains" in t:  # not in audits of the first versions
        known = {name[6:]: value for name, value in t.items() if name.startswith("probe.")}
        object.__setattr__(out, "_probe", kept_probe(curve, known))
    if "calibrated.errors" in t:
        parts = (t[f"calibrated.{name}"] for name in Corrected._fields)
        object.__setattr__(out, "_corrected", Corrected(*parts))
    return out
