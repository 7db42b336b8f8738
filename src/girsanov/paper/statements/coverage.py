r"""No bound is violated: random Gaussians and random mixtures, extreme parameters included.

The exact path KL of the paper's sampler is int I dt - sum a_h I(t_j) (theory 2.0). For
N(0, diag(l)) the integral is closed,

    int_0^T I dt = sum_i T + 1/2 log((1 + (l_i - 1) e^-2T) / l_i),                          (1)

and (2a), (2b), (2c) and the any-grid form must lie above it; for CLD (4a) and (4b) above (4.3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...law import GaussianMixture
from ...noise import NoiseSource
from ..bounds import Facts, any_law_certificate
from ..bounds import steps as weights
from ..bounds.any_law import geometric_discretisation
from ..bounds.chen2023_cld import exact_discretisation
from ..bounds.chen2023_cld import uniform_cld_discretisation as cld_bound
from ..bounds.chen2023_ddpm import grid_discretisation, uniform_discretisation
from ..chart import Series, chart
from ..output_law import law_density
from ..path_kl import discretisation, ou_levels
from ..statement import Result, Row, Statement

if TYPE_CHECKING:
    from ..._typing import Array

FORMS = ("(2a)", "(2b)", "(2c)", "any grid")
SOURCE = "theory 9.2"
ROUNDING = 1e-11  # of the integrals that are subtracted


class Draws:
    """The random numbers of one case, addressed by seed, family and case."""

    def __init__(self, seed: int, family: str, case: int) -> None:
        source = NoiseSource(seed, f"verify-coverage-{family}")
        self.numbers, self.used = source.uniform(case, 0, 64), 0

    def uniform(self, low: float, high: float, count: int = 1) -> Array:
        """Return `count` more numbers in [low, high)."""
        taken = self.numbers[self.used : self.used + count]
        self.used += count
        return np.asarray(low + (high - low) * taken)

    def one(self, low: float, high: float) -> float:
        """Return one more number in [low, high)."""
        return float(self.uniform(low, high)[0])

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from low to high - 1."""
        return int(self.one(low, high))


def random_gaussian_case(rng: Draws) -> tuple[float, Array, float]:
    """Return the exact D of a random Gaussian and sampler, its bounds, and its rounding."""
    kinds = rng.whole(1, 4)
    values: Array = np.asarray(10 ** rng.uniform(-6, 2, kinds))
    many = np.floor(rng.uniform(1, 3072 / kinds, kinds))
    counts: Array = many if rng.one(0, 1) < 0.5 else np.ones(kinds)
    h, steps = 10 ** rng.one(-6, 0), rng.whole(1, 60)
    time = h * steps
    t = np.asarray(h * np.arange(1, steps + 1), dtype=np.float64)
    inside: Array = values[:, None] * np.exp(-2 * t) - np.expm1(-2 * t)  # variance at t
    integral = counts @ (time + np.log(inside[:, -1] / values) / 2)
    information = counts @ (1 / inside)
    exact = float(integral - weights.a(np.array([h]))[0] * information.sum())
    d, v = int(counts.sum()), float(counts @ values)
    about = Facts(d, v, variance=v, information=float(counts @ (1 / values)),
                  lipschitz=float((1 / values).max()))  # fmt: skip
    forms = [uniform_discretisation(about, f, steps, time=time) for f in ("2a", "2b", "2c")]
    forms.append(grid_discretisation(about, np.concatenate([[0.0], t])))
    return exact, np.array(forms), ROUNDING * float(integral) + 4e-16 * d * steps


def cld_case(rng: Draws) -> tuple[float, Array, float]:
    """Return the same for CLD on an isotropic Gaussian: exact D, (4a), (4b)."""
    v, h, steps = 10 ** rng.one(-4, 1), 10 ** rng.one(-2, 0), rng.whole(1, 40)
    about = Facts(1, v, variance=v, information=1 / v, lipschitz=1 / v)
    exact = exact_discretisation(
        1, lambda t: 1 / (1 + (v - 1) * np.exp(-2 * t)), steps, time=h * steps
    )
    forms = [cld_bound(about, f, steps, time=h * steps) for f in ("4a", "4b")]
    return exact, np.array(forms), 1e-9 * (1 + exact)


def random_mixture(rng: Draws) -> GaussianMixture:
    """Return a mixture on a line of two to five components of very different widths."""
    k = rng.whole(2, 6)
    w = -np.log(1 - rng.uniform(0, 1, k))  # shares of exponentials are uniform on the simplex
    means, widths = rng.uniform(-4, 4, k)[:, None], 10.0 ** rng.uniform(-2.5, 0.5, k)
    return GaussianMixture(w / w.sum(), means, widths)


