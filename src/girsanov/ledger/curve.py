r"""The error curve of a denoiser: one streamed pass over held-out examples.

Every example x0 walks one Brownian path Y_s = s x0 + B_s through all levels, x_s = Y_s / s, and
leaves at each level the residual r = x0 - m(x_s, s) and the noise n = x0 - x_s. Kept are sums
over B groups of examples (batch means), so memory does not grow with the data:

    M_b(s)  = mean of (u_j . r)^2 over the coordinates j of band b,                       (1)
    traces  = E|r|^2, E[n . r], E[x0 . r],                                                (2)
    S_b(s)  = mean of v v^T per coordinate, v = (1, n, r, r_previous, x0 - mean[, r_ref]), (3)

(1) prices the x0 and gaussian holds, (2) the score and relative ones, (3) feeds the probe and
the calibration; r_ref is the residual of a second, reference denoiser on the same paths. Level 0
is s = 0, where the best prediction is the mean of the data. A model of phase space is shown
w ~ N(0, I) as well, which by (5) of `process/augmented.py` draws (X, V) from the forward process;
(2) then goes on with E[w . r], which is 0 for a denoiser that knows w to be noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import InputError, require, require_count, require_levels
from .._processes import ALONE, Processes
from .._typing import Array, Levels, Progress, Tensor
from ..denoise.base import Denoiser, process_of
from ..montecarlo import Estimate, group_estimate
from ..noise import NoiseSource
from .frame import Frame

GROUPS = 16  # enough for Student's t to be close to the normal, few enough to store
FOLDS = 4  # coarser groups for the full covariance, which costs d^2 numbers a level
VECTOR = ("one", "n", "r", "r_previous", "x0", "r_reference")


def pairs(width: int) -> list[tuple[int, int]]:
    """Return the upper triangle of a matrix of this width, row by row."""
    return [(a, b) for a in range(width) for b in range(a, width)]


def as_error(traces: Array) -> Array:
    """Return 1 for each trace (2) that is the error of an exact denoiser, 0 for E[w . r]."""
    return np.asarray(np.arange(traces.shape[-1]) < 3, dtype=np.float64)


class Examples(Protocol):
    """Standardised examples that can be read in slices: a Dataset, or draws of a law."""

    def __len__(self) -> int:
        """The number of examples."""
        ...

    def batch(self, rows: slice) -> Tensor:
        """Return the examples of these rows, [b, *shape]."""
        ...

    def batch_labels(self, rows: slice) -> Tensor | None:
        """Return their labels [b], or None."""
        ...


@dataclass(frozen=True)
class Curve:
    """Group means of the residual's moments at levels[0] = 0 < levels[1] < ... < levels[K].

    levels: [K+1]; shares: of the examples in each group [B]; errors: by basis name, (1) as
    [K+1, B, J]; sizes: coordinates in each band, by basis name [J]; traces: (2) as
    [K+1, B, 3 or 4]; second_moments: E|x0|^2 [B]; products: (3) as [K+1, B, P, 15 or 21], upper
    triangles; full: E[r r^T] by fold [K+1, F, d, d]; probe_sizes: [P]; exact: True when these are
    expectations; probe_variances: the data's variance in each band of the products [P].
    """

    levels: Array
    shares: Array
    errors: dict[str, Array]
    sizes: dict[str, Array]
    traces: Array
    second_moments: Array
    products: Array | None = None
    probe_sizes: Array | None = None
    full: Array | None = None
    exact: bool = False
    probe_variances: Array | None = None

    @property
    def main(self) -> str:
        """The name of the basis that everything but its alternatives is computed in."""
        return next(iter(self.errors))

    @property
    def dimension(self) -> int:
        """The dimension d."""
        return int(self.sizes[self.main].sum())

    def total(self) -> Estimate:
        """Return M(s) = E|x0 - m|^2 at every level with its standard error, [K+1]."""
        if self.exact:
            return Estimate(self.traces[:, 0, 0], np.zeros(len(self.levels)))
        return group_estimate(self.traces[:, :, 0].T, self.shares)

    def keep(self, groups: NDArray[np.bool_]) -> Curve:
        """Return the curve of the examples in these groups only (a boolean mask [B])."""
        shares = self.shares[groups] / self.shares[groups].sum()
        return Curve(
            self.levels,
            shares,
            {k: v[:, groups] for k, v in self.errors.items()},
            self.sizes,
            self.traces[:, groups],
            self.second_moments[groups],
            None if self.products is None else self.products[:, groups],
            self.probe_sizes,
            self.full,
            self.exact,
            self.probe_variances,
        )

    def mean_errors(self, basis: str) -> Array:
        """Return (1) averaged over all groups, [K+1, J]."""
        require(basis in self.errors, "basis", f"must be one of {', '.join(self.errors)}", basis)
        return np.asarray(np.einsum("kbj,b->kj", self.errors[basis], self.shares))

    def mean_traces(self) -> Array:
        """Return (2) averaged over all groups, [K+1, 3 or 4]."""
        return np.asarray(np.einsum("kbt,b->kt", self.traces, self.shares))


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
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> Curve:
    """Return the error curve of `denoiser` on `examples`, in one pass of n * K * draws calls.

    levels: SNRs [K]; draws: noise paths per example, which count as one unit for the standard
    errors; full: also measure E[r r^T]; reference: a second denoiser to call on the same paths;
    processes: each measures its share of the batches, and all return the curve of all of them;
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
    source, total, done = NoiseSource(seed, "audit"), n * draws * len(grid), 0
    with processes.together():
        for begin in range(processes.rank * batch_size, n, processes.count * batch_size):
            rows = slice(begin, min(begin + batch_size, n))
            x0 = examples.batch(rows).to(denoiser.dtype).to(denoiser.device)
            require(
                tuple(x0.shape[1:]) == denoiser.shape,
                "data",
                f"must hold examples of shape {denoiser.shape}, which the model takes",
                tuple(x0.shape[1:]),
            )
            label = examples.batch_labels(rows) if denoiser.classes else None
            for draw in range(draws):
                for level in _walk(denoiser, x0, grid, label, source, draw, begin):
                    s = float(grid[level.k - 1])
                    other = None
                    if reference is not None:
                        other = _call(reference, x0, (level.noise, level.across), s, label)
                    sums.add(level, rows, x0.reshape(len(x0), -1), other)
                    done += len(x0)
                    if progress is not None:
                        progress(done, total)
    sums.merge(processes)
    return sums.curve(grid, n)


