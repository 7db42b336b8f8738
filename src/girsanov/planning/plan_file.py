"""Reading a plan from its file: fields and arrays that agree, whoever edited them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._checks import (
    InputError,
    require,
    require_choice,
    require_count,
    require_levels,
    require_number,
)
from .._files import read_beside, read_format
from .._records import fields_of
from ..basis import Basis, coordinate_basis, dct_basis
from ..denoise.calibration import Calibration, calibration_from_tensors
from ..ledger.certificate import Certificate, certificate_from_json
from ..ledger.distance import distance_from_json
from ..ledger.entry import entry_from_json
from ..measuring.facts import AuditFacts
from ..moments import Moments, moments_from_tensors
from ..path_kl.cells import COVARIANCES
from ..path_kl.start import STARTS
from ..sampling.ancestral import Inner
from ..sampling.registry import SAMPLERS, flow_priced_names, require_sampler
from .plan import OWN, Plan

if TYPE_CHECKING:
    from .._typing import Array, Json, Levels, PathLike

# beside its audit: fields that a plan records, of which only the first two are always there
RECORDED = (
    *("why", "model", "command", "scheduler", "pilot", "limits", "cannot_tell", "tournament"),
)


ROUNDING = 1e-9  # nats that a difference may fall below 0


def load_plan(path: PathLike) -> Plan:
    """Return the plan saved in `path`; refuse files that are not one, or were changed."""
    content = read_format(path, "plan")
    facts = AuditFacts.from_json(content.get("audit"), f"{path}: audit")
    t = read_beside(path, content.get("arrays"), "girsanov plan")
    moments = moments_from_tensors(
        {k[8:]: v for k, v in t.items() if k[:8] == "moments."}, str(path)
    )
    try:
        axes = tuple(
            axes_of(a, t.get(f"axes.{k}"), moments) for k, a in enumerate(content["axes"])
        )
        plan = Plan(
            sampler=require_sampler(content["sampler"], (*SAMPLERS, OWN)),
            covariance=content["covariance"],
            start=require_choice("start", content["start"], STARTS),
            last=_last_of(content),
            levels=require_levels("levels", t["levels"]),
            moments=moments,
            start_noise=t["start_noise"],
            variances=t.get("variances"),
            inner=Inner.from_tensors(t, content["sampler"] in flow_priced_names()),
            axes=axes,
            ledger=tuple(entry_from_json(e) for e in content["ledger"]),
            frontier=content["frontier"],
            calibration=calibration_of(t, moments) if content["calibrated"] else None,
            distance=distance_from_json(content["distance"]) if "distance" in content else None,
            promised=certificate_of(content["certificate"], t["levels"]),
            audit=facts,
            **fields_of(Plan, RECORDED, content, "plan"),
        )
        require_whole_plan(plan, content)
        if plan.sampler != OWN:
            plan.recipe()
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise InputError(
            f"{path}: is not a whole plan ({cause}). Run girsanov plan again"
        ) from cause
    return plan


def _last_of(content: Json) -> str:
    """Return how a plan in a file ends; one whose steps diffusers takes is denoised or not."""
    named = SAMPLERS.get(content["sampler"])
    if named is None:
        return require_choice("last", content["last"], ("denoise", "sample"))
    return named.require_last(content["last"])


def require_whole_plan(plan: Plan, content: Json) -> None:
    """Refuse what was added to a plan, and what was edited where only its arrays count."""
    content = {"process": "vp", **content}  # a plan of the first versions has but one
    names = {"format", "axes", "arrays", *plan.summary(), *plan.recorded()}
    require(content.keys() == names, "fields", "must be those of a plan", sorted(content))
    sampler = SAMPLERS.get(plan.sampler)  # None where diffusers takes the steps
    follows_ode = sampler is not None and not sampler.stochastic
    judged = (plan.distance is not None) == follows_ode
    require(
        judged, "distance", "must come with an ODE sampler, and with nothing else", plan.sampler
    )
    own = plan.scheduler
    require((own is not None) == (plan.sampler == OWN), "scheduler", f"must come with {OWN}", own)
    if plan.tournament is not None:
        won = [row for row in plan.tournament.table if row.won and not row.failure]
        require(len(won) == 1, "tournament", "must have one candidate that won", len(won))
    if plan.pilot is not None:
        counts = len(plan.pilot.variance_kept), len(plan.pilot.variance_kept_se)
        require(counts[0] == counts[1], "pilot", "must have a standard error a variance", counts)
    measured = sampler is not None and sampler.covariance
    choices = COVARIANCES if measured else (None,)
    require(plan.covariance in choices, "covariance", "must fit the sampler", plan.covariance)
    require(isinstance(plan.frontier, list), "frontier", "must be a list", plan.frontier)
    for row in plan.frontier:
        require_count("frontier steps", row["steps"])
        for name in ("above_best", "standard_error"):
            number = require_number(f"frontier {name}", row[name])
            require(number >= -ROUNDING, f"frontier {name}", "must not be negative", number)
    if plan.inner is not None:
        plan.inner.require_fits(plan.levels)
    for name in ("steps", "levels", "calibrated", "process", "kernels"):
        same = content.get(name) == plan.summary().get(name)
        require(same, name, "must agree with the arrays")
    if sampler is not None and sampler.stochastic:
        entries = [entry.name for entry in plan.ledger]
        whole = ["init", "discretisation", *([] if plan.audit.no_data else ["score"])]
        rule = f"must have the entries {', '.join(whole)}"
        require(entries == whole, "ledger", rule, entries)
    d, cells = plan.moments.basis.dimension, plan.covered
    shape: tuple[int, ...] = (d,)
    if plan.start == "class":
        classes = plan.moments.classes
        require(classes is not None, "start", "must come with the moments of classes", plan.start)
        shape = (0 if classes is None else len(classes.means), d)
    rule = f"must have shape {list(shape)}"
    require(plan.start_noise.shape == shape, "start_noise", rule, plan.start_noise.shape)
    if plan.variances is not None:
        rule = f"must have shape [{cells}] or [{cells}, {d}]"
        require(plan.variances.shape in ((cells,), (cells, d)), "variances", rule)
    one = measured and plan.covariance != "scalar"
    bases = cells if plan.covariance == "full" else min(cells, int(one))
    require(len(plan.axes) == bases, "axes", f"must be {bases} bases", len(plan.axes))
    same = math.isclose(content["resolution"], plan.resolution, rel_tol=1e-9)
    require(same, "resolution", "must agree with the arrays", content["resolution"])


def calibration_of(tensors: dict[str, Array], moments: Moments) -> Calibration:
    """Return the calibration among the arrays of a plan."""
    own = {k[12:]: v for k, v in tensors.items() if k.startswith("calibration.")}
    return calibration_from_tensors(own, moments)


def certificate_of(content: Json | None, levels: Levels) -> Certificate | None:
    """Return the certificate of a plan that visits `levels`, or None."""
    if content is None:
        return None
    certificate = certificate_from_json(content)
    noise = np.array([at.noise for at in certificate.levels])
    same = noise.shape == levels.shape and np.allclose(noise, levels**-0.5, rtol=1e-9, atol=0)
    require(bool(same), "certificate", "must be of the levels of the plan")
    return certificate


def axes_of(content: Json, matrix: Array | None, moments: Moments) -> Basis:
    """Return a basis of a plan; matrix: of one that is not known by its name."""
    kind = require_choice("axes", content["kind"], ("coordinate", "pca", "dct"))
    d = moments.basis.dimension
    if kind == "pca":
        good = matrix is not None and matrix.shape == (d, d)
        require(good, "axes", f"must have a matrix [{d}, {d}]")
        return Basis("pca", (d,), (matrix,))
    shape = tuple(int(n) for n in content["shape"])
    require(math.prod(shape) == d, "axes", f"must have {d} coordinates", shape)
    return dct_basis(shape) if kind == "dct" else coordinate_basis(d)
