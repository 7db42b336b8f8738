"""What can be asked of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypedDict

from .._checks import require, require_choice, require_count, require_number
from .._choices import TRAINING_PRECISIONS
from .._processes import ALONE, Processes

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress
    from ..data import Dataset


@dataclass(frozen=True)
class TrainOptions:
    """The knobs that rarely need turning.

    learning_rate: at its top, None for 1e-3, less for wide UNets, 2e-3 for ConvUNets;
    weight_decay: of AdamW; dropout: of the MLP, None for a thousandth for each time an example is
    seen, at most 0.3; warm_up: share of the steps over which the rate rises; clip: largest norm of
    the gradient of the loss in nats per dimension; averaging: g of equation (1) of `train.loop`;
    evaluations: of the held-out ledger, in a whole run, None for 20 or as many as take a tenth of
    it; early_stopping: keep the weights that are best on held-out data, not the last ones, in a
    run of 300 steps and 10 evaluations or more, or where the last are worse than the first;
    patience: evaluations without a better one before stopping; log_snr: range trained;
    preconditioning: ``wiener`` or ``edm``, for the MLP; width: of the MLP, or of the finest level
    of another; depth: of the MLP; None picks them; fastest: radians a timestep of the fastest
    feature of its level that a UNet heeds, 1 for all; device: None takes an accelerator when there
    is one; precision: of the network's matrix products, ``float32`` or ``bfloat16`` (weights,
    sums and the optimiser stay in float32); compiled: by `torch.compile`, which changes the last
    digits.
    """

    learning_rate: float | None = None
    weight_decay: float = 0.5
    dropout: float | None = None
    warm_up: float = 0.03
    clip: float = 1.0
    averaging: float = 16.97
    evaluations: int | None = None
    early_stopping: bool = True
    patience: int = 6
    log_snr: tuple[float, float] = (-7.0, 9.0)
    preconditioning: str = "wiener"
    width: int | None = None
    depth: int | None = None
    fastest: float = 0.04
    device: str | None = None
    precision: str = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        low, high = (require_number("log_snr", value) for value in self.log_snr)
        require(low < high, "log_snr", "must be an increasing pair", self.log_snr)
        require_number("weight_decay", self.weight_decay, above=-1e-300)
        dropout = require_number("dropout", self.dropout or 0.0)
        require(0 <= dropout < 1, "dropout", "must lie in [0, 1)", dropout)
        require_number("clip", self.clip, above=0.0)
        require_number("averaging", self.averaging, above=0.0)
        # the slowest of the narrowest UNet: without it, that one would not know its level at all
        require_number("fastest", self.fastest, above=1e-3)
        if self.evaluations is not None:
            require_count("evaluations", self.evaluations)
        require_count("patience", self.patience)
        require_choice("preconditioning", self.preconditioning, ("wiener", "edm"))
        require_choice("precision", self.precision, TRAINING_PRECISIONS)
        if self.learning_rate is not None:
            require_number("learning_rate", self.learning_rate, above=0.0)

    def to_json(self) -> Json:
        """Return these options as JSON."""
        return {**asdict(self), "log_snr": list(self.log_snr)}


class FitKeywords(TypedDict, total=False):
    """The fields of `FitOptions` by name, each of which may be left out."""

    out: PathLike | None
    held_out: Dataset | None
    minutes: float | None
    steps: int | None
    seed: int
    network: str
    process: str
    objective: str
    batch_size: int | None
    resume: bool
    processes: Processes
    progress: Progress | None
    say: Callable[[str], None] | None
    options: TrainOptions | None


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """The options of `girsanov.fit`, which says what each is."""

    out: PathLike | None = None
    held_out: Dataset | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    network: str = "auto"
    process: str = "vp"
    objective: str = "edm"
    batch_size: int | None = None
    resume: bool = False
    processes: Processes = ALONE
    progress: Progress | None = None
    say: Callable[[str], None] | None = None
    options: TrainOptions | None = None
