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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import require
from ..data.table.mixtures import Mixture, OneOf

if TYPE_CHECKING:
    from .._typing import Json, Tensor
    from .precondition import Call

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
NARROWEST = 1e-6  # of log Phi(alpha) - log Phi(beta): a slice thinner than float32 tells apart


class ColumnPreconditioning:
    """Equations (1) to (3).

    laws: of each column alone; log_range: levels outside it are told to the network as the
    nearest end; dtype: the network's.
    """

    kind = "columns"

    def __init__(
        self, laws: Sequence[Mixture | OneOf], log_range: tuple[float, float], dtype: torch.dtype
    ) -> None:
        self.log_range, self.dtype = log_range, dtype
        tables = component_tables(laws)
        self.tables = {name: torch.from_numpy(values) for name, values in tables.items()}
        self.components, self.columns = len(tables["column"]), len(laws)

    def denoise(self, network: Call, x: Tensor, snr: Tensor, label: Tensor | None) -> Tensor:
        """Return equation (3)."""
        t = {name: v.to(x) if v.is_floating_point() else v.to(x.device)
             for name, v in self.tables.items()}  # fmt: skip
        s = snr.reshape(-1, 1).to(x)
        logs, means = self._alone(x, s, t)
        shares = self._shares(logs, t)
        guess = self._guess(shares, means, t)
        shown = torch.cat([shares, guess, x * (s / (1 + s)).sqrt()], dim=1)
        level = snr.log().clamp(*self.log_range).to(x.device, self.dtype)
        tilt = network(shown.to(self.dtype), level, label).to(x)
        return self._guess(self._shares(logs + tilt, t), means, t)

    def _alone(self, x: Tensor, s: Tensor, t: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return l and m of equations (1) and (2), each [B, K]."""
        at = x[:, t["coordinate"]]
        far = torch.where(t["is_corner"] > 0, t["inverse"] * at + t["pull"], 0.0)
        near = -0.5 * (at - t["place"]).square() * (1 - t["is_corner"])
        logs = t["log_weight"] + s * (near + far)
        means = t["place"].expand(len(x), -1)
        sliced = t["sliced"]
        if not len(sliced):
            return logs, means
        density, inner = _slices(x[:, t["coordinate"][sliced]], s, t["low"], t["high"])
        # N(x; v, 1/s) is counted without its factor, so a slice is counted in units of it
        density = density + t["log_weight"][sliced] - t["log_mass"]
        logs = logs.index_copy(
            1, sliced, density - 0.5 * s.log().expand(len(x), 1) + HALF_LOG_2_PI
        )
        return logs, means.index_copy(1, sliced, inner)

    def _shares(self, logs: Tensor, t: dict[str, Tensor]) -> Tensor:
        """Return the softmax of logs [B, K] within each column."""
        column = t["column"]
        top = logs.detach().new_full((len(logs), self.columns), -math.inf)
        top = top.scatter_reduce(1, column.expand(len(logs), -1), logs.detach(), "amax")
        weights = (logs - top[:, column]).exp()
        total = weights.new_zeros(top.shape).index_add(1, column, weights)
        return weights / total[:, column]

    def _guess(self, shares: Tensor, means: Tensor, t: dict[str, Tensor]) -> Tensor:
        """Return sum_k shares_k m_k, [B, d]."""
        none = t["offset"].expand(len(shares), -1)
        return none.index_add(1, t["coordinate"], shares * means)

    def require_fits(self, config: Json) -> None:
        """Refuse the configuration of a network that is of other columns."""
        fits = component_sizes(self.tables) == (config.get("dimension"), config.get("inputs"))
        rule = f"must be of the {self.components} components of its columns"
        require(fits, "network", rule, config.get("dimension"))


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


def component_sizes(tables: dict[str, Any]) -> tuple[int, int]:
    """Return how many numbers the network answers, and how many it is shown."""
    components = len(tables["column"])
    return components, components + 2 * len(tables["offset"])


def component_tables(laws: Sequence[Mixture | OneOf]) -> dict[str, np.ndarray]:
    """Return the components of all columns end to end, [K] but where said.

    column, coordinate: where a component belongs; log_weight; place: v of an atom, 1 / c of a
    corner; is_corner; inverse, pull: 1 / c and f / c^2 of a corner; sliced [S]: which are slices;
    low, high, log_mass [S]: theirs; offset [d]: -f / c of a column of categories.
    """
    rows: list[tuple[float, ...]] = []
    cut: list[tuple[float, float, float]] = []
    offset: list[float] = []
    for column, law in enumerate(laws):
        first = len(offset)
        if isinstance(law, OneOf):
            for k, (w, f) in enumerate(zip(law.weight, law.frequencies, strict=True)):
                c = law.scale
                rows.append((column, first + k, math.log(w), 1 / c, 1, 1 / c, f / c**2, 0))
            offset += (-law.frequencies / law.scale).tolist()
            continue
        for w, low, high in zip(law.weight, law.low, law.high, strict=True):
            sliced = low < high
            rows.append((column, first, math.log(w), 0.0 if sliced else low, 0, 0, 0, sliced))
            cut += [(low, high, _log_mass(low, high))] if sliced else []
        offset.append(0.0)
    table, slices = np.asarray(rows).T, np.asarray(cut).reshape(-1, 3).T
    names = ("column", "coordinate", "log_weight", "place", "is_corner", "inverse", "pull")
    tables: dict[str, Any] = dict(zip(names, table[:-1], strict=True))
    tables |= {name: tables[name].astype(np.int64) for name in ("column", "coordinate")}
    low, high, log_mass = slices
    return {
        **tables, "sliced": np.flatnonzero(table[-1]), "low": low, "high": high,
        "log_mass": log_mass, "offset": np.asarray(offset),
    }  # fmt: skip


def _log_mass(low: float, high: float) -> float:
    z = torch.tensor([low, high], dtype=torch.float64)
    return math.log(float(torch.diff(torch.special.ndtr(z))))
