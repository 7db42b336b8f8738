"""All samplers by name, and the whole sampler that a name and levels stand for."""

from __future__ import annotations

from .._checks import require_choice
from .._typing import Array
from ..basis import Basis
from .exponential_integrators import GAUSSIAN, RELATIVE, SCORE, X0
from .ode_solvers import DDIM, DPMPP_2M, HEUN, OdeSampler
from .sampler import Recipe, Sampler, Start

USUAL_SAMPLER = GAUSSIAN.name  # what plans take unless asked otherwise
SAMPLERS: dict[str, Sampler] = {
    sampler.name: sampler for sampler in (SCORE, RELATIVE, X0, GAUSSIAN, DDIM, HEUN, DPMPP_2M)
}


def sampler_named(name: str) -> Sampler:
    """Return the sampler of this name; InputError if there is none."""
    return SAMPLERS[require_choice("sampler", name, SAMPLERS)]


def ode_named(name: str) -> OdeSampler:
    """Return the ODE sampler of this name; InputError if there is none."""
    named = SAMPLERS[require_choice("sampler", name, ode_names())]
    assert isinstance(named, OdeSampler)
    return named


def stochastic_names() -> tuple[str, ...]:
    """Return the names of the samplers that have a path KL."""
    return tuple(name for name, sampler in SAMPLERS.items() if sampler.stochastic)


def ode_names() -> tuple[str, ...]:
    """Return the names of the samplers that follow the probability-flow ODE."""
    return tuple(name for name, sampler in SAMPLERS.items() if not sampler.stochastic)


def recipe(
    hold: str,
    levels: Array,
    *,
    start: Start,
    variances: Array | None = None,
    bases: tuple[Basis | None, ...] | None = None,
    last: str = "denoise",
) -> Recipe:
    """Return the stochastic sampler that visits `levels` [N+1] with this `hold`.

    start: centre, standard deviation and basis of the starting Gaussian; variances: v of the
    gaussian hold, [N] or [N, d], with the basis of each step in `bases`; last: ``denoise`` calls
    the network once more at the last level and returns its prediction (N + 1 calls), ``draw``
    draws about it with the variance in one row more of `variances` (gaussian hold), ``sample``
    returns the state there (N calls).
    """
    named = SAMPLERS[require_choice("hold", hold, stochastic_names())]
    return named.recipe(levels, start=start, variances=variances, bases=bases, last=last)


def cld_recipe(
    hold: str,
    levels: Array,
    *,
    start: Start,
    variances: Array | None = None,
    bases: tuple[Basis | None, ...] | None = None,
    last: str = "denoise",
) -> Recipe:
    """Return the sampler that visits `levels` [N+1] in phase space; options as `recipe`."""
    named = SAMPLERS[require_choice("hold", hold, stochastic_names())]
    return named.recipe(levels, start=start, variances=variances, bases=bases, last=last,
                        process="cld")  # fmt: skip


def solver_recipe(solver: str, levels: Array, *, start: Start, last: str = "denoise") -> Recipe:
    """Return the sampler that follows the probability-flow ODE through `levels` [N+1].

    start: centre, standard deviation and basis of the starting Gaussian, the only randomness;
    last: ``denoise`` calls the network once more at the last level and returns its prediction,
    ``sample`` returns the state there.
    """
    return ode_named(require_choice("solver", solver, ode_names())).recipe(
        levels, start=start, last=last
    )
