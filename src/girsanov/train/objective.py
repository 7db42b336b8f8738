r"""The training loss, weighted so that its expectation is an entry of the ledger.

With log-SNR levels l drawn from a density p and the squared error e = |x0 - m(x, s)|^2,

    ledger:      E_p[s e / (2 p)] = 1/2 int s M(s) dl = 1/2 int M ds,                     (1)
    log-ledger:  E_p[sum_j w_j e_j] with w_j = (kappa / 2h) s / (1 + kappa s M_j(s)) / p,
                 the slope of (1/2h) int sum_j log(1 + kappa s M_j) dl,  kappa = e^h - 1, (2)
    edm:         log sigma ~ N(-1.2, 1.2^2) and w = 1 / out(s)^2  (Karras et al., 2022).  (3)

(1) is what an x0 hold pays in KL, (2) what a measured covariance pays on a grid of ratio e^h.
The density of (1) and (2) has equal cells, follows the standard deviation of the loss in each
cell, which gives the least variance, and keeps a floor:

    p ~ (1 - f) sqrt(E[(s e / 2)^2 | cell]) / sum + f uniform.                            (4)

It uses the past only, so that every step's estimate is unbiased. Levels within a batch are
stratified: u_i = (i + U_i) / B through the inverse distribution function.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from scipy import stats

from .._checks import require_choice
from .._typing import Array
from ..moments import Moments

CELLS = 32
FLOOR = 0.2  # f of equation (4)
MEMORY = 0.99  # what a step leaves of the running sums
PRIOR = 8.0  # examples that the linear denoiser's error counts for in each cell at the start
RATIO = 1.0  # h of equation (2): 16 steps over log-SNR -7..9
OBJECTIVES = ("ledger", "log-ledger", "edm")


class Objective(Protocol):
    """What to draw and how to weigh it.

    name: of OBJECTIVES; by_coordinate: whether errors and weights are [B, d] in the basis of
    the moments, and [B] otherwise.
    """

    name: str
    by_coordinate: bool

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs [B] and weights ([B] or [B, d]) for stratified uniforms u [B]."""
        ...

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Learn from the squared errors ([B] or [B, d]) that were measured at these levels."""
        ...

    def state(self) -> dict[str, Array]:
        """Return the running sums, for a checkpoint."""
        ...

    def restore(self, state: dict[str, Array]) -> None:
        """Take up the running sums of a checkpoint."""
        ...


def build_objective(name: str, moments: Moments, ends: tuple[float, float]) -> Objective:
    """Return the objective of this name over log-SNRs between `ends`."""
    match require_choice("objective", name, OBJECTIVES):
        case "ledger":
            return LedgerObjective(moments, ends)
        case "log-ledger":
            return LogLedgerObjective(moments, ends)
        case _:
            return EDMObjective(moments, ends)


def stratified(uniform: Array) -> Array:
    """Return u_i = (i + U_i) / B for uniforms U [B]."""
    return np.asarray((np.arange(len(uniform)) + uniform) / len(uniform))


class LedgerObjective:
    """Equation (1) with the adaptive density (4)."""

    name = "ledger"
    by_coordinate = False

    def __init__(self, moments: Moments, ends: tuple[float, float]) -> None:
        self.edges = np.linspace(*ends, CELLS + 1)
        self.examples = np.full(CELLS, PRIOR)
        errors = linear_errors(moments, ends)
        shaped = errors if self.by_coordinate else errors.sum(axis=1)
        self.squares = PRIOR * self.nats(centres(ends), shaped) ** 2

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs and the weights s / 2p of equation (1)."""
        log_snr, density = self._levels(u)
        return log_snr, np.exp(log_snr) / (2 * density)

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Update the second moments of the loss of equation (4)."""
        cell = self._cell(log_snr)
        self.examples = MEMORY * self.examples + np.bincount(cell, minlength=CELLS)
        squares = self.nats(log_snr, errors) ** 2
        self.squares = MEMORY * self.squares + np.bincount(cell, squares, CELLS)

    def nats(self, log_snr: Array, errors: Array) -> Array:
        """Return each example's integrand, s e / 2 here, [B]."""
        return np.asarray(np.exp(log_snr) * errors / 2)

    def mass(self) -> Array:
        """Return the probability of each cell, equation (4)."""
        spread = np.sqrt(self.squares / self.examples)
        return np.asarray((1 - FLOOR) * spread / spread.sum() + FLOOR / CELLS)

    def state(self) -> dict[str, Array]:
        """Return the running sums."""
        return {"examples": self.examples, "squares": self.squares}

    def restore(self, state: dict[str, Array]) -> None:
        """Take up the running sums."""
        self.examples, self.squares = state["examples"], state["squares"]

    def _levels(self, u: Array) -> tuple[Array, Array]:
        mass = self.mass()
        log_snr = np.interp(u, np.concatenate([[0.0], np.cumsum(mass) / mass.sum()]), self.edges)
        return log_snr, mass[self._cell(log_snr)] / (self.edges[1] - self.edges[0])

    def _cell(self, log_snr: Array) -> Array:
        width = self.edges[1] - self.edges[0]
        return np.asarray(((log_snr - self.edges[0]) / width).astype(np.int64).clip(0, CELLS - 1))


