"""The exact denoiser of a large mixture beside the matrix products it cannot do without.

    python benchmarks/laws.py [--points 100000] [--components 1000] [--dimension 64] [--json FILE]

`products` are the two a posterior mean needs, [n, d] by [d, k] for the weights and [n, k] by
[k, d] for the mean (2 d in place of d where every component has its own diagonal), in float64 and
in blocks of rows that stay in a cache, so that they run at what the machine can do; `square` is
the time that as many operations take in a product of 1024 x 1024 numbers. Share: the time of the
products, or of `square`, over that of `law.denoise`.
"""

from __future__ import annotations

import numpy as np
import torch
from _table import begin, finish, in_turns, options, show, table

import girsanov as gv
from girsanov.law.mixture import PAIRS

KINDS = {"one variance": (), "a variance each": (0,), "a diagonal each": (0, 1)}


def mixture(kind, k, d):
    """Return a skewed mixture of k components with this kind of covariances."""
    rng = np.random.default_rng(0)
    size = tuple((k, d)[axis] for axis in KINDS[kind])
    means = 2 * rng.normal(size=(k, d)) + rng.exponential(size=d)
    weights = rng.exponential(size=k)
    return gv.GaussianMixture(weights / weights.sum(), means, 0.05 + rng.exponential(size=size))


def products(x, keys):
    """Do the two products in blocks of rows."""
    for part in torch.split(x, max(32, PAIRS // keys.shape[1])):
        (part @ keys) @ keys.T


def square(count, like):
    """Do products of 1024 x 1024 numbers, `count` times, which is all they cost."""
    a = torch.ones(1024, 1024).to(like)
    for _ in range(count):
        a @ a


def measured(kind, snr, given):
    """Return one row."""
    law = mixture(kind, given.components, given.dimension)
    x = law.sample(given.points, seed=1).to(given.device)
    z = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
    x = x + z / snr**0.5
    wide = torch.cat([x, x], dim=1) if kind == "a diagonal each" else x
    keys = torch.randn(wide.shape[1], given.components, dtype=x.dtype, device=x.device)
    count = round(2 * keys.numel() * len(x) / 1024**3)
    took = in_turns({
        "products": lambda: products(wide, keys),
        "square": lambda: square(count, x),
        "denoise": lambda: law.denoise(x, snr),
    }, given.runs)  # fmt: skip
    return {
        "covariances": kind, "snr": snr, "share": took["products"].over(took["denoise"]),
        "share of square": took["square"].over(took["denoise"]),
        "seconds": {name: times.each(10**6) for name, times in took.items()},
    }  # fmt: skip


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__, runs=5)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--components", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--snr", type=float, nargs="+", default=[1.0])
    given = begin(parser)
    rows = [measured(kind, snr, given) for kind in KINDS for snr in given.snr]
    table(
        ("covariances", "SNR", "share of products, CPU", "wall", "of square, CPU",
         "seconds, CPU"),
        ((r["covariances"], r["snr"], show(r["share"]["cpu"]), show(r["share"]["wall"]),
          show(r["share of square"]["cpu"]), show(r["seconds"]["denoise"]["cpu"]))
         for r in rows),
    )  # fmt: skip
    finish(given, rows)


if __name__ == "__main__":
    main()
