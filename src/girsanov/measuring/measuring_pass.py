"""The measuring pass: one streamed pass over held-out examples gives the error curve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import require, require_count, require_levels
from ..denoise.base import Denoiser, around, is_told, process_of
from ..error_curve.bridged import bridge_of, bridged
from ..error_curve.control_variate import Rows, controlled_full, gammas, in_data, with_levels
from ..error_curve.curve import GROUPS, Curve, Examples
from ..error_curve.interpolate import bent
from ..score_error.cross_fitted import Inside, with_corrections
from .brownian_path import Answers, Batch, PathLevel, call, own_levels, walk_levels
from .group_sums import Sums
from .options import Pass

if TYPE_CHECKING:
    from .._typing import Array, Levels, Tensor
    from ..error_curve.between_levels import Places
    from ..error_curve.frame import Frame

WITHOUT_MORE = Pass()


def measure_curve(
    denoiser: Denoiser,
    examples: Examples,
    levels: Levels,
    frame: Frame,
    options: Pass = WITHOUT_MORE,
) -> Curve:
    """Return the error curve of `denoiser` on `examples`, in one pass of n * K * draws calls.

    levels: SNRs [K].
    """
    reference, between, progress = options.reference, options.between, options.progress
    processes, keep = options.processes, options.keep
    grid = require_levels("levels", levels)
    n, draws = len(examples), require_count("draws", options.draws)
    require(n >= 2 * GROUPS, "data", f"must hold at least {2 * GROUPS} examples to audit", n)
    process = process_of(denoiser)
    rule = f"must be a model of the same process, {process}"
    alike = reference is None or process_of(reference) == process
    require(alike, "reference", rule, None if reference is None else process_of(reference))
    kinds: dict[str, Any] = {
        "full": options.full,
        "reference": reference is not None,
        "process": process,
    }
    sums = Sums(frame, len(grid) + 1, torch.device(denoiser.device), **kinds)
    looks = len(grid) + (0 if between is None else between.gaps)
    total, done = n * draws * looks, 0
    whole = sums.tensors()
    with processes.together():
        first = 0 if keep is None else keep.begin(whole)
        for number, begin in enumerate(options.batches(n), start=1):
            rows = slice(begin, min(begin + options.batch_size, n))
            if number <= first:  # its sums were kept
                done += (rows.stop - rows.start) * draws * looks
                continue
            batch = _batch(denoiser, examples, rows)
            sums.begin(begin, batch.x0.flatten(1))
            for draw in range(draws):
                sums.start()
                for level in walk_levels(
                    denoiser, batch, grid, between, seed=options.seed, draw=draw
                ):
                    other = None
                    if reference is not None:
                        other = call(reference, batch, *_seen(level, batch, grid, between))
                    sums.add(level, other)
                    done += len(batch.x0)
                    if progress is not None:
                        progress(done, total)
                batch.answers.settle(tuple(batch.x0.shape))
            sums.settle()
            if keep is not None:
                keep.after(number, whole)
    sums.merge(processes)
    return _curve(sums, frame, grid, between, n, options.control)


def _batch(denoiser: Denoiser, examples: Examples, rows: slice) -> Batch:
    """Return the examples of these rows where the denoiser is."""
    x0 = examples.batch(rows).to(around(denoiser)).to(denoiser.device)
    rule = f"must hold examples of shape {denoiser.shape}, which the model takes"
    require(tuple(x0.shape[1:]) == denoiser.shape, "data", rule, tuple(x0.shape[1:]))
    label = examples.batch_labels(rows) if is_told(denoiser) else None
    return Batch(x0, label, rows.start, Answers())


def _seen(
    level: PathLevel, batch: Batch, grid: Levels, between: Places | None
) -> tuple[tuple[Tensor, Tensor | None], float | Tensor]:
    """Return the state at a level of a path, and its SNR or that of each example."""
    state = (level.noise, level.across)
    if not level.inside or between is None:
        return state, float(grid[level.k - 1])
    return state, own_levels(between.levels[level.k - 1], batch.first, len(batch.x0))


def _curve(
    sums: Sums, frame: Frame, grid: Levels, between: Places | None,
    examples: int, control: bool,
) -> Curve:  # fmt: skip
    """Return the group means, less what chance made of the noise; examples: how many."""
    count, mean, means = sums.levels, frame.moments.mean, sums.means()
    traces, names = means["traces"], tuple(frame.bases)
    levels = np.repeat(grid[:, None], GROUPS, axis=1)
    ends = _rows(means, names, slice(1, count), levels)
    # |x0|^2 = 2 x0.(x0 - mean) - |x0 - mean|^2 + |mean|^2, all of it measured at level 0
    square = 2 * traces[0, :, 2] - traces[0, :, 0] + float(mean @ mean)
    curve = Curve(
        levels=np.concatenate([[0.0], grid]),
        shares=means["shares"],
        errors={name: means[f"errors.{name}"][:count] for name in names},
        sizes={name: bands.sizes for name, (_, bands) in frame.bases.items()},
        traces=traces[:count],
        second_moments=square,
        products=means["products"][:count],
        probe_sizes=frame.probe_bands.sizes,
        probe_variances=frame.probe_variances,
    )
    bridge, gamma = None, gammas(curve, ends.linear[curve.main]) if control else None
    inside = None if between is None else _rows(means, names, slice(count, None), between.levels)
    raw, reduced = curve, ends if gamma is None else ends.controlled(curve, gamma)
    line = _line(raw, ends.linear[raw.main], frame)
    curve = replace(with_levels(raw, reduced), gamma=gamma, plain=raw.traces[:, :, 0], line=line)
    curve = replace(curve, full=_full(means, raw, ends, frame, None if gamma is None else reduced))
    if inside is not None and gamma is not None:
        inside = inside.controlled(raw, gamma)
        bridge = bridge_of(curve, inside, _named(means, "bridge", (*names, "probe")))
        inside = bridged(inside, curve, bridge)
    if between is None or inside is None:
        return curve
    curve = bent(curve, between, inside.errors, inside.traces)
    places = Inside(between, means["products"][count:], bridge)
    return with_corrections(curve, places, examples)


def _line(curve: Curve, linear: Array, frame: Frame) -> Array:
    """Return the error of the straight line, mean + k (x - mean) in every band, [K, B].

    With k = s v/(1 + s v), v the band's variance, it is E (k n + (1 - k) c)^2.
    """
    signal = curve.levels[1:, None] * frame.variances
    keep = (signal / (1 + signal))[:, None]  # [K, 1, J]
    error = keep**2 * linear[..., 2] + (1 - keep) ** 2 * curve.errors[curve.main][:1]
    return np.asarray((error + 2 * keep * (1 - keep) * linear[..., 3]) @ curve.sizes[curve.main])


def _rows(means: dict[str, Array], names: tuple[str, ...], rows: slice, snr: Array) -> Rows:
    """Return what was measured at some rows."""
    errors, linear = (_named(means, kind, names, rows) for kind in ("errors", "linear"))
    return Rows(errors, means["traces"][rows], linear, snr)


def _named(
    means: dict[str, Array], kind: str, names: tuple[str, ...], rows: slice = slice(None)
) -> dict[str, Array]:
    return {name: means[f"{kind}.{name}"][rows] for name in names}


def _full(
    means: dict[str, Array], curve: Curve, ends: Rows, frame: Frame, reduced: Rows | None
) -> Array | None:
    """Return E[r r^T] by fold in the data's coordinates, [K+1, F, d, d], if it was measured.

    reduced: `ends` less what chance made of the noise, or None to take nothing off.
    """
    if "full" not in means:
        return None
    full, basis, main = means["full"], frame.moments.basis, curve.main
    if reduced is None:
        return in_data(full[:, 0], basis)
    stands = (reduced.errors[main] != ends.errors[main]).any(axis=1)
    rest = controlled_full(full[1:], curve, ends.linear[main], basis, stands)
    return np.concatenate([in_data(full[:1, 0], basis), rest])
