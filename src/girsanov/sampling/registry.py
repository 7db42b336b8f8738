"""All samplers by name, and the whole sampler that a name and levels stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import InputError, require_choice
from .ancestral import DPM2_ANCESTRAL, EULER_ANCESTRAL, MIXED
from .exponential_integrators import ANALYTIC_DPM, DDPM, EI_RELATIVE, EI_SCORE
from .ode_samplers import DDIM, DPMPP_2M, HEUN, OdeSampler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._typing import Array
    from ..basis import Basis
    from .sampler import Recipe, Sampler, Start

USUAL_SAMPLER = ANALYTIC_DPM.name  # of plans that no flow prices, unless asked otherwise
SAMPLERS: dict[str, Sampler] = {
    sampler.name: sampler
    for sampler in (
        *(EI_SCORE, EI_RELATIVE, DDPM, ANALYTIC_DPM, EULER_ANCESTRAL, DPM2_ANCESTRAL, MIXED),
        *(DDIM, HEUN, DPMPP_2M),
    )
}
RENAMED = {
    "score": EI_SCORE, "relative": EI_RELATIVE, "x0": DDPM, "gaussian": ANALYTIC_DPM,
}  # fmt: skip


def refuse_renamed(name: object) -> None:
    """Refuse a name of earlier versions, with the new one."""
    if isinstance(name, str) and name in RENAMED:
        raise InputError(f"sampler: {name} is called {RENAMED[name].name} now")


def require_sampler(name: object, names: Iterable[str]) -> str:
    """Return `name` if it is one of `names`; InputError otherwise."""
    refuse_renamed(name)
    return require_choice("sampler", name, names)


def sampler_named(name: str) -> Sampler:
    """Return the sampler of this name; InputError if there is none."""
    return SAMPLERS[require_sampler(name, SAMPLERS)]


def ode_named(name: str) -> OdeSampler:
    """Return the ODE sampler of this name; InputError if there is none."""
    named = SAMPLERS[require_sampler(name, ode_names())]
    assert isinstance(named, OdeSampler)
    return named


def stochastic_named(name: str) -> Sampler:
    """Return the sampler of this name that has a path KL; InputError if there is none."""
    return SAMPLERS[require_sampler(name, stochastic_names())]


def stochastic_names() -> tuple[str, ...]:
    """Return the names of the samplers that have a path KL."""
    return tuple(n for n, s in SAMPLERS.items() if s.stochastic and not s.flow_priced)


def flow_priced_names() -> tuple[str, ...]:
    """Return the names of the samplers that are priced along the probability flow alone."""
    return tuple(name for name, sampler in SAMPLERS.items() if sampler.flow_priced)


def ode_names() -> tuple[str, ...]:
    """Return the names of the samplers that follow the probability-flow ODE."""
    return tuple(name for name, sampler in SAMPLERS.items() if not sampler.stochastic)


def recipe(
    sampler: str,
    levels: Array,
    *,
    start: Start,
    variances: Array | None = None,
    bases: tuple[Basis | None, ...] | None = None,
    last: str = "denoise",
) -> Recipe:
    """Return the stochastic sampler of this name that visits `levels` [N+1].

    start: centre, standard deviation and basis of the starting Gaussian; variances: v of the
    analytic-dpm, [N] or [N, d], with the basis of each step in `bases`; last: ``denoise`` calls
    the network once more at the last level and returns its prediction (N + 1 calls), ``draw``
    draws about it with the variance in one row more of `variances` (analytic-dpm), ``sample``
    returns the state there (N calls).
    """
    named = SAMPLERS[require_sampler(sampler, (*stochastic_names(), *flow_priced_names()))]
    return named.recipe(levels, start=start, variances=variances, bases=bases, last=last)


def cld_recipe(
    sampler: str,
    levels: Array,
    *,
    start: Start,
    variances: Array | None = None,
    bases: tuple[Basis | None, ...] | None = None,
    last: str = "denoise",
) -> Recipe:
    """Return the sampler that visits `levels` [N+1] in phase space; options as `recipe`."""
    return stochastic_named(sampler).recipe(
        levels, start=start, variances=variances, bases=bases, last=last, process="cld"
    )


def ode_recipe(sampler: str, levels: Array, *, start: Start, last: str = "denoise") -> Recipe:
    """Return the sampler that follows the probability-flow ODE through `levels` [N+1].

    start: centre, standard deviation and basis of the starting Gaussian, the only randomness;
    last: ``denoise`` calls the network once more at the last level and returns its prediction,
    ``sample`` returns the state there.
    """
    return ode_named(sampler).recipe(levels, start=start, last=last)
