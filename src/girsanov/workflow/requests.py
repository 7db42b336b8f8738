"""What each command is asked for: one frozen request a command, built alike in Python and there.

A field before `_` is an argument of the command, the others are its options: `held_out` is
``--held-out``. Defaults stand here, and what contradicts itself is refused. Sequences may be given
as one value. Nothing here waits for torch.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path

from .._checks import require, require_count, require_number
from .._typing import PathLike

OF_BY = ("data", "given", "candidates", "calls", "labels", "drop", "class_order", "decimal",
         "dates")  # fmt: skip
# options of an audit that mean nothing without held-out data
OF_DATA = ("data", "train_data", "given", "labels", "class_order", "drop", "decimal", "dates",
           "calls", "half_width", "quick", "guidance", "reference", "precision")  # fmt: skip
# options of a search for levels, which a grid with a name needs none of
SEARCHES = ("by", "kl", "tv", "distance", "among", "keep", "widest", "w2", "weight")
NOT_TOLD = ("force", "resume")  # what changes nothing of a result is no part of its command


@dataclass(frozen=True)
class Request:
    """What all requests share."""

    def __post_init__(self) -> None:
        """Make a tuple of every sequence, also of one value."""
        for field in fields(self):
            if str(field.type).startswith("Sequence"):
                value = getattr(self, field.name)
                one = isinstance(value, str) or not isinstance(value, Iterable)
                object.__setattr__(self, field.name, (value,) if one else tuple(value))

    def command(self) -> str:
        """Return the line that asks the same of a shell."""
        words = ["girsanov", type(self).__name__.removesuffix("Request").lower()]
        for field in fields(self):
            value, option = getattr(self, field.name), field.name.replace("_", "-")
            if value == field.default or field.name in NOT_TOLD:
                continue
            for one in value if isinstance(value, tuple) else (value,):
                words += [f"--{'no-' if one is False else ''}{option}"] if field.kw_only else []
                words += [] if isinstance(one, bool) else [str(one)]
        return shlex.join(words)


@dataclass(frozen=True)
class FitRequest(Request):
    """A denoiser to be trained on data, of which a share is kept back for its audit.

    data: what `load_data` takes; out: a new folder for the model; minutes or steps: how long to
    train, 3 minutes by default; held_out: the share kept back, 0 for none
    (default 0.2, or more of few examples, as an audit needs); given: columns, or a
    file with as many rows, of y, for a model of x given y; conditional: learn the
    classes of the data; labels: the column or array that holds them, which are then learnt; drop,
    only: columns of a table to leave out, or to keep alone; decimal, dates: how to read cells
    that may mean two things, as in `load_data`; series: rows of numbers are series; network:
    ``auto``, ``mlp``, ``columns``, ``conv`` or ``unet``; width: of its finest level; process:
    ``vp`` or ``cld``; objective: ``edm`` or ``ledger``; batch_size: examples a step; precision,
    compile: ``float32`` or ``bfloat16``, torch.compile; seed: of all randomness; resume: go on.
    """

    data: PathLike
    _: KW_ONLY
    out: PathLike
    minutes: float | None = None
    steps: int | None = None
    held_out: float | None = None
    given: Sequence[str] = ()
    conditional: bool = False
    labels: str | None = None
    drop: Sequence[str] = ()
    only: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    series: bool = False
    network: str = "auto"
    width: int | None = None
    process: str = "vp"
    objective: str = "edm"
    batch_size: int | None = None
    precision: str = "float32"
    compile: bool = False
    seed: int = 0
    resume: bool = False

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        super().__post_init__()
        if self.held_out is not None:
            share = require_number("--held-out", self.held_out)
            require(0 <= share < 1, "--held-out", "must be a share, at least 0 and below 1", share)


@dataclass(frozen=True)
class AuditRequest(Request):
    """A model to be measured on held-out data; of its training file the part kept back is used.

    model: a model folder, a diffusers pipeline (a folder, or hub:owner/name), a law's .json, or
    FILE.py:function, code that is run and returns a denoiser; data: what `load_data` takes, or a
    law's .json; no_data: in place of data, fine samples of the model itself; out: the audit's
    .json; train_data: training data, to measure memorisation;
    given: a file of y, of
    a model of x given y that learnt it from one (columns are known by name); labels, drop: columns
    of the classes, and to leave out; decimal, dates: as in `FitRequest`;
    class_order: of classes that are numbers, ``number`` (default) or ``text``; examples, levels,
    draws: how many examples, noise levels and noise paths an example; trajectories: of the
    teacher, to plan ODE samplers on; flow: calls a level and example for steps along the flow
    (default 2, and 0 with calls); calls: network calls at most, which are then shared out between
    levels and examples; half_width, steps: or measure until the discretisation of a plan of so
    many steps (by default the best number) is known to this share of itself; quick: 9 levels, 100
    examples and 1 draw, for a first verdict; guidance: weight of a pipeline's guidance, 1 for
    none; reference: a better model, for a higher bound on the score error; batch_size: examples a
    network call; device: cpu, cuda, cuda:1, ...; precision, compile: of the network, which is then
    measured beside itself in float32; seed: of all randomness; force: replace out, and begin anew.
    """

    model: PathLike
    _: KW_ONLY
    data: PathLike | None = None
    no_data: bool = False
    out: PathLike = Path("audit.json")
    train_data: PathLike | None = None
    given: Sequence[str] = ()
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    examples: int | None = None
    levels: int | None = None
    draws: int | None = None
    trajectories: int = 0
    flow: float | None = None
    calls: int | None = None
    half_width: float | None = None
    steps: int | None = None
    quick: bool = False
    guidance: float = 1.0
    reference: PathLike | None = None
    batch_size: int | None = None
    device: str | None = None
    precision: str = "float32"
    compile: bool = False
    seed: int = 0
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse two ways at once to say how much is to be measured, and on what."""
        super().__post_init__()
        for name in OF_DATA if self.no_data else ():
            value, usual = getattr(self, name), type(self).__dataclass_fields__[name].default
            option = f"--{name.replace('_', '-')}"
            require(value == usual, option, "cannot be given with --no-data", value)
        rule = "must be given. If there are no held-out data, --no-data plans without"
        require(self.no_data or self.data is not None, "--data", rule)
        if self.levels is not None:
            require_count("--levels", self.levels)
        width, asked = self.half_width, {"examples": self.examples, "draws": self.draws}
        alone = width is not None or self.steps is None
        require(alone, "--steps", "is for --half-width alone", self.steps)
        rule = "cannot be given with --calls, which shares them out"
        for name, value in asked.items() if self.calls is not None and width is None else ():
            require(value is None, f"--{name}", rule, value)
        if width is None:
            return
        for name, value in {"calls": self.calls, **asked}.items():
            remedy = f"Leave --{name} or --half-width out"
            require(value is None, f"--{name}", "is found by --half-width", value, remedy)
        small = 0 < width < 1
        require(small, "--half-width", "must be above 0 and below 1 (0.03: 3 %)", width)


