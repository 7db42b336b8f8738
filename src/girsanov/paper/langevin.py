r"""Langevin sampling at one noise level: what score-based sampling is compared with.

The target p_s is the law blurred to SNR s, with score S(x) = s (m(x, s) - x). With xi ~ N(0, I):

    lmc           x' = x + h S(x) + sqrt(2h) xi,                                          (1)
    mala          (1), accepted with probability min(1, p(x') q(x|x') / p(x) q(x'|x)),    (2)
    underdamped   BAOAB (Leimkuhler and Matthews 2013): dx = v dt, dv = (S - g v) dt + sqrt(2g) dB,
                  v += h/2 S(x);  x += h/2 v;  v = e^-gh v + sqrt(1 - e^-2gh) xi;
                  x += h/2 v;  v += h/2 S(x).                                             (3)

On N(mu, v) chain (1) has the stationary variance v / (1 - h/2v), (2) has v, and the positions of
(3) have v (velocities 1 - h^2/4v). The step sizes when none is given, L the largest curvature
|dS/dx| met by a few pilot chains on their way from the start:

    lmc  h = 0.1/L (a bias of at most 5 % of the variance),   underdamped  h = 0.5/sqrt(L),
    mala  the h whose acceptance is 0.574 (Roberts and Rosenthal 1998), found on pilot chains. (4)

Noise belongs to the sample (`noise.py`): chain i is the same whatever the batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

import torch

from .._checks import (
    InputError,
    require,
    require_choice,
    require_count,
    require_number,
)
from .._signatures import takes
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .._typing import Tensor
    from ..denoise.base import Denoiser

METHODS = ("lmc", "mala", "underdamped")
# of the stationary law in the step; mala has that of the target at any step
ORDERS = {"lmc": 1.0, "mala": math.inf, "underdamped": 2.0}
PILOTS = 64  # chains that choose the step size, apart from the ones that are returned
ROUNDS = 30  # of measuring the curvature and walking on
WALK = 10  # steps of a round
ACCEPTANCE = 0.574
TUNING = 200  # steps of the acceptance search


@dataclass(frozen=True)
class Langevin:
    """Which chain to run: method `lmc`, `mala` or `underdamped`.

    step: h, chosen by (4) when None; friction: g of (3), by default 2 over the start's standard
    deviation, the critical damping of a Gaussian of that size.
    """

    method: str = "mala"
    step: float | None = None
    friction: float | None = None

    def __post_init__(self) -> None:
        require_choice("method", self.method, METHODS)
        for name in ("step", "friction"):
            value = getattr(self, name)
            if value is not None:
                require_number(name, value, above=0.0)


@dataclass(frozen=True)
class LangevinRun:
    """States [len(steps), count, *shape] of the chains after each number of `steps`.

    step, friction: as used; acceptance: share of proposals taken, 1 but for mala; calls: score
    calls a chain took to its last state; warm_up_calls: score calls of each of the pilot chains.
    """

    states: Tensor
    steps: tuple[int, ...]
    step: float
    friction: float
    acceptance: float
    calls: int
    warm_up_calls: int


class ChainTarget:
    """p_s of a denoiser: its score and, for a law, its log-density; counts calls."""

    def __init__(self, denoiser: Denoiser, snr: float | None) -> None:
        level = denoiser.snr_range[1] if snr is None else snr
        self.snr = require_number("snr", level, above=0.0)
        self.denoiser, self.calls = denoiser, 0
        self.size = math.prod(denoiser.shape)
        self.law: Any = getattr(denoiser, "law", None) if denoiser.exact else None

    def score(self, x: Tensor) -> Tensor:
        """Return s (m - x) at x [B, d]."""
        if not bool(torch.isfinite(x).all()):
            raise InputError("step: is too long, the chains diverged. Choose a shorter one")
        self.calls += 1
        m = self.denoiser(x.view(-1, *self.denoiser.shape), self.snr).reshape(x.shape)
        return self.snr * (m - x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p_s at x [B, d] up to a constant."""
        return torch.as_tensor(self.law.log_prob(x, self.snr))


class Noise(Protocol):
    """What a step of the chains draws."""

    def normal(self, step: int, kind: str = "walk") -> Tensor:
        """Return standard normals [count, d]."""
        ...

    def uniform(self, step: int) -> Tensor:
        """Return uniforms [count]."""
        ...


