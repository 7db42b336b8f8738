"""The audit: everything that planning, certifying and reporting need, from one pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .._checks import InputError, require, require_choice, require_count
from .._files import read_beside, read_format, require_free, write_pair
from .._processes import ALONE, Processes
from .._typing import Array, Json, Levels, PathLike, Progress
from ..data import Dataset
from ..denoise.base import Denoiser, per_call
from ..denoise.calibrate import Calibration
from ..denoise.neighbours import Neighbours
from ..law.base import Law
from ..moments import Moments, moments_from_tensors
from ..montecarlo import Estimate
from ..sampling.holds import PROCESSES
from .bands import Bands
from .calibrated import calibrate
from .curve import GROUPS, Curve
from .examples import (
    held_out_examples,
    moments_for,
    neighbours,
    refuse_overlap,
    require_reference,
    require_shape,
    training_examples,
)
from .frame import Frame, make_frame
from .inside import places
from .kept import keep_sums
from .measure import measure_curve
from .memorised import memorised
from .probe import Probe, probe
from .record import require_record
from .rounding import rounding_cost
from .trained import levels_to_audit, named, said_of, trained_levels
from .trajectories import Trajectories, measure_trajectories, teacher_calls
from .trajectories import trajectories_from_tensors as paths_from_tensors
from .whole import require_whole

if TYPE_CHECKING:
    from ..plan.plan import Plan

BATCH = 512  # examples a network call, at most
LEVELS = 65  # every 0.25 in log-SNR over the default range
DRAWN = 600  # paths a small data set is given in all, by drawing noise more than once
FULL_LIMIT = 128  # dimensions up to which the full covariance is measured
Measure = Callable[..., Curve]
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

    @property
    def probe(self) -> Probe | None:
        """The probe of the score error; None for exact denoisers, which have none."""
        if self.about["exact"]:
            return None
        if "_probe" not in self.__dict__:
            object.__setattr__(self, "_probe", probe(self.curve))
        return self.__dict__["_probe"]  # type: ignore[no-any-return]

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
            curve, frame, found = calibrate(self.curve, self.frame, int(self.about["examples"]))
            made = Audit(curve, frame, self.memorisation, {**self.about, "calibrated": True},
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
        from ..plan.tournament import tournament

        if "by" in options:
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
                    ("memorisation", self.memorisation))  # fmt: skip
        tensors |= {name: value for name, value in optional if value is not None}
        tensors |= {f"moments.{k}": v for k, v in self.frame.moments.tensors().items()}
        tensors |= {} if self.trajectories is None else self.trajectories.tensors()
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
        for name, found in (("memorised", self.memorised()), ("rounding", self.rounding())):
            if found is not None:
                low, high = found.interval()
                out[name] = {"nats": float(found.value), "low": float(low), "high": float(high)}
        return out

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


def audit(  # noqa: PLR0913
    denoiser: Denoiser,
    data: Dataset | Law,
    *,
    train: Dataset | None = None,
    levels: int | Levels = LEVELS,
    examples: int | None = None,
    draws: int | None = None,
    trajectories: int = 0,
    reference: Denoiser | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    keep: PathLike | None = None,
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> Audit:
    """Return the audit of `denoiser` on held-out `data`: one pass, n (2 K - 1) draws calls.

    data: held-out examples, or the law itself; train: the training data, for the moments and
    for what the model has memorised; levels: how many, or the SNRs (of a discrete-time network,
    the nearest it was trained at); examples: use only so many; draws: noise paths per example;
    trajectories: of the teacher, to plan deterministic solvers on (256 will do; 4 K + 1 calls
    and 8 K d bytes each); reference: a second, better model, called on the same paths for a
    higher bound on the score error of this one; by default what examples that are not audited
    say by themselves (`denoise/neighbours.py`), those of train first; batch_size: examples a
    network call, by default 512, fewer if they are large; keep: a folder in which a run that is
    stopped leaves its sums and the same audit goes on from (yours to remove once it is saved);
    processes: each measures its share (`girsanov.processes()` under torchrun), and all return
    the whole audit; progress(done, total) counts network calls.
    """
    begun, seed = time.perf_counter(), require_count("seed", seed, at_least=0)
    refuse_overlap(data, train)
    source = held_out_examples(denoiser, data, examples, seed)
    require_reference(denoiser, reference, data)
    require_shape("data", source, denoiser)
    seen = None if train is None else training_examples(denoiser, train, len(source))
    moments, origin, source, others = moments_for(denoiser, data, train, source)
    beside = neighbours(denoiser, others) if reference is None else reference
    # exact for this very law: of another one it is a model like any other
    exact = denoiser.exact and isinstance(data, Law) and data.fingerprint == denoiser.fingerprint
    frame, grid = make_frame(moments, denoiser.shape), levels_to_audit(denoiser, levels)
    count = require_count("draws", -(-DRAWN // len(source)) if draws is None else draws)
    paths = require_count("trajectories", trajectories, at_least=0)
    between = places(grid, GROUPS, seed, trained_levels(denoiser))
    parts = [len(source) * count * (len(grid) + between.gaps), len(seen or ()) * len(grid)]
    parts.append(paths * teacher_calls(len(grid)))
    size = per_call(denoiser, BATCH) if batch_size is None else batch_size
    alike: dict[str, Any] = {"seed": seed, "batch_size": size, "processes": processes}
    measure: Measure = partial(measure_curve, denoiser, levels=grid, frame=frame, **alike)
    full = math.prod(denoiser.shape) <= FULL_LIMIT
    numbers = [len(source), len(seen or ()), seed, count, size, grid.tolist()]
    kept = keep_sums(keep, (denoiser, data, train, beside), numbers, processes)
    curve = measure(
        source, draws=count, full=full, reference=beside, between=between,
        keep=kept("held-out"), progress=_shifted(progress, 0, sum(parts)),
    )  # fmt: skip
    memorisation = None
    if seen is not None:
        tick = _shifted(progress, parts[0], sum(parts))
        memorisation = measure(seen, progress=tick, keep=kept("training")).traces[:, :, 0]
    teach = partial(measure_trajectories, denoiser, frame, grid, paths, **alike)
    teacher = teach(progress=_shifted(progress, sum(parts[:2]), sum(parts))) if paths else None
    from .. import __version__

    about = {
        "girsanov": __version__, "model": denoiser.fingerprint, "data": data.fingerprint,
        "data_name": getattr(data, "name", type(data).__name__), "exact": exact,
        "shape": list(denoiser.shape), "examples": len(source), "draws": count, "seed": seed,
        "calls": sum(parts) + parts[0] * (reference is not None),
        "moments_from": origin, "trajectories": paths,
        "levels_between": between.gaps, "training_examples": len(seen or ()),
        "seconds": round(time.perf_counter() - begun, 3),
    }  # fmt: skip
    if isinstance(beside, Neighbours):
        about["neighbours"] = len(beside.points)
    about |= said_of(denoiser, data) | named(denoiser, data, reference)
    return Audit(curve, frame, memorisation, about, teacher)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a callback that counts on from `before` of `total`."""
    return None if progress is None else lambda done, _: progress(before + done, total)


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
    )
    drop = ("format", "arrays", "bases", "levels", "error", "standard_error", "probe",
            "martingale", "reference_gain", "memorised", "rounding")  # fmt: skip
    record = {k: v for k, v in about.items() if k not in drop}
    paths = paths_from_tensors(t, (len(curve.levels) - 1, curve.dimension))
    return Audit(curve, frame, t.get("memorisation"), record, paths)
