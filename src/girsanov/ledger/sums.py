r"""The running sums of an audit, by group of examples: (1), (2) and (3) of curve.py.

Example i is in group i mod B. So if a batch is padded with rows of zeros to whole rounds of B
examples, and laid out as [rounds, B, d], the sum over its first axis is that of every group: no
example is looked up, on any device. In float64, where the model is; a batch is added to the
totals, on the CPU, when it is done.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from .._processes import Processes
from .._typing import Array, Tensor
from .curve import FOLDS, GROUPS, VECTOR, pairs
from .frame import Frame
from .walk import Level


class Sums:
    """Running group sums of (1), (2) and (3), in float64.

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
        self.frame, self.levels, self.device = frame, levels, device
        self.mean = torch.tensor(frame.moments.mean)
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)
        self.width = len(VECTOR) if reference else len(VECTOR) - 1
        shapes: dict[str, tuple[int, ...]]
        shapes = {f"errors.{k}": (rows, GROUPS, b.count) for k, (_, b) in frame.bases.items()}
        shapes["traces"] = (rows, 4 if process == "cld" else 3, GROUPS)
        wide = (len(pairs(self.width)), GROUPS, frame.probe_bands.count)
        shapes["products"] = (rows, *wide)
        shapes |= {"full": (levels, FOLDS, d, d)} if full else {}
        self.totals = {k: torch.zeros(s, dtype=torch.float64) for k, s in shapes.items()}
        away = device.type != "cpu"
        self.batch = {k: t.to(device) for k, t in self.totals.items()} if away else self.totals
        # coordinates of r at the level before, of r at the one before that, and of x0 - mean
        self.previous = self.noisier = self.x0 = torch.empty(0)

    def add(self, level: Level, rows: slice, x0: Tensor, other: Tensor | None) -> None:
        """Add one level of one batch: x0 and the reference's prediction are [b, d]."""
        first = rows.start % GROUPS
        r = _grouped(x0 - level.prediction, first)
        n, x = _grouped(level.noise, first), _grouped(x0, first)
        given = [n, x] if level.across is None else [n, x, _grouped(level.across, first)]
        again = [] if other is None else [self._main(_grouped(x0 - other, first))]
        if level.inside:  # the path has passed the gap's noisier end alone
            row = self.levels + level.k - 1
            c = self._add(row, r, given)
            self._add_products(row, self._main(n), [c, self.noisier], again)
            return
        if level.k == 1:  # level 0 costs no call: predict the mean, with no noise to speak of
            examples = torch.arange(rows.start, rows.stop) % GROUPS
            self.counts += torch.bincount(examples, minlength=GROUPS)
            mean = self.mean.to(x.device)
            centred, none = _grouped(x0.double() - mean, first), torch.zeros_like(n)
            self.x0 = self.previous = self._main(centred)
            start = [none, x, none][: len(given)]
            c = self._add(0, centred, start)
            self._add_products(0, none, [c, c], [self.x0] * len(again))
            self._add_full(0, centred)
        c = self._add(level.k, r, given)
        self._add_products(level.k, self._main(n), [c, self.previous], again)
        self._add_full(level.k, r)
        self.noisier, self.previous = self.previous, c

    def _main(self, grouped: Tensor) -> Tensor:
        basis = self.frame.moments.basis
        return basis.to_coordinates(grouped.flatten(0, 1)).view_as(grouped)

    def _add(self, row: int, r: Tensor, given: list[Tensor]) -> Tensor:
        """Add (1) and (2); return the coordinates of r in the main basis."""
        for into, a in zip(self.batch["traces"][row], (r, *given), strict=True):
            into += (a * r).sum(0).sum(1)
        main = self._main(r)
        for name, (basis, bands) in self.frame.bases.items():
            if basis is self.frame.moments.basis:
                c = main
            else:
                c = basis.to_coordinates(r.flatten(0, 1)).view_as(r)
            self.batch[f"errors.{name}"][row] += bands.average(c.square().sum(0))
        return main

    def _add_products(self, row: int, n: Tensor, r: list[Tensor], reference: list[Tensor]) -> None:
        """Add (3), of coordinates in the main basis; r: r and r_previous."""
        v = torch.stack([n, *r, self.x0, *reference])  # [V-1, rounds, B, d]
        found = [torch.zeros_like(v[:1, 0]), v.sum(1)]  # counts are put in where they are known
        found += [(v[a:] * v[a]).sum(1) for a in range(len(v))]
        self.batch["products"][row] += self.frame.probe_bands.average(torch.cat(found))

    def _add_full(self, k: int, r: Tensor) -> None:
        """Add E[r r^T] by fold: group g is in fold g mod F."""
        if "full" in self.batch:
            folds = r.view(-1, FOLDS, r.shape[-1]).transpose(0, 1)
            self.batch["full"][k].baddbmm_(folds.transpose(1, 2), folds)

    def settle(self) -> None:
        """Add the batch to the totals, once it is done."""
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
        """Return means by group: shares [B]; traces and each errors.NAME [2K+1, B, ...] by row;
        products [2K+1, B, P, pairs]; full [K+1, F, d, d], if it was measured."""  # fmt: skip
        by_group, totals = self.counts[None, :, None], self.totals
        out = {k: t / by_group for k, t in totals.items() if k.startswith("errors.")}
        out["shares"] = self.counts / self.counts.sum()
        out["traces"] = totals["traces"].transpose(1, 2) / by_group
        products = totals["products"].permute(0, 2, 3, 1) / by_group[..., None]
        products[..., 0] = 1.0
        out["products"] = products
        if "full" in totals:
            folds = torch.stack([self.counts[f::FOLDS].sum() for f in range(FOLDS)])
            out["full"] = totals["full"] / folds[None, :, None, None]
        return {name: value.contiguous().numpy() for name, value in out.items()}


def _grouped(x: Tensor, first: int) -> Tensor:
    """Return x [b, d], the first of them of group `first`, as float64 [rounds, B, d]."""
    after = -(first + len(x)) % GROUPS
    x = x.double()
    whole = functional.pad(x, (0, 0, first, after)) if first or after else x
    return whole.view(-1, GROUPS, x.shape[1])
