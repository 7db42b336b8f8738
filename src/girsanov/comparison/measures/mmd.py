r"""Maximum mean discrepancy with a Gaussian kernel, and its permutation test.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),   k(x, y) = exp(-|x - y|^2 / (2 h^2)),  (1)

over pairs of different rows, which is unbiased (Gretton et al. 2012); h is the median distance
between rows. The kernel is computed in blocks and never held whole: for rows with indicators A
[N, P], one column a way of dealing rows out, sums of (1) are columns of A * (K A).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...noise import NoiseSource
from ..jackknife import Squared, group_count, groups_of, pseudo_values
from .measure import MeasureRow, SquaredDistance

if TYPE_CHECKING:
    from ..._typing import Array
    from ..sets import Sets

KERNEL_ROWS = 2000  # of each set; the kernel of both has (2 KERNEL_ROWS)^2 numbers
KERNEL_BLOCK = 256  # rows of the kernel held at a time
DEALS = 199  # permutations
MEDIAN = 1000  # rows whose distances give the bandwidth


class MMD(SquaredDistance):
    """Equation (1) with bandwidth h."""

    name = "mmd"

    def __init__(self, bandwidth: float) -> None:
        self.bandwidth = bandwidth
        self.note = f"Gaussian kernel of width {bandwidth:.3g}"

    @classmethod
    def fit(cls, data: Array, labels: np.ndarray | None = None, seed: int = 0) -> MMD:
        """Return it with the median distance between rows of data [m, d] as bandwidth."""
        return cls(median_distance(data))

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return it with the bandwidth of both sets, which its permutation test needs."""
        x, y = sets.x[:KERNEL_ROWS], sets.y[:KERNEL_ROWS]
        deals = random_deals(len(x) + len(y), len(x), DEALS, sets.seed)
        z = np.concatenate([x, y])
        # rows enter at random, whichever set they are of, so that the test stays exact
        width = median_distance(z[deals[:, 1].argsort(kind="stable")])
        return cls(width).row_of(sets.x, sets.y, sets, permutation_p_value(z, deals, width))

    def squared(self, x: Array, y: Array) -> Squared:
        """Return equation (1); as computed, with equal rows counted too, it is never negative."""
        count = group_count(len(x), len(y))
        x, y = x[: KERNEL_ROWS - KERNEL_ROWS % count], y[: KERNEL_ROWS - KERNEL_ROWS % count]
        member = np.zeros((len(x) + len(y), 2 * count))
        member[np.arange(len(x)), groups_of(len(x), count)] = 1
        member[len(x) + np.arange(len(y)), count + groups_of(len(y), count)] = 1
        sums = np.zeros((2 * count, 2 * count))
        for rows, kernel in kernel_blocks(np.concatenate([x, y]), self.bandwidth):
            sums += member[rows].T @ (kernel @ member)
        xx, yy, xy = sums[:count, :count], sums[count:, count:], sums[:count, count:]
        n, m = len(x), len(y)
        whole = unbiased(xx.sum(), yy.sum(), xy.sum(), n, m)
        left = [_without(s, s.shape[0]) for s in (xx, yy, xy)]
        without = unbiased(left[0], left[1], left[2], n - n // count, m - m // count)
        plugin = xx.sum() / n**2 + yy.sum() / m**2 - 2 * xy.sum() / (n * m)
        return Squared(float(plugin), pseudo_values(float(whole), np.asarray(without)))

    def plugin(self, x: Array, y: Array) -> float:
        """Return equation (1) over all pairs, equal rows too."""
        return self.squared(x, y).plugin


def permutation_p_value(z: Array, deals: Array, bandwidth: float) -> float:
    """Return the share of deals whose MMD is at least that of the first one.

    z: both sets [N, d]; deals: who belongs to the first set, [N, 1 + P] of zeros and ones, the
    first column as it is and the others at random. Exact: uniform when the laws are one.
    """
    inner, rows = np.zeros(deals.shape[1]), np.zeros(len(z))
    for part, kernel in kernel_blocks(z, bandwidth):
        inner += (deals[part] * (kernel @ deals)).sum(axis=0)
        rows[part] = kernel.sum(axis=1)
    n = int(deals[:, 0].sum())
    outer = rows @ deals
    squares = unbiased(inner, rows.sum() - 2 * outer + inner, outer - inner, n, len(z) - n)
    # equal deals differ by rounding, which must not decide between them
    return float(np.mean(squares >= squares[0] - 1e-12))


def unbiased(xx: Array, yy: Array, xy: Array, n: int, m: int) -> Array:
    """Return equation (1) from sums of the kernel over all pairs; k(x, x) = 1 is left out."""
    same = (xx - n) / (n * (n - 1)) + (yy - m) / (m * (m - 1))
    return np.asarray(same - 2 * xy / (n * m))


def kernel_blocks(z: Array, bandwidth: float) -> Iterator[tuple[slice, Array]]:
    """Yield rows of the kernel matrix of z [N, d], `KERNEL_BLOCK` at a time."""
    for rows, square in square_distances(z, z):
        np.exp(square / (-2 * bandwidth**2), out=square)
        yield rows, square


def square_distances(x: Array, y: Array) -> Iterator[tuple[slice, Array]]:
    """Yield squared distances of x [n, d] to y [m, d], `KERNEL_BLOCK` rows at a time."""
    centre = y.mean(axis=0)  # far from the origin, squares would cancel
    a, b = x - centre, y - centre
    norms = np.square(b).sum(axis=1)
    for first in range(0, len(a), KERNEL_BLOCK):
        part = a[first : first + KERNEL_BLOCK]
        square = part @ b.T
        square *= -2
        square += norms
        square += np.square(part).sum(axis=1)[:, None]
        yield slice(first, first + len(part)), np.maximum(square, 0, out=square)


def median_distance(z: Array) -> float:
    """Return the median distance between the first rows of z [N, d], which are in random order."""
    few = z[:MEDIAN]
    square = np.concatenate([block for _, block in square_distances(few, few)])
    median = float(np.median(square[np.triu_indices(len(few), 1)]))
    return median**0.5 or 1.0


def random_deals(count: int, size: int, others: int, seed: int) -> Array:
    """Return [count, 1 + others]: the first `size` rows, and as many at random each time."""
    source = NoiseSource(seed, "permutations")
    deals = np.zeros((count, 1 + others))
    deals[:size, 0] = 1
    for k in range(others):
        chosen = source.uniform(k, 0, count).argsort(kind="stable")[:size]
        deals[chosen, 1 + k] = 1
    return deals


def _without(sums: Array, groups: int) -> Array:
    """Return the sum of a group-by-group matrix without row and column g, for each g [B]."""
    g = np.arange(groups)
    return np.asarray(sums.sum() - sums.sum(0) - sums.sum(1) + sums[g, g])
