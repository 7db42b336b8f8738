"""What the commands do between reading arguments and printing: data, models and splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .._checks import refuse, require, require_number
from .._typing import Progress
from ..data import Dataset, check_destination, load_data, write_samples
from ..denoise.base import Denoiser
from ..denoise.load import load_model
from ..denoise.network import NetworkDenoiser
from ..law.base import Law
from ..law.read import read_law
from ..ledger.audit import Audit, load_audit
from ..ledger.audit import audit as measure
from ..plan.plan import load_plan
from ..reporting.page import report as write_report
from ..sampling.draw import check_model, sample
from ..train import fit


def read_source(source: str, labels: str | None = None) -> Dataset | Law:
    """Return the law of a .json file, or the data set of any other source."""
    return read_law(source) if source.endswith(".json") else load_data(source, labels=labels)


def fit_command(
    source: str,
    out: Path,
    *,
    labels: str | None,
    held_out: float,
    conditional: bool,
    seed: int,
    **options: Any,
) -> NetworkDenoiser:
    """Train on a data set, keeping the share `held_out` of it back for the audit."""
    data = load_data(source, labels=labels)
    share = require_number("--held-out", held_out, above=-1e-300)
    require(share < 1, "--held-out", "must be a share below 1", share)
    if not conditional:
        data = data.without_labels()
    else:
        require(
            data.labels is not None,
            source,
            "has no labels to learn",
            None,
            "Name their column with --labels",
        )
    train = data.split(1 - share, seed=seed)[0] if share else data
    return fit(train, out=out, seed=seed, **options)


def audit_command(
    model: str, source: str, train_source: str | None, labels: str | None, **options: Any
) -> Audit:
    """Audit a model on data; of the file it was trained on, only the part kept back is used."""
    denoiser = load_model(model)
    data, train = read_source(source, labels), None
    if isinstance(data, Dataset):
        data, train = _parts(denoiser, data, source)
    if train_source is not None:
        train = load_data(train_source, labels=labels)
    return measure(denoiser, data, train=train, **options)


def _parts(denoiser: Denoiser, data: Dataset, source: str) -> tuple[Dataset, Dataset | None]:
    """Return the held-out and training parts of the very file a model was trained on."""
    lineage = getattr(denoiser, "training", {}).get("lineage")
    if not denoiser.classes:
        data = data.without_labels()
    elif data.labels is not None:
        data = data.with_label_names(denoiser.label_names)  # type: ignore[attr-defined]
    else:
        refuse(source, "has no labels, which this model needs", None, "Name them with --labels")
    if not lineage or lineage["of"] != data.fingerprint:
        return data, None
    if lineage.get("fraction") is None:
        refuse(
            source,
            "is the data this model was trained on, which says nothing about new data",
            None,
            "Give held-out data, or train again with --held-out 0.2",
        )
    train, held_out = data.split(lineage["fraction"], seed=lineage["seed"])
    return held_out, train


def sample_command(
    model: str,
    plan_path: Path,
    count: int,
    out: str,
    *,
    label: str | None,
    force: bool,
    seed: int,
    batch_size: int,
    any_model: bool,
    progress: Progress | None,
) -> np.ndarray:
    """Draw samples and write them; everything that can be refused is refused before the work."""
    denoiser, plan = load_model(model), load_plan(plan_path)
    check_model(denoiser, plan, any_model)
    standardisation = getattr(denoiser, "standardisation", None) or _plain(denoiser)
    code = None if label is None else _label(denoiser, label)
    check_destination(out, standardisation, force=force)
    drawn = sample(
        denoiser,
        plan,
        count,
        seed=seed,
        batch_size=batch_size,
        label=code,
        any_model=any_model,
        progress=progress,
    )
    write_samples(drawn, standardisation, out, force=force)
    return drawn


def _label(denoiser: Denoiser, label: str) -> int:
    names = list(getattr(denoiser, "label_names", ()))
    require(
        label in names,
        "--label",
        "must be one of " + (", ".join(names) or "none: this model takes no labels"),
        label,
    )
    return names.index(label)


def _plain(denoiser: Denoiser) -> Any:
    """Return the standardisation of a law's samples: none, for vectors of its dimension."""
    from ..data.standardise import VectorStandardisation

    d = denoiser.shape[0]
    return VectorStandardisation((d,), np.dtype(np.float64), np.zeros(d), np.ones(d))


def report_command(
    audit_path: Path, plans: list[Path], samples: str | None, data: str | None, out: Path
) -> None:
    """Write the page for an audit, its plans, and samples beside data when they are given."""
    require(out.suffix in (".html", ".htm"), "--out", "must end in .html", str(out))
    write_report(
        load_audit(audit_path),
        *[load_plan(p) for p in plans],
        out=out,
        samples=None if samples is None else load_data(samples),
        data=None if data is None else load_data(data),
    )
