r"""The training loss, weighted so that its expectation is an entry of the ledger.

With log-SNR levels l drawn from a density p and the squared error e = |x0 - m(x, s)|^2,

    ledger:      E_p[s e / (2 p)] = 1/2 int s M(s) dl = 1/2 int M ds,                     (1)
    edm:         log sigma ~ N(-1.2, 1.2^2) and w = 1 / out(s)^2  (Karras et al., 2022).  (2)

(1) weighs every level by the nats it costs, most of which lie at fine noise; (2) weighs errors
relative to what a network starts from, so that coarse structure counts as much.
The density of (1) has equal cells, follows the standard deviation of the loss in each
cell, which gives the least variance, and keeps a floor:

    p ~ (1 - f) sqrt(E[(s e / 2)^2 | cell]) / sum + f uniform.                            (4)

It uses the past only, so that every step's estimate is unbiased. Levels within a batch are
stratified: u_i = (i + U_i) / B through the inverse distribution function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import special

from .._checks import require_choice
from .._choices import OBJECTIVES

if TYPE_CHECKING:
    from .._typing import Array
    from ..moments import Moments

CELLS = 32
FLOOR = 0.2  # f of equation (3)
CENTRE, SPREAD = 2.4, 2.4  # of log s = -2 log sigma in equation (2)
MEMORY = 0.99  # what a step leaves of the running sums
PRIOR = 8.0  # examples that the linear denoiser's error counts for in each cell at the start


class Objective(Protocol):
    """What to draw and how to weigh it.

    name: of OBJECTIVES.
    """

    name: str

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs [B] and weights [B] for stratified uniforms u [B]."""
        ...

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Learn from the squared errors [B] that were measured at these levels."""
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
        case _:
            return EDMObjective(moments, ends)


def stratified(uniform: Array) -> Array:
    """Return u_i = (i + U_i) / B for uniforms U [B]."""
    return np.asarray((np.arange(len(uniform)) + uniform) / len(uniform))


class LedgerObjective:
    """Equation (1) with the adaptive density (3)."""

    name = "ledger"

    def __init__(self, moments: Moments, ends: tuple[float, float]) -> None:
        self.edges = np.linspace(*ends, CELLS + 1)
        self.examples = np.full(CELLS, PRIOR)
        errors = linear_errors(moments, ends)
        self.squares = PRIOR * self.nats(centres(ends), errors.sum(axis=1)) ** 2

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs and the weights s / 2p of equation (1)."""
        log_snr, density = self._levels(u)
        return log_snr, np.exp(log_snr) / (2 * density)

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Update the second moments of the loss of equation (3)."""
        cell = self._cell(log_snr)
        self.examples = MEMORY * self.examples + np.bincount(cell, minlength=CELLS)
        squares = self.nats(log_snr, errors) ** 2
        self.squares = MEMORY * self.squares + np.bincount(cell, squares, CELLS)

    def nats(self, log_snr: Array, errors: Array) -> Array:
        """Return each example's integrand, s e / 2 here, [B]."""
        return np.asarray(np.exp(log_snr) * errors / 2)

    def mass(self) -> Array:
        """Return the probability of each cell, equation (3)."""
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


def centres(ends: tuple[float, float]) -> Array:
    """Return the middles [CELLS] of the cells between `ends`."""
    edges = np.linspace(*ends, CELLS + 1)
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def linear_errors(moments: Moments, ends: tuple[float, float]) -> Array:
    """Return v_j / (1 + s v_j), the linear denoiser's error at the centres, [CELLS, d]."""
    s = np.exp(centres(ends))[:, None]
    return np.asarray(moments.variances / (1 + s * moments.variances))


class EDMObjective:
    """Equation (2), its levels cut to the range; out is that of the mean variance."""

    name = "edm"

    def __init__(self, moments: Moments, ends: tuple[float, float]) -> None:
        self.typical = moments.variance / len(moments.mean)
        self.ends = special.ndtr((np.asarray(ends) - CENTRE) / SPREAD)

    def draw(self, u: Array) -> tuple[Array, Array]:
        """Return log-SNRs and weights of equation (2)."""
        within = self.ends[0] + u * (self.ends[1] - self.ends[0])
        log_snr = np.asarray(CENTRE + SPREAD * special.ndtri(within))
        return log_snr, 1 / self.typical + np.exp(log_snr)

    def observe(self, log_snr: Array, errors: Array) -> None:
        """Learn nothing: these levels are fixed."""

    def state(self) -> dict[str, Array]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, Array]) -> None:
        """Take up nothing."""
