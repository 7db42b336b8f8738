"""The measuring pass: one streamed pass over held-out examples gives the error curve."""

from __future__ import annotations

import numpy as np
import torch

from .._checks import require, require_count, require_levels
from .._processes import ALONE, Processes
from .._typing import Levels, Progress, Tensor
from ..denoise.base import Denoiser, process_of
from .curve import FOLDS, GROUPS, VECTOR, Curve, Examples, pairs
from .frame import Frame
from .inside import Places
from .kept import Stage
from .mended import with_corrections
from .refine import bent
from .walk import Batch, Level, call, own, walk


def measure_curve(  # noqa: PLR0913 - one keyword a choice
    denoiser: Denoiser,
    examples: Examples,
    levels: Levels,
    frame: Frame,
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 512,
    full: bool = False,
    reference: Denoiser | None = None,
    between: Places | None = None,
    processes: Processes = ALONE,
    keep: Stage | None = None,
    progress: Progress | None = None,
) -> Curve:
    """Return the error curve of `denoiser` on `examples`, in one pass of n * K * draws calls.

    levels: SNRs [K]; draws: noise paths per example, which count as one unit for the standard
    errors; full: also measure E[r r^T]; reference: a second denoiser to call on the same paths;
    between: where to look between the levels, one call more for each gap;
    processes: each measures its share of the batches, and all return the curve of all of them;
    keep: where a stopped run leaves its sums (`kept.py`);
    progress(done, total) counts calls of `denoiser`.
    """
    grid = require_levels("levels", levels)
    n, draws = len(examples), require_count("draws", draws)
    require(n >= 2 * GROUPS, "data", f"must hold at least {2 * GROUPS} examples to audit", n)
    process = process_of(denoiser)
    rule = f"must be a model of the same process, {process}"
    alike = reference is None or process_of(reference) == process
    require(alike, "reference", rule, None if reference is None else process_of(reference))
    sums = _Sums(frame, len(grid) + 1, full, reference is not None, process)
    looks = len(grid) + (0 if between is None else between.gaps)
    total, done = n * draws * looks, 0
    whole = sums.tensors()
    with processes.together():
        first = 0 if keep is None else keep.begin(whole)
        own = range(processes.rank * batch_size, n, processes.count * batch_size)
        for number, begin in enumerate(own, start=1):
            rows = slice(begin, min(begin + batch_size, n))
            if number <= first:  # its sums were kept
                done += (rows.stop - rows.start) * draws * looks
                continue
            x0 = examples.batch(rows).to(denoiser.dtype).to(denoiser.device)
            require(
                tuple(x0.shape[1:]) == denoiser.shape,
                "data",
                f"must hold examples of shape {denoiser.shape}, which the model takes",
                tuple(x0.shape[1:]),
            )
            label = examples.batch_labels(rows) if denoiser.classes else None
            batch = Batch(x0, label, begin)
            for draw in range(draws):
                for level in walk(denoiser, batch, grid, between, seed=seed, draw=draw):
                    other = None
                    if reference is not None:
                        other = call(reference, batch, *_seen(level, batch, grid, between))
                    sums.add(level, rows, x0.reshape(len(x0), -1), other)
                    done += len(x0)
                    if progress is not None:
                        progress(done, total)
            if keep is not None:
                keep.after(number, whole)
    sums.merge(processes)
    return sums.curve(grid, between, n)


def _seen(
    level: Level, batch: Batch, grid: Levels, between: Places | None
) -> tuple[tuple[Tensor, Tensor | None], float | Tensor]:
    """Return the state at a level of a path, and its SNR or that of each example."""
    state = (level.noise, level.across)
    if not level.inside or between is None:
        return state, float(grid[level.k - 1])
    return state, own(between.levels[level.k - 1], batch.first, len(batch.x0))


