r"""Ancestral samplers: along the probability flow to a lower level, then noise back.

In the coordinates x = x0 + sigma z, lambda = log(1/sigma), a step from sigma to sigma' goes along
the flow to a level rho < sigma' and takes up the noise that is missing at sigma',

    x' = phi(x) + sqrt(sigma'^2 - rho^2) xi,    u = log(sigma/rho),                       (1)

    euler-ancestral (DDIM with eta):    phi = e^-u x + (1 - e^-u) m,                      (2)
    dpm2-ancestral (two calls):         phi = e^-u x + (1 - e^-u) m_h,                    (3)
        m_h the prediction at x_h, which is (2) at a level between, where the network is called
        again; in terms of x_h and of m, the prediction before it, (3) is a step out of x_h.

With the exact flow in place of phi (1) keeps the law of every level, whatever rho (theory 13.1),
so that what such a step costs in KL is what phi misses of the flow. rho = sigma'^2/sigma is ddpm's
step; eta of diffusers and k-diffusion is eta^2 = (sigma'^2 - rho^2)/(sigma'^2 (1 -
sigma'^2/sigma^2)). ``mixed`` takes (2), (3) or the step of analytic-dpm, each where it is best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .._checks import require, require_levels
from .gaussian_step import analytic_dpm_step, checked_variances
from .sampler import Recipe, Sampler, Start, Step

if TYPE_CHECKING:
    from .._typing import Array, Json, Levels
    from ..basis import Basis

MOST_LENGTH = 600.0  # u of (1), beyond which e^-u is no number


@dataclass(frozen=True)
class Inner:
    """How each of N steps of an ancestral sampler is taken.

    flow_to: the SNR rho^-2 that it follows the flow to, NaN for a step of analytic-dpm [N];
    middle: the SNR of its second network call, NaN where it makes one [N].
    """

    flow_to: Array
    middle: Array

    @property
    def calls(self) -> int:
        """The network calls of all steps."""
        return len(self.middle) + int(np.isfinite(self.middle).sum())

    def kernels(self, levels: Levels) -> list[Json]:
        """Return each step in words: its sampler, and diffusers' eta of one along the flow."""
        etas = eta_of(levels, np.where(np.isnan(self.flow_to), levels[1:], self.flow_to))
        return [
            {"sampler": "analytic-dpm"}
            if math.isnan(to)
            else {
                "sampler": "euler-ancestral" if math.isnan(middle) else "dpm2-ancestral",
                "eta": round(eta, 6),
            }
            for to, middle, eta in zip(
                self.flow_to.tolist(), self.middle.tolist(), etas.tolist(), strict=True
            )
        ]

    def words(self) -> str:
        """Return how many moves take two calls, and how many one; "" if all are alike."""
        two, gaussian = (int(x.sum()) for x in (~np.isnan(self.middle), np.isnan(self.flow_to)))
        one = len(self.middle) - two - gaussian
        ways = ((two, "with 2 calls"), (one, "with 1 call"), (gaussian, "of analytic-dpm"))
        parts = [f"{count} {way}" for count, way in ways if count]
        return f" (moves: {', '.join(parts)})" if len(parts) > 1 else ""

    def tensors(self) -> dict[str, Array]:
        """Return the arrays by name, 0 for NaN."""
        own = {"flow_to": self.flow_to, "middle": self.middle}
        return {f"inner.{name}": np.nan_to_num(value, nan=0.0) for name, value in own.items()}

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, Array], wanted: bool) -> Inner | None:
        """Return the steps whose `tensors` are among `arrays`, None where none are wanted."""
        names = ("inner.flow_to", "inner.middle")
        there = [name in arrays for name in names]
        rule = "must come with an ancestral sampler, and with no other"
        require(there == [wanted] * 2, "inner", rule)
        if not wanted:
            return None
        return cls(*(np.where(arrays[name] == 0, math.nan, arrays[name]) for name in names))

    def require_fits(self, levels: Levels) -> None:
        """Refuse what is no way of N steps between N + 1 levels."""
        shape = (len(levels) - 1,)
        fits = self.flow_to.shape == self.middle.shape == shape
        require(fits, "inner", f"must have shape {list(shape)}", self.flow_to.shape)
        flows = ~np.isnan(self.flow_to)
        beyond = bool((self.flow_to[flows] > levels[1:][flows]).all())
        beyond = beyond and bool(np.isfinite(self.flow_to[flows]).all())
        require(beyond, "flow_to", "must be finite SNRs beyond the next level")
        two = ~np.isnan(self.middle)
        between = bool(flows[two].all()) and bool(
            ((self.middle > levels[:-1]) & (self.middle < self.flow_to))[two].all()
        )
        require(between, "middle", "must lie between a level and where its step flows to")


