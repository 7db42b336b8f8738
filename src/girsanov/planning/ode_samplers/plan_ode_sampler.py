r"""Plans for ODE samplers: chosen on half of the trajectories, judged on the rest.

An ODE sampler adds no noise, so the law of its path is singular to the true one: its path KL is
infinite, and no ledger in nats can be kept for its steps. What is said instead is its distance,

    distance^2 = E|x - x_teacher|^2 / d                                                    (1)

between end points from the same noise, in standardised units: predicted from one-step errors
(`one_step_error.py`), or measured by a run on the trajectories that chose nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..._checks import (
    refuse,
    require,
    require_count,
    require_levels,
    require_number,
)
from ...ledger.distance import Distance
from ...ledger.entry import Entry
from ...ledger.score_entry import score_floor, score_note
from ...measuring.trajectories import Trajectories
from ...montecarlo import mean_estimate
from ...path_kl.grid_cost import prices
from ...sampling.exponential_integrators import ANALYTIC_DPM
from ...sampling.registry import ode_named
from ..options import GIVEN, PlanOptions
from ..plan import Plan
from .one_step_error import ODE_LEVELS, Paths, Teacher, teacher_of

if TYPE_CHECKING:
    from ..._typing import Array, Indices, Levels, Progress
    from ...denoise.base import Denoiser
    from ...measuring.record import AuditRecord
    from ...sampling.ode_samplers import OdeSampler

LEAST_TRAJECTORIES = 16  # trajectories, of which half choose and half judge
CHOOSE, JUDGE = slice(0, None, 2), slice(1, None, 2)
# of the data's standard deviation: a distance below it is not worth more steps
CLOSE = 0.05
ROUGH = 3.0  # times too large a predicted distance has been, on mixtures
UNDER = 2.0  # times too small: at most 1.7 were seen (benchmarks/ode_samplers.py)
NO_KL = "no path KL exists: an ODE sampler adds no noise. Its distance is given instead"


class OdeChoice(NamedTuple):
    """All best grids of an ODE sampler, and what judges them."""

    sampler: OdeSampler
    last: str
    paths: Paths
    chooser: Teacher
    judge: Teacher

    @property
    def counts(self) -> range:
        """The numbers of levels that can be planned."""
        return range(2 if self.last == "sample" else 1, min(ODE_LEVELS, self.chooser.end + 1) + 1)

    @property
    def calls(self) -> list[int]:
        """The network calls of each of `counts`."""
        return [self.sampler.network_calls(n, self.last) for n in self.counts]

    def levels_for(self, steps: int) -> int:
        """Return the most levels that cost at most so many network calls, or refuse."""
        calls = self.calls
        rule = f"must lie in {calls[0]}..{calls[-1]} for {self.sampler.name} on these levels"
        require(calls[0] <= steps <= calls[-1], "steps", rule, steps)
        return max(n for n, c in zip(self.counts, calls, strict=True) if c <= steps)

    def nodes(self, count: int) -> Indices:
        """Return the best grid of `count` levels."""
        total = self.paths.costs[count - 1] + self.chooser.stop
        return np.asarray(self.paths.grid(count, int(total.argmin())))

    def predicted(self, nodes: Indices) -> float:
        """Return the distance predicted on the judging half."""
        return math.sqrt(self.judge.path_cost(self.sampler, nodes))


def plan_ode_sampler(audit: AuditRecord, request: PlanOptions) -> Plan:
    """Return the best grid of an ODE sampler for so many `steps` (network calls), or for a
    distance.

    distance: (1), to be reached with the fewest steps, at 95 % confidence; without either, 5 % of
    the data's standard deviation. resolution: noise level whose prediction the teacher's end
    point is, and at which to stop; by default the finest, and the plan stops where it is best.
    denoiser: the audited model, to measure the distance of the plan instead of predicting it.
    """
    sampler, steps = ode_named(request.sampler), request.steps
    distance, denoiser = request.distance, request.denoiser
    last = sampler.require_last(request.last or "denoise")
    one = steps is None or distance is None
    rule = "only one of them can be given"
    require(one, "steps, distance", rule, {"steps": steps, "distance": distance})
    choice = _choice(audit, sampler, request.resolution, last)
    if steps is not None:
        count = choice.levels_for(require_count("steps", steps))
        return _judged_plan(audit, choice, choice.nodes(count), GIVEN, denoiser)
    spread = math.sqrt(audit.frame.moments.variance / audit.curve.dimension)
    target = CLOSE * spread if distance is None else require_number("distance", distance, above=0)
    why = f"the fewest steps whose distance to the teacher stays below {target:.3g}"
    why += "" if distance else f", {CLOSE:.0%} of the data's standard deviation"
    least = math.inf
    for count in choice.counts:
        predicted = choice.predicted(choice.nodes(count))
        hope = predicted <= target * (1.0 if denoiser is None else ROUGH)
        plan = _judged_plan(audit, choice, choice.nodes(count), why, denoiser) if hope else None
        if plan is not None and plan.distance is not None and plan.distance.high <= target:
            return plan
        least = min(least, plan.distance.high if plan and plan.distance else predicted)
    if distance is None:
        why = f"more cannot be planned; the distance stays above {target:.3g}"
        return _judged_plan(audit, choice, choice.nodes(choice.counts[-1]), why, denoiser)
    rule = f"cannot be reached for certain on these levels: the nearest is {least:.3g}"
    refuse("distance", rule, distance, "Audit with more --levels and --trajectories")


def ode_sampler_plans(
    audit: AuditRecord, sampler: str, counts: Iterable[int], last: str, *, judged: bool = True
) -> list[Plan]:
    """Return the best grid of an ODE sampler for numbers of network calls, where there is one.

    judged: False for grids alone, without distance and ledger, which take most of the time.
    """
    choice = _choice(audit, ode_named(sampler), None, last)
    least, most = choice.calls[0], choice.calls[-1]
    fits = sorted({choice.levels_for(n) for n in counts if least <= n <= most})
    make = _judged_plan if judged else _bare
    return [make(audit, choice, choice.nodes(n), GIVEN) for n in fits]


def calibrated_teacher(
    audit: AuditRecord,
    denoiser: Denoiser | None,
    *,
    count: int | None = None,
    progress: Progress | None = None,
) -> AuditRecord:
    """Return the calibrated audit with trajectories of the corrected denoiser, which are new.

    denoiser: the audited model, without which they cannot be measured; count: trajectories, by
    default as many as the audit has; progress(done, total) counts network calls.
    """
    from ...denoise.calibrate import CalibratedDenoiser
    from ...measuring.options import Pass
    from ...measuring.teacher import measure_trajectories

    most, rule = len(_trajectories(audit)), "needs the model, whose corrected trajectories differ"
    if denoiser is None:
        refuse("calibrate", rule, None, "Give --model, or in Python denoiser=")
    calibrated = audit.calibrated()
    assert calibrated.calibration is not None
    paths = measure_trajectories(
        CalibratedDenoiser(denoiser, calibrated.calibration),
        calibrated.frame,
        calibrated.levels,
        most if count is None else count,
        options=Pass(seed=audit.facts.seed, batch_size=256, progress=progress),
    )
    out = replace(calibrated, trajectories=paths)
    object.__setattr__(
        out, "_probe", calibrated.probe
    )  # what the correction has left, not measured anew
    return out


def refuse_for_ode_sampler(request: PlanOptions) -> None:
    """Refuse options that mean nothing for an ODE sampler."""
    sampler = request.sampler
    for name in ("kl", "tv", "covariance", "start"):
        rule = f"belongs to stochastic samplers; {sampler} is planned for steps or a distance"
        require(getattr(request, name) is None, name, rule, getattr(request, name))


def _choice(
    audit: AuditRecord, sampler: OdeSampler, resolution: float | None, last: str
) -> OdeChoice:
    paths = _trajectories(audit)
    levels, end = audit.levels, None
    if resolution is not None:
        sigma, noise = require_number("resolution", resolution, above=0.0), levels**-0.5
        inside = noise[-1] * (1 - 1e-9) <= sigma <= noise[0]
        rule = f"must lie in the measured {noise[-1]:.4g}..{noise[0]:.4g}"
        require(inside, "resolution", rule, sigma)
        end = int(np.abs(np.log(noise) - math.log(sigma)).argmin())
    both = [
        teacher_of(paths, audit.frame, levels, rows, end=end, denoise=last == "denoise")
        for rows in (CHOOSE, JUDGE)
    ]
    return OdeChoice(sampler, last, both[0].paths(sampler), *both)


def _trajectories(audit: AuditRecord) -> Trajectories:
    paths = audit.trajectories
    if paths is None:
        rule = "is planned on the teacher's trajectories, which this audit has none of"
        refuse("sampler", rule, None, "Audit with --trajectories 256")
    rule = f"must be at least {LEAST_TRAJECTORIES}, half to plan on and half to judge by"
    require(len(paths) >= LEAST_TRAJECTORIES, "trajectories", rule, len(paths), "Audit with more")
    return paths


def ode_sampler_on_grid(
    audit: AuditRecord, sampler: str, levels: Levels, *, last: str = "denoise",
    denoiser: Denoiser | None = None,
) -> Plan:  # fmt: skip
    """Return an ODE sampler's plan on given `levels`, each moved to the nearest measured one."""
    grid = require_levels("levels", levels)
    # a state that is returned is judged where it is; a prediction, wherever a plan may end
    end = float(grid[-1] ** -0.5) if last == "sample" else None
    choice = _choice(audit, ode_named(sampler), end, last)
    near = np.abs(np.log(audit.levels)[None] - np.log(grid)[:, None]).argmin(axis=1)
    return _judged_plan(audit, choice, np.unique(near), "the grid was given", denoiser)


