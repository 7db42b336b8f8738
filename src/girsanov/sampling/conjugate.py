r"""Samples given a linear measurement: the Gaussian-conjugate step, with the audited covariance.

Given the state x at SNR s, x0 has the mean m = m(x, s) and, on average, the covariance
C(s) = U diag(v) U^T that the audit measured and analytic-dpm draws by. As if it were Gaussian, a
measurement y = A x0 + xi, xi ~ N(0, I), makes of it

    m_y = m + K (y - A m),    C_y = C - K A C,    K = C A^T (A C A^T + I)^-1,               (1)

exactly so where the law is Gaussian. By Matheron's rule a draw of N(m, C) becomes one of (1),

    x0 = m + U sqrt(v) xi_1,    x0_y = x0 + K (y - A x0 - xi_2),                           (2)

and the next state, at s', is such a draw with fresh noise, x' = x0_y + z/sqrt(s'): if x has its
law given y and (1) is the law of x0 given x and y, then x0_y and x' have theirs. Nothing else of
x goes along, as it does in steps without y (`gaussian_step.py`): what an early level got wrong
because (1) is not exact, a later one can mend (decoupled annealing, Zhang et al., arXiv
2407.01521). The start is the step from s = 0, where m and C are the data's. Nothing of the network
is differentiated.

A plan that ends in a prediction has no covariance at its last level, where C is taken to be what
it would be of a Gaussian law, v / (1 + delta v), from the level before: of the trace never too
small (theory 1.2, single crossing). It ends in m_y.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from .._checks import require
from ..denoise.base import around
from ..noise import Ahead, NoiseSource
from .sampler import Recipe, Step

if TYPE_CHECKING:
    from .._typing import Array, Tensor
    from ..basis import Basis
    from ..denoise.base import Denoiser
    from .observation import Measured

MOST_KEPT = 2**27  # numbers of gains that are kept from batch to batch
UNCERTIFIED = (
    "the plan's certificate is for samples without what was observed. Whether samples given it "
    "can be trusted, girsanov coverage says"
)


class LevelSpread(NamedTuple):
    """What is known of x0 given the state: v [d] or a number, along `basis`.

    mean: m of the start [d], None where the network says it; draws: whether a step draws x0.
    """

    variance: float | Array
    basis: Basis | None
    mean: Array | None = None
    draws: bool = True


@dataclass(frozen=True, eq=False)
class Conjugate:
    """Equation (1) at every level of a plan.

    known: by SNR, 0 for the start; measured: y and A; gains: K of (1) by SNR and pattern of gaps.
    """

    known: dict[float, LevelSpread]
    measured: Measured
    gains: dict[tuple[float, bytes], Tensor] = field(default_factory=dict, repr=False)

    def gain(self, snr: float, pattern: Any, like: Tensor) -> Tensor:
        """Return K^T [q, d] of what this pattern [q] says was measured."""
        key = snr, pattern.tobytes()
        if key in self.gains:
            return self.gains[key]
        known, a = self.known[snr], self.measured.operator[pattern]
        turned = a if known.basis is None else known.basis.to_coordinates(a)  # A U
        spread = turned * known.variance
        ac = spread if known.basis is None else known.basis.from_coordinates(spread)  # A C
        gram = spread @ turned.T + np.eye(len(a))
        gain = torch.from_numpy(np.linalg.solve(gram, ac)).to(like)
        if gain.numel() * (len(self.gains) + 1) <= MOST_KEPT:
            self.gains[key] = gain
        return gain

    def of(self, denoiser: Denoiser, seed: int, first: int, count: int) -> ObservedDenoiser:
        """Return the model that draws for samples first..first+count-1 under `seed`."""
        return ObservedDenoiser(denoiser, self, NoiseSource(seed, "observation"), first, count)


class ObservedDenoiser:
    """A denoiser that answers with draws of x0 given the state and y: equation (2).

    Where a step adds no covariance it answers with the mean m_y of (1). Everything else is the
    denoiser's own.
    """

    exact = False

    def __init__(
        self, denoiser: Denoiser, conjugate: Conjugate, source: NoiseSource, first: int, count: int
    ) -> None:
        self.denoiser, self.conjugate = denoiser, conjugate
        self.shape, self.dtype, self.device = denoiser.shape, denoiser.dtype, denoiser.device
        self.classes, self.snr_range = denoiser.classes, denoiser.snr_range
        self.fingerprint = denoiser.fingerprint
        self.levels = {snr: k for k, snr in enumerate(conjugate.known)}
        self.rows = conjugate.measured.rows(first, count)
        self.patterns = list(conjugate.measured.patterns(self.rows))
        self.like = torch.empty(0, dtype=around(denoiser), device=denoiser.device)
        own = conjugate.measured
        self.operator = torch.from_numpy(own.operator).to(self.like)
        self.y = torch.from_numpy(np.nan_to_num(own.values)).to(self.like)
        last = max(k for snr, k in self.levels.items() if conjugate.known[snr].draws)
        size = self.operator.shape[0] + self.operator.shape[1]
        self.draw = Ahead(source, first, count, size, last=last, like=self.like)

    def __getattr__(self, name: str) -> Any:
        """Return what else the denoiser knows: its units, its labels, its training."""
        if name == "denoiser":  # not there yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.denoiser, name)

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return draws or means [B, *shape] for x [B, *shape] at a level of the plan."""
        snr = float(snr)
        known, count = self.conjugate.known[snr], len(x)
        if known.mean is None:
            m = self.denoiser(x, snr, label)
            form, kind = m.shape, m.dtype
            out = m.reshape(count, -1).to(self.like)
        else:
            form, kind = x.shape, x.dtype
            out = torch.tensor(known.mean).to(self.like).expand(count, -1)
        z = self.draw(self.levels[snr]) if known.draws else None
        if z is not None:
            d = out.shape[1]
            out = out + self._coloured(z[:, :d], known)
        off = self.y[self.rows] - out @ self.operator.T
        if z is not None:
            off = off - z[:, d:]
        out = out.clone()
        for pattern, these in self.patterns:
            seen = off[these][:, torch.from_numpy(pattern)]
            out[these] += seen @ self.conjugate.gain(snr, pattern, self.like)
        return out.to(kind).reshape(form)

    def _coloured(self, z: Tensor, known: LevelSpread) -> Tensor:
        """Return U sqrt(v) z."""
        scaled = z * torch.as_tensor(np.sqrt(known.variance)).to(self.like)
        return scaled if known.basis is None else known.basis.from_coordinates(scaled)