def fisher(law: GaussianMixture) -> float:
    """Return I_0 by quadrature."""
    wide = float(np.sqrt(law.covariances.max()))
    reach = float(np.abs(law.means).max()) + 10 * wide
    x = np.linspace(-reach, reach, 200_001)
    p = law_density(law, math.inf, x).p
    slope = np.gradient(p, x)
    return float(np.trapezoid(np.where(p > 1e-280, slope**2 / np.maximum(p, 1e-280), 0), x))


def mixture_case(rng: Draws) -> list[tuple[str, float, float]]:
    """Return (name, exact, bound) for every bound on a random mixture."""
    law = random_mixture(rng)
    time, steps = rng.one(0.5, 5), rng.whole(3, 25)
    levels = ou_levels(time, steps)
    exact = discretisation(law, levels, "ei-score")
    about = Facts(1, law.second_moment, variance=law.variance, information=fisher(law) * 1.0001)
    out = [
        (f"({form})", exact, uniform_discretisation(about, form, steps, time=time))
        for form in ("2b", "2c")
    ]
    out.append(("any grid", exact, grid_discretisation(about, np.linspace(0, time, steps + 1))))
    first, last = 10 ** rng.one(-3, -1), 10 ** rng.one(1, 4)
    grid = np.geomspace(first, last, steps + 1)
    curve = np.asarray(law.curve(grid).value)
    for sampler in ("ddpm", "analytic-dpm"):
        cost = discretisation(
            law, grid, sampler, curve[:-1] if sampler == "analytic-dpm" else None
        )
        low, high = any_law_certificate(grid, curve, 1, sampler)
        out.append((f"certificate, {sampler}", cost, high))
        out.append((f"certificate from below, {sampler}", low, cost))
        bound = geometric_discretisation(about, sampler, steps, first=first, last=last)
        out.append((f"any law, {sampler}", cost, bound))
    return out


def run(quick: bool, seed: int) -> Result:
    """Draw cases and count those where a bound is below the exact value by more than rounding."""
    counts = (1500, 150, 8) if quick else (20_000, 1500, 200)

    rows, ratios = [], {}
    for name, draw, count, forms in (
        ("Gaussians", random_gaussian_case, counts[0], FORMS),
        ("CLD, Gaussians", cld_case, counts[1], ("(4a)", "(4b)")),
    ):
        cases = [draw(Draws(seed, name, k)) for k in range(count)]
        for k, form in enumerate(forms):
            bad = sum(bool(b[k] < e * (1 - 1e-9) - r) for e, b, r in cases)
            rows.append(Row(f"{form}: violations in {count} random {name}", 0, bad, "<=",
                            source=SOURCE))  # fmt: skip
            good = [float(b[k] / e) for e, b, r in cases if e > 1e3 * r and math.isfinite(b[k])]
            ratios[f"{form}, {name}"] = np.sort(good)
    mixed: dict[str, list[tuple[float, float]]] = {}
    for k in range(counts[2]):
        for name, low, high in mixture_case(Draws(seed, "mixtures", k)):
            mixed.setdefault(name, []).append((low, high))
    for name, pairs in mixed.items():
        bad = sum(low > high + 1e-6 * (1 + abs(high)) for low, high in pairs)
        rows.append(Row(f"{name}: violations in {len(pairs)} random mixtures", 0, bad, "<=",
                        source=SOURCE))  # fmt: skip
    worst = sum(int(r.measured) for r in rows)
    head = Row("violations, all bounds and cases", 0, worst, "<=")
    shown = [k for k in ratios if len(ratios[k]) > 10]
    figure = chart(
        "coverage", "How loose the bounds are: bound over exact path KL",
        [Series(k, np.linspace(0, 1, 40), np.quantile(ratios[k], np.linspace(0, 1, 40)), 1 + i % 5,
                "line" if i < 4 else "dashed") for i, k in enumerate(shown)],
        ("share of cases", "bound / exact"), log="y", y_range=(0.9, 1e4),
    )  # fmt: skip
    middle = ", ".join(f"{k} {np.median(ratios[k]):.3g}" for k in shown)
    words = (
        f"{worst} violations in {counts[0]} Gaussians (up to 3072 dimensions, variances from 1e-6 "
        f"to 100, steps from 1e-6 to 1), {counts[1]} CLD cases and {counts[2]} mixtures. Median "
        f"of bound over exact value: {middle}."
    )
    return Result([head, *rows], head, words, figure)


STATEMENT = Statement(
    "coverage",
    "No bound is violated",
    "Theorems 2 and 6, and the bounds behind them",
    "Every bound with constants is above the exact path KL, whatever the dimension, the step, the "
    "time and the condition of the data.",
    "no violation beyond rounding in any random case.",
    run,
)
