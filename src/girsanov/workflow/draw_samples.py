"""`sample`: samples of a model by a plan, in the data's own units, written with their origin."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import refuse, require
from .._processes import processes
from ..data import check_destination, write_samples
from ..data.formats.registry import data_format_of
from ..data.origin import write_origin
from ..data.table.selected_columns import reading_of
from ..data.write import label_column
from ..denoise.arithmetic import in_precision
from ..denoise.base import told_of
from ..denoise.load import load_model
from ..planning.plan_file import load_plan
from ..sampling.conjugate import UNCERTIFIED
from ..sampling.gaps import Gaps
from ..sampling.given import given_rows
from ..sampling.observation import Observation
from ..sampling.options import SAMPLE_BATCH
from ..sampling.sample import check_model, proportional_labels, units_of
from ..sampling.sample import sample as draw
from ..sampling.shards import SHARD_SUFFIX, Shards, plan_fingerprint, sample_shards
from .observed import observed_of
from .shared.data_sources import unread
from .shared.destinations import parts_path, require_place
from .shared.pipelines import guided, prompted

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..data.standardise import Standardisation
    from ..denoise.base import Denoiser
    from ..planning.plan import Plan
    from .more_requests import SampleRequest

ROW = "row"  # what the number of the row of y is called beside a sample
SHARDED_ABOVE = 2 * SAMPLE_BATCH  # samples; fewer are drawn in one go


@dataclass(frozen=True)
class SampleResult:
    """Samples in the data's units [count, ...], and where they were written.

    seed: they were drawn with; tally: how many of each label; bounded: the columns whose numbers
    were kept within what the model has seen; commands: those that led to them; rows: of y that
    they were drawn given, 0 where there are none; given: which option names these.
    """

    values: np.ndarray
    out: str
    seed: int
    tally: dict[str, int]
    bounded: tuple[str, ...]
    commands: list[str]
    rows: int = 0
    given: str = "--given"

    def to_json(self) -> Json:
        """Return what was drawn, without the samples themselves."""
        return {
            "samples": self.out, "count": len(self.values), "shape": list(self.values.shape),
            "seed": self.seed, "labels": self.tally, "bounded": list(self.bounded),
            **({"rows": self.rows} if self.rows else {}),
        }  # fmt: skip


def sample(
    request: SampleRequest,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> SampleResult | None:
    """Draw samples and write them; everything that can be refused is refused before the work.

    A record of how they were drawn goes beside them. Many samples are drawn in shards, which a
    run that was stopped goes on from; of several processes, the first one writes, and the others
    return None. progress(done, total) counts network calls times samples; say: what to do with
    the line that says what a stopped run has drawn.
    """
    require_place(Path(request.out))
    denoiser = load_model(request.model, device=request.device or processes().device)
    plan = load_plan(request.plan)
    bare = denoiser.fingerprint  # in any precision, under any guidance
    denoiser = _as_planned(request, denoiser, plan)
    units = _units(request, denoiser, plan)
    names = tuple(getattr(denoiser, "label_names", ()))
    known = observed_of(request, denoiser, say)
    y = None if known is not None else _rows_given(request, denoiser, say)
    reading, rows_of_y = reading_of(denoiser), 0 if y is None else len(y)
    if known is not None and known.many:
        rows_of_y = len(known)
    if y is None and not rows_of_y:
        codes = _codes(request, denoiser, names)
        alike = request.label is not None and not _column_of_labels(request, units, reading)
        written = None if alike else codes
    else:  # samples are told apart by the number of their row, where a file has room for it
        codes, reading = None, {**reading, "labels": ROW}
        file_format = data_format_of(request.out)
        rows = np.repeat(np.arange(rows_of_y), request.count)
        written = rows if file_format is None or file_format.labels else None
    check_destination(request.out, units, force=request.force, labelled=written is not None)
    write = partial(write_samples, standardisation=units, labels=written, label_names=names,
                    force=request.force, reading=reading)  # fmt: skip
    told = codes if y is None else y.repeat_interleave(request.count, dim=0)
    drawing = Drawing(request, denoiser, plan, write, progress, say)
    values = _drawn(drawing, told) if known is None else _drawn_given(drawing, known)
    if values is None:
        return None
    if known is not None and say is not None:
        say(UNCERTIFIED)
    command = request.command()
    origin: Json = {
        "command": command, "count": request.count, "seed": request.seed, "label": request.label,
        "drawn_by": bare, "model": denoiser.fingerprint, "plan": plan_fingerprint(plan),
        "left_out": unread(denoiser), "reading": reading,
        **({} if y is None else {"given": str(request.given)}), **_known(request),
        **({"rows": rows_of_y} if rows_of_y else {}),
        "label_column": None if written is None else label_column(request.out, values, reading),
    }  # fmt: skip
    write_origin(request.out, origin)
    counts = () if codes is None else np.bincount(codes, minlength=len(names)).tolist()
    tally = dict(zip(names, counts, strict=False))  # of no labels there are no counts
    commands = [*plan.audit.commands, command]
    return SampleResult(
        values,
        request.out,
        request.seed,
        tally,
        units.bounded,
        commands,
        rows_of_y,
        "--fill" if request.fill is not None else "--given" if y is not None else "--measured",
    )


def _known(request: SampleRequest) -> Json:
    """Return what samples were drawn given, as it was asked for."""
    names = ("operator", "measured", "noise", "fix", "fill")
    asked = {name: getattr(request, name) for name in names}
    return {k: v if isinstance(v, float) else list(v) if isinstance(v, tuple) else str(v)
            for k, v in asked.items() if v}  # fmt: skip


def _column_of_labels(request: SampleRequest, units: Standardisation, reading: Json) -> bool:
    """Return whether samples of one class, which nothing tells apart, keep the table's column."""
    file_format = data_format_of(request.out)
    return (
        units.kind == "table" and "labels" in reading and bool(file_format and file_format.labels)
    )


