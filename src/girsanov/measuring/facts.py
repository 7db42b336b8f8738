"""What an audit records of itself besides its arrays: of what, with what, and what was noticed.

In its file this is JSON that a person may have edited, and it travels on into plans; whatever
reads a field relies on its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from .._checks import require
from .._records import FieldRule, as_json, fields_of
from .._typing import Json
from ..denoise.facts import Arithmetic, AutoencoderLoss, PipelineFacts
from ..score_error.straight_line import Beaten
from ..score_error.untrained import Untrained
from ..volume import Volume

# two audits that share it are of one measurement, or of the same again
IDENTITY = ("model", "data", "examples", "draws", "seed", "calls")
AGAIN = "Run girsanov audit again"
GUIDED = "compared with the guided field, which belongs to no data"
RELATIVE_TO_ITSELF = (
    "relative to the model's own distribution, of which it drew samples (--no-data)"
)
COUNTS = ("trajectories", "levels_between", "training_examples")  # 0 in files that have none


@dataclass(frozen=True)
class Precision:
    """The half-width that was wanted of a plan of so many steps, and reached, relative.

    reached: None of a cost too small to be known; steps: None for the best number; calls_before:
    network calls spent on the pilot and on rounds that fell short.
    """

    wanted: float
    reached: float | None
    steps: int | None
    calls_before: int


@dataclass(frozen=True)
class Jitter:
    """How rough a network is in the noise level: variance of its jitter, in sigma^2 a coordinate.

    noise: the levels sigma, coarsest first; variance, standard_error: at each; calls: what it
    cost.
    """

    noise: tuple[float, ...]
    variance: tuple[float, ...]
    standard_error: tuple[float, ...]
    calls: int


@dataclass(frozen=True, kw_only=True)
class AuditFacts:
    """What was audited, on what, how, and what was noticed.

    girsanov: the version; model, data, rows, reference: fingerprints, rows of the data without its
    labels; shape: of one example; exact: whether the denoiser is that of the data's law; diameter:
    of the data about their mean; seconds: of the audit; units: of data whose model has none, as
    `Standardisation.to_json`; given: what y is, of a model of x given y; scale: user units in one
    of the curve; scored: whether the curve is in normal scores of a table's columns; lineage:
    which rows of which file the data were; neighbours: examples that stood beside the model, or
    without_neighbours: why none did; flow_calls: network calls for steps along the flow, beside
    `calls`; jitter: of a network that may be asked at any level; suspects: rows that decide an
    audit in doubt; left_out: columns; volume: of the units of the curve, None in older files;
    no_data: the examples are the model's own samples; commands: that led here; untrained, beaten:
    in plans; calibrated: whether the audit is of the
    corrected denoiser; others: of unknown names in a file.
    """

    girsanov: str
    model: str
    data: str
    data_name: str
    shape: Annotated[tuple[int, ...], FieldRule("sizes")]
    exact: bool
    examples: int
    draws: int
    seed: int
    calls: int
    moments_from: str
    trajectories: int
    levels_between: int
    training_examples: int
    diameter: Annotated[float, FieldRule("a number >= 0", lambda value: value >= 0)]
    seconds: float
    pipeline: PipelineFacts | None = None
    trained_levels: Annotated[
        tuple[float, ...] | None,
        FieldRule("SNRs, increasing", lambda x: bool(x) and x[0] > 0 and x == sorted(set(x))),
    ] = None
    guidance: float = 1.0
    given: str = ""
    class_order: Annotated[
        str, FieldRule("number or text", lambda value: value in ("number", "text"))
    ] = "number"
    units: Json | None = None
    rows: str
    scale: Annotated[float | None, FieldRule("a number > 0", lambda value: value > 0)] = None
    kind: str = ""
    in_diffusers: bool = False
    arithmetic: Arithmetic | None = None
    without_neighbours: str = ""
    training_stopped: bool = False
    neighbours: int = 0
    reference: str = ""
    flow_calls: Annotated[int, FieldRule("a number >= 0", lambda value: value >= 0)] = 0
    jitter: Jitter | None = None
    scored: bool = False
    lineage: Json | None = None
    suspects: Annotated[tuple[int, ...], FieldRule("row numbers")] = ()
    precision: Precision | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    vae: AutoencoderLoss | None = None
    volume: Volume | None = None
    no_data: bool = False
    commands: tuple[str, ...] = ()
    untrained: Untrained | None = None
    beaten: Beaten | None = None
    calibrated: bool = False
    process: Annotated[str, FieldRule("vp or cld", lambda value: value in ("vp", "cld"))] = "vp"
    others: Json = field(default_factory=dict)

    @property
    def guided(self) -> bool:
        """Whether the model was guided: its field is then the denoiser of no data law."""
        return self.guidance != 1

    @property
    def relative_to(self) -> str:
        """What the nats of its plans are relative to, in words; "" where that is data."""
        return RELATIVE_TO_ITSELF if self.no_data else GUIDED if self.guided else ""

    @property
    def clips(self) -> bool:
        """Whether a pipeline keeps its predictions to the range of the data."""
        return self.pipeline is not None and bool(self.pipeline.clip)

    @property
    def planned_steps(self) -> int | None:
        """The number of steps whose discretisation the audit was made to know, if it was."""
        return None if self.precision is None else self.precision.steps

    @property
    def in_units(self) -> str:
        """In which units levels, errors and distances are."""
        return "in normal scores" if self.scored else "in standardised units"

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells the measurement from others: the fields of `IDENTITY`."""
        return tuple(getattr(self, name) for name in IDENTITY)

    def to_json(self) -> Json:
        """Return the fields by name, without those that have their default."""
        out = as_json(self)
        del out["others"]
        return out | self.others

    @classmethod
    def from_json(cls, content: Any, where: str) -> AuditFacts:
        """Return the facts that `to_json` wrote.

        where: their file, which a refusal names. Raises InputError for a field that is missing or
        of another kind; fields of other names are left alone.
        """
        require(isinstance(content, dict), where, "must have the record of an audit", content)
        first = {**dict.fromkeys(COUNTS, 0), "rows": content.get("data")}
        names = [f.name for f in fields(cls) if f.name != "others"]
        values = fields_of(cls, names, {**first, **content}, where, AGAIN)
        return cls(**values, others={k: v for k, v in content.items() if k not in names})