def _judged_plan(
    audit: AuditRecord,
    choice: OdeChoice,
    nodes: Indices,
    why: str,
    denoiser: Denoiser | None = None,
) -> Plan:
    """Return the plan that visits `nodes`, with its distance and the ledger that has none."""
    entries = (
        Entry("init", None, None, None, "unknown", NO_KL),
        Entry("discretisation", None, None, None, "unknown", NO_KL),
        score_entry(audit, int(nodes[-1]) + 1),
    )
    far = _predicted(audit, choice, nodes)
    plan = replace(_bare(audit, choice, nodes, why), ledger=entries, distance=far)
    return plan if denoiser is None else measure_distance(denoiser, plan, audit)


def _bare(audit: AuditRecord, choice: OdeChoice, nodes: Indices, why: str) -> Plan:
    """Return the plan that visits `nodes` without what is known of its error."""
    levels, frame = audit.levels[nodes], audit.frame
    return Plan(
        sampler=choice.sampler.name,
        start="gaussian",
        last=choice.last,
        levels=levels,
        moments=frame.moments,
        start_noise=np.sqrt(frame.bands.spread(frame.variances) + 1 / levels[0]),
        why=why,
        audit=audit.recorded(),
        model=audit.facts.model,
        calibration=audit.calibration,
    )