def _as_planned(request: SampleRequest, denoiser: Denoiser, plan: Plan) -> Denoiser:
    """Return the model with the plan's guidance, the prompt and the precision asked for."""
    denoiser = prompted(guided(denoiser, plan.guidance), request.label, plan.audit.shape)
    denoiser = in_precision(denoiser, request.precision, compiled=request.compile)
    check_model(denoiser, plan, request.any_model)
    d = int(np.prod(denoiser.shape))
    rule = f"must be of examples of {d} numbers, as this model's are"
    require(plan.moments.basis.dimension == d, "plan", rule, plan.moments.basis.dimension)
    return denoiser


def _units(request: SampleRequest, denoiser: Denoiser, plan: Plan) -> Standardisation:
    units = units_of(denoiser, plan, request.as_drawn)
    if units is None:
        refuse("plan", "must record the units of the audited data")
    return units


@dataclass(frozen=True)
class Drawing:
    """What all ways of drawing need: the request, the model, the plan, and where samples go."""

    request: SampleRequest
    denoiser: Denoiser
    plan: Plan
    write: Callable[..., None]
    progress: Progress | None
    say: Callable[[str], None] | None

    def options(self) -> dict[str, Any]:
        """Return the options of `girsanov.sample` that a request names."""
        asked = self.request
        return {
            "seed": asked.seed, "batch_size": asked.batch_size, "any_model": asked.any_model,
            "as_drawn": asked.as_drawn, "progress": self.progress,
        }  # fmt: skip

    def sharded(self, count: int, **options: Any) -> np.ndarray | None:
        """Return samples drawn in shards, which are written; None in all processes but one."""
        among, parts = processes(), parts_path(self.request.out)

        def resumed(drawn: int) -> None:
            if self.say is not None:
                self.say(f"{parts} keeps {drawn} of these samples from a run that was stopped; "
                         "going on with them")  # fmt: skip

        shards = sample_shards(self.denoiser, self.plan, count, parts, force=self.request.force,
                               processes=among, resumed=resumed, **options)  # fmt: skip
        return None if among.rank else _merged(shards, self.request.out, self.write)


def _drawn(drawing: Drawing, told: np.ndarray | torch.Tensor | None) -> np.ndarray | None:
    """Return the samples, which were written; None in all processes but the first.

    told: a class, or y, of each.
    """
    count = drawing.request.count if told is None else len(told)
    options = drawing.options()
    options["label"] = None if told is None else torch.as_tensor(told)
    given_y = isinstance(told, torch.Tensor)
    if not given_y and count <= SHARDED_ABOVE and processes().count == 1:
        values = draw(drawing.denoiser, drawing.plan, count, **options)
        drawing.write(values, path=drawing.request.out)
        return values
    return drawing.sharded(count, **options)


def _drawn_given(drawing: Drawing, known: Observation | Gaps) -> np.ndarray | None:
    """Return samples given what is known of them, row after row, which were written.

    None in all processes but the first. Rows of a table are drawn in one go.
    """
    request, names = drawing.request, tuple(getattr(drawing.denoiser, "label_names", ()))
    label = None if request.label is None else names.index(request.label)
    options = {**drawing.options(), "label": label, "observed": known}
    total, among = request.count * (len(known) if known.many else 1), processes()
    if isinstance(known, Gaps):
        if among.rank:
            return None
        values = known.restored(draw(drawing.denoiser, drawing.plan, request.count, **options))
    elif total > SHARDED_ABOVE or among.count > 1:
        return drawing.sharded(request.count, **options)
    else:
        values = draw(drawing.denoiser, drawing.plan, request.count, **options)
    if known.many:
        values = values.reshape(-1, *values.shape[2:])
    drawing.write(values, path=request.out)
    return values


def _merged(shards: Shards, out: str, write: Callable[..., None]) -> np.ndarray:
    """Make one file of shards, which a run that was stopped has kept, and remove them."""
    npy = Path(out).suffix.lower() == SHARD_SUFFIX
    if npy:
        shards.merge(out)
        values: np.ndarray = np.load(out, mmap_mode="r", allow_pickle=False)
    else:
        values = np.concatenate(list(shards))
        write(values, path=out)
    shards.remove()
    return values


def _codes(
    request: SampleRequest, denoiser: Denoiser, names: tuple[str, ...]
) -> np.ndarray | None:
    """Return a label per sample, the same for sample i under one seed whatever the count."""
    label, count = request.label, request.count
    if label is not None:
        listed = ", ".join(names) or "left out: this model takes no labels"
        require(label in names, "--label", f"must be {'one of ' if names else ''}{listed}", label)
        return np.full(count, names.index(label), np.int64)
    labels = proportional_labels(denoiser, count, request.seed)
    return None if labels is None else labels.numpy()


def _rows_given(
    request: SampleRequest, denoiser: Denoiser, say: Callable[[str], None] | None
) -> torch.Tensor | None:
    """Return the rows of y that samples are drawn given, None for a model of x alone."""
    if request.given is None and told_of(denoiser) is None:
        return None
    rule = "must be left out: y says which samples are drawn"
    require(request.label is None, "--label", rule, request.label)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = given_rows(denoiser, request.given, "--given")
    for warning in caught if say is not None else ():
        say(str(warning.message))  # type: ignore[misc]
    return y
