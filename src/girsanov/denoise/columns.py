r"""A denoiser of tables: each column's own law is exact, and a network says how they hang
together.

In the units of a table's scores the law of a column alone is known, a mixture with weights w_k of
atoms v_k and of slices [a_k, b_k] of N(0, 1). Given x = x0 + z / sqrt(s), component k has

    atom:   l_k = log w_k + log N(x; v_k, 1/s),               m_k = v_k,                   (1)
    slice:  l_k = log w_k + log N(x; 0, 1 + 1/s) + log (Z_k / W_k),                        (2)
            m_k = mu + tau (phi(alpha) - phi(beta)) / Z_k,    Z_k = Phi(beta) - Phi(alpha),

with mu = s x / (1 + s), tau^2 = 1 / (1 + s), alpha = (a_k - mu) / tau, beta = (b_k - mu) / tau and
W_k = Phi(b_k) - Phi(a_k). The network sees p = softmax(l) of every column, sum_k p_k m_k and
x sqrt(s / (1 + s)), and adds to the logarithms what the other columns tell about this one:

    m = sum_k softmax(l + F)_k m_k                                                          (3)

in each column. F = 0 is the best denoiser of independent columns. A column of categories is
(e_k - f) / c with probability w_k, whose l_k is (1) for a vector.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import special
from torch import Tensor

from .._checks import require
from ..data.table.mixtures import Mixture, OneOf

if TYPE_CHECKING:
    from .._typing import Json
    from .precondition import Call

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
NARROWEST = 1e-6  # of log Phi(alpha) - log Phi(beta): a slice thinner than float32 tells apart


class Components(NamedTuple):
    """The components of all columns end to end, [K] but where said.

    column, coordinate: where a component belongs; log_weight; place: v of an atom, 1 / c of a
    corner; corner: 1 for these, else 0; pull: f / c^2 of a corner; sliced [S]:
    which are slices; low, high, log_mass [S]: theirs; offset [d]: -f / c of categories, else 0.
    """

    column: Tensor
    coordinate: Tensor
    log_weight: Tensor
    place: Tensor
    corner: Tensor
    pull: Tensor
    sliced: Tensor
    low: Tensor
    high: Tensor
    log_mass: Tensor
    offset: Tensor

    def like(self, x: Tensor) -> Components:
        """Return these where x is, fractions in its type."""
        return Components(*(v.to(x if v.is_floating_point() else x.device) for v in self))

    @property
    def answered(self) -> int:
        """How many numbers the network answers: K."""
        return len(self.column)

    @property
    def shown(self) -> int:
        """How many numbers the network is shown: K + 2 d."""
        return len(self.column) + 2 * len(self.offset)


class ColumnPreconditioning:
    """Equations (1) to (3).

    laws: of each column alone; log_range: levels outside it are told to the network as the
    nearest end; dtype: the network's.
    """

    kind = "columns"

    def __init__(
        self, laws: Sequence[Mixture | OneOf], log_range: tuple[float, float], dtype: torch.dtype
    ) -> None:
        rule = "must be of a table in units of its scores, where the preconditioning is columns"
        require(bool(laws), "standardisation", rule)
        self.log_range, self.dtype = log_range, dtype
        self.components, self.columns = components_of(laws), len(laws)
        self.placed: dict[tuple[torch.dtype, torch.device], Components] = {}

    def denoise(self, network: Call, x: Tensor, snr: Tensor, label: Tensor | None) -> Tensor:
        """Return equation (3)."""
        c = self._components_like(x)
        s = snr.reshape(-1, 1).to(x)
        logs, means = _alone(x, s, c)
        shares = self._shares(logs, c.column)
        shown = torch.cat([shares, _guess(shares, means, c), x * (s / (1 + s)).sqrt()], dim=1)
        level = snr.log().clamp(*self.log_range).to(x.device, self.dtype)
        tilt = network(shown.to(self.dtype), level, label).to(x)
        return _guess(self._shares(logs + tilt, c.column), means, c)

    def _components_like(self, x: Tensor) -> Components:
        """Return the components where x is, brought there once."""
        key = (x.dtype, x.device)
        if key not in self.placed:
            with torch.inference_mode(False):  # else a network could not be trained through them
                self.placed[key] = self.components.like(x)
        return self.placed[key]

    def _shares(self, logs: Tensor, column: Tensor) -> Tensor:
        """Return the softmax of logs [B, K] within each column."""
        top = logs.new_full((len(logs), self.columns), -math.inf)
        top = top.scatter_reduce(1, column.expand(len(logs), -1), logs.detach(), "amax")
        weights = (logs - top[:, column]).exp()
        total = weights.new_zeros(top.shape).index_add(1, column, weights)
        return weights / total[:, column]

    def require_fits(self, config: Json) -> None:
        """Refuse the configuration of a network that is of other columns."""
        c = self.components
        fits = (c.answered, c.shown) == (config.get("dimension"), config.get("inputs"))
        rule = f"must be of the {c.answered} components of its columns"
        require(fits, "network", rule, config.get("dimension"))


def _alone(x: Tensor, s: Tensor, c: Components) -> tuple[Tensor, Tensor]:
    """Return l and m of equations (1) and (2), each [B, K]; l but for a term of its column."""
    at = x[:, c.coordinate]
    far = c.corner * (c.place * at + c.pull)
    near = -0.5 * (1 - c.corner) * (at - c.place).square()
    logs, means = c.log_weight + s * (near + far), c.place.expand(len(x), -1)
    if not len(c.sliced):
        return logs, means
    density, inner = _slices(x[:, c.coordinate[c.sliced]], s, c.low, c.high)
    # atoms are counted without the factor sqrt(s / 2 pi) of N(x; v, 1/s), so slices over it
    density = density + c.log_weight[c.sliced] - c.log_mass - 0.5 * s.log() + HALF_LOG_2_PI
    return logs.index_copy(1, c.sliced, density), means.index_copy(1, c.sliced, inner)


def _guess(shares: Tensor, means: Tensor, c: Components) -> Tensor:
    """Return sum_k shares_k m_k in every coordinate, [B, d]."""
    return c.offset.expand(len(shares), -1).index_add(1, c.coordinate, shares * means)


def _slices(x: Tensor, s: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return log N(x; 0, 1 + 1/s) Z and the mean m of equation (2) for slices of N(0, 1)."""
    tau = (1 + s).rsqrt()
    mu = x * s / (1 + s)
    alpha, beta = (low - mu) / tau, (high - mu) / tau
    # in the left tail, where Phi keeps its digits
    right = alpha > 0
    a, b = torch.where(right, -beta, alpha), torch.where(right, -alpha, beta)
    log_b = torch.special.log_ndtr(b)
    narrow = (torch.special.log_ndtr(a) - log_b).clamp(max=-NARROWEST)
    log_z = log_b + torch.log(-torch.expm1(narrow))
    at_a, at_b = ((-0.5 * e.square() - HALF_LOG_2_PI - log_z).clamp(max=80).exp() for e in (a, b))
    mean = mu + tau * torch.where(right, at_b - at_a, at_a - at_b)
    variance = 1 + 1 / s
    log_density = -0.5 * x.square() / variance - 0.5 * variance.log() - HALF_LOG_2_PI
    return log_density + log_z, torch.minimum(torch.maximum(mean, low), high)


