"""The audit as it is kept: everything that planning, certifying and reporting need, in a file.

Nothing here or below it takes torch, which is slow to import, so that planning is instant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from .._checks import plural, require, require_choice
from ..error_curve.doubts import Doubt, cannot_tell, doubts
from ..error_curve.interpolate import half_between
from ..montecarlo import Estimate, group_estimate
from ..sampling.sampler import PROCESSES
from ..score_error.calibration import Corrected, calibrate, calibrated
from ..score_error.lower_bound import Probe, probe
from ..score_error.memorisation import beyond_line, memorised
from ..score_error.rounding import rounding_cost
from ..score_error.straight_line import Beaten, beaten, broken
from ..score_error.untrained import Untrained, untrained

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..denoise.calibration import Calibration
    from ..error_curve.curve import Curve
    from ..error_curve.flow_curve import FlowCurve
    from ..error_curve.frame import Frame
    from .facts import AuditFacts
    from .trajectories import Trajectories


@dataclass(frozen=True)
class AuditRecord:
    """What was measured of one model on one data set.

    curve: the error curve; frame: the coordinates it is measured in; memorisation: error on
    training examples [K+1, B] or None; facts: the record (fingerprints, seed, counts, calls);
    trajectories: of the teacher, which ODE samplers are planned on, or None;
    calibration: what the denoiser was corrected by before all this, or None; line_seen: the
    straight line's error on the training examples [K, B], or None; flow: what steps along the flow
    miss, or None; corrected_flow: the same of the denoiser as `calibrated` corrects it, of which
    the flow was followed instead where the model is broken.
    """

    curve: Curve
    frame: Frame
    memorisation: Array | None
    facts: AuditFacts
    trajectories: Trajectories | None = None
    calibration: Calibration | None = None
    line_seen: Array | None = None
    flow: FlowCurve | None = None
    corrected_flow: FlowCurve | None = None

    def __repr__(self) -> str:
        """Return in a line what was measured, of what, and with how many network calls."""
        facts, noise = self.facts, self.levels**-0.5
        shape = "x".join(str(n) for n in facts.shape)
        model = "exact denoiser" if facts.exact else f"model {facts.model[:8]}"
        of = f"on {plural(facts.examples, 'example')} [{shape}] of {facts.data_name}"
        if self.curve.exact:
            of = f"[{shape}] of {facts.data_name}, whose curve is known"
        return (
            f"Audit({model} {of}: {plural(len(noise), 'noise level')} {noise[0]:.3g} to "
            f"{noise[-1]:.3g}, {plural(facts.calls, 'network call')})"
        )

    def doubts(self, resolution: float = 0.0) -> list[Doubt]:
        """Return why nothing may be concluded down to a noise level, [] if this audit holds.

        resolution: 0 for all levels; see `error_curve/doubts.py`.
        """
        by_resolution: dict[float, list[Doubt]] = self.shared.setdefault("doubts", {})
        if resolution not in by_resolution:  # every plan asks more than once
            by_resolution[resolution] = doubts(self.curve, resolution)
        return by_resolution[resolution]

    def cannot_tell(self, resolution: float = 0.0) -> str:
        """Return `doubts` in a sentence that says what to do, "" if this audit holds."""
        return cannot_tell(self.doubts(resolution), len(self.curve.shares), self.facts.suspects)

    def recorded(self) -> AuditFacts:
        """Return `facts`, and that the model knows nothing about data if so: what plans keep."""
        facts = self.facts
        return replace(
            facts,
            untrained=self.untrained() or facts.untrained,
            beaten=self.beaten() or facts.beaten,
        )

    def with_facts(self, **changes: Any) -> Self:
        """Return this audit with some of its facts changed; what plans have worked out is left."""
        return self._with(facts=replace(self.facts, **changes))

    def with_flow(self, flow: FlowCurve, *, corrected: bool) -> Self:
        """Return this audit with the flow of its denoiser, or of that as `calibrated` corrects
        it."""
        return self._with(**{"corrected_flow" if corrected else "flow": flow})

    def _with(self, **changes: Any) -> Self:
        changed = replace(self, **changes)
        for name in ("_probe", "_corrected"):
            if name in self.__dict__:
                object.__setattr__(changed, name, self.__dict__[name])
        return changed

    def nats(self) -> Estimate:
        """Return 1/2 int M ds over the measured levels, in nats, with its standard error."""
        if self.curve.half is not None:
            return Estimate(float(self.curve.half[-1] - self.curve.half[1]), 0.0)
        by_group = half_between(self.curve, float(self.levels[0]), float(self.levels[-1]))
        if self.curve.exact:
            return Estimate(float(self.curve.shares @ by_group), 0.0)
        return group_estimate(by_group, self.curve.shares)

    @property
    def probe(self) -> Probe | None:
        """The probe of the score error; None for exact denoisers, and where there are no data."""
        if self.facts.exact or self.facts.no_data:
            return None
        if "_probe" not in self.__dict__:
            object.__setattr__(self, "_probe", probe(self.curve))
        return self.__dict__["_probe"]  # type: ignore[no-any-return]

    @property
    def corrected(self) -> Corrected | None:
        """What a calibration comes to; None where there is none: `calibrated` says why."""
        blind = self.facts.exact or self.facts.no_data or self.calibration is not None
        if blind or self.facts.process != "vp":
            return None
        if "_corrected" not in self.__dict__:
            correction = calibrate(self.curve, self.frame, self.facts.examples)
            object.__setattr__(self, "_corrected", correction)
        return self.__dict__["_corrected"]  # type: ignore[no-any-return]

    @cached_property
    def dense(self) -> Self:
        """This audit at every level at which its curve is exact, which plans may visit.

        Itself, where the curve was measured or is known at its own levels alone.
        """
        return self if self.curve.finer is None else replace(self, curve=self.curve.finer)

    @cached_property
    def shared(self) -> dict[str, Any]:
        """What plans of this audit have worked out and may use again; not kept in its file."""
        return {}

    @property
    def followed(self) -> bool:
        """Whether this audit followed a flow, of its denoiser or of that corrected."""
        return self.flow is not None or self.corrected_flow is not None

    @property
    def levels(self) -> Levels:
        """The measured SNRs [K]."""
        return self.curve.levels[1:]

    def total(self) -> Estimate:
        """Return the curve M(s) with its standard error at `levels`, [K]."""
        value, se, degrees = self.curve.total()
        return Estimate(value[1:], se[1:], degrees)

    def calibrated(self) -> Self:
        """Return the audit of the same denoiser corrected as this audit's examples advise.

        The correction is fitted by cross-fitting (`score_error/calibration.py`) and needs no
        network call; the curve is that of examples which did not fit it. Plans made from it carry
        the correction, and `sample` applies it. Raises InputError for an exact denoiser.
        """
        require(not self.facts.exact, "calibrate", "is not for an exact denoiser")
        rule = "takes held-out data, and this audit is of the model's own samples (--no-data)"
        require(not self.facts.no_data, "calibrate", rule)
        scalar = self.facts.process == "vp"
        require(scalar, "calibrate", "is not for a model trained in phase space (process cld)")
        if self.calibration is not None:
            return self
        if "_calibrated" not in self.__dict__:
            assert self.corrected is not None
            curve, frame, calibration = calibrated(self.curve, self.frame, self.corrected)
            facts = replace(self.recorded(), calibrated=True)
            record = type(self)(
                curve, frame, self.memorisation, facts, None, calibration, flow=self.corrected_flow
            )
            taken = (self.curve.traces - curve.traces)[1:, :, 0]
            assert self.probe is not None
            object.__setattr__(record, "_probe", self.probe.less(taken))
            object.__setattr__(self, "_calibrated", record)
        return self.__dict__["_calibrated"]  # type: ignore[no-any-return]

    def in_process(self, process: str | None) -> Self:
        """Return this audit for sampling as ``vp`` or ``cld``; None: as the model was trained.

        Any model samples as cld, through the statistic that tells all about x0; one trained in
        phase space samples as cld alone.
        """
        own = self.facts.process
        wanted = own if process is None else require_choice("process", process, PROCESSES)
        rule = "must be cld, in which this model was trained"
        require(wanted == "cld" or own == "vp", "process", rule, process)
        if wanted == own:
            return self
        return replace(self.with_facts(process=wanted), flow=None, corrected_flow=None)

    def untrained(self) -> Untrained | None:
        """Return how much worse than guesses without training the model is, if it knows nothing.

        None of a model that knows something of the data; see `score_error/untrained.py`. Of a
        guided field, which has no data, and of a calibrated denoiser nothing is said.
        """
        if self.probe is None or self.calibration is not None:
            return None
        if self.facts.guided:
            return None
        seen, clipped = self.memorisation, self.facts.clips
        return untrained(self.curve, self.probe.linear, seen, clipped=clipped)

    def beaten(self) -> Beaten | None:
        """Return by how much the model is no better than a Gaussian, None if it is better.

        See `score_error/straight_line.py`. Of what `untrained` leaves out nothing is said here
        either.
        """
        if self.probe is None or self.calibration is not None:
            return None
        return None if self.facts.guided else beaten(self.curve, self.probe.linear)

    def broken(self) -> tuple[float, float] | None:
        """Return the noise level where the straight line beats a broken model most, and by what.

        None of a model that is not broken; see `score_error/straight_line.py`.
        """
        if self.probe is None or self.calibration is not None:
            return None
        return broken(self.curve, self.probe.linear)

    def rounding(self) -> Estimate | None:
        """Return what fewer digits in the network cost, in nats (`score_error/rounding.py`).

        None for a network in float32, and without itself in float32 as the reference.
        """
        comparable = self.facts.arithmetic and self.facts.reference
        return rounding_cost(self.curve) if comparable else None

    def memorised(self, resolution: float = 0.0) -> Estimate | None:
        """Return what the model has memorised, in nats down to noise level `resolution`.

        None without training data; see `score_error/memorisation.py`.
        """
        if self.memorisation is None:
            return None
        return memorised(self.curve, self.memorisation, resolution)

    def known_by_heart(self, resolution: float = 0.0) -> Estimate | None:
        """Return `memorised` less what a straight line of the training data has of it, in nats.

        None without training data, and in audits that do not know it;
        `score_error/memorisation.py`.
        """
        if self.memorisation is None or self.line_seen is None or self.probe is None:
            return None
        line = (self.probe.linear, self.line_seen)
        return beyond_line(self.curve, self.memorisation, line, resolution)
