r"""The examples about the means of their classes: what a start from a class's own moments costs.

Where labels are known the best prediction at s = 0 is the mean of the class, so that level 0 of
the curve has the variance within classes. Kept are, by group b, class c and band j,

    p_bc = share of the group's examples that are of class c,                              (1)
    M_bcj = mean over the group's examples of 1[class c] (u_cj . (x0 - mean_c))^2,         (2)

mean_c and the axes u_c learnt from examples that are not among these (`class_moments.py`), and the
sum over classes of the same in the main basis, which is the error of level 0. It takes no network
call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .curve import GROUPS, AboutClass, Curve, Examples

if TYPE_CHECKING:
    from .frame import Frame

CHUNK = 1024  # examples read at once


def about_class(curve: Curve, examples: Examples, frame: Frame) -> Curve:
    """Return the curve with (1) and (2) of the examples that it was measured on."""
    import torch

    class_moments, moments = frame.moments.classes, frame.moments
    if class_moments is None:
        return curve
    means, classes = torch.tensor(class_moments.means), len(class_moments.means)
    axes = None if class_moments.axes is None else torch.tensor(class_moments.axes)
    d, bands = moments.basis.dimension, frame.bands
    sums = torch.zeros(GROUPS * classes, bands.count if axes is None else d, dtype=torch.float64)
    main = torch.zeros(GROUPS, bands.count, dtype=torch.float64)
    count = torch.zeros(GROUPS * classes, dtype=torch.float64)
    for first in range(0, len(examples), CHUNK):
        rows = slice(first, min(first + CHUNK, len(examples)))
        x, label = examples.batch(rows), examples.batch_labels(rows)
        assert label is not None
        at, group = label.long().cpu(), torch.arange(rows.start, rows.stop) % GROUPS
        c = x.flatten(1).double().cpu() - means[at]
        square = bands.average(moments.basis.to_coordinates(c).square())
        main.index_add_(0, group, square)
        if axes is not None:
            square = torch.cat([(c[k : k + 1] @ axes[at[k]]).square() for k in range(len(c))])
        sums.index_add_(0, group * classes + at, square)
        count += torch.bincount(group * classes + at, minlength=len(count))
    by_class = count.view(GROUPS, classes, 1)
    whole = by_class.sum(dim=1)
    by_group = (by_class[..., 0] / whole, sums.view(GROUPS, classes, -1) / whole[..., None])
    return replace(curve, about_class=AboutClass(*(x.numpy() for x in (*by_group, main / whole))))