def components_of(laws: Sequence[Mixture | OneOf]) -> Components:
    """Return the components of columns that have these laws alone."""
    rows: list[tuple[float, ...]] = []
    slices: list[tuple[float, float, float]] = []
    offset: list[float] = []
    for column, law in enumerate(laws):
        first = len(offset)
        if isinstance(law, OneOf):
            c, pull = law.scale, law.frequencies / law.scale**2
            logs = np.log(law.weight)
            rows += [(column, first + k, logs[k], 1 / c, 1, pull[k], 0) for k in range(len(logs))]
            offset += (-law.frequencies / c).tolist()
            continue
        cut = law.low < law.high
        for log, low, sliced in zip(np.log(law.weight), law.low, cut, strict=True):
            rows.append((column, first, log, 0.0 if sliced else low, 0, 0, sliced))
        mass = special.ndtr(law.high[cut]) - special.ndtr(law.low[cut])
        slices += zip(law.low[cut], law.high[cut], np.log(mass), strict=True)
        offset.append(0.0)
    table = torch.tensor(rows, dtype=torch.float64).unbind(1)
    ends = torch.tensor(slices, dtype=torch.float64).reshape(-1, 3).unbind(1)
    places = (table[0].long(), table[1].long())
    parts = (*places, *table[2:-1], table[-1].nonzero()[:, 0], *ends)
    return Components._make((*parts, torch.tensor(offset, dtype=torch.float64)))