class _Noise:
    """The normals and uniforms of chains first..first+count-1 under one name."""

    def __init__(self, target: ChainTarget, seed: int, name: str, first: int, count: int) -> None:
        self.sources = {k: NoiseSource(seed, f"{name}-{k}") for k in ("walk", "speed", "accept")}
        self.first, self.count, self.target = first, count, target

    def normal(self, step: int, kind: str = "walk") -> Tensor:
        """Return standard normals [count, d]."""
        z = self.sources[kind].normal(step, self.first, self.count, self.target.size)
        return z.to(self.target.denoiser.device, self.target.denoiser.dtype)

    def uniform(self, step: int) -> Tensor:
        """Return uniforms [count]."""
        u = self.sources["accept"].uniform(step, self.first, self.count)
        return torch.as_tensor(u).to(self.target.denoiser.device)


@dataclass
class Chain:
    """Where some chains are: x, its score, and for (2) log p, for (3) the velocity."""

    x: Tensor
    score: Tensor
    extra: Tensor
    accepted: float = 0.0


class ChainKeywords(TypedDict, total=False):
    """The fields of `ChainOptions` by name, each of which may be left out."""

    snr: float | None
    start: tuple[float, float]
    seed: int
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class ChainOptions:
    """The options of `girsanov.sample_langevin`, which says what each is."""

    snr: float | None = None
    start: tuple[float, float] = (0.0, 1.0)
    seed: int = 0
    batch_size: int = 1000