class _Level(NamedTuple):
    """One level of a batch: its number k, and n, m and w (None but in phase space), [b, d]."""

    k: int
    noise: Tensor
    prediction: Tensor
    across: Tensor | None


def _walk(
    denoiser: Denoiser,
    x0: Tensor,
    grid: Levels,
    label: Tensor | None,
    source: NoiseSource,
    draw: int,
    begin: int,
) -> Iterator[_Level]:
    """Yield the levels along one Brownian path, noisiest first."""
    b, d = len(x0), int(np.prod(denoiser.shape))
    noise = torch.zeros(b, d, dtype=denoiser.dtype, device=denoiser.device)  # B_s
    previous, whole = 0.0, process_of(denoiser) == "cld"
    beside = NoiseSource(source.seed, "audit complement")
    for k, s in enumerate(grid.tolist(), start=1):
        z = source.normal(draw * len(grid) + k - 1, begin, b, d).to(noise)
        noise = noise + z * (s - previous) ** 0.5
        n_k = noise / -s
        step = draw * len(grid) + k - 1
        w = beside.normal(step, begin, b, d).to(noise) if whole else None
        yield _Level(k, n_k, _call(denoiser, x0, (n_k, w), s, label), w)
        previous = s


def _call(
    denoiser: Denoiser,
    x0: Tensor,
    state: tuple[Tensor, Tensor | None],
    snr: float,
    label: Tensor | None,
) -> Tensor:
    """Return m(x0 - n, snr) as [b, d], refusing what is not finite; state: n, and w or None."""
    noise, w = state
    x = (x0 - noise.view_as(x0)).to(denoiser.dtype).to(denoiser.device)
    seen = x if w is None else torch.stack([x, w.view_as(x0).to(x)], 1)
    with torch.inference_mode():
        m = denoiser(seen, snr, label if denoiser.classes else None)
    if m.shape != x.shape or not bool(torch.isfinite(m).all()):
        raise InputError(
            f"denoiser: must give finite values of shape {tuple(x.shape)} at SNR {snr:.4g}; "
            f"got shape {tuple(m.shape)}" + ("" if m.shape != x.shape else " with NaN or inf")
        )
    return m.reshape(len(x0), -1).to(x0)


