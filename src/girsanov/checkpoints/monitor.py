"""`Monitor`: a callback that measures the checkpoints of one's own training loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import require, require_count
from ..denoise.base import require_denoiser
from .advice import SeriesAdvice, series_advice
from .measured import USUAL_EXAMPLES, Bench
from .page import write_page
from .series_file import load_series, save_series

if TYPE_CHECKING:
    from .._typing import Levels, PathLike
    from ..data import Dataset
    from ..denoise.base import Denoiser
    from ..law.base import Law
    from ..montecarlo import Estimate
    from .series import TrainingSeries

MONITOR_LEVELS = 17  # a checkpoint is to cost little of a training's time
REFRESH = 15  # seconds after which a browser reads the page again


class Monitor:
    """Measures a network every so many steps of one's own training loop.

        monitor = gv.Monitor(held_out, every=1000)
        for step in range(1, steps + 1):
            ...
            monitor(step, gv.wrap(network, ...))

    data: held-out examples, or the law; every: steps between two measurements; out: a folder for
    `series.jsonl`, a line a checkpoint, and `index.html`, which a browser keeps up to date; a
    series that is there already goes on; train: training data, to see overfitting; examples,
    levels, seed: of the measurement, which is the same every time. One checkpoint costs examples x
    levels network calls, twice as many with train.
    """

    def __init__(
        self, data: Dataset | Law, *, every: int, out: PathLike = "monitor",
        train: Dataset | None = None, levels: int | Levels = MONITOR_LEVELS,
        examples: int = USUAL_EXAMPLES, seed: int = 0,
    ) -> None:  # fmt: skip
        self.every, self.out = require_count("every", every), Path(out)
        taken = self.out.exists() and not self.out.is_dir()
        require(not taken, "out", "must be a folder, and is a file", str(out))
        self.bench = Bench(data, train, levels=levels, examples=examples, seed=seed)
        self.series: TrainingSeries | None = None

    def __call__(self, step: int, denoiser: Denoiser) -> Estimate | None:
        """Measure `denoiser` if `step` is a multiple of `every`.

        Return what was gained since the checkpoint before, in nats with a paired standard error,
        the nats themselves of the first one, and None at other steps.
        """
        require_count("step", step, at_least=0)
        return self.measure(step, denoiser) if step % self.every == 0 else None

    def measure(self, step: int, denoiser: Denoiser, name: str = "") -> Estimate:
        """Measure `denoiser` at any step; name: of the checkpoint, as `ema`. Returns as a call."""
        require_denoiser(denoiser)
        series = self.series or self._begun(denoiser)
        before = series.checkpoints
        label = name or f"step {step}"
        series = self.bench.measure(series, denoiser, label, step)
        self.series = series
        save_series(series, self.out / "series.jsonl")
        write_page(series, self.out / "index.html", refresh=REFRESH)
        last = series.checkpoints[-1]
        return series.gain(before[-1], last) if before else series.nats(last)

    def advice(self) -> SeriesAdvice:
        """Return which checkpoint to keep, whether to stop, and where it overfits."""
        rule = "must have measured a checkpoint before it can say anything"
        require(self.series is not None, "monitor", rule)
        assert self.series is not None
        return series_advice(self.series)

    def _begun(self, denoiser: Denoiser) -> TrainingSeries:
        """Return a fresh series, or the one that the folder holds."""
        fresh, path = self.bench.series(denoiser), self.out / "series.jsonl"
        self.out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return fresh
        kept = load_series(path)
        same = kept.header() == fresh.header()
        rule = "holds a series of other data, levels, examples or another seed"
        require(same, str(path), rule, None, "Choose another out")
        return kept
