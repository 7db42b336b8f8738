"""What the commands do between reading arguments and printing: data, models and splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from .._checks import refuse, require, require_number
from .._files import read_json
from .._processes import processes
from .._typing import Json, Progress
from ..cli.nexts import after_sample
from ..cli.outputs import parts_path
from ..comparison.copies import near_copies
from ..data import Dataset, check_destination, load_data, write_samples
from ..data.id_columns import id_notes
from ..data.origin import read_origin, refuse_drawn, write_origin
from ..data.write import label_column
from ..denoise.arithmetic import in_precision
from ..denoise.base import Denoiser
from ..denoise.load import load_model
from ..denoise.network import NetworkDenoiser
from ..denoise.pipelines.pipeline import PipelineDenoiser
from ..error_curve.curve import GROUPS
from ..law.base import Law
from ..measuring.audit import LEVELS
from ..measuring.audit import audit as measure
from ..measuring.load import load_audit
from ..measuring.record import Audit
from ..measuring.resume import remove_sums as remove_sums
from ..planning.audit_to_precision import audit_to
from ..planning.plan import Plan, load_plan
from ..reporting.page import report as write_report
from ..reporting.samples_origin import opened
from ..reporting.words.advice import headline
from ..sampling.loop import BATCH
from ..sampling.sample import check_model, proportional_labels, sample, units_of
from ..sampling.shards import SHARD_SUFFIX, Shards, plan_fingerprint, sample_shards
from ..train import TrainOptions, fit
from .call_budget import refuse_mixed
from .data_sources import for_model, left_out, parts, read_source, unread
from .pipelines import guided, latents_of, prompted, told, within

SHARDED_ABOVE = 2 * BATCH  # samples; fewer are drawn in one go
SHOWN = 4000  # draws of a law that a report shows beside samples


def fit_command(
    source: str,
    out: Path,
    command: Callable[[int], str],
    *,
    labels: str | None,
    drop: Sequence[str],
    only: Sequence[str],
    held_out: float,
    conditional: bool,
    seed: int,
    precision: str,
    compiled: bool,
    say: Callable[[Sequence[str]], None],
    **options: Any,
) -> NetworkDenoiser:
    """Train on a data set, keeping the share `held_out` of it back for the audit.

    command: the line that fits this model again, for the number of steps it took. It and the
    share of each label are recorded in the model. say: what to do with what was noticed of the
    data before the training begins; the model records it as well.
    """
    share = require_number("--held-out", held_out)
    require(0 <= share < 1, "--held-out", "must be a share, at least 0 and below 1", share)
    data = load_data(source, labels=labels, drop=drop, only=only)
    if conditional or labels is not None:
        remedy = "Name their column with --labels"
        require(data.labels is not None, source, "has no labels to learn", None, remedy)
    else:
        data = data.without_labels()
    train, kept = data.split(1 - share, seed=seed) if share else (data, None)
    if kept is not None and len(kept) < 2 * GROUPS:
        rule = f"keeps {len(kept)} examples back, and an audit needs {2 * GROUPS}"
        refuse("--held-out", rule, share, "Give a larger share, or 0 and audit on other data")
    say(notes := id_notes(train))
    among, knobs = processes(), TrainOptions(precision=precision, compiled=compiled)
    model = fit(train, out=out, seed=seed, processes=among, options=knobs, **options)
    model.training |= {"command": command(model.training["steps"]), "notes": notes}
    if not among.rank:
        model.save(out)
    return model


def audit_command(
    model: str,
    source: str,
    train_source: str | None,
    labels: str | None,
    *,
    drop: Sequence[str],
    class_order: str,
    device: str | None,
    cache: Path,
    keep: Path,
    force: bool,
    reference: str | None = None,
    precision: str = "float32",
    compiled: bool = False,
    guidance: float = 1.0,
    calls: int | None = None,
    half_width: float | None = None,
    steps: int | None = None,
    **options: Any,
) -> Audit:
    """Audit a model on data; of the file it was trained on, only the part kept back is used.

    cache: the folder that keeps the latents and captions of pictures, for latent pipelines;
    calls: network calls at most, shared out between levels and examples; half_width, steps: what
    the discretisation of this many planned steps is to be known to.
    """
    refuse_mixed(calls, half_width, steps, options)
    among = processes()
    if force and not among.rank:
        remove_sums(keep)
    options["keep"] = keep
    device = device or among.device
    denoiser = load_model(model, device=device)
    refuse_drawn(source, denoiser.fingerprint)
    denoiser = guided(denoiser, guidance)
    data, train = read_source(source, labels, drop, denoiser, class_order), None
    chosen: dict[str, Any] = {"labels": labels, "drop": drop, "like": denoiser}
    chosen["class_order"] = class_order
    beside = None if train_source is None else load_data(train_source, **chosen)
    if isinstance(data, Dataset):
        denoiser = told(denoiser, (data, beside), source, cache)
        data, train = parts(denoiser, data, source)
    if train_source is not None:
        assert beside is not None
        train = for_model(denoiser, beside, train_source)
    if calls is not None:
        models = 1 if reference is None and precision == "float32" else 2
        options = within(calls, denoiser, data, train, options, models=models)
    other = None if reference is None else load_model(reference, device=device)
    denoiser, other = _rounded(denoiser, other, precision, compiled)
    lost = None
    if isinstance(denoiser, PipelineDenoiser) and isinstance(data, Dataset):
        data, lost = latents_of(denoiser, data, cache)
        train = None if train is None else latents_of(denoiser, train, cache)[0]
    options |= {"train": train, "reference": other, "processes": among}
    if half_width is None:
        options["levels"] = options.get("levels") or LEVELS
        done = measure(denoiser, data, **options)
    else:
        asked = {k: v for k, v in options.items() if k not in ("examples", "draws")}
        done = audit_to(denoiser, data, half_width=half_width, steps=steps, **asked)
    _note_data(done, denoiser, data, None if among.rank else train)
    if lost is not None:
        done.about["vae"] = lost
    return done


def _note_data(
    done: Audit, denoiser: Denoiser, data: Dataset | Law, train: Dataset | None
) -> None:
    """Say in an audit what was noticed of the data: copies, ids, columns that were not read."""
    noticed = id_notes(data, fitted=True) if isinstance(data, Dataset) else []
    if train is not None and isinstance(data, Dataset):
        found = near_copies(train, data)
        noticed += [str(found)] if found is not None and found.many else []
    if noticed:
        done.about["notes"] = [*done.about.get("notes", ()), *noticed]
    if unread(denoiser):
        done.about["left_out"] = unread(denoiser)


def _rounded(
    denoiser: Denoiser, other: Denoiser | None, precision: str, compiled: bool
) -> tuple[Denoiser, Denoiser | None]:
    """Return a denoiser in this precision, and itself as it was as the reference beside it."""
    made = in_precision(denoiser, precision, compiled=compiled)
    rounded = made.fingerprint != denoiser.fingerprint
    remedy = "Its place is taken by MODEL itself in float32; audit the reference by itself"
    require(not rounded or other is None, "reference", "is not for --precision", None, remedy)
    return made, denoiser if rounded else other


def remember(audit: Audit, model: str, command: str) -> None:
    """Record in an audit the commands that lead to it."""
    folder = Path(model) / "girsanov.json"
    fitted = read_json(folder)["training"].get("command") if folder.is_file() else None
    audit.about["commands"] = [c for c in (fitted, command) if c]


class Drawn(NamedTuple):
    """Samples in the data's units, and how many were drawn of each label.

    bounded: the columns whose numbers were kept within what the model has seen; then: the next
    command to type.
    """

    values: np.ndarray
    tally: dict[str, int]
    bounded: tuple[str, ...]
    then: str


def sample_command(
    model: str,
    plan_path: Path,
    count: int,
    out: str,
    command: str,
    *,
    label: str | None,
    force: bool,
    seed: int,
    any_model: bool,
    as_drawn: bool,
    batch_size: int | None,
    device: str | None,
    precision: str,
    compiled: bool,
    progress: Progress | None,
    resumed: Callable[[int], None] | None = None,
) -> Drawn | None:
    """Draw samples and write them; everything that can be refused is refused before the work.

    A record of how they were drawn goes beside them. Of several processes, the first one
    writes, and the others return None.
    """
    among = processes()
    denoiser, plan = load_model(model, device=device or among.device), load_plan(plan_path)
    bare = denoiser.fingerprint  # in any precision, under any guidance
    sizes = tuple(plan.about["audit"].get("shape", ()))
    denoiser = prompted(guided(denoiser, plan.guidance), label, sizes)
    denoiser = in_precision(denoiser, precision, compiled=compiled)
    check_model(denoiser, plan, any_model)
    d = int(np.prod(denoiser.shape))
    rule = f"must be of examples of {d} numbers, as this model's are"
    require(plan.moments.basis.dimension == d, "plan", rule, plan.moments.basis.dimension)
    standardisation = units_of(denoiser, plan, as_drawn)
    if standardisation is None:
        refuse("plan", "must record the units of the audited data")
    names = tuple(getattr(denoiser, "label_names", ()))
    codes = _codes(denoiser, names, label, count, seed)
    written = codes if label is None else None  # of one class there is nothing to tell apart
    check_destination(out, standardisation, force=force, labelled=written is not None)
    options: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "any_model": any_model}
    options |= {"as_drawn": as_drawn, "progress": progress}
    options["label"] = None if codes is None else torch.from_numpy(codes)
    write = partial(write_samples, standardisation=standardisation, labels=written,
                    label_names=names, force=force)  # fmt: skip
    if count > SHARDED_ABOVE or among.count > 1:
        options |= {"force": force, "processes": among, "resumed": resumed}
        shards = sample_shards(denoiser, plan, count, parts_path(out), **options)
        if among.rank:
            return None
        values = _merged(shards, out, write)
    else:
        values = sample(denoiser, plan, count, **options)
        write(values, path=out)
    counts = () if codes is None else np.bincount(codes, minlength=len(names)).tolist()
    tally = dict(zip(names, counts, strict=False))  # of no labels there are no counts
    column = None if written is None else label_column(out, values)
    origin: Json = {"command": command, "count": count, "seed": seed, "label": label}
    origin |= {"drawn_by": bare, "model": denoiser.fingerprint, "plan": plan_fingerprint(plan)}
    write_origin(out, {**origin, "left_out": unread(denoiser), "label_column": column})
    then = after_sample([*plan.about["audit"].get("commands", ()), command], out)
    return Drawn(values, tally, standardisation.bounded, then)


def _merged(shards: Shards, out: str, write: Callable[..., None]) -> np.ndarray:
    """Make one file of shards, which a run that was stopped has kept, and remove them."""
    if Path(out).suffix.lower() == SHARD_SUFFIX:
        shards.merge(out)
        values: np.ndarray = np.load(out, mmap_mode="r", allow_pickle=False)
    else:
        values = np.concatenate(list(shards))
        write(values, path=out)
    shards.remove()
    return values


def _codes(
    denoiser: Denoiser, names: tuple[str, ...], label: str | None, count: int, seed: int
) -> np.ndarray | None:
    """Return a label per sample, the same for sample i under one seed whatever the count."""
    if label is not None:
        known = ", ".join(names) or "left out: this model takes no labels"
        require(label in names, "--label", f"must be {'one of ' if names else ''}{known}", label)
        return np.full(count, names.index(label), np.int64)
    if not denoiser.classes:
        return None
    return proportional_labels(denoiser, count, seed).numpy()


def report_command(
    audits: list[Path],
    plans: list[Path],
    samples: str | None,
    data: str | None,
    *,
    labels: str | None,
    drop: Sequence[str],
    out: Path,
    figures: Path | None,
    command: str,
    progress: Progress | None = None,
) -> tuple[list[Json], tuple[str, ...]]:
    """Write the page for audits, their plans, and samples beside data when they are given.

    It lists the commands recorded in all of these, and `command`, which made it of them. Returned
    is what it says of each model, as JSON, and of where the samples are from.
    """
    first, *others = [load_audit(path) for path in audits]
    made = [load_plan(path) for path in plans]
    origin = {} if samples is None else read_origin(samples)
    known = [*left_out(first.about), *left_out(origin)]
    beside = None if data is None else read_source(data, labels, drop, known)
    given = beside.sample(SHOWN, seed=0).numpy() if isinstance(beside, Law) else beside
    drawn = opened(samples, given, (first, *others), made)
    recorded = [first.about, *[a.about for a in others], *[p.about["audit"] for p in made]]
    commands = [line for record in recorded for line in record.get("commands", ())]
    commands += [line for line in (drawn.command, command) if line]
    write_report(
        first,
        *made,
        out=out,
        others=others,
        samples=drawn,
        data=given,
        commands=list(dict.fromkeys(commands)),
        figures=figures,
        progress=progress,
    )
    said = [_said(path, audit, made) for path, audit in zip(audits, [first, *others], strict=True)]
    return said, drawn.notes


def _said(path: Path, audit: Audit, plans: Sequence[Plan]) -> Json:
    """Return the verdicts on a model: of its plans, and whether it knows nothing of the data."""
    own = [headline(audit, p) for p in plans if p.about["model"] == audit.about["model"]]
    return {"audit": str(path), "untrained": audit.summary()["untrained"], "verdict": own}