@takes(ChainOptions)
def sample_langevin(
    denoiser: Denoiser,
    count: int,
    *,
    chain: Langevin | str,
    steps: int | Sequence[int],
    **options: Unpack[ChainKeywords],
) -> LangevinRun:
    """Return `count` chains on the law of `denoiser` blurred to SNR `snr`, equations (1) to (3).

    chain: a method's name is enough; steps: how many to take, or after which numbers of steps to
    keep the state; snr: s, by default the highest that the denoiser was made for; start: mean
    and standard deviation of the Gaussian the chains begin in. Raises InputError for `mala`
    without a known density, or when a chain leaves the finite numbers.
    """
    asked = ChainOptions(**options)
    start, seed, batch_size = asked.start, asked.seed, asked.batch_size
    remedy = "For a law, ExactDenoiser(law)"
    valid = hasattr(denoiser, "snr_range")
    require(valid, "denoiser", "must be a denoiser", type(denoiser).__name__, remedy)
    chain = Langevin(chain) if isinstance(chain, str) else chain
    target, wanted = ChainTarget(denoiser, asked.snr), _counts(steps)
    require_count("count", count)
    require_count("batch_size", batch_size)
    width = require_number("start", start[1], above=0.0)
    valid = chain.method != "mala" or target.law is not None
    remedy = "Use lmc or underdamped, which need the score alone"
    require(valid, "method", "mala needs a density: a law's exact denoiser", chain.method, remedy)
    friction = chain.friction or 2 / width
    with torch.inference_mode():
        step = chain.step or _chosen_step(target, chain.method, start, seed)
        warm_up, move = target.calls, mover(target, chain.method, friction)
        parts, accepted, target.calls = [], 0.0, 0
        for first in range(0, count, batch_size):
            noise = _Noise(target, seed, "langevin", first, min(batch_size, count - first))
            kept, taken = _walk(
                _begin(target, chain.method, noise, start), move, noise, step, wanted
            )
            parts.append(kept)
            accepted += taken
    states = torch.cat(parts, dim=1)
    states = states.view(len(wanted), count, *denoiser.shape)
    rate = accepted / (count * wanted[-1]) if chain.method == "mala" else 1.0
    return LangevinRun(states, wanted, step, friction, rate, target.calls // len(parts), warm_up)


def _counts(steps: int | Sequence[int]) -> tuple[int, ...]:
    wanted = (steps,) if isinstance(steps, int) else tuple(steps)
    require(len(wanted) > 0, "steps", "must not be empty")
    for n in wanted:
        require_count("steps", n)
    rising = all(a < b for a, b in itertools.pairwise(wanted))
    require(rising, "steps", "must increase", steps)
    return wanted


def _begin(target: ChainTarget, method: str, noise: _Noise, start: tuple[float, float]) -> Chain:
    x = start[0] + start[1] * noise.normal(0)
    extra = noise.normal(0, "speed") if method == "underdamped" else x[:, :0]
    if method == "mala":
        extra = target.log_prob(x)
    return Chain(x, target.score(x), extra)


Move = Callable[[Chain, Noise, int, float], Chain]


def mover(target: ChainTarget, method: str, friction: float) -> Move:
    """Return the step (chain, noise, its number, h) of a method, equations (1) to (3)."""

    def lmc(c: Chain, noise: Noise, k: int, h: float) -> Chain:
        x = c.x + h * c.score + math.sqrt(2 * h) * noise.normal(k)  # (1)
        return Chain(x, target.score(x), c.extra)

    def mala(c: Chain, noise: Noise, k: int, h: float) -> Chain:
        xi = noise.normal(k)
        x = c.x + h * c.score + math.sqrt(2 * h) * xi
        score, log_p = target.score(x), target.log_prob(x)
        # log q(x|x') - log q(x'|x), the latter from the very xi that was drawn
        back = (c.x - x - h * score).square().sum(1) / (4 * h)
        ratio = log_p - c.extra - back + xi.square().sum(1) / 2  # (2)
        take = noise.uniform(k).log() < ratio
        row = take[:, None]
        return Chain(
            torch.where(row, x, c.x),
            torch.where(row, score, c.score),
            torch.where(take, log_p, c.extra),
            c.accepted + float(take.sum()),
        )

    def underdamped(c: Chain, noise: Noise, k: int, h: float) -> Chain:
        keep, fresh = math.exp(-friction * h), math.sqrt(-math.expm1(-2 * friction * h))
        v = c.extra + h / 2 * c.score  # (3)
        x = c.x + h / 2 * v
        v = keep * v + fresh * noise.normal(k)
        x = x + h / 2 * v
        score = target.score(x)
        return Chain(x, score, v + h / 2 * score)

    return {"lmc": lmc, "mala": mala, "underdamped": underdamped}[method]


def _walk(
    c: Chain, move: Move, noise: _Noise, step: float, wanted: tuple[int, ...]
) -> tuple[Tensor, float]:
    """Return the states after each of `wanted` steps [len, b, d], and how many were accepted."""
    kept = []
    for k in range(1, wanted[-1] + 1):
        c = move(c, noise, k, step)
        if k in wanted:
            kept.append(c.x)
    return torch.stack(kept), c.accepted


def _chosen_step(target: ChainTarget, method: str, start: tuple[float, float], seed: int) -> float:
    """Return the step size (4)."""
    noise = _Noise(target, seed, "langevin-pilot", 0, PILOTS)
    x = _begin(target, "lmc", noise, start).x
    direction, largest, lmc = noise.normal(0, "speed"), 0.0, mover(target, "lmc", 1.0)
    for k in range(ROUNDS):
        curvature, direction = _curvature(target, x, direction)
        largest = max(largest, curvature)
        c = Chain(x, target.score(x), x[:, :0])
        for j in range(WALK):
            c = lmc(c, noise, 1 + k * WALK + j, 0.1 / largest)
        x = c.x
    if method != "mala":
        return 0.1 / largest if method == "lmc" else 0.5 / math.sqrt(largest)
    return _accepted_step(target, noise, x, 1 / largest)


def _curvature(target: ChainTarget, x: Tensor, direction: Tensor) -> tuple[float, Tensor]:
    """Return the largest |dS/dx u| over chains and a better u, one power iteration each."""
    u = direction / direction.norm(dim=1, keepdim=True).clamp_min(1e-30)
    small = 1e-3 * math.sqrt(target.size / target.snr)
    change = (target.score(x + small * u) - target.score(x)) / small
    return max(float(change.norm(dim=1).max()), 1e-12), change


def _accepted_step(target: ChainTarget, noise: _Noise, x: Tensor, step: float) -> float:
    """Return the step whose acceptance is the wanted one (Robbins and Monro, averaged)."""
    c, move = Chain(x, target.score(x), target.log_prob(x)), mover(target, "mala", 1.0)
    log_step, late = math.log(step), []
    for k in range(1, TUNING + 1):
        before = c.accepted
        c = move(c, noise, ROUNDS * WALK + k, math.exp(log_step))
        log_step += ((c.accepted - before) / len(x) - ACCEPTANCE) * 2 / math.sqrt(k)
        if 2 * k > TUNING:
            late.append(log_step)
    return math.exp(sum(late) / len(late))
