"""What a plan's file must hold: fields and arrays that agree, whoever edited them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_choice, require_number
from .._typing import Array, Json, Levels
from ..basis import Basis, coordinate_basis, dct_basis
from ..denoise.calibration import Calibration, calibration_from_tensors
from ..ledger.certificate import Certificate, certificate_from_json
from ..moments import Moments
from ..path_kl.cells import COVARIANCES
from ..sampling.registry import SAMPLERS

if TYPE_CHECKING:
    from .plan import Plan

OWN = "diffusers"  # the sampler of a plan that leaves the steps to a scheduler of diffusers


def require_whole_plan(plan: Plan, content: Json) -> None:
    """Refuse what was added to a plan, and what was edited where only its arrays count."""
    content = {"process": "vp", **content}  # a plan of the first versions has but one
    names = {"format", "axes", "arrays", *plan.summary(), *plan.about}
    require(content.keys() == names, "fields", "must be those of a plan", sorted(content))
    sampler = SAMPLERS.get(plan.sampler)  # None where diffusers takes the steps
    solver = sampler is not None and not sampler.stochastic
    judged = (plan.distance is not None) == solver
    require(judged, "distance", "must come with a solver, and with nothing else", plan.sampler)
    own = plan.about.get("scheduler")
    require((own is not None) == (plan.sampler == OWN), "scheduler", f"must come with {OWN}", own)
    if own is not None:
        parts = {"name": str, "config": dict, "calls": int}
        good = isinstance(own, dict) and {k: type(v) for k, v in own.items()} == parts
        require(good and own["calls"] > 0, "scheduler", f"must have {', '.join(parts)}", own)
    measured = sampler is not None and sampler.covariance
    choices = COVARIANCES if measured else (None,)
    require(plan.covariance in choices, "covariance", "must fit the sampler", plan.covariance)
    kinds = {"why": str, "model": str, "command": str, "audit": dict, "frontier": list}
    kinds["tournament"] = kinds["limits"] = kinds["pilot"] = dict
    for name in kinds.keys() & names:
        rule = f"must be a {kinds[name].__name__}"
        require(isinstance(content[name], kinds[name]), name, rule, content[name])
    for row in plan.frontier:
        for name in ("steps", "above_best", "standard_error"):
            require_number(f"frontier {name}", row[name])
    for name in ("steps", "levels", "calibrated", "process"):
        require(content[name] == plan.summary()[name], name, "must agree with the arrays")
    d, cells = plan.moments.basis.dimension, plan.covered
    shape: tuple[int, ...] = (d,)
    if plan.start == "class":
        known = plan.moments.classes
        require(known is not None, "start", "must come with the moments of classes", plan.start)
        shape = (0 if known is None else len(known.means), d)
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
    made = certificate_from_json(content)
    noise = np.array([at.noise for at in made.levels])
    same = noise.shape == levels.shape and np.allclose(noise, levels**-0.5, rtol=1e-9, atol=0)
    require(bool(same), "certificate", "must be of the levels of the plan")
    return made


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
