"""`fit`: a model of a data set, of which a share is kept back for its audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import refuse, require
from .._processes import processes
from ..data import Dataset, load_data
from ..data.id_columns import id_notes
from ..error_curve.curve import GROUPS
from ..train import TrainOptions
from ..train import fit as train_on
from .shared.data_sources import given_of
from .shared.destinations import require_new_folder

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..denoise.network import NetworkDenoiser
    from .requests import FitRequest

USUAL_SHARE = 0.2  # of the examples that is kept back


@dataclass(frozen=True)
class FitResult:
    """A model and the folder that it was written to; notes: what was noticed of the data."""

    model: NetworkDenoiser
    out: Path
    notes: list[str]

    def to_json(self) -> Json:
        """Return where the model is, its fingerprint and the record of its training."""
        run = {"model": str(self.out), "fingerprint": self.model.fingerprint}
        return {**run, **self.model.training}


def fit(
    request: FitRequest,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> FitResult:
    """Train on a data set, keeping the share `request.held_out` of it back for the audit.

    The model records the command that fits it again, by steps, since minutes depend on the
    machine, and by the network that was chosen for these minutes. progress(done, total) counts
    steps; say: what to do with each line that is worth knowing of the data, or of minutes that are
    too few, before the training begins. Raises InputError where the data has no labels
    to learn or too few examples, and as `girsanov.fit`.
    """
    out = Path(request.out)
    require_new_folder(out)
    train = _training_part(request, _read(request))
    notes = [*train.notes, *id_notes(train)]
    if say is not None:
        for note in notes:
            say(note)
    among = processes()
    options = TrainOptions(
        width=request.width, precision=request.precision, compiled=request.compile
    )
    model = train_on(
        train, out=out, minutes=request.minutes, steps=request.steps, seed=request.seed,
        network=request.network, process=request.process, objective=request.objective,
        batch_size=request.batch_size, resume=request.resume, processes=among,
        progress=progress, say=say, options=options,
    )  # fmt: skip
    again = replace(request, minutes=None, steps=model.training["steps"])
    if request.width is None:
        again = replace(again, **_chosen(model.training))
    model.training |= {"command": again.command(), "notes": notes}
    if not among.rank:
        model.save(out)
    return FitResult(model, out, notes)


def _chosen(run: Json) -> Json:
    """Return the options that name what the minutes decided, if they did."""
    width = run["options"]["width"]
    if width is None:
        return {}
    return {"network": run["network"], "width": width, "batch_size": run["batch_size"]}


def _read(request: FitRequest) -> Dataset:
    """Return the data, with labels if they are to be learnt."""
    data = load_data(request.data, labels=request.labels, drop=request.drop, only=request.only,
                     given=given_of(request.given), decimal=request.decimal,
                     dates=request.dates,
                     rows="series" if request.series else None)  # fmt: skip
    if request.given:
        rule = "cannot be given beside --given: name the column of classes in --given"
        require(not request.conditional, "--conditional", rule)
        return data
    if not request.conditional and request.labels is None:
        return data.without_labels()
    remedy = "Name their column with --labels"
    require(data.labels is not None, str(request.data), "has no labels to learn", None, remedy)
    return data


def _usual_share(examples: int) -> float:
    """Return 0.2, or as much more as an audit needs of few examples, but no more than half."""
    return min(0.5, max(USUAL_SHARE, 2 * GROUPS / examples))


def _training_part(request: FitRequest, data: Dataset) -> Dataset:
    """Return the data but for the share that is kept back, which must do for an audit."""
    share = _usual_share(len(data)) if request.held_out is None else request.held_out
    if not share:
        return data
    train, kept = data.split(1 - share, seed=request.seed)
    if len(kept) < 2 * GROUPS:
        rule = f"keeps {len(kept)} examples back, and an audit needs {2 * GROUPS}"
        refuse("--held-out", rule, share, "Give a larger share, or 0 and audit on other data")
    return train
