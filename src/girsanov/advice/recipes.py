r"""Noise levels in the words of those who train: EDM, flows and DDPM.

With x = x0 + sigma z in the units that the network is given,

    EDM    log sigma ~ N(P_mean, P_std^2);  weights 1/sigma^2 + 1/sigma_data^2,            (1)
    flow   x_t = (1 - t) x0 + t z has sigma = t/(1 - t), so that logit t = log sigma:
           t is logit-normal with mean P_mean and scale P_std,                             (2)
           or with mean 0 and t' = a t/(1 + (a - 1) t), the shift a = exp(P_mean);         (3)
    DDPM   sigma_T^2 + 1 = prod 1/(1 - beta_t), beta_1 = sigma_1^2/(1 + sigma_1^2).        (4)

(1) is of Karras et al. 2022, (2) and (3) of Esser et al. 2024, (4) of Ho et al. 2020. In units
that are c times larger, x/c, every sigma is divided by c and P_mean falls by log c; P_std stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from .._checks import figure

if TYPE_CHECKING:
    from .._typing import Array, Json

TIMESTEPS = 1000
STEEPEST = 0.999  # beta at most
FIRST_BETA = 1e-4
OFFSET = 0.008  # of the cosine schedule of Nichol and Dhariwal 2021


@dataclass(frozen=True)
class Levels:
    """Noise levels for one choice of units.

    units: what one unit is; sigma_min, sigma_max: the finest and coarsest level worth training;
    sigma_data: deviation of a coordinate about its mean; about_zero: the same about 0; p_mean,
    p_std: of log sigma in training.
    """

    units: str
    sigma_min: float
    sigma_max: float
    sigma_data: float
    about_zero: float
    p_mean: float
    p_std: float

    def scaled(self, factor: float, about_zero: float, units: str) -> Levels:
        """Return the same levels in units that are `factor` times smaller, about another 0."""
        low, high = factor * self.sigma_min, factor * self.sigma_max
        mean = self.p_mean + math.log(factor)
        return Levels(units, low, high, factor * self.sigma_data, about_zero, mean, self.p_std)

    @property
    def shift(self) -> float:
        """The shift a of (3)."""
        return math.exp(self.p_mean)

    def betas(self) -> tuple[float, float] | None:
        """Return the first and the last beta of 1000 linear ones that end at sigma_max, by (4).

        They begin at DDPM's own 1e-4, or lower where sigma_min asks for it. None where no betas
        that rise to at most 0.999 end there.
        """
        first = min(FIRST_BETA, self.sigma_min**2 / (1 + self.sigma_min**2))
        goal = math.log1p(self.sigma_max**2)

        def short(last: float) -> float:
            return goal + float(np.log1p(-np.linspace(first, last, TIMESTEPS)).sum())

        if short(STEEPEST) > 0 or short(first) < 0:
            return None
        return first, float(optimize.brentq(short, first, STEEPEST))

    def cosine(self) -> tuple[int, int]:
        """Return the first and last of 1000 cosine timesteps from sigma_min to sigma_max."""
        sigma = cosine_sigmas()
        inside = np.flatnonzero((sigma >= self.sigma_min) & (sigma <= self.sigma_max))
        return (int(inside[0]) + 1, int(inside[-1]) + 1) if len(inside) else (0, 0)

    def to_json(self) -> Json:
        """Return the numbers of EDM and flows by the names that are typed."""
        return {
            "units": self.units, "sigma_min": self.sigma_min, "sigma_max": self.sigma_max,
            "sigma_data_about_zero": self.about_zero,
            "edm": {"P_mean": self.p_mean, "P_std": self.p_std, "sigma_data": self.sigma_data},
            "flow": {"logit_mean": self.p_mean, "logit_std": self.p_std, "shift": self.shift},
        }  # fmt: skip

    def ddpm_json(self) -> Json:
        """Return the linear betas, None if there are none, and the cosine timesteps."""
        betas, (first, last) = self.betas(), self.cosine()
        linear = None if betas is None else {"beta_start": betas[0], "beta_end": betas[1]}
        return {"timesteps": TIMESTEPS, "linear": linear, "cosine": {"first": first, "last": last}}

    def lines(self) -> list[tuple[str, str]]:
        """Return what to type for EDM and flows, a label and its values each."""
        return [
            ("noise levels", f"{figure(self.sigma_max)} down to {figure(self.sigma_min)}"),
            ("EDM", f"P_mean={figure(self.p_mean)} P_std={figure(self.p_std)} "
             f"sigma_data={figure(self.sigma_data)}"),
            ("flow", f"logit-normal mean {figure(self.p_mean)}, scale {figure(self.p_std)} (or "
             f"mean 0 and shift {figure(self.shift)})"),
        ]  # fmt: skip

    def ddpm_lines(self) -> list[tuple[str, str]]:
        """Return the same of DDPM, which works in units of deviation about 1."""
        (first, last), betas = self.cosine(), self.betas()
        linear = "no linear betas end at this noise"
        if betas is not None:
            linear = f"beta_start={figure(betas[0])} beta_end={figure(betas[1])}"
        cosine = f"timesteps {first} to {last} lie between these levels"
        return [
            (f"DDPM, {TIMESTEPS}", f"linear: {linear}"),
            ("", f"cosine: {cosine if last else 'no timestep lies between these levels'}"),
        ]


def cosine_sigmas() -> Array:
    """Return sigma [1000] of the cosine schedule, its betas at most 0.999, increasing."""
    t = np.arange(TIMESTEPS + 1) / TIMESTEPS
    kept = np.cos((t + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2
    betas = np.minimum(1 - kept[1:] / kept[:-1], STEEPEST)
    product = np.cumprod(1 - betas)
    return np.asarray(np.sqrt(1 / product - 1))
