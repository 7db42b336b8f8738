r"""Every sampler has the order that it declares, and all tend to the same law.

On a Gaussian law the output's moments are known in closed form (output_law.py), so the weak error

    |Cov(output) - Cov(q_{s_N})| + |E output - E q_{s_N}| ~ C N^-order                    (1)

can be followed over grids of N steps with no sampling at all. There analytic-dpm has no
error; on a mixture it has, and all stochastic samplers are followed by the total variation of
exact densities. A Langevin chain of step h has a stationary covariance, the solution of

    Sigma = A Sigma A^T + B B^T                                                           (2)

on N(mu, V), A and B read off the chain's own step, and its distance from diag(V, 1), the law of
position and velocity, is of the order declared in h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import solve_discrete_lyapunov

from ..._typing import Array, Tensor
from ...basis import pca_basis
from ...denoise.exact import ExactDenoiser
from ...law import Gaussian
from ...sampling.cld import STRANG_ORDER, strang_recipe
from ...sampling.grids import log_uniform_grid
from ...sampling.registry import (
    SAMPLERS,
    cld_recipe,
    recipe,
    sampler_named,
    stochastic_names,
)
from ...sampling.sampler import Recipe
from .. import langevin
from ..chart import Series, chart
from ..fit import exponent
from ..output_law import gaussian_output, law_density, line_output, total_variation
from ..path_kl import SKEWED
from ..statement import K, Result, Row, Statement

ROOT = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.6, 0.4, 0.3]])
LAW = Gaussian([3.0, -1.0, 0.5], ROOT @ ROOT.T)  # skewed and off the origin
FIRST, LAST = 0.01, 100.0
EARLY = 1e-7  # where strang starts in N(0, I), which is the law there but for 1e-7
BAND = 0.15  # that a slope at finite N may be off
EXACT = 1e-9
SNR = 50.0  # of the chains
BLUR = 0.6  # noise variance at which MALA is sampled, where it crosses between modes
STEPS = np.array([0.1, 0.05, 0.025])  # of the chains, in units of V, or of its root
Make = Callable[[Array], Recipe]


def samplers() -> dict[str, tuple[int, Make]]:
    """Return all that err on LAW with their declared orders; all but strang start in it."""
    basis, values = pca_basis(LAW.covariance())
    start = (LAW.mean, np.sqrt(values + 1 / FIRST), basis)

    def sampled(name: str, process: str = "vp") -> Make:
        named = sampler_named(name)
        return lambda levels: named.recipe(levels, start=start, last="sample", process=process)

    plain = {name: one for name, one in SAMPLERS.items() if not one.covariance}
    makers = {name: (one.order, sampled(name)) for name, one in plain.items()}
    makers |= {f"cld {name}": (one.order, sampled(name, "cld"))
             for name, one in plain.items() if one.stochastic and not one.flow_priced}  # fmt: skip
    strang = (STRANG_ORDER, lambda levels: strang_recipe(levels, last="sample"))
    return makers | {"cld strang": strang}


def analytic_dpm(levels: Array, *, phase: bool = False) -> Recipe:
    """Return analytic-dpm with LAW's own posterior covariance."""
    basis, values = pca_basis(LAW.covariance())
    v = values / (1 + levels[:-1, None] * values)
    start = (LAW.mean, np.sqrt(values + 1 / FIRST), basis)
    make = cld_recipe if phase else recipe
    options = {"start": start, "variances": v, "bases": (basis,) * len(v), "last": "sample"}
    return make("analytic-dpm", levels, **options)  # type: ignore[arg-type]


def error(make: Make, steps: int, first: float = FIRST) -> float:
    """Return (1) for N = steps between the SNRs `first` and LAST."""
    levels = log_uniform_grid(first, LAST, steps + 1)
    mean, covariance = gaussian_output(LAW, make(levels))
    wrong = covariance - LAW.covariance() - np.eye(3) / LAST
    return float(np.linalg.norm(wrong) + np.linalg.norm(mean - LAW.mean))


def mixture_error(sampler: str, steps: int) -> float:
    """Return the total variation from the output on the mixture to the law, by quadrature."""
    levels = log_uniform_grid(1e-4, LAST, steps + 1)
    v = np.asarray(SKEWED.curve(levels[:-1]).value) if sampler == "analytic-dpm" else None
    start = (float(SKEWED.mean[0]), math.sqrt(SKEWED.variance + 1 / levels[0]), None)
    out = line_output(SKEWED, recipe(sampler, levels, start=start, variances=v, last="sample"))
    return total_variation(out, law_density(SKEWED, LAST, out.x))


@dataclass(frozen=True)
class _Given:
    """Normals that are given."""

    z: Tensor

    def normal(self, step: int, kind: str = "walk") -> Tensor:
        return self.z

    def uniform(self, step: int) -> Tensor:
        return self.z[:, 0]


