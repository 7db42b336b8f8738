r"""The running sums of an audit, by group of examples: (1), (2) and (3) of curve.py.

Example i is in group i mod B. So if a batch is padded with rows of zeros to whole rounds of B
examples, and laid out as [rounds, B, d], the sum over its first axis is that of every group: no
example is looked up, on any device. Levels are gathered until there is enough to add at once, so
that neither Python nor the kernels of a GPU are paid for one by one, nor caches that the network
has emptied of all else. Vectors are turned and added in float64, where the model is: probes of few
examples choose among features that all but cancel, and see the rounding of float32. A batch is
added to the totals, on the CPU, when it is done.

What repeats other sums is copied from them at the end: r_previous is r of the level before, and
x0 - mean is r of level 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ..error_curve.bridge_variate import PRODUCTS
from ..error_curve.control_variate import LINEAR
from ..error_curve.curve import FOLDS, GROUPS, VECTOR, upper_triangle
from .brownian_path import PathLevel

if TYPE_CHECKING:
    from .._processes import Processes
    from .._typing import Array, Tensor
    from ..error_curve.frame import Frame

TOGETHER = {"cpu": 2**18, "cuda": 2**22}  # numbers of a vector that are added at once
NOISE_ROW, RESIDUAL_ROW, OTHER_ROW = 0, 1, 2  # of what is gathered; then e, and in phase space w
# pairs of VECTOR in curve.py that repeat others: of the level before, and of level 0
KNOWN_FROM_BEFORE = {(0, 3): (0, 2), (3, 3): (2, 2), (3, 4): (2, 4)}
KNOWN_FROM_CENTRED = {(0, 4): (0, 2), (4, 4): (2, 2)}


class Seen(NamedTuple):
    """A level that was gathered: the row of its sums, and where r of two others stand.

    before: of the level before; last: of the last level, at which a gap that is looked into ends.
    """

    row: int
    before: int
    last: int
    level: PathLevel


class Sums:
    """Running group sums of (1), (2) and (3), in float64, and of the products of
    `control_variate.py`.

    levels: with level 0; the gap that ends at level k has row levels + k - 1, after all levels;
    full: also E[r r^T]; reference: also the residual of a second denoiser; process: ``cld`` has
    a fourth trace.
    """

    def __init__(
        self,
        frame: Frame,
        levels: int,
        device: torch.device,
        *,
        full: bool,
        reference: bool,
        process: str,
    ) -> None:
        d, rows = frame.moments.basis.dimension, 2 * levels - 1
        self.frame, self.levels, self.device, self.d = frame, levels, device, d
        self.reference, self.phases = reference, process == "cld"
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)
        self.width = len(VECTOR) if reference else len(VECTOR) - 1
        shapes: dict[str, tuple[int, ...]] = {}
        for name, (_, bands) in frame.bases.items():
            shapes[f"errors.{name}"] = (rows, GROUPS, bands.count)
            shapes[f"linear.{name}"] = (rows, len(LINEAR), GROUPS, bands.count)
            shapes[f"bridge.{name}"] = (levels - 1, len(PRODUCTS), GROUPS, bands.count)
        probe = (levels - 1, len(PRODUCTS), GROUPS, frame.probe_bands.count)
        shapes["bridge.probe"] = probe
        shapes["traces"] = (rows, 4 if self.phases else 3, GROUPS)
        wide = (len(upper_triangle(self.width)), GROUPS, frame.probe_bands.count)
        shapes["products"] = (rows, *wide)
        shapes |= {"full": (levels, 3, FOLDS, d, d)} if full else {}
        self.totals = {k: torch.zeros(s, dtype=torch.float64) for k, s in shapes.items()}
        self.batch = self.totals
        if device.type != "cpu":
            self.batch = {k: t.to(device) for k, t in self.totals.items()}
        mean = torch.tensor(frame.moments.mean).to(device)
        self.mean, self.centre = mean, frame.moments.basis.to_coordinates(mean[None])[0]
        self.pending: list[Seen] = []
        self.gathered = self.x0 = self.shares = torch.empty(0)
        self.at, self.rows, self.bridge = (0, 1), slice(0), OTHER_ROW + reference
        self.carried: dict[str, Tensor] = {}  # r at the level before the last, and at the last
        self.c: dict[str, Tensor] = {}  # x0 - mean by basis, [rounds, B, d]

    def begin(self, first: int, x0: Tensor) -> None:
        """Begin a batch of x0 [b, d], of which the first example has number `first`."""
        b, exact = len(x0), torch.empty(0, dtype=torch.float64, device=self.device)
        self.rows = slice(first % GROUPS, first % GROUPS + b)
        rounds = -(-self.rows.stop // GROUPS)
        self.x0 = x0.to(exact)
        centred = exact.new_zeros(rounds * GROUPS, self.d)
        centred[self.rows] = self.x0 - self.mean
        self.c = {
            name: basis.to_coordinates(centred).view(rounds, GROUPS, self.d)
            for name, (basis, _) in self.frame.bases.items()
        }
        most = max(1, TOGETHER.get(self.device.type, 2**20) // centred.numel())
        wide = 3 + self.reference + self.phases
        self.shares = exact.new_zeros(most, rounds * GROUPS, 1)
        self.gathered = exact.new_zeros(wide, most, rounds * GROUPS, self.d)

    def start(self) -> None:
        """Begin a path at level 0, which costs no call: the mean is predicted."""
        self.flush()
        count = torch.arange(self.rows.start, self.rows.stop) % GROUPS
        self.counts += torch.bincount(count, minlength=GROUPS)
        self.carried = {name: torch.stack([c, c]) for name, c in self.c.items()}
        self.at = (0, 1)
        none = torch.zeros_like(self.x0)
        w, other = none if self.phases else None, self.mean if self.reference else None
        self._gather(Seen(0, 1, 1, PathLevel(0, none, self.mean, w)), other)

    def add(self, level: PathLevel, other: Tensor | None) -> None:
        """Add one level of the path; other: the reference's prediction [b, d]."""
        if level.inside:  # the path has passed the gap's noisier end alone
            self._gather(Seen(self.levels + level.k - 1, *self.at, level), other)
            return
        self.at = (self.at[1], 2 + len(self.pending))
        self._gather(Seen(level.k, *self.at, level), other)

    def _gather(self, seen: Seen, other: Tensor | None) -> None:
        """Take note of a level; what a network returned is used at once: it may be overwritten."""
        here = self.gathered[:, len(self.pending), self.rows]
        torch.sub(self.x0, seen.level.prediction, out=here[RESIDUAL_ROW])
        if other is not None:
            torch.sub(self.x0, other, out=here[OTHER_ROW])
        self.pending.append(seen)
        if len(self.pending) == self.gathered.shape[1]:
            self.flush()

    def _take(self, seen: list[Seen]) -> None:
        """Gather what else there is of these levels."""
        for i, (_, _, _, level) in enumerate(seen):
            here = self.gathered[:, i, self.rows]
            here[NOISE_ROW].copy_(level.noise)
            if level.across is not None:
                here[-1].copy_(level.across)
            if level.bridge is not None and level.share is not None:
                here[self.bridge].copy_(level.bridge)
                self.shares[i, self.rows].copy_(level.share)

    def flush(self) -> None:
        """Add the levels that were gathered."""
        if not self.pending:
            return
        seen, self.pending = self.pending, []
        self._take(seen)
        rows = torch.tensor([one.row for one in seen], device=self.device)
        before = torch.tensor([one.before for one in seen], device=self.device)
        inside = [i for i, one in enumerate(seen) if one.level.inside]
        levels = [i for i, one in enumerate(seen) if not one.level.inside]
        for name, (basis, _) in self.frame.bases.items():
            main = basis is self.frame.moments.basis
            wide = self.bridge if main else OTHER_ROW
            v = self._turned(name, self.gathered[:wide, : len(seen)])
            if seen[0].row == 0:  # r is x0 - mean: to the bit, or (3) is of no vectors at all
                v[RESIDUAL_ROW, 0] = self.c[name]
            past = torch.cat([self.carried[name], v[RESIDUAL_ROW]])
            if main:
                self._add_traces(rows, self._add_products(rows, v, past[before]))
            else:
                self._add_basis(name, rows, v)
            if main and levels and "full" in self.batch:
                self._add_full(rows[levels], v[:OTHER_ROW, levels])
            if inside:
                self._add_bridge(name, [seen[i] for i in inside], inside, v, past)
            self.carried[name] = past[list(self.at)]
        self.at = (0, 1)

    def _turned(self, name: str, v: Tensor) -> Tensor:
        """Return v [V, L, rows, d] in a basis, [V, L, rounds, B, d]."""
        turned = self.frame.bases[name][0].to_coordinates(v.reshape(-1, self.d))
        return turned.view(*v.shape[:2], -1, GROUPS, self.d)

    def _add_products(self, rows: Tensor, main: Tensor, before: Tensor) -> Tensor:
        """Add (3) and the main basis' (1); return (3) of every coordinate, [pairs, L, B, d].

        But for the counts and what `KNOWN_FROM_BEFORE` and `KNOWN_FROM_CENTRED` say is known,
        which are 0 here.
        """
        name = self.frame.moments.basis.kind
        none = torch.zeros_like(before[:, 0])
        v = [none, main[NOISE_ROW], main[RESIDUAL_ROW], before, self.c[name], *main[OTHER_ROW:]]
        pair_sums = []
        for a, b in upper_triangle(self.width):
            elsewhere = b == 0 or (a, b) in KNOWN_FROM_BEFORE or (a, b) in KNOWN_FROM_CENTRED
            pair_sums.append(none if elsewhere else (v[b] if a == 0 else v[a] * v[b]).sum(1))
        whole = torch.stack(pair_sums)
        products = self.frame.probe_bands.average(whole)
        self.batch["products"].index_add_(0, rows, products.transpose(0, 1))
        places = [upper_triangle(self.width).index(pair) for pair in ((2, 2), *LINEAR)]
        self._add_errors(name, rows, whole[places])
        return whole

    def _add_basis(self, name: str, rows: Tensor, v: Tensor) -> None:
        """Add (1) of another basis; v: n and r in it, [2, L, rounds, B, d]."""
        n, r, c = v[NOISE_ROW], v[RESIDUAL_ROW], self.c[name]
        sums = [(r * r).sum(1), *((a * b).sum(1) for a, b in ((n, r), (r, c), (n, n), (n, c)))]
        self._add_errors(name, rows, torch.stack(sums))

    def _add_errors(self, name: str, rows: Tensor, squares: Tensor) -> None:
        squares = self.frame.bases[name][1].average(squares)  # [1 + LINEAR, L, B, J]
        self.batch[f"errors.{name}"].index_add_(0, rows, squares[0])
        self.batch[f"linear.{name}"].index_add_(0, rows, squares[1:].transpose(0, 1))

    def _add_bridge(
        self, name: str, seen: list[Seen], inside: list[int], v: Tensor, past: Tensor
    ) -> None:
        """Add the products of `bridge_variate.py` of the gaps that were looked into."""
        e = self._turned(name, self.gathered[self.bridge : self.bridge + 1, inside])[0]
        share = self.shares[inside].view(len(inside), -1, GROUPS, 1)
        ends = (past[[one.before for one in seen]], past[[one.last for one in seen]])
        among = (
            v[RESIDUAL_ROW, inside],
            v[NOISE_ROW, inside],
            self.c[name],
            e,
            torch.lerp(*ends, share),
        )
        products = torch.stack([(e * x).sum(1) for x in among])
        gaps = torch.tensor([one.row - self.levels for one in seen], device=self.device)
        bands = {name: self.frame.bases[name][1]}
        if name == self.frame.moments.basis.kind:
            bands["probe"] = self.frame.probe_bands
        for kind, banded in bands.items():
            value = banded.average(products).transpose(0, 1)
            self.batch[f"bridge.{kind}"].index_add_(0, gaps, value)

    def _add_traces(self, rows: Tensor, squares: Tensor) -> None:
        """Add (2), all but the last of which follow from (3) of every coordinate."""
        order = upper_triangle(self.width)
        own, noise, along, r = (order.index(p) for p in ((2, 2), (1, 2), (2, 4), (0, 2)))
        state = squares[along].sum(-1) + squares[r] @ self.centre
        traces = [squares[own].sum(-1), squares[noise].sum(-1), state]
        if self.phases:
            v = self.gathered[:, : len(rows)]
            across = (v[-1] * v[RESIDUAL_ROW]).sum(-1)
            traces.append(across.view(len(across), -1, GROUPS).sum(1))
        self.batch["traces"].index_add_(0, rows, torch.stack(traces, 1))

    def _add_full(self, rows: Tensor, v: Tensor) -> None:
        """Add E[r r^T], E[n n^T] and E[n c^T] by fold, in the main basis; v: n and r.

        Group g is in fold g mod F.
        """
        count = v.shape[1]
        n, r = (x.reshape(count, -1, FOLDS, self.d).transpose(1, 2) for x in v)
        c = self.c[self.frame.moments.basis.kind].reshape(-1, FOLDS, self.d).transpose(0, 1)
        products = [r.mT @ r, n.mT @ n, n.mT @ c.expand_as(n)]
        self.batch["full"].index_add_(0, rows, torch.stack(products, 1))

    def settle(self) -> None:
        """Add the batch to the totals, once it is done."""
        self.flush()
        if self.batch is not self.totals:
            for name, total in self.totals.items():
                total += self.batch[name].cpu()
                self.batch[name].zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Return all sums by name, on the CPU; what is written into them counts."""
        return {"counts": self.counts, **self.totals}

    def merge(self, processes: Processes) -> None:
        """Add the sums of other processes, up to the rounding of that order of summation."""
        processes.add(*self.tensors().values())

    def means(self) -> dict[str, Array]:
        """Return means by group: shares [B], and by row traces and errors.NAME [2K+1, B, ...].

        Also linear.NAME [2K+1, B, J, 4], bridge.NAME [K, B, J, 5], products [2K+1, B, P, pairs]
        and full [K+1, 3, F, d, d].
        """
        self._repeat()
        by_group, totals = self.counts[None, :, None], self.totals
        out = {k: t / by_group for k, t in totals.items() if k.startswith("errors.")}
        for name, total in totals.items():
            if name == "products" or name.startswith(("linear.", "bridge.")):
                last = total.permute(0, 2, 3, 1)
                out[name] = torch.div(last, by_group[..., None], out=total.new_empty(last.shape))
        out["products"][..., 0] = 1.0
        out["shares"] = self.counts / self.counts.sum()
        out["traces"] = totals["traces"].transpose(1, 2) / by_group
        if "full" in totals:
            folds = torch.stack([self.counts[f::FOLDS].sum() for f in range(FOLDS)])
            out["full"] = totals["full"] / folds[:, None, None]
        return {name: np.ascontiguousarray(value.numpy()) for name, value in out.items()}

    def _repeat(self) -> None:
        """Copy the sums (3) that repeat others, at the rows that were seen."""
        whole, place = self.totals["products"], upper_triangle(self.width).index
        before = torch.arange(self.levels - 1)
        before = torch.cat([before[:1], before, before])
        seen = whole[:, place((1, 1))].any(dim=-1).any(dim=-1)
        seen[: self.levels] = True  # level 0 has no noise
        for which, rows in (
            (KNOWN_FROM_BEFORE, before),
            (KNOWN_FROM_CENTRED, torch.zeros_like(before)),
        ):
            for pair, same in which.items():
                whole[seen, place(pair)] = whole[rows[seen], place(same)]
