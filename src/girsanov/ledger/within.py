r"""The examples about the means of their classes: what a start from a class's own moments costs.

Where labels are known the best prediction at s = 0 is the mean of the class, so that level 0 of
the curve has the variance within classes. Kept are, by group b, class c and band j,

    p_bc = share of the group's examples that are of class c,                              (1)
    M_bcj = mean over the group's examples of 1[class c] (u_j . (x0 - mean_c))^2,          (2)

mean_c learnt from examples that are not among these. The sum of (2) over classes is the error of
level 0. It takes no network call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Array

if TYPE_CHECKING:
    from .curve import Curve, Examples
    from .frame import Frame

CHUNK = 1024  # examples read at once


class AboutClass(NamedTuple):
    """shares: (1) [B, C]; errors: (2) [B, C, J] of the main basis."""

    shares: Array
    errors: Array

    def total(self) -> Array:
        """Return the error of predicting the class's mean by group, [B, J]."""
        return np.asarray(self.errors.sum(axis=1))

    def keep(self, groups: NDArray[np.bool_]) -> AboutClass:
        """Return those of some groups (a boolean mask [B])."""
        return AboutClass(self.shares[groups], self.errors[groups])

    def pooled(self, shares: Array) -> AboutClass:
        """Return those of all groups as one; shares: of the examples in each [B]."""
        return AboutClass(*(np.einsum("bc...,b->c...", x, shares)[None] for x in self))


def about_class(curve: Curve, examples: Examples, frame: Frame) -> Curve:
    """Return the curve with (1) and (2) of the examples that it was measured on."""
    import torch

    from .curve import GROUPS

    known, moments = frame.moments.classes, frame.moments
    if known is None:
        return curve
    means, classes = torch.tensor(known.means), len(known.means)
    sums = torch.zeros(GROUPS * classes, frame.bands.count, dtype=torch.float64)
    count = torch.zeros(GROUPS * classes, dtype=torch.float64)
    for first in range(0, len(examples), CHUNK):
        rows = slice(first, min(first + CHUNK, len(examples)))
        x, label = examples.batch(rows), examples.batch_labels(rows)
        assert label is not None
        at = label.long().cpu()
        c = moments.basis.to_coordinates(x.flatten(1).double().cpu() - means[at])
        place = torch.arange(rows.start, rows.stop) % GROUPS * classes + at
        sums.index_add_(0, place, frame.bands.average(c.square()))
        count += torch.bincount(place, minlength=len(count))
    by_group = count.view(GROUPS, classes, 1)
    whole = by_group.sum(dim=1, keepdim=True)
    errors = (sums.view(GROUPS, classes, -1) / whole).numpy()
    return replace(curve, about_class=AboutClass((by_group / whole)[..., 0].numpy(), errors))