class _Sums:
    """Running group sums of (1), (2) and (3), in float64."""

    def __init__(
        self, frame: Frame, levels: int, full: bool, reference: bool, process: str
    ) -> None:
        """Make room; the gap that ends at level k has row levels + k - 1, after all levels."""
        d = frame.moments.basis.dimension
        self.frame, self.levels = frame, levels
        self.mean = torch.tensor(frame.moments.mean)
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)
        rows = 2 * levels - 1
        self.errors = {
            name: torch.zeros(rows, GROUPS, bands.count, dtype=torch.float64)
            for name, (_, bands) in frame.bases.items()
        }
        count = 4 if process == "cld" else 3
        self.traces = torch.zeros(rows, GROUPS, count, dtype=torch.float64)
        self.pairs = pairs(len(VECTOR) if reference else len(VECTOR) - 1)
        shape = (rows, GROUPS, frame.probe_bands.count, len(self.pairs))
        self.products = torch.zeros(shape, dtype=torch.float64)
        self.full = torch.zeros(levels, FOLDS, d, d, dtype=torch.float64) if full else None
        self.previous: Tensor | None = None  # r at the level before
        self.noisier: Tensor | None = None  # and at the one before that

    def add(self, level: Level, rows: slice, x0: Tensor, other: Tensor | None) -> None:
        """Add one level of one batch: x0 and the reference's prediction are [b, d]."""
        centred, none = (x0 - self.mean.to(x0)).double(), torch.zeros_like(x0).double()
        given = [level.noise.double(), x0.double()]
        given += [] if level.across is None else [level.across.double()]
        group = torch.arange(rows.start, rows.stop, device=x0.device) % GROUPS
        member = torch.nn.functional.one_hot(group, GROUPS).T.to(centred)  # [B, b]
        r = (x0 - level.prediction).double()
        against = None if other is None else x0 - other
        if level.inside:
            assert self.noisier is not None  # the path has passed the gap's noisier end alone
            row = self.levels + level.k - 1
            self._add(row, member, given, r)
            self._add_pairs(row, member, [*given[:2], r, self.noisier], against)
            return
        if level.k == 1:  # level 0 costs no call: predict the mean, with no noise to speak of
            self.previous = centred
            self.counts += member.sum(1).cpu()
            again = centred if other is not None else None
            start = [none, given[1], none][: len(given)]
            self._add(0, member, start, centred)
            self._add_pairs(0, member, [*start[:2], centred, centred], again)
            self._add_full(0, member, centred)
        assert self.previous is not None
        self._add(level.k, member, given, r)
        self._add_pairs(level.k, member, [*given[:2], r, self.previous], against)
        self._add_full(level.k, member, r)
        self.noisier, self.previous = self.previous, r

    def _add(self, row: int, member: Tensor, given: list[Tensor], r: Tensor) -> None:
        """Add (1) and (2)."""
        traces = torch.stack([(a * r).sum(1) for a in (r, *given)], dim=1)
        self.traces[row] += (member @ traces).cpu()
        for name, (basis, bands) in self.frame.bases.items():
            c = basis.to_coordinates(r)
            self.errors[name][row] += bands.average(member @ c.square()).cpu()

    def _add_pairs(
        self, row: int, member: Tensor, known: list[Tensor], other: Tensor | None
    ) -> None:
        """Add (3) of known = n, x0, r, r_previous."""
        n, x0, r, previous = known
        known = [n, r, previous, x0 - self.mean.to(x0)]
        known += [] if other is None else [other.double()]
        coordinates = [self.frame.moments.basis.to_coordinates(v) for v in known]
        self._add_products(row, member, [torch.ones_like(r), *coordinates])

    def _add_full(self, k: int, member: Tensor, r: Tensor) -> None:
        """Add E[r r^T]."""
        if self.full is None:
            return
        for fold in range(FOLDS):
            part = r[member[fold::FOLDS].sum(0) > 0]
            self.full[k, fold] += (part.T @ part).cpu()

    def _add_products(self, k: int, member: Tensor, vector: list[Tensor]) -> None:
        rows = torch.cat([member @ (vector[a] * vector[b]) for a, b in self.pairs])  # [P B, d]
        means = self.frame.probe_bands.average(rows).view(len(self.pairs), len(member), -1)
        self.products[k] += means.permute(1, 2, 0).cpu()

    def tensors(self) -> dict[str, Tensor]:
        """Return all sums by name; what is written into them counts."""
        out = {"counts": self.counts, "traces": self.traces, "products": self.products}
        out |= {f"errors.{name}": value for name, value in self.errors.items()}
        return out if self.full is None else {**out, "full": self.full}

    def merge(self, processes: Processes) -> None:
        """Add the sums of other processes, up to the rounding of that order of summation."""
        processes.add(*self.tensors().values())

    def curve(self, grid: Levels, between: Places | None, examples: int) -> Curve:
        """Return the group means; examples: independent ones behind them."""
        counts, count = self.counts, self.levels
        by_group = counts[None, :, None]
        folds = torch.stack([counts[f::FOLDS].sum() for f in range(FOLDS)])
        traces = (self.traces / by_group).numpy()
        products = (self.products / by_group[..., None]).numpy()
        errors = {name: (e / by_group).numpy() for name, e in self.errors.items()}
        # |x0|^2 = 2 x0.(x0 - mean) - |x0 - mean|^2 + |mean|^2, all of it measured at level 0
        square = 2 * traces[0, :, 2] - traces[0, :, 0] + float(self.mean @ self.mean)
        found = Curve(
            levels=np.concatenate([[0.0], grid]),
            shares=(counts / counts.sum()).numpy(),
            errors={name: e[:count] for name, e in errors.items()},
            sizes={name: bands.sizes for name, (_, bands) in self.frame.bases.items()},
            traces=traces[:count],
            second_moments=square,
            products=products[:count],
            probe_sizes=self.frame.probe_bands.sizes,
            full=None if self.full is None else (self.full / folds[None, :, None, None]).numpy(),
            probe_variances=self.frame.probe_variances,
        )
        if between is None:
            return found
        inside = {name: e[count:] for name, e in errors.items()}
        found = bent(found, between, inside, traces[count:])
        return with_corrections(found, between, products[count:], examples)