def conjugate(plan: Any, measured: Measured, label: Tensor | None) -> tuple[Recipe, Conjugate]:
    """Return the steps of a plan given what was measured, and what is known at its levels.

    label: of the samples, all of one class where the plan starts each class by itself. Raises
    InputError for a plan of another sampler, and for one that keeps no covariance.
    """
    named = getattr(plan, "sampler", type(plan).__name__)
    drawn_alone = getattr(plan, "variances", None) is not None and plan.inner is None
    rule = "must be one of analytic-dpm to draw given an observation"
    remedy = "Plan with --sampler analytic-dpm, whose covariance is needed"
    require(drawn_alone, "plan", rule, named, remedy)
    require(plan.process == "vp", "plan", "must not be in phase space", plan.process)
    known = {0.0: _start(plan, label)}
    levels = plan.levels.tolist()
    called = levels[:-1] if plan.last == "sample" else levels
    for k, snr in enumerate(called):
        variance, basis = _covariance(plan, k)
        draws = k < len(levels) - 1 or plan.last == "draw"
        known[snr] = LevelSpread(variance, basis, None, draws)
    steps = [Step(s, 0.0, 1.0, t**-0.5) for s, t in zip((0.0, *levels), levels, strict=False)]
    if plan.last != "sample":
        steps.append(Step(levels[-1], 0.0, 1.0, 0.0))
    return Recipe(0.0, 1.0, None, tuple(steps), levels[-1]), Conjugate(known, measured)


def _start(plan: Any, label: Tensor | None) -> LevelSpread:
    """Return what is known before the first step: the data's mean and covariance."""
    if plan.start == "class":
        assert label is not None  # a model with classes is refused without
        c, own = int(label[0]), plan.moments.classes
        basis = own.bases[c] if own.bases else plan.moments.basis
        return LevelSpread(_about(plan, plan.start_noise[c]), basis, own.means[c])
    moments = plan.moments
    measured = plan.start == "gaussian"
    variance = _about(plan, plan.start_noise) if measured else moments.variances
    return LevelSpread(variance, moments.basis, moments.mean)


def _about(plan: Any, noise: Array) -> Array:
    """Return the variance of x0 that the deviations of a start stand for."""
    return np.asarray(np.maximum(np.square(noise) - 1 / plan.levels[0], 0.0))


def _covariance(plan: Any, k: int) -> tuple[float | Array, Basis | None]:
    """Return v and its basis at the k-th level of a plan."""
    axes, rows = plan.axes, plan.variances
    if k < len(rows):
        return rows[k], (axes[min(k, len(axes) - 1)] if axes else None)
    if k == 0:  # a plan of one prediction
        start = _start(plan, None)
        before, basis, delta = start.variance, start.basis, plan.levels[0]
    else:
        (before, basis), delta = _covariance(plan, k - 1), plan.levels[k] - plan.levels[k - 1]
    return before / (1 + delta * before), basis