class _Sums:
    """Running group sums of (1), (2) and (3), in float64."""

    def __init__(
        self, frame: Frame, levels: int, full: bool, reference: bool, process: str
    ) -> None:
        d = frame.moments.basis.dimension
        self.frame = frame
        self.mean = torch.tensor(frame.moments.mean)
        self.counts = torch.zeros(levels, GROUPS, dtype=torch.float64)
        self.errors = {
            name: torch.zeros(levels, GROUPS, bands.count, dtype=torch.float64)
            for name, (_, bands) in frame.bases.items()
        }
        count = 4 if process == "cld" else 3
        self.traces = torch.zeros(levels, GROUPS, count, dtype=torch.float64)
        self.pairs = pairs(len(VECTOR) if reference else len(VECTOR) - 1)
        shape = (levels, GROUPS, frame.probe_bands.count, len(self.pairs))
        self.products = torch.zeros(shape, dtype=torch.float64)
        self.full = torch.zeros(levels, FOLDS, d, d, dtype=torch.float64) if full else None
        self.previous: Tensor | None = None

    def add(self, level: _Level, rows: slice, x0: Tensor, other: Tensor | None) -> None:
        """Add one level of one batch: x0 and the reference's prediction are [b, d]."""
        centred, none = (x0 - self.mean.to(x0)).double(), torch.zeros_like(x0).double()
        given = [level.noise.double(), x0.double()]
        given += [] if level.across is None else [level.across.double()]
        if level.k == 1:  # level 0 costs no call: predict the mean, with no noise to speak of
            self.previous = centred
            again = centred if other is not None else None
            self._add(0, rows, [none, given[1], none][: len(given)], centred, again)
        r = (x0 - level.prediction).double()
        self._add(level.k, rows, given, r, None if other is None else x0 - other)
        self.previous = r

    def _add(
        self, k: int, rows: slice, given: list[Tensor], r: Tensor, other: Tensor | None
    ) -> None:
        n, x0 = given[:2]
        group = torch.arange(rows.start, rows.stop, device=r.device) % GROUPS
        member = torch.nn.functional.one_hot(group, GROUPS).T.to(r)  # [B, b]
        self.counts[k] += member.sum(1).cpu()
        traces = torch.stack([(a * r).sum(1) for a in (r, *given)], dim=1)
        self.traces[k] += (member @ traces).cpu()
        for name, (basis, bands) in self.frame.bases.items():
            c = basis.to_coordinates(r)
            self.errors[name][k] += bands.average(member @ c.square()).cpu()
            if name == self.frame.moments.basis.kind:
                assert self.previous is not None
                known = [n, self.previous, x0 - self.mean.to(x0)]
                known += [] if other is None else [other.double()]
                n_c, *others = (basis.to_coordinates(v) for v in known)
                self._add_products(k, member, [torch.ones_like(c), n_c, c, *others])
        if self.full is not None:
            for fold in range(FOLDS):
                part = r[group % FOLDS == fold]
                self.full[k, fold] += (part.T @ part).cpu()

    def _add_products(self, k: int, member: Tensor, vector: list[Tensor]) -> None:
        rows = torch.cat([member @ (vector[a] * vector[b]) for a, b in self.pairs])  # [P B, d]
        means = self.frame.probe_bands.average(rows).view(len(self.pairs), len(member), -1)
        self.products[k] += means.permute(1, 2, 0).cpu()

    def merge(self, processes: Processes) -> None:
        """Add the sums of other processes, up to the rounding of that order of summation."""
        full = [] if self.full is None else [self.full]
        processes.add(self.counts, self.traces, self.products, *self.errors.values(), *full)

    def curve(self, grid: Levels, examples: int) -> Curve:
        """Return the group means."""
        counts = self.counts[0]
        by_group = counts[None, :, None]
        folds = torch.stack([counts[f::FOLDS].sum() for f in range(FOLDS)])
        traces = (self.traces / by_group).numpy()
        # |x0|^2 = 2 x0.(x0 - mean) - |x0 - mean|^2 + |mean|^2, all of it measured at level 0
        square = 2 * traces[0, :, 2] - traces[0, :, 0] + float(self.mean @ self.mean)
        return Curve(
            levels=np.concatenate([[0.0], grid]),
            shares=(counts / counts.sum()).numpy(),
            errors={name: (e / by_group).numpy() for name, e in self.errors.items()},
            sizes={name: bands.sizes for name, (_, bands) in self.frame.bases.items()},
            traces=traces,
            second_moments=square,
            products=(self.products / by_group[..., None]).numpy(),
            probe_sizes=self.frame.probe_bands.sizes,
            full=None if self.full is None else (self.full / folds[None, :, None, None]).numpy(),
            probe_variances=self.frame.probe_variances,
        )
