"""Whether what a scheduler's file carries can be run: a person may have edited it.

diffusers hands every field of ``scheduler_config.json`` on as it stands. Sizes must agree and
numbers be such, so that a damaged file is one line when it is read, not a crash or wrong samples
in the middle of a run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import (
    InputError,
    require,
    require_choice,
    require_count,
    require_levels,
    require_number,
    shown,
)
from ..denoise.parametrise import PARAMETRISATIONS
from ..denoise.pipelines.schedule import PipelineClock
from ..path_kl.start import STARTS
from ..sampling.ancestral import Ancestral
from ..sampling.registry import sampler_named
from .plan_table import Carried

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..sampling.ancestral import Inner
    from ..sampling.sampler import Sampler

BROKEN = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    OverflowError,
    AssertionError,
)  # fmt: skip  (what JSON of another form makes of reading it)
MOST_ITEM_NUMBERS = 2**24  # numbers of one item


def read_whole(plans: Any, clock: Any, clip: Any, shape: Any) -> tuple[Carried, PipelineClock]:
    """Return the plans and the clock of a scheduler's file, or refuse them in one line."""
    try:
        carried, time = Carried.from_json(plans), PipelineClock.from_json(clock)
        _require_plans(carried, [int(n) for n in shape])
        _require_clock(time)
    except BROKEN as cause:
        if isinstance(cause, InputError):
            raise
        cause_words = f"{type(cause).__name__}: {shown(str(cause))}"
        remedy = "Export the plan again"
        raise InputError(f"scheduler: must carry whole plans; {cause_words}. {remedy}") from cause
    valid = isinstance(clip, dict) and set(clip) in (set(), {"range"}, {"quantile", "most"})
    require(valid, "clip", "must be a range, a quantile or nothing", clip)
    for name, value in clip.items():
        top = 1.0 if name == "quantile" else math.inf
        require(require_number(name, value, above=0.0) <= top, name, "must be at most 1", value)
    return carried, time


def _require_plans(c: Carried, shape: list[int]) -> None:
    sampler = sampler_named(c.sampler)
    require_choice("start", c.start, [name for name in STARTS if name != "class"])
    sampler.require_last(c.last)
    levels, d = len(require_levels("levels", c.levels)), math.prod(shape)
    require(
        0 < d <= MOST_ITEM_NUMBERS and min(shape, default=0) > 0,
        "shape",
        "must be that of an item",
        shape,
    )
    _require_grids(c, levels)
    for name, basis in (("main", c.main), ("axes", c.axes)):
        require(basis is None or basis.dimension == d, name, f"must have {d} coordinates")
        sizes = [] if basis is None else [np.shape(f) for f in basis.factors if f is not None]
        square = all(size == (size[0], size[0]) for size in sizes)
        fits = basis is None or basis.kind != "pca" or sizes == [(d, d)]
        require(square and fits, name, "must have square matrices of its coordinates")
    forms: dict[str, tuple[Array, list[tuple[int, ...]]]] = {
        "mean": (c.mean, [(d,)]), "spread": (c.spread, [(d,)]),
    }  # fmt: skip
    if sampler.covariance:
        require(c.variances is not None, "variances", "must be given for analytic-dpm")
    if c.variances is not None:
        forms["variances"] = (c.variances, [(levels, d), (levels, 1)])
    if c.calibration is not None:
        forms["calibration"] = (c.calibration, [(levels, 3, d)])
    for name, (values, allowed) in forms.items():
        require(values.shape in allowed, name, f"must have shape {allowed[0]}", values.shape)
        positive = name not in ("spread", "variances") or bool((values >= 0).all())
        require(positive, name, "must not be negative", float(values.min()))


def _require_grids(c: Carried, levels: int) -> None:
    """Refuse grids that are no places in so many levels, or not of the calls that they say."""
    require(bool(c.grids), "grids", "must not be empty")
    for calls, grid in c.grids.items():
        places = [require_count("grid", k, at_least=0) for k in grid.places]
        rising = bool(places) and places == sorted(set(places)) and places[-1] < levels
        require(rising, "grids", f"must name levels 0..{levels - 1} in turn", places)
        require_count("grids", calls)
        _require_inner(sampler_named(c.sampler), grid.inner, c.levels[places])
        rule = "must each cost as many network calls as it is for"
        require(c.calls(grid) == calls, "grids", rule, calls)


def _require_inner(sampler: Sampler, inner: Inner | None, levels: Levels) -> None:
    """Refuse steps along the flow of a sampler that takes none, or others, and a lack of them."""
    rule = "must come with an ancestral sampler, and with no other"
    require((inner is not None) == isinstance(sampler, Ancestral), "inner", rule, sampler.name)
    if inner is None:
        return
    inner.require_fits(levels)
    rule = f"must have the steps of {sampler.name}"
    gaussian, two = np.isnan(inner.flow_to), ~np.isnan(inner.middle)
    require(sampler.covariance or not gaussian.any(), "flow_to", rule)
    require(sampler.order == 2 or not two.any(), "middle", rule)


def _require_clock(clock: PipelineClock) -> None:
    require_choice("clock kind", clock.kind, ("vp", "flow", "edm"))
    require_choice("clock output", clock.output, PARAMETRISATIONS)
    require_levels("clock snr_range", clock.snr_range, at_least=2)
    require_count("clock steps", clock.steps)
    require_number("clock sigma_data", clock.sigma_data, above=0.0)
    require((clock.snrs is None) == (clock.times is None), "clock", "must have snrs and times")
    if clock.snrs is not None and clock.times is not None:
        require_levels("clock snrs", clock.snrs)
        good = clock.times.shape == clock.snrs.shape and bool(np.isfinite(clock.times).all())
        require(good, "clock times", f"must be {len(clock.snrs)} finite numbers")