def usual_inner(levels: Levels, calls: int) -> Inner:
    """Return ddpm's noise in every step, rho = sigma'^2/sigma, with so many calls a step."""
    flow_to = levels[1:] ** 2 / levels[:-1]
    middle = np.sqrt(levels[:-1] * flow_to)
    return Inner(flow_to, middle if calls == 2 else np.full(len(flow_to), math.nan))


def eta_of(levels: Levels, flow_to: Array) -> Array:
    """Return diffusers' and k-diffusion's eta of steps that follow the flow to SNRs [N]."""
    s, t = levels[:-1], levels[1:]
    return np.asarray(np.sqrt((1 / t - 1 / flow_to) * t / (1 - s / t)))


def flow_to_of(levels: Levels, eta: float) -> Array:
    """Return the SNRs that steps of one eta follow the flow to [N], inf where it is too much."""
    s, t = levels[:-1], levels[1:]
    left = 1 - eta**2 * (1 - s / t)
    return np.asarray(np.where(left > 0, t / np.where(left > 0, left, 1.0), np.inf))


@dataclass(frozen=True)
class Ancestral(Sampler):
    """A sampler of (1); inner: how its steps are taken, None for ddpm's noise in all of them."""

    inner: Inner | None = None

    flow_priced: ClassVar[bool] = True

    def recipe(
        self,
        levels: Array,
        *,
        start: Start,
        variances: Array | None = None,
        bases: tuple[Basis | None, ...] | None = None,
        last: str = "denoise",
        process: str = "vp",
    ) -> Recipe:
        """Return the sampler that visits `levels` [N+1]; `girsanov.recipe` says the rest.

        variances, bases: of every step and of a last draw, of which those of steps along the flow
        are left alone; of ``mixed`` only.
        """
        require(process == "vp", "process", "must be vp for an ancestral sampler", process)
        ends = self.require_last(last)
        grid = require_levels("levels", levels, at_least=2 if ends == "sample" else 1)
        inner = self.inner or usual_inner(grid, self.calls)
        inner.require_fits(grid)
        gaussian = np.isnan(inner.flow_to)
        count = len(gaussian) + (ends == "draw")
        covered = bool(gaussian.any()) or ends == "draw"
        rule = "must be given for steps of analytic-dpm and a last draw"
        require(not covered or (variances is not None and self.covariance), "variances", rule)
        given = np.zeros(count) if variances is None else variances
        rows, axes = checked_variances(given, bases, count)
        steps: list[Step] = []
        for k, (s, t) in enumerate(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True)):
            if gaussian[k]:
                steps.append(analytic_dpm_step(s, t, rows[k], axes[k]))
            else:
                steps += flow_step(s, t, float(inner.flow_to[k]), float(inner.middle[k]))
        if last == "draw":
            steps.append(analytic_dpm_step(float(grid[-1]), math.inf, rows[-1], axes[-1]))
        if last == "denoise":
            steps.append(Step(float(grid[-1]), 0.0, 1.0, 0.0))
        return Recipe(*start, tuple(steps), float(grid[-1]))


def flow_step(snr: float, snr_next: float, flow_to: float, middle: float) -> list[Step]:
    """Return the network calls of (1): one, (2), or two, (3), with `middle` not NaN."""
    length = math.log(flow_to / snr) / 2
    require(length < MOST_LENGTH, "flow_to", "must be within e^1200 of the level", flow_to)
    noise = math.sqrt((flow_to - snr_next) / (flow_to * snr_next))
    state, prediction = math.exp(-length), -math.expm1(-length)
    if math.isnan(middle):
        return [Step(snr, state, prediction, noise)]
    half = math.log(middle / snr) / 2
    rest = math.exp(half - length)  # x = e^half (x_h - (1 - e^-half) m)
    return [
        Step(snr, math.exp(-half), -math.expm1(-half), 0.0),
        Step(middle, rest, prediction, noise, history=rest * math.expm1(-half)),
    ]


EULER_ANCESTRAL = Ancestral("euler-ancestral")
DPM2_ANCESTRAL = Ancestral("dpm2-ancestral", order=2, calls=2)
MIXED = Ancestral("mixed", order=2, covariance=True)