def _predicted(audit: AuditRecord, choice: OdeChoice, nodes: Indices) -> Distance:
    """Return the distance predicted on the judging half, with its interval over trajectories."""
    paths, judge = _trajectories(audit), choice.judge
    kept = np.unique([0, *nodes, judge.end])  # what a grid does not visit does not matter
    few = Trajectories(paths.states[kept], paths.predictions[kept])
    at = np.searchsorted(kept, nodes)
    end = None if judge.free else len(kept) - 1
    parts = [
        teacher_of(few, audit.frame, audit.levels[kept], rows, end=end, denoise=judge.denoise)
        for rows in _groups(len(paths))
    ]
    costs = np.array([part.path_cost(choice.sampler, at) for part in parts])
    distance = Distance.of(
        mean_estimate(costs),
        "predicted",
        float(audit.levels[judge.end]),
        "from the errors of single steps, carried to the end by a linear flow; such predictions "
        f"have been up to {ROUGH:g} times too large and 1.7 times too small, and the interval "
        f"allows {ROUGH:g} and {UNDER:g}; plan --model measures it",
    )
    return replace(distance, low=distance.low / ROUGH, high=distance.high * UNDER)


def _groups(count: int, groups: int = 8) -> list[slice]:
    """Return the judging half in groups of trajectories."""
    return [slice(1 + 2 * g, None, 2 * groups) for g in range(min(groups, count // 2))]


def score_entry(audit: AuditRecord, last: int) -> Entry:
    """Return the lower bound on the score error up to the level `last` of 1..K, in nats."""
    if audit.probe is None:
        return Entry("score", 0.0, 0.0, 0.0, "exact", "the denoiser is exact")
    # the denoiser's own, whoever calls it: beyond what it costs at best on any grid
    low = score_floor(prices(audit, ANALYTIC_DPM, levels=audit.levels), np.array([1, last]))
    return Entry("score", None, low, None, "lower bound", score_note(audit))


def measure_distance(denoiser: Denoiser, plan: Plan, audit: AuditRecord) -> Plan:
    """Return `plan` with its distance (1) measured: a run of it on the judging trajectories.

    denoiser: the audited model; costs steps times half the audit's trajectories network calls.
    """
    paths, kept = _trajectories(audit), plan.distance
    if plan.calibration is not None:
        corrected = audit.calibration is not None
        rule = "must be calibrated, and have trajectories so, as the plan's denoiser is"
        require(corrected, "audit", rule)
    same = denoiser.fingerprint == audit.facts.model == plan.model
    require(same, "denoiser", "must be the model that was audited and planned for")
    require(kept is not None, "plan", "must be of an ODE sampler", plan.sampler)
    assert kept is not None
    squares = end_misses(denoiser, plan, audit, paths)
    note = "a run of this plan beside the teacher, on trajectories that chose nothing"
    got = Distance.of(mean_estimate(squares), "measured", kept.end, note)
    return replace(plan, distance=got)


def end_misses(
    denoiser: Denoiser, plan: Plan, audit: AuditRecord, paths: Trajectories, batch_size: int = 256
) -> Array:
    """Return |x - x_teacher|^2 / d of the judging half's end points under `plan`, [n]."""
    import torch

    from ...denoise.calibrate import CalibratedDenoiser
    from ...measuring.teacher import start_noise, start_points
    from ...sampling.loop import walk
    from ...sampling.sample import proportional_labels

    assert plan.distance is not None
    if plan.calibration is not None:
        denoiser = CalibratedDenoiser(denoiser, plan.calibration)
    seed, d = audit.facts.seed, plan.moments.basis.dimension
    end = int(np.abs(np.log(audit.levels) - math.log(plan.distance.end)).argmin())
    goal = (paths.predictions if plan.last == "denoise" else paths.states)[end, JUDGE]
    labels = proportional_labels(denoiser, len(paths), seed)
    z = start_noise(seed, 0, len(paths), d)[JUDGE].to(denoiser.device, denoiser.dtype)
    out = []
    with torch.inference_mode():
        for begin in range(0, len(z), batch_size):
            rows = slice(begin, begin + batch_size)
            x = start_points(audit.frame, float(plan.levels[0]), z[rows])
            label = None if labels is None else labels[JUDGE][rows]
            for visit in walk(denoiser, plan.recipe(), x, label):
                x = visit.after
            miss = x.cpu().numpy().astype(np.float64) - goal[rows]
            out.append(np.square(miss).mean(axis=1))
    return np.concatenate(out)