def chain_error(method: str, share: float) -> float:
    """Return the distance of (2) from the law of (x, v), by the steps of the chain itself."""
    law = Gaussian([0.7], 0.5)
    target = langevin.ChainTarget(ExactDenoiser(law), SNR)
    wide = law.variance + 1 / SNR
    h = share * (wide if method == "lmc" else math.sqrt(wide))
    zero, one = torch.zeros(4, 1, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    x, v, xi = (one[:, [k]] if k else zero for k in (1, 2, 3))  # the row 0 is the origin
    chain = langevin.Chain(x, target.score(x), v)
    after = langevin.mover(target, method, 1.5)(chain, _Given(xi), 1, h)
    rows = torch.cat([after.x, after.extra], dim=1).numpy()
    maps = (rows[1:] - rows[0]).T  # columns: of x, of v, of the noise
    size = 2 if method == "underdamped" else 1
    covariance = solve_discrete_lyapunov(maps[:size, :size], maps[:size, 2:] @ maps[:size, 2:].T)
    return float(np.linalg.norm(covariance - np.diag([wide, 1.0][:size])))


def chain_rows(seed: int) -> list[Row]:
    """Fit (2) for the chains that err, and sample the one that does not."""
    rows = []
    for method in ("lmc", "underdamped"):
        errors = [chain_error(method, float(h)) for h in STEPS]
        rows.append(Row(f"{method}: order in h", langevin.ORDERS[method],
                        exponent(STEPS, errors).value, "=", BAND))  # fmt: skip
    for h in (0.1, 0.6):
        run = langevin.sample_langevin(
            ExactDenoiser(SKEWED), 2000, chain=langevin.Langevin("mala", step=h), steps=400,
            snr=1 / BLUR, seed=seed, batch_size=2000,
        )  # fmt: skip
        x = run.states[-1, :, 0].numpy()
        spread = SKEWED.variance + BLUR
        away = (x - SKEWED.mean[0]) ** 2
        for what, claimed, values in (
            ("mean", float(SKEWED.mean[0]), x), ("variance", spread, away)
        ):  # fmt: skip
            se = float(values.std(ddof=1)) / math.sqrt(len(values))
            rows.append(Row(f"mala, h = {h}: {what} of its law on a mixture", claimed,
                            float(values.mean()), "=", K * se))  # fmt: skip
    return rows


def order_rows(name: str, order: float, counts: Array, errors: Sequence[float]) -> list[Row]:
    """Compare the slope of the errors with `order`, and how far they fell with what it says."""
    slope = -exponent(counts[-3:], errors[-3:]).value
    share = errors[0] * (counts[0] / counts[-1]) ** (order - BAND)
    what = f"{name}: error at {counts[-1]} steps against the order's share of that at {counts[0]}"
    return [
        Row(f"{name}: order", order, slope, "=", BAND),
        Row(what, share, errors[-1], "<="),
    ]


def run(quick: bool, seed: int) -> Result:
    """Fit (1) for every sampler, (2) for the chains; only mala is sampled."""
    counts = np.array([100, 200, 400, 800] if quick else [50, 100, 200, 400, 800])
    rows, series, seen = [], [], set()
    for name, (order, make) in samplers().items():
        first = EARLY if "strang" in name else FIRST
        errors = [error(make, int(n), first) for n in counts]
        rows += order_rows(name, order, counts, errors)
        group = f"declared order {order}"
        series.append(Series("" if group in seen else group, counts, errors, order, "both"))
        seen.add(group)
    few = np.array([32, 64, 128])
    for sampler in ("analytic-dpm",) if quick else stochastic_names():
        errors = [mixture_error(sampler, int(n)) for n in few]
        rows += order_rows(
            f"{sampler} on a mixture, TV", sampler_named(sampler).order, few, errors
        )
    for n in (1, 3, 30):
        for name, phase in (("analytic-dpm", False), ("cld analytic-dpm", True)):
            by_steps = error(lambda s, p=phase: analytic_dpm(s, phase=p), n)  # type: ignore[misc]
            what = f"{name}, Gaussian law: error at {n} steps"
            rows.append(Row(what, 0.0, by_steps, "<=", EXACT))
    rows += chain_rows(seed)
    orders = [r for r in rows if ": order" in r.what]
    worst = max(orders, key=lambda r: abs(r.measured - r.claimed))
    figure = chart("order", "Weak error against steps", series,
                   ("steps N", "error of mean and covariance"), log="xy")  # fmt: skip
    words = (
        f"{len(orders)} slopes are those declared, the furthest off by "
        f"{abs(worst.measured - worst.claimed):.2f}; analytic-dpm has no error on a Gaussian "
        "law at any number of steps, and MALA none at any step. Each line of the figure is a "
        "sampler, and all of them fall to the same law."
    )
    name = worst.what.partition(":")[0]
    head = Row(f"order of {name}, the furthest off", worst.claimed, worst.measured, "=", BAND)
    return Result(rows, head, words, figure)


STATEMENT = Statement(
    "order",
    "Every sampler has the order it declares",
    "Section 3 (discretisation); ODE samplers and chains as their papers declare",
    "Stochastic samplers are weakly of first order (in phase space too), ddim of first, heun and "
    "dpmpp-2m of second, Langevin Monte Carlo of first and underdamped Langevin of second, "
    "MALA is exact, and all of them tend to the same law.",
    f"the slope of the exact error over the three finest grids is within {BAND} of the declared "
    "order, analytic-dpm is exact on a Gaussian law, and MALA's moments are the law's within "
    f"{K:g} standard errors.",
    run,
)