@dataclass(frozen=True)
class PlanRequest(Request):
    """The grid to be found in an audit; with `by`, samplers and grids compete by their samples.

    audit: its .json; out: the plan's .json; steps, kl, tv, distance, sampler, process, covariance,
    start, last, resolution, w2, among, keep, widest, weight, calibrate: as in `make_plan`; grid:
    the name of one that others use, to be priced in place of one planned (`evaluate_grid`); model:
    the audited one, to match the noise to the data's spread, to measure a ODE sampler's distance,
    or to draw with `by`; by: let samples decide, by ``sliced-w2``, ``gaussian-w2``, ``mmd`` or
    ``frechet``; the rest belongs to it: data, given, labels, class_order, drop, decimal, dates:
    held-out data to compare samples with, as in `AuditRequest`; candidates: samplers to try;
    calls: network calls to spend; seed: of all randomness; force: replace out, and plan from an
    audit that cannot tell too.
    """

    audit: PathLike
    _: KW_ONLY
    out: PathLike = Path("plan.json")
    steps: int | None = None
    kl: float | None = None
    tv: float | None = None
    distance: float | None = None
    grid: str | None = None
    sampler: str | None = None
    process: str | None = None
    covariance: str | None = None
    start: str | None = None
    last: str | None = None
    resolution: float | None = None
    w2: float | None = None
    among: Sequence[float] = ()
    keep: Sequence[float] = ()
    widest: float | None = None
    weight: float | None = None
    calibrate: bool | None = None
    by: str | None = None
    model: PathLike | None = None
    data: PathLike | None = None
    given: Sequence[str] = ()
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    candidates: Sequence[str] = ()
    calls: int | None = None
    seed: int = 0
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse what means nothing with `by`, and what means nothing without it."""
        super().__post_init__()
        require_count("--seed", self.seed, at_least=0)
        if self.grid is not None:
            rule = "must be given with --grid, which has so many levels"
            require(self.steps is not None, "--steps", rule, self.steps)
            for name in SEARCHES:
                value = getattr(self, name)
                rule = "cannot be given with --grid, whose levels are known"
                require(value in (None, ()), f"--{name}", rule, value)
        if self.by is None:
            for name in OF_BY:
                value = getattr(self, name)
                listed = ", ".join(value) if isinstance(value, tuple) else value
                option = f"--{name.replace('_', '-')}"
                require(not value, option, "belongs to --by", listed, "Give --by sliced-w2")
            return
        rule = "cannot be given with --by: name samplers with --candidates"
        require(self.sampler is None, "--sampler", rule, self.sampler)
        rule = "cannot be given with --by, whose candidates try several"
        for name in ("kl", "tv", "distance", "covariance", "resolution", "calibrate", "process",
                     "last", "start"):  # fmt: skip
            value = getattr(self, name)
            require(value is None or value is False, f"--{name}", rule, value)
        for name in ("among", "keep", "widest", "w2", "weight"):
            value = getattr(self, name)
            require(value in (None, ()), f"--{name}", "cannot be given with --by", value)


@dataclass(frozen=True)
class CompareRequest(Request):
    """Samples to be compared with data.

    samples: a file of samples; data: what `load_data` takes, or a law's .json; by: names of
    measures, all by default; features: ``builtin``, or a .npz with features of both; model: of the
    data it was fitted on, use the part kept back; train_data: training data, to look for
    memorisation; target: a column of a table that trees predict, learnt from samples and from real
    rows; labels, class_order, drop, decimal, dates: as in `AuditRequest`; rows: at most so
    many of each; out: a .json for the comparison; force: replace it, whatever it is; seed: of all
    randomness.
    """

    samples: PathLike
    data: PathLike
    _: KW_ONLY
    by: Sequence[str] = ()
    features: str = "builtin"
    model: PathLike | None = None
    train_data: PathLike | None = None
    target: str | None = None
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    rows: int = 10_000
    out: PathLike | None = None
    force: bool = False
    seed: int = 0


@dataclass(frozen=True)
class ReportRequest(Request):
    """A page of audits, their plans, and samples beside data.

    audit: .json files, with several models are compared; plan: .json files; samples: what
    `sample` wrote; comparison: of these, what `compare` wrote; data: what `load_data` takes, or a
    law's .json; labels, drop, decimal, dates: as in `AuditRequest`; figures: a folder for every
    figure as a file; out: the page; force: replace out, whatever it is.
    """

    audit: Sequence[PathLike]
    _: KW_ONLY
    plan: Sequence[PathLike] = ()
    samples: PathLike | None = None
    comparison: PathLike | None = None
    data: PathLike | None = None
    labels: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    figures: PathLike | None = None
    out: PathLike = Path("report.html")
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse a page of nothing."""
        super().__post_init__()
        require(bool(self.audit), "audit", "must name at least one audit")
