r"""`audit --calls N`: a number of network calls shared out between levels and examples.

An audit of n examples with D noise paths each, K levels, T trajectories of the teacher and m
training examples costs

    R n D (2 K - 1) + m K + T (4 K - 3)                                                    (1)

network calls, R = 2 where a second model is called on the same paths (a reference, or the network
itself in float32) and 1 where none is; fewer where a model knows no level between two.
Trajectories are what was asked for; the finest of a few grids of levels that leaves
`ENOUGH_EXAMPLES` noisy examples a level takes the rest, which is spent on examples before noise
paths. What lies between two levels is measured there at random places, so a coarse grid is no
less true, and of one path
four times as many levels tell hardly more: on digits at 25,000 calls, discretisation of 16 steps
is known to 15 % with 17 levels and 27 % with 65 (`benchmarks/few_calls.py`). ODE samplers
visit levels of the grid alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..._checks import refuse, require
from ...data import Dataset
from ...error_curve.curve import GROUPS
from ...measuring.examples import MOMENT_SHARE
from ...measuring.trajectories import teacher_calls

if TYPE_CHECKING:
    from ...denoise.base import Denoiser
    from ...law.base import Law
    from ..requests import AuditRequest

LEVELS_TO_TRY = (65, 33, 17)
ENOUGH_EXAMPLES = 1024  # noisy examples a level: before there are as many, no finer grid pays
PLANNED_ON = 192  # the same where ODE samplers are planned, on the levels of the grid alone
LEAST_EXAMPLES = 2 * GROUPS


class Share(NamedTuple):
    """What a number of network calls buys of an audit."""

    levels: int
    examples: int
    draws: int


def audit_within(
    request: AuditRequest, denoiser: Denoiser, data: Dataset | Law, train: Dataset | None
) -> Share:
    """Return what `request.calls` network calls buy of an audit of `denoiser` on `data`."""
    assert request.calls is not None
    if not isinstance(data, Dataset):
        refuse("--calls", "is for audits on data, not on a law", request.calls)
    alone = request.reference is None and request.precision == "float32"
    return shared_out(
        request.calls, available=len(data), train=0 if train is None else len(train),
        trajectories=request.trajectories, levels=request.levels,
        aside=getattr(denoiser, "moments", None) is None, models=1 if alone else 2,
    )  # fmt: skip


def shared_out(
    calls: int,
    *,
    available: int,
    train: int = 0,
    aside: bool = True,
    trajectories: int = 0,
    levels: int | None = None,
    models: int = 1,
) -> Share:
    """Return the levels, examples and draws of an audit that costs at most `calls` by (1).

    available: held-out examples there are; train: training examples given beside them, of which
    as many are measured for memorisation as held-out ones; aside: whether, without those, one
    held-out example in four gives the moments; levels: a number to keep to; models: R of (1).
    Raises InputError for too few calls, with how many would do.
    """
    grids = LEVELS_TO_TRY if levels is None else (levels,)
    enough = PLANNED_ON if trajectories else ENOUGH_EXAMPLES
    for k in grids:
        paths = trajectories * teacher_calls(k) if trajectories else 0
        left, each = calls - paths, models * (2 * k - 1)
        noisy = max(left // (each + k), (left - train * k) // each) if train else left // each
        if noisy >= enough:
            break
    need = LEAST_EXAMPLES * (each + (k if train else 0)) + paths
    require(noisy >= LEAST_EXAMPLES, "calls", f"must be at least {need} for {trajectories} "
            f"trajectories and {LEAST_EXAMPLES} examples at {k} levels", calls)  # fmt: skip
    share = 1 / MOMENT_SHARE if aside and not train else 0.0
    examples = min(available, int(noisy / (1 - share)))
    measured = examples - examples // MOMENT_SHARE if share else examples
    draws = max(1, (left - min(measured, train) * k) // (each * measured))
    return Share(k, examples, draws)
