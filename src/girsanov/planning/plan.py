"""The plan: a grid, a sampler, its covariance, and the ledger it promises."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass, replace
from textwrap import fill
from typing import TYPE_CHECKING, cast

import numpy as np

from .._checks import plural, refuse, require
from .._files import require_free, write_pair
from .._notebook import notebook_card
from .._records import as_json
from .._typing import Array, Json, Levels, PathLike
from ..basis import Basis
from ..denoise.calibration import Calibration
from ..denoise.facts import DiffusersScheduler
from ..ledger.certificate import Certificate
from ..ledger.distance import Distance
from ..ledger.entry import Entry
from ..ledger.grade import grade_of
from ..ledger.numbers import entry_title, interval_of, value_of
from ..ledger.plan_records import Limits, Pilot, Tournament
from ..ledger.sentences import plan_sentences
from ..measuring.facts import AuditFacts
from ..moments import Moments
from ..sampling.ancestral import Ancestral, Inner
from ..sampling.registry import sampler_named
from ..sampling.sampler import Recipe

if TYPE_CHECKING:
    from ..measuring.record import AuditRecord

OWN = "diffusers"  # the sampler of a plan that leaves the steps to a scheduler of diffusers
SAYS_NOTHING = (
    "There is none: KL and TV leave out the {}'s error, and the model knows nothing about this "
    "data."
)
PRINT_WIDTH, INDENT = 88, " " * 18  # of what `print` shows


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A grid and a sampler for one model, with the ledger they promise.

    sampler: its name, or ``diffusers``: the `scheduler`, which diffusers itself runs;
    covariance: of analytic-dpm; start, last: how it begins and
    ends; start_noise: deviations of a gaussian start [d], or of each class's [C, d]; levels:
    SNRs at which the network is called [N] (and one more where it is not, when last =
    ``sample``); variances: v of each step [N-1, d], or [N, d] where the last draws, with
    `axes`, one basis for all or one per step; inner: how an ancestral sampler takes its steps;
    ledger: entries in nats;
    frontier: cost above the best for other step counts;
    calibration: how the denoiser is to be corrected, which `sample` does, or None;
    distance: of an ODE sampler to its teacher, which takes the place of a ledger's nats; promised:
    what `certificate` returns, None for an ODE sampler. Recorded besides: why it is this plan;
    the facts of its audit; the fingerprint of its model; command: that made it; the pilot samples
    that its noise is matched by; limits: what its levels were restricted to, and by what weight
    chosen;
    cannot_tell: of the audit that it was forced from, "" where that holds; the tournament it won.
    """

    sampler: str
    covariance: str | None = None
    start: str
    last: str
    levels: Levels
    moments: Moments
    start_noise: Array
    variances: Array | None = None
    inner: Inner | None = None
    axes: tuple[Basis, ...] = ()
    ledger: tuple[Entry, ...] = ()
    frontier: list[Json] = field(default_factory=list)
    calibration: Calibration | None = None
    distance: Distance | None = None
    promised: Certificate | None = None
    why: str
    audit: AuditFacts
    model: str
    command: str = ""
    scheduler: DiffusersScheduler | None = None
    pilot: Pilot | None = None
    limits: Limits = field(default_factory=lambda: cast("Limits", {}))
    cannot_tell: str = ""
    tournament: Tournament | None = None

    def __repr__(self) -> str:
        """Return in a line its steps, sampler and levels, and what each entry comes to."""
        figures = [f"{e.name} {e.figure()}" for e in self.ledger if e.kind != "unknown"]
        if self.distance is not None:
            figures.insert(0, f"distance {self.distance.value:.3g}")
        return f"Plan({self.in_words()}, {self.ends()}: {', '.join(figures)})"

    def __str__(self) -> str:
        """Return the verdict, the plan in words, its ledger, and what it certifies."""
        lines = [f"Plan: {self.in_words()}, {self.ends()}"]
        if self.distance is not None:
            far = self.distance
            ends = f"{far.value:.3g} ({far.low:.3g} to {far.high:.3g}), {far.kind}"
            lines.append(f"  {'distance':15} {ends}")
        for e in self.ledger:
            if e.kind != "unknown":
                lines.append(f"  {e.name:15} {e.figure()} nats{e.ends()}, {e.kind_in_words}")
        if self.promised is not None:
            lines.append(f"  {'certificate':15} {self.certified()}")
        wrapped = [fill(line, PRINT_WIDTH, subsequent_indent=INDENT) for line in lines]
        return "\n".join([fill(self.verdict, PRINT_WIDTH), *wrapped])

    def _repr_html_(self) -> str:
        """Return the verdict, the ledger and what it certifies, for a notebook."""
        rows = [
            (entry_title(e), value_of(e), interval_of(e), e.kind_in_words)
            for e in self.ledger
            if e.kind != "unknown"
        ]
        notes = [f"{self.in_words()}, {self.ends()}", self.certified(short=True)]
        heads = ("nats", "", "95 % interval", "kind")
        return notebook_card(
            plan_sentences(self), heads, rows, list(filter(None, notes)), grade=self.grade
        )

    @property
    def verdict(self) -> str:
        """What limits its samples, in sentences; `girsanov.verdict` says what would help."""

        return " ".join(plan_sentences(self))

    @property
    def grade(self) -> str:
        """good, usable or bad, by the rules of `ledger/grade.py`, "" where there is no grade."""
        grade = grade_of(self)
        return "" if grade is None else grade.word

    def certified(self, short: bool = False) -> str:
        """Return what is certified in words, "" where nothing is; short: of TV alone."""
        if self.promised is None:
            return ""
        whose = "model" if self.calibration is None else "calibrated model"
        if self.audit.untrained:
            return SAYS_NOTHING.format(whose)
        return self.promised.short() if short else self.promised.words()

    def in_words(self) -> str:
        """Return steps and sampler: 16 steps, analytic-dpm with pca covariance."""
        words = f"{plural(self.steps, 'step')}, "
        if self.scheduler is not None:
            words += self.scheduler.name
        else:
            words += self.sampler
            words += f" with {self.covariance} covariance" if self._covers else ""
            words += "" if self.inner is None else self.inner.words()
        words += ", calibrated" if self.calibration is not None else ""
        words += ", matched to the data's spread" if self.pilot is not None else ""
        return words + (", in phase space" if self.process == "cld" else "")

    @property
    def _covers(self) -> bool:
        """Whether a step of it, or its last draw, adds the measured covariance."""
        if self.inner is None or self.last == "draw":
            return self.covariance is not None
        return self.covariance is not None and bool(np.isnan(self.inner.flow_to).any())

    @property
    def sampler_words(self) -> str:
        """What it samples with, in words: gaussian, pca covariance, calibrated."""
        words = self.sampler + (f", {self.covariance} covariance" if self._covers else "")
        words += ", calibrated" if self.calibration is not None else ""
        return words + (", in phase space" if self.process == "cld" else "")

    def ends(self) -> str:
        """Return the noise levels it begins and ends at, in words."""
        return f"noise levels {self.levels[0] ** -0.5:.3g} to {self.resolution:.3g}"

    def __post_init__(self) -> None:
        """Say of a ledger that is not of data what it is relative to; certify nothing of it.

        Of a model's own samples there is no score error to speak of.
        """
        to = self.audit.relative_to
        if not to:
            return
        known = (e for e in self.ledger if not (self.audit.no_data and e.name == "score"))
        entries = tuple(
            e if e.note.startswith(to) else replace(e, note=f"{to}: {e.note}") for e in known
        )
        object.__setattr__(self, "ledger", entries)
        object.__setattr__(self, "promised", None)

    @property
    def guidance(self) -> float:
        """The weight of the guidance that the model was audited with, 1 for none."""
        return self.audit.guidance

    @property
    def steps(self) -> int:
        """The number of network calls a sample costs."""
        if self.scheduler is not None:
            return self.scheduler.calls
        if self.inner is not None:
            return self.inner.calls + (self.last != "sample")
        return sampler_named(self.sampler).network_calls(len(self.levels), self.last)

    @property
    def resolution(self) -> float:
        """The noise level sigma = 1/sqrt(s_N) down to which the ledger speaks."""
        return float(self.levels[-1] ** -0.5)

    def certificate(self) -> Certificate:
        """Return what is certified of the samples: KL and TV level by level, and W2.

        Raises InputError for an ODE sampler, of which the path KL says nothing.
        """
        rule = f"has none: the path KL says nothing of the {self.sampler} sampler"
        to = self.audit.relative_to
        rule = f"has none: its nats are {to}" if to else rule
        require(self.promised is not None, "certificate", rule)
        assert self.promised is not None
        return self.promised

    @property
    def covered(self) -> int:
        """The number of steps that add a measured covariance: all, and a last one that draws."""
        return len(self.levels) - (self.last != "draw")

    def drawn(self) -> float:
        """Return the variance that a last draw adds about the last prediction, all in all."""
        if self.last != "draw" or self.variances is None:
            return 0.0
        d = self.moments.basis.dimension
        return float(np.broadcast_to(self.variances[-1], d).sum())

    @property
    def process(self) -> str:
        """The process it samples as: ``vp`` (any scalar one) or ``cld``."""
        return self.audit.process

    def recipe(self) -> Recipe:
        """Return the sampler this plan stands for; InputError where diffusers has it."""
        if self.scheduler is not None:
            rule = "has no recipe: a scheduler of diffusers takes its steps"
            refuse("plan", rule, self.scheduler.name, "Draw with girsanov.sample")
        main, own = self.moments.basis, tuple[Basis, ...]()
        begin: dict[str, tuple[float | Array, float | Array, Basis | None]] = {
            "gaussian": (self.moments.mean, self.start_noise, main),
            "mean": (self.moments.mean, float(self.levels[0] ** -0.5), None),
            "standard": (0.0, float(np.sqrt(1 + 1 / self.levels[0])), None),
        }
        if self.start == "class" and self.moments.classes is not None:
            classes = self.moments.classes
            own = classes.bases
            begin["class"] = (classes.means, self.start_noise, None if own else main)
        cells = self.covered
        bases = tuple(self.axes) * cells if len(self.axes) == 1 else tuple(self.axes)
        sampler = sampler_named(self.sampler)
        if isinstance(sampler, Ancestral):
            sampler = replace(sampler, inner=self.inner)
        whole = sampler.recipe(
            self.levels,
            start=begin[self.start],
            variances=self.variances,
            bases=bases or None,
            last=self.last,
            process=self.process,
        )
        return replace(whole, class_bases=own) if own else whole

    def save(self, path: PathLike, *, force: bool = False) -> None:
        """Write `path` (JSON, to read) and its arrays beside it (safetensors).

        force: replace a file that holds something else than a plan.
        """
        require_free(path, "plan", force)
        tensors = {f"moments.{k}": v for k, v in self.moments.tensors().items()}
        tensors |= {"levels": self.levels, "start_noise": self.start_noise}
        if self.variances is not None:
            tensors["variances"] = self.variances
        if self.inner is not None:
            tensors |= self.inner.tensors()
        for k, basis in enumerate(self.axes):
            if basis.kind == "pca":
                tensors[f"axes.{k}"] = np.asarray(basis.factors[0])
        if self.calibration is not None:
            own = self.calibration.tensors()
            tensors |= {f"calibration.{name}": value for name, value in own.items()}
        axes = [{"kind": b.kind, "shape": list(b.shape)} for b in self.axes]
        record = {"format": "girsanov/plan/1", **self.summary(), **self.recorded(), "axes": axes}
        write_pair(path, record, tensors)

    def summary(self) -> Json:
        """Return what a person or a program wants to know of this plan, as JSON."""
        return {
            "sampler": self.sampler,
            "process": self.process,
            "covariance": self.covariance,
            "start": self.start,
            "last": self.last,
            "calibrated": self.calibration is not None,
            "steps": self.steps,
            "resolution": self.resolution,
            "levels": self.levels.tolist(),
            "ledger": [e.to_json() for e in self.ledger],
            "certificate": None if self.promised is None else self.promised.to_json(),
            "frontier": self.frontier,
            **({} if self.distance is None else {"distance": self.distance.to_json()}),
            **({} if self.inner is None else {"kernels": self.inner.kernels(self.levels)}),
        }

    def recorded(self) -> Json:
        """Return as JSON what is recorded besides the sampler and its cost, and not empty."""
        extra = {
            "command": self.command, "scheduler": self.scheduler, "pilot": self.pilot,
            "limits": self.limits, "cannot_tell": self.cannot_tell, "tournament": self.tournament,
        }  # fmt: skip
        kept = {name: value for name, value in extra.items() if value}
        more = {k: as_json(v) if is_dataclass(v) else v for k, v in kept.items()}
        return {"why": self.why, "audit": self.audit.to_json(), "model": self.model, **more}


def as_planned(audit: AuditRecord, plan: Plan) -> AuditRecord:
    """Return an audit of the denoiser and process that a plan samples with."""
    return (audit.calibrated() if plan.calibration is not None else audit).in_process(plan.process)
