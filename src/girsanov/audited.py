"""The audit that users hold: its record, and what can be made and said of it.

The one file that looks both ways: down at the record of an audit, and at what plans and verdicts
make of it. It takes no torch, which is slow to import, so that planning is instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Self, Unpack, cast

from ._checks import require
from ._notebook import notebook_card, spark
from ._signatures import takes
from .measuring.record import AuditRecord
from .measuring.record_file import load_record, save_record, summary
from .planning.make_plan import make_plan
from .planning.options import PlanKeywords, PlanOptions
from .planning.plan import PRINT_WIDTH, Plan
from .planning.tournament.options import AnyPlanKeywords, TournamentKeywords, TournamentOptions

if TYPE_CHECKING:
    from ._typing import Json, PathLike
    from .comparison.measures.measure import SquaredDistance
    from .data import Dataset
    from .denoise.base import Denoiser
    from .law.base import Law
    from .likelihood.result import Likelihood

SAMPLED = "Candidates draw samples, which are compared with held-out data"


@dataclass(frozen=True, repr=False)
class Audit(AuditRecord):
    """What was measured of one model on one data set, what follows from it, and what to do next.

    The fields are those of its record, `measuring/record.py`.
    """

    @classmethod
    def of(cls, record: AuditRecord) -> Self:
        """Return the audit of a record, with all that was worked out of it already."""
        audit = object.__new__(cls)
        audit.__dict__.update(record.__dict__)
        return audit

    def __str__(self) -> str:
        """Return the verdict, `repr`, what the curve comes to in nats, and what to do next."""
        return audit_text(self)

    def _repr_html_(self) -> str:
        """Return the verdict, the error curve and what it comes to in nats, for a notebook."""
        noise, nats = self.levels**-0.5, self.nats()
        low, high = (float(end) for end in nats.interval())
        scaled = (self.levels * self.total().value / self.curve.dimension).tolist()
        words = f"Error of a coordinate times SNR, from noise {noise[0]:.3g} to {noise[-1]:.3g}"
        ends = "exact" if self.curve.exact else f"{low:.4g} to {high:.4g}"
        rows = [("Error of the denoiser", f"{float(nats.value):.4g}", ends)]
        memorised = self.memorised()
        if memorised is not None:
            first, last = (float(end) for end in memorised.interval())
            rows.append(
                ("Memorised", f"{float(memorised.value):.3g}", f"{first:.3g} to {last:.3g}")
            )
        notes = [words, *self.facts.notes, f"Next: audit.plan(). {self!r}"]
        heads = ("nats", "", "95 % interval")
        return notebook_card(self._sentences(), heads, rows, notes, drawing=spark(scaled, words))

    @property
    def verdict(self) -> str:
        """What limits samples of this model, in sentences, "" where there is no verdict.

        Of the best number of steps; `girsanov.verdict` of a plan.
        """
        return " ".join(self._sentences())

    def _sentences(self) -> list[str]:
        # sentences wait until they are asked for
        from .reporting.words.advice import audit_spoken

        if "verdict" not in self.shared:
            self.shared["verdict"] = audit_spoken(self)
        return list(self.shared["verdict"])

    @takes(PlanOptions, TournamentOptions)
    def plan(
        self,
        *,
        by: str | SquaredDistance | None = None,
        model: Denoiser | None = None,
        data: Dataset | Law | None = None,
        **options: Unpack[AnyPlanKeywords],
    ) -> Plan:
        """Return a plan made from this audit; options as `girsanov.make_plan`.

        With `by`, `model` and `data`, the choice between samplers is made by samples; options
        then as `girsanov.tournament`.
        """
        if by is None:
            for name, value in (("model", model), ("data", data)):
                require(value is None, name, "belongs to by", value, "Give by, or denoiser")
            return make_plan(self, **cast(PlanKeywords, options))
        # samples are drawn and compared, for which torch is needed
        from .planning.tournament.tournament import tournament

        for name, value in (("model", model), ("data", data)):
            require(value is not None, name, "must be given with by", None, SAMPLED)
        assert model is not None
        assert data is not None
        return tournament(self, model, data, **cast(TournamentKeywords, {**options, "by": by}))

    def likelihood(self, plan: Plan | None = None) -> Likelihood:
        """Return upper bounds of the negative log-likelihood of the audited examples.

        Under the sampler of `plan`, or without one in the limit of infinitely many steps; in nats
        and bits per dimension, and in the data's units where they have a density. It takes no
        network call. Raises InputError for ODE samplers and plans of another model.
        """
        from .likelihood.likelihood import bounded_likelihood

        return bounded_likelihood(self, plan)

    def save(self, path: PathLike, *, force: bool = False) -> None:
        """Write `path` (JSON, to read) and its arrays beside it (safetensors).

        force: replace a file that holds something else than an audit. Raises InputError for a
        calibrated audit, whose own audit says the same.
        """
        save_record(self, path, force=force)

    def summary(self) -> Json:
        """Return as JSON what was measured: the curve, the probe, and what they say."""
        return summary(self)


def load_audit(path: PathLike) -> Audit:
    """Return the audit saved in `path`; refuse files that are not one, or were changed."""
    return Audit.of(load_record(path))


def verdict(audit: Audit, plan: Plan | None = None) -> str:
    """Return whether the model or the sampler limits samples, and what would help most.

    In the sentences that the commands print. plan: of this audit's model; without one, the best
    number of steps is judged, which `audit.verdict` is too; `plan.verdict` is the same but for
    what would help.
    """
    require(isinstance(audit, Audit), "audit", "must be an audit", type(audit).__name__)
    if plan is None:
        return audit.verdict
    require(isinstance(plan, Plan), "plan", "must be a plan", type(plan).__name__)
    own = audit.facts.model
    planned_for = plan.model
    require(
        planned_for == own,
        "plan",
        f"must be of the audited model, {own[:12]}…",
        f"{planned_for[:12]}…",
    )
    from .reporting.words.advice import spoken

    return " ".join(spoken(audit, plan))


def audit_text(audit: Audit) -> str:
    """Return the verdict, `repr`, what the curve comes to in nats, and what to do next."""
    lines = [*([fill(audit.verdict, PRINT_WIDTH)] if audit.verdict else []), repr(audit)]
    nats = audit.nats()
    low, high = (float(end) for end in nats.interval())
    sure = "exact" if audit.curve.exact else f"95 % interval {low:.4g} to {high:.4g}"
    lines.append(
        f"  error           {float(nats.value):.4g} nats, {sure} (half of its integral over SNR)"
    )
    memorised = audit.memorised()
    if memorised is not None:
        low, high = (float(end) for end in memorised.interval())
        lines.append(f"  memorised       {float(memorised.value):.3g} nats, 95 % interval "
                     f"{low:.3g} to {high:.3g}, down to noise "
                     f"{audit.levels[-1] ** -0.5:.3g}")  # fmt: skip
    lines += [f"  note            {note}" for note in audit.facts.notes]
    steps = audit.facts.planned_steps or 16
    return "\n".join([*lines, f"  next            audit.plan(steps={steps}), or audit.plan()"])
