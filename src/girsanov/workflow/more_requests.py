"""Requests of networks of one's own, of samples, of what plans lead to, and of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from .._checks import require, require_number
from .._typing import PathLike
from .requests import Request


@dataclass(frozen=True)
class CheckRequest(Request):
    """A network of one's own, to be called in every way that can be told.

    model: FILE.py:function, code that is run and wraps the network; data: held-out, what
    `load_data` takes, or a law's .json; other: FILE.py:function of the same network with other
    weights, such as the averaged ones; labels, class_order, drop, decimal, dates, device: as in
    `AuditRequest`; examples: how many are tried; seed: of all randomness.
    """

    model: PathLike
    _: KW_ONLY
    data: PathLike
    other: PathLike | None = None
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    examples: int = 64
    device: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class LikelihoodRequest(Request):
    """The likelihood of the examples of an audit under a sampler.

    audit: its .json; plan: whose sampler is meant, None for the limit of infinitely many steps.
    """

    audit: PathLike
    _: KW_ONLY
    plan: PathLike | None = None


@dataclass(frozen=True)
class AdviseRequest(Request):
    """Data to be trained on, whose noise levels are asked for.

    data: what `load_data` takes; audit: of a model that was fitted to this file, to be put beside
    what can be attained; minutes: of a short training that measures where the gradient varies;
    labels, drop, decimal, dates: as in `AuditRequest`; nats: what a start from noise may cost;
    seed: of all randomness.
    """

    data: PathLike
    _: KW_ONLY
    audit: PathLike | None = None
    minutes: float | None = None
    labels: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    nats: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class CheckpointsRequest(Request):
    """Checkpoints of one training run to be measured on the same examples and noise.

    model: model folders, in the order of the training; data: held-out data, as in `AuditRequest`;
    train_data: training data, to see overfitting; labels, drop: as in `AuditRequest`; examples,
    levels: how many examples and noise levels; out: the series, .jsonl; page: the page, .html;
    device: cpu, cuda, ...; seed: of all randomness; force: replace out and page.
    """

    model: Sequence[PathLike]
    _: KW_ONLY
    data: PathLike
    train_data: PathLike | None = None
    labels: str | None = None
    drop: Sequence[str] = ()
    examples: int = 500
    levels: int = 33
    out: PathLike = Path("checkpoints.jsonl")
    page: PathLike = Path("checkpoints.html")
    device: str | None = None
    seed: int = 0
    force: bool = False


@dataclass(frozen=True)
class SampleRequest(Request):
    """Samples to be drawn with a plan, in the data's own units and types.

    model: as in `AuditRequest`; plan: its .json; count: how many, of each row of `given`,
    `measured` or `fill`; given: a file with rows of y, of a model of x given y, whose numbers
    stand beside the samples; operator, measured, noise: samples given a linear measurement: A and
    y (.npy), and the deviation of its noise; fix: column=value, cells of a table that are known;
    fill: a table whose gaps are to be filled; out: .npy, .npz, .csv, .parquet or FOLDER/ of
    images; seed: of all randomness; batch_size: samples a network call; device, precision,
    compile: as in `AuditRequest`; label: the one class to draw, or the prompt; any_model: use a
    plan of another model; as_drawn: leave a table's numbers beyond those seen; force: replace
    out.
    """

    model: PathLike
    _: KW_ONLY
    plan: PathLike
    count: int
    out: str
    given: PathLike | None = None
    operator: PathLike | None = None
    measured: PathLike | None = None
    noise: float | None = None
    fix: Sequence[str] = ()
    fill: PathLike | None = None
    seed: int = 0
    batch_size: int | None = None
    device: str | None = None
    precision: str = "float32"
    compile: bool = False
    label: str | None = None
    any_model: bool = False
    as_drawn: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse several ways to say what is known, and half a measurement."""
        super().__post_init__()
        parts = (self.operator, self.measured, self.noise)
        some = [part is not None for part in parts]
        rule = "must come together: A, y and the deviation of its noise"
        got = [f"--{n}" for n, s in zip(("operator", "measured", "noise"), some, strict=True) if s]
        require(all(some) or not any(some), "--operator, --measured, --noise", rule,
                ", ".join(got))  # fmt: skip
        if self.noise is not None:
            require_number("--noise", self.noise, above=0.0)
        ways = {"--given": self.given, "--operator": self.operator, "--fix": self.fix,
                "--fill": self.fill}  # fmt: skip
        named = [name for name, value in ways.items() if value]
        rule = "only one of them can say what is known"
        require(len(named) < 2, ", ".join(ways), rule, ", ".join(named))


@dataclass(frozen=True)
class CoverageRequest(Request):
    """Draws of x given y to be checked on pairs that the model has not seen.

    operator, noise: of a model of x alone: A, .npy, by which each x is measured, with noise of
    this deviation, which is simulated; model, data, given, drop, decimal, dates: as in
    `AuditRequest`; plan: its .json; rows: at most so many pairs; draws: of each; confidence: that
    draws which can be trusted are called so; cause: draw again with many more steps where they
    cannot be; batch_size: draws a network call; device: cpu, cuda, cuda:1, ...; seed: of all
    randomness.
    """

    model: PathLike
    _: KW_ONLY
    plan: PathLike
    data: PathLike
    given: Sequence[str] = ()
    operator: PathLike | None = None
    noise: float | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    rows: int = 1000
    draws: int = 32
    confidence: float = 0.99
    cause: bool = True
    batch_size: int | None = None
    device: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse half a measurement, and one beside pairs."""
        super().__post_init__()
        both = (self.operator is None) == (self.noise is None)
        rule = "must come together: A and the deviation of its noise"
        require(both, "--operator, --noise", rule)
        if self.noise is not None:
            require_number("--noise", self.noise, above=0.0)
        one = self.operator is None or not self.given
        require(one, "--given", "must be left out: what is measured is said by --operator")


@dataclass(frozen=True)
class ExportRequest(Request):
    """A plan to be put back into diffusers.

    plan: its .json; pipeline: the pipeline's folder; out: a new folder, or a .json file for a
    list; to: ``diffusers``, ``timesteps``, ``sigmas`` or ``eta``; audit: the plan's, where it does
    not lie beside the plan; any_model: use a plan of another model; force: replace out.
    """

    plan: PathLike
    _: KW_ONLY
    pipeline: PathLike
    out: PathLike
    to: str = "diffusers"
    audit: PathLike | None = None
    any_model: bool = False
    force: bool = False


@dataclass(frozen=True)
class DemoRequest(Request):
    """All of it on scikit-learn's digits.

    out: a folder for all it makes; steps: of training, the same on every machine, so that the
    numbers are the same too; network: as of fit; seed: of everything.
    """

    _: KW_ONLY
    out: PathLike = Path("demo")
    steps: int = 5000
    network: str = "conv"
    seed: int = 0
