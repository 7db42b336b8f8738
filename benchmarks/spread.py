"""Do samples keep the spread of the data, direction by direction?

    python benchmarks/spread.py [--samples 100000] [--laws NAME ...] [--steps 8 16 32] [--plain]

Exact denoisers of twelve laws are sampled by the default plan, by one of `analytic-dpm` and,
unless --plain, by that with noise matched to the data's spread (`audit.plan(denoiser=...)`).
Samples are whitened by the law's own covariance, after which every entry of their covariance
should be that of the identity. `off` is how far the worst entry lies from it beyond three standard
errors, in per cent: at most 1 is asked for. `modes` is by how many standard errors the worst share
of a mode is off: at most 3.
"""

from __future__ import annotations

import itertools

import numpy as np
from _table import begin, finish, options, table

import girsanov as gv

SEED = 11


def _correlated() -> gv.Gaussian:
    """Return a Gaussian of pairs that agree to a tenth and to a hundredth, off the origin."""
    root = np.array([[1.0, 0, 0, 0], [1.0, 0.1, 0, 0], [0.4, 0, 2.0, 0], [-0.4, 0, 2.0, 0.01]])
    return gv.Gaussian([3.0, -1.0, 0.5, 8.0], root @ root.T)


def _sixteen() -> gv.GaussianMixture:
    """Return five components in 16 dimensions, the smallest of them 6 % of all."""
    rng = np.random.default_rng(5)
    means, deviations = 3 * rng.normal(size=(5, 16)), rng.exponential(size=(5, 16))
    return gv.GaussianMixture([0.06, 0.14, 0.2, 0.25, 0.35], means, 0.02 + deviations**2)


LAWS = {
    "three modes": lambda: gv.GaussianMixture(
        [0.2, 0.5, 0.3], [[-9, 1], [0, 0], [14, -2]], np.array([0.3, 1.0, 0.6]) ** 2
    ),
    "scales 20, 1, .1": lambda: gv.Gaussian([5.0, -2.0, 1.0], [400.0, 1.0, 0.01]),
    "two atoms": lambda: gv.Points([[-2.0, 1.0], [6.0, -1.0]], [0.3, 0.7]),
    "four atoms": lambda: gv.Points(
        [[2.0, 0.0], [5.0, 1.0], [1.0, -3.0], [-4.0, 2.0]], [0.15, 0.4, 0.25, 0.2]
    ),
    "rare modes": lambda: gv.GaussianMixture(
        [0.02, 0.03, 0.95], [[10, 3], [-8, 6], [0, 0]], np.array([0.5, 0.8, 1.0]) ** 2
    ),
    "circle": lambda: gv.Sphere([2.0, -1.0], 3.0),
    "swiss roll": lambda: gv.SwissRoll(),
    "correlated": _correlated,
    "skewed line": lambda: gv.GaussianMixture(
        [0.25, 0.6, 0.15], [[-1.5], [1.0], [2.5]], [0.04, 0.15, 0.6]
    ),
    "line of modes": lambda: gv.GaussianMixture(
        [0.1, 0.6, 0.3], [[-6.0], [0.0], [3.0]], [0.01, 0.09, 0.16]
    ),
    "turned pair": lambda: gv.GaussianMixture(
        [0.7, 0.3], [[2.0, 0.5], [-1.0, 1.5]], [[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0], [0, 0.4]]]
    ),
    "mixture 16-d": _sixteen,
}
MODES = ("three modes", "two atoms", "four atoms", "rare modes", "line of modes", "mixture 16-d")


def whitened(law: gv.Law, x: np.ndarray) -> np.ndarray:
    """Return samples x [n, d] in the units of the law's own principal deviations."""
    values, vectors = np.linalg.eigh(law.covariance())
    kept = values > 1e-12 * values.max()
    return (x - law.mean) @ vectors[:, kept] / np.sqrt(values[kept])


def off_by(u: np.ndarray) -> tuple[float, np.ndarray]:
    """Return how far the covariance of u [n, d] is from 1 beyond 3 standard errors, and it."""
    c = u - u.mean(axis=0)
    covariance = c.T @ c / len(c)
    square = np.square(c).T @ np.square(c) / len(c)
    error = np.sqrt(np.maximum(square - covariance**2, 0) / len(c))
    return float(np.max(np.abs(covariance - np.eye(len(covariance))) - 3 * error)), covariance


def shares_off(law: gv.Law, x: np.ndarray) -> float:
    """Return by how many standard errors the worst share of a mode is off.

    A sample belongs to the nearest mean; what share of the law does is counted on draws of it.
    """
    means = np.asarray(law.to_json().get("means", law.to_json().get("points")))

    def shares(y: np.ndarray) -> tuple[np.ndarray, int]:
        near = np.square(y[:, None] - means).sum(axis=2).argmin(axis=1)
        return np.bincount(near, minlength=len(means)) / len(y), len(y)

    (p, n), (q, m) = shares(x), shares(law.sample(4 * len(x), seed=SEED + 1).numpy())
    return float(np.max(np.abs(p - q) / np.sqrt(q * (1 - q) * (1 / n + 1 / m))))


def measured(name: str, counts: list[int], samples: int, plain: bool) -> list[dict]:
    """Return a row for each number of steps and way to plan."""
    law = LAWS[name]()
    model = gv.ExactDenoiser(law)
    audit = gv.audit(model, law)
    ways = {"default": {}, "analytic-dpm": {"sampler": "analytic-dpm"}}
    ways |= {} if plain else {"matched": {"denoiser": model}}
    rows = []
    for steps, (way, extra) in itertools.product(counts, ways.items()):
        plan = audit.plan(steps=steps, **extra)
        x = gv.sample(model, plan, samples, seed=SEED)
        off, covariance = off_by(whitened(law, x))
        ratios = np.diag(covariance)
        rows.append({
            "law": name, "steps": steps, "plan": way, "end": plan.resolution,
            "least": float(ratios.min()), "most": float(ratios.max()), "off": 100 * off,
            "modes": shares_off(law, x) if name in MODES else None,
            "nats": sum(float(e.value or 0) for e in plan.ledger),
        })  # fmt: skip
    return rows


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--laws", nargs="+", choices=LAWS, default=list(LAWS))
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--plain", action="store_true")
    given = begin(parser)
    told = (given.steps, given.samples, given.plain)
    rows = [r for name in given.laws for r in measured(name, *told)]
    table(
        ("law", "steps", "plan", "end", "variance kept, least", "most", "off, %", "modes", "nats"),
        ((r["law"], r["steps"], r["plan"], f"{r['end']:.3g}", f"{r['least']:.3f}",
          f"{r['most']:.3f}", f"{r['off']:.2f}", "" if r["modes"] is None else f"{r['modes']:.1f}",
          f"{r['nats']:.2g}") for r in rows),
    )  # fmt: skip
    finish(given, {"rows": rows})


if __name__ == "__main__":
    main()
