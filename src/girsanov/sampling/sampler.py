r"""What a sampler is: coefficients of its steps, what they cost in path KL, and what it can do.

In the coordinates x = x0 + z/sqrt(s) every sampler here is linear in the state, the predictions m
of this step and of the one before, and fresh noise,

    x' = a x + b m + h m_before + c xi,    xi ~ N(0, I).                                  (1)

A stochastic sampler (c > 0) has a path KL: `step_kl.py`. An ODE sampler (c = 0) has none, and is
judged by its distance to a fine solution of the same ODE.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from .._checks import require, require_choice
from .._typing import Array

if TYPE_CHECKING:
    from ..basis import Basis

Last = Literal["draw", "denoise", "sample"]
LASTS: tuple[str, ...] = get_args(Last)
PROCESSES = ("vp", "cld")
# centre, deviation and its basis
Start: TypeAlias = "tuple[float | Array, float | Array, Basis | None]"
StepKL = Callable[..., Array]  # (snr [...], snr_next [...], traces [..., 3], d, E|x0|^2) -> [...]


@dataclass(frozen=True)
class Complement:
    """A step's second row: x' gains `into` w, and w' = state x + own w + prediction m + shared
    (c xi of x') + noise xi_2, for the coordinate w across x in phase space.
    """

    into: float
    state: float
    own: float
    prediction: float
    shared: float
    noise: float


@dataclass(frozen=True)
class Step:
    """The coefficients a, b, c of equation (1) for one step out of SNR `snr`.

    noise: c, a number, or one per coordinate of `basis` [d]; `basis` None means the identity;
    history: the coefficient of the prediction that the step before it made; complement: the
    rest of a step in phase space (`cld.py`).
    """

    snr: float
    state: float
    prediction: float
    noise: float | Array
    basis: Basis | None = None
    history: float = 0.0
    complement: Complement | None = None


@dataclass(frozen=True)
class Recipe:
    """A whole sampler: where it starts and its steps; one network call a step.

    mean: centre of the starting Gaussian, [d] or a number; start_noise: its standard deviation,
    a number or one per coordinate of `start_basis`; of a start for each class both are [C, d], in
    `class_bases` where each has its own; end: SNR of the law that the last state
    has before a denoising last step, the resolution that a certificate speaks of; process: ``vp``
    for any scalar process, ``cld`` for phase space, where w starts at N(0, I).
    """

    mean: float | Array
    start_noise: float | Array
    start_basis: Basis | None
    steps: tuple[Step, ...]
    end: float
    process: str = "vp"
    class_bases: tuple[Basis, ...] = ()

    def __post_init__(self) -> None:
        first = bool(self.steps) and self.steps[0].history == 0
        require(first, "steps", "must begin with one that needs no prediction before it")

    @property
    def classes(self) -> int:
        """The number of classes that have a start of their own, 0 where all begin alike."""
        return len(self.mean) if isinstance(self.mean, np.ndarray) and self.mean.ndim == 2 else 0


def require_fits(plan: Recipe, dimension: int) -> None:
    """Refuse a recipe whose numbers a coordinate are of another dimension d than the model's.

    A single number, where no [d] is given, is for every coordinate alike.
    """
    starts = (plan.start_basis, *plan.class_bases)
    own = (v[0] if np.ndim(v) == 2 else v for v in (plan.mean, plan.start_noise))  # type: ignore[index]
    rows = [*own, *(step.noise for step in plan.steps)]
    sizes = {np.shape(v) for v in rows} | {
        (b.dimension,) for b in (*starts, *(s.basis for s in plan.steps)) if b is not None
    }
    others = sorted(sizes - {(), (dimension,)})
    rule = f"must be of {dimension} numbers, as the examples of this model are"
    require(not others, "plan", rule, others and others[0])


@dataclass(frozen=True)
class Sampler(ABC):
    """What tells one sampler from another, wherever it is planned, priced, drawn or named.

    name: by which plans and the command line know it; order: of its error in the length of a
    step, weak where it is stochastic; covariance: whether its steps add a measured covariance,
    by which it may also draw about a last prediction; calls: network calls a step; start: how its
    plans begin unless asked otherwise; products: whether its path KL needs E[x0 . r]; monge:
    whether steps of any length keep the Monge rule (theory 7.2);
    history: whether a step uses the prediction of the one before.
    """

    name: str
    order: int = 1
    covariance: bool = False
    calls: int = 1
    start: str = "gaussian"
    products: bool = False
    monge: bool = True
    history: bool = False
    step_kl: Mapping[str, StepKL] = field(default_factory=dict)  # by process

    stochastic: ClassVar[bool] = True
    flow_priced: ClassVar[bool] = False  # priced along the flow alone, by no path KL

    @abstractmethod
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
        """Return the whole sampler on `levels`; `girsanov.recipe` says what the options are."""

    def network_calls(self, levels: int, last: str) -> int:
        """Return what a sample costs on a grid of so many levels."""
        return (levels - 1) * self.calls + (last != "sample")

    def visits(self, calls: int) -> int:
        """Return the levels that so many network calls visit, a last prediction among them."""
        return (calls - 1) // self.calls + 1

    def require_last(self, last: str) -> str:
        """Return how the sampler ends, or refuse a draw without a covariance to draw by."""
        require_choice("last", last, LASTS)
        rule = "must be denoise or sample: only analytic-dpm has a covariance to draw by"
        require(last != "draw" or self.covariance, "last", rule, last)
        return last