class LogLedgerObjective(LedgerObjective):
    """Equation (2), with running means of M_j in each cell, and the density (4) for it."""

    name = "log-ledger"
    by_coordinate = True
    kappa = math.expm1(RATIO)

    def __init__(self, moments: Moments, ends: tuple[float, float]) -> None:
        self.sums = PRIOR * linear_errors(moments, ends)  # of e_j, [CELLS, d]
        self.examples = np.full(CELLS, PRIOR)
        super().__init__(moments, ends)

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs and the weights w_j of equation (2)."""
        log_snr, density = self._levels(u)
        return log_snr, self._slopes(log_snr) / density[:, None]

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Update the running means of M_j, then those of (4)."""
        cell = self._cell(log_snr)
        super().observe(log_snr, errors)
        member = (cell[:, None] == np.arange(CELLS)).astype(np.float64)  # [B, CELLS]
        self.sums = MEMORY * self.sums + member.T @ errors

    def nats(self, log_snr: Array, errors: Array) -> Array:
        """Return sum_j of slope times error, [B]."""
        return np.asarray((self._slopes(log_snr) * errors).sum(axis=1))

    def state(self) -> dict[str, Array]:
        """Return the running sums."""
        return {**super().state(), "sums": self.sums}

    def restore(self, state: dict[str, Array]) -> None:
        """Take up the running sums."""
        super().restore(state)
        self.sums = state["sums"]

    def _slopes(self, log_snr: Array) -> Array:
        cell = self._cell(log_snr)
        errors = self.sums[cell] / self.examples[cell][:, None]
        s = np.exp(log_snr)[:, None]
        return np.asarray(self.kappa / (2 * RATIO) * s / (1 + self.kappa * s * errors))


def centres(ends: tuple[float, float]) -> Array:
    """Return the middles [CELLS] of the cells between `ends`."""
    edges = np.linspace(*ends, CELLS + 1)
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def linear_errors(moments: Moments, ends: tuple[float, float]) -> Array:
    """Return v_j / (1 + s v_j), the linear denoiser's error at the centres, [CELLS, d]."""
    s = np.exp(centres(ends))[:, None]
    return np.asarray(moments.variances / (1 + s * moments.variances))


class EDMObjective:
    """Equation (3), its levels cut to the range; out is that of the mean variance."""

    name = "edm"
    by_coordinate = False

    def __init__(self, moments: Moments, ends: tuple[float, float]) -> None:
        self.typical = moments.variance / len(moments.mean)
        self.levels = stats.norm(2.4, 2.4)  # of log s = -2 log sigma
        self.ends = self.levels.cdf(ends)

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs and weights of equation (3)."""
        log_snr = np.asarray(self.levels.ppf(self.ends[0] + u * (self.ends[1] - self.ends[0])))
        return log_snr, 1 / self.typical + np.exp(log_snr)

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Learn nothing: these levels are fixed."""

    def state(self) -> dict[str, Array]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, Array]) -> None:
        """Take up nothing."""
