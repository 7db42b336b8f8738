r"""A law: a data distribution known in closed form, and what noise leaves of it.

X_0 in R^d has the law; at SNR s it is seen as x = X_0 + z / sqrt(s), z standard normal, and

    m(x, s) = E[X_0 | x],                        the denoiser,                            (1)
    v(x, s) = tr Cov(X_0 | x),                   the posterior variance,                  (2)
    grad log p_s(x) = s (m(x, s) - x),           the score (Tweedie; Robbins 1956),       (3)
    s v(x, s) = tr dm/dx,                        its second order (Hatsell, Nolte 1971),  (4)
    M(s) = E |X_0 - m(x, s)|^2 = E v(x, s),      the curve.                               (5)

A subclass gives (1), (2) and log p_s for one level; this file checks what arrives, deals rows
of different levels out, and measures (5) as the mean of v where it has no closed form: taking
the mean of v and not of the squared error is Rao and Blackwell's step, with less variance.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import (
    refuse,
    require,
    require_count,
    require_levels,
    require_number,
)
from .._files import write_json
from .._typing import Array, Json, PathLike, Tensor
from ..montecarlo import Estimate
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .known import KnownErrors

LAW_FORMAT = "girsanov/law/1"
COVARIANCE_LIMIT = 8192  # dimension above which a d x d covariance is refused (512 MiB there)
SIZE_LIMIT = 1e100  # of any parameter, so that no square of one overflows

Level = float | Tensor  # SNR: one for all rows, or one for each row [B]


class Law(ABC):
    """A data distribution known in closed form.

    dimension: d; mean: E X_0, float64 [d]; variance: V = tr Cov(X_0); second_moment: E|X_0|^2;
    fingerprint: SHA-256 of the law's kind and parameters; has_density: whether the law itself
    (without noise) has a density on R^d.
    """

    dimension: int
    mean: Array
    variance: float
    fingerprint: str
    has_density: bool

    @property
    def second_moment(self) -> float:
        """Return E|X_0|^2 = V + |E X_0|^2."""
        return self.variance + float(self.mean @ self.mean)

    @abstractmethod
    def to_json(self) -> Json:
        """Return the law as the content of a law.json file."""

    @abstractmethod
    def _sample(self, count: int, seed: int, first: int) -> Tensor:
        """Return samples first..first+count-1 of this seed, float64 [count, d]."""

    @abstractmethod
    def _covariance(self) -> Array:
        """Return Cov(X_0) [d, d]."""

    @abstractmethod
    def _log_prob(self, x: Tensor, noise: float) -> Tensor:
        """Return log p [B] of X_0 + sqrt(noise) z at x, float64 [B, d]; noise >= 0."""

    @abstractmethod
    def _posterior(self, x: Tensor, noise: float, spread: bool) -> tuple[Tensor, Tensor]:
        """Return equations (1) [B, d] and, when `spread`, (2) [B] at noise variance 1/s > 0."""

    def _known(self, levels: Array) -> KnownErrors | None:
        """Return what `known.py` says of the law at `levels` [K], None where nothing is known."""
        return None

    def _exact_curve(self, levels: Array) -> Array | None:
        """Return equation (5) [K] where it is known without sampling."""
        answers = self._known(levels)
        return None if answers is None else answers.errors.sum(axis=1)

    def known(self, levels: Any) -> KnownErrors | None:
        """Return the errors along axes and the information at increasing SNRs `levels` [K].

        None of a law that only sampling can tell.
        """
        return self._known(require_levels("levels", levels))

    def sample(self, count: int, *, seed: int, first: int = 0) -> Tensor:
        """Return samples first..first+count-1 of this seed, float64 [count, d].

        Row i depends on (seed, first + i) alone, up to the rounding of matrix products.
        """
        require_count("count", count)
        require_count("first", first, at_least=0)
        return self._sample(count, seed, first)

    def covariance(self) -> Array:
        """Return Cov(X_0), float64 [d, d]; raises InputError above d = 8192."""
        rule = f"is not formed as a matrix above dimension {COVARIANCE_LIMIT}"
        require(self.dimension <= COVARIANCE_LIMIT, "covariance", rule, self.dimension)
        return self._covariance()

    def log_prob(self, x: Tensor, snr: Level = math.inf) -> Tensor:
        """Return log p_s(x) [B], the log-density in nats of X_0 + z / sqrt(s) at x [B, d].

        snr: s, a number or [B]; infinity is the law itself. Raises InputError at infinity for a
        law without a density (points, degenerate covariances).
        """
        return self._by_level(x, snr, self._log_prob, self.has_density)

    def denoise(self, x: Tensor, snr: Level) -> Tensor:
        """Return m(x, s) of equation (1), [B, d] with the dtype and device of x [B, d]."""
        return self._by_level(x, snr, lambda rows, v: self._posterior(rows, v, False)[0])

    def posterior_variance(self, x: Tensor, snr: Level) -> Tensor:
        """Return v(x, s) of equation (2), [B] with the dtype and device of x [B, d]."""
        return self._by_level(x, snr, lambda rows, v: self._posterior(rows, v, True)[1])

    def curve(
        self, levels: Any, *, examples: int = 20_000, seed: int = 0, batch_size: int = 1024
    ) -> Estimate:
        """Return M(s) of equation (5) at increasing SNRs `levels` [K], value and se [K].

        In closed form or by quadrature where the law allows (se 0), else the mean of (2) over
        `examples` samples of `seed`; `batch_size` bounds the memory and not the result. All
        levels share the samples and their noise, so that the measured curve is smooth. What has a
        probability below 1 / examples may be missed without showing in the standard error.
        """
        s = require_levels("levels", levels)
        require_count("examples", examples, at_least=2)
        require_count("batch_size", batch_size)
        require_count("seed", seed, at_least=0)
        exact = self._exact_curve(s)
        if exact is not None:
            return Estimate(exact, np.zeros_like(exact))
        return self._measured_curve(s, examples, seed, batch_size)

    def save(self, path: PathLike) -> None:
        """Write the law to a JSON file that `read_law` reads."""
        write_json(path, self.to_json())

    @torch.no_grad()
    def _measured_curve(self, levels: Array, examples: int, seed: int, batch: int) -> Estimate:
        total, squares, done = np.zeros((2, len(levels))), np.zeros(len(levels)), 0
        mean = total[0]
        for first in range(0, examples, batch):
            count = min(batch, examples - first)
            x0 = self.sample(count, seed=seed, first=first)
            z = NoiseSource(seed, "law-curve").normal(0, first, count, self.dimension).double()
            v = np.stack([self._spread_at(x0, z, float(s)) for s in levels])  # [K, count]
            # Chan, Golub and LeVeque (1979): merging means keeps the digits that sums of
            # squares lose.
            shift = v.mean(axis=1) - mean
            squares += v.var(axis=1) * count + shift**2 * done * count / (done + count)
            mean = mean + shift * count / (done + count)
            done += count
        return Estimate(mean, np.sqrt(squares / (done - 1) / done), done - 1)

    def _spread_at(self, x0: Tensor, z: Tensor, snr: float) -> Array:
        x = x0 + z / math.sqrt(snr)
        return np.asarray(self._posterior(x, 1 / snr, True)[1].numpy())

    def _by_level(
        self, x: Tensor, snr: Level, rule: Callable[[Tensor, float], Tensor], limit: bool = False
    ) -> Tensor:
        rows = self._rows(x)
        noises, of_row = torch.unique(self._noise(snr, len(x), limit), return_inverse=True)
        if len(noises) == 1:
            return rule(rows, float(noises)).to(x)
        order = torch.argsort(of_row, stable=True)
        groups = torch.split(order, torch.bincount(of_row).tolist())
        parts = [rule(rows[g], v) for g, v in zip(groups, noises.tolist(), strict=True)]
        return torch.cat(parts)[torch.argsort(order)].to(x)

    def _rows(self, x: Any) -> Tensor:
        d = self.dimension
        require(isinstance(x, torch.Tensor), "x", "must be a torch tensor", type(x).__name__)
        good = x.ndim == 2 and x.shape[1] == d and len(x) > 0
        require(good, "x", f"must have shape [B, {d}] with B >= 1", tuple(x.shape))
        require(x.is_floating_point(), "x", "must be floating point", x.dtype)
        # a sum is finite only if all its terms are, and is one pass in place of five
        finite = bool(torch.isfinite(x.sum())) or bool(torch.isfinite(x).all())
        require(finite, "x", "must be finite")
        rows: Tensor = x.cpu() if x.device.type == "mps" else x  # mps has no float64
        return rows.double()

    def _noise(self, snr: Any, rows: int, limit: bool) -> Tensor:
        """Return the noise variances 1/s, float64 [1] or [B], on the CPU."""
        if isinstance(snr, torch.Tensor | np.ndarray):
            levels = torch.as_tensor(snr).detach().cpu().double()
            good = tuple(levels.shape) in ((), (rows,))
            require(good, "snr", f"must be a number or have shape [{rows}]", tuple(levels.shape))
        elif snr == math.inf:
            levels = torch.tensor(math.inf, dtype=torch.float64)
        else:
            levels = torch.tensor(require_number("snr", snr, above=0), dtype=torch.float64)
        noise = levels.reshape(-1).reciprocal()
        if bool((noise == 0).any()) and not limit:
            remedy = "" if self.has_density else "This law has no density without noise"
            refuse("snr", "must be finite", snr, remedy)
        good = bool((levels > 0).all() and torch.isfinite(noise).all())
        require(good, "snr", "must be positive numbers", snr)
        return noise


def as_array(argument: str, value: Any) -> Array:
    """Return `value` (lists, an array or a tensor of numbers) as a read-only float64 copy."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().double().numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        refuse(argument, "must be numbers in a rectangular array", value)
    require(array.dtype.kind in "iuf", argument, "must be numbers in a rectangular array", value)
    array = array.astype(np.float64)
    require(array.size > 0, argument, "must not be empty")
    good = np.abs(array) <= SIZE_LIMIT
    if not good.all():
        refuse(argument, f"must be finite, at most {SIZE_LIMIT:g} in size", float(array[~good][0]))
    array.setflags(write=False)
    return array
