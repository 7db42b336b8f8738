r"""Noise that keeps the data's spread in the sampler's own states, from a pilot run of it.

With v_j = M_j analytic-dpm takes states that have the second moments of the noised data,
V_j + 1/s, to those at s', for an exact denoiser. But few steps leave states of another law, in
which rare modes are too rare, and a network shrinks; both lose variance, more at every step. So
`PILOTS` samples are drawn, and each step adds what its states lack, per coordinate of the basis,

    c_j^2 = V_j + 1/s' - Var(a x + b m)_j,    v_j = (s'^2 c_j^2/delta - 1)/delta,         (1)

with a last draw of v_j = V_j - Var(m)_j. 1 + delta v_j, and v_j of a draw, stay within a factor
`AWAY` of what the measured error gives, so that nothing hides a model that is wrong. By (3) of
`path_kl/cells.py`, which holds of any v, the plan then costs more by

    sum over steps and j of 1/2 [log(1 + delta v_j) + delta (M_j - v_j)/(1 + delta v_j)]   (2)

less the same at v_j = M_j. What a pilot's normals have by chance of a mean and a deviation of
their own, and in common with the states, is taken off them: of a Gaussian no chance is left.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._checks import require
from ..ledger.plan_records import Pilot
from ..montecarlo import Estimate, mean_estimate
from ..sampling.step_kl import analytic_dpm_kl

if TYPE_CHECKING:
    from .._typing import Array, Indices, Tensor
    from ..denoise.base import Denoiser
    from ..error_curve.bands import Bands
    from ..path_kl.grid_cost import Prices
    from ..sampling.sampler import Step
    from .plan import Plan

PILOTS = 2000  # samples of a network, and ten times as many of an exact denoiser
AWAY = 4.0  # times by which the noise may differ from what the measured error gives
NUMBERS = 2**26  # that all pilots hold together at most, where more than `FEWEST_PILOTS`
FEWEST_PILOTS = 200
DIRECTIONS = 10  # principal ones whose variance is recorded
LEAST_VARIANCE = 1e-9  # of the largest variance: directions in which the data vary at all


class NoiseTarget(NamedTuple):
    """The data's variance V in each coordinate, [d] or [1], and the bands that share a noise."""

    spread: Array
    bands: Bands | None

    def lacks(self, has: Array, snr: float) -> Array:
        """Return V + 1/s less what there is, [d] or [1], the mean of each band of coordinates."""
        out = self.spread + 1 / snr - (has if self.bands else has.mean())
        if self.bands is None or self.bands.single:
            return out
        return self.bands.spread(np.bincount(self.bands.index, out) / self.bands.sizes)


def matched(plan: Plan, price: Prices, denoiser: Denoiser) -> Plan:
    """Return a gaussian plan with the variances (1); it has no ledger yet, nor nats of its pilot.

    denoiser: the audited model, which is called once a step for every pilot.
    """
    same = denoiser.fingerprint == price.audit.facts.model
    require(same, "model", "must be the model that was audited")
    scalar = plan.process == "vp"
    require(
        scalar, "model", "is for scalar processes and ODE samplers, not for phase space", "cld"
    )
    shared = plan.covariance != "full"
    rule = "must be one whose axes all steps share, to be matched to the data's spread"
    require(shared, "covariance", rule, plan.covariance, "Plan with --covariance pca")
    most = max(FEWEST_PILOTS, NUMBERS // plan.moments.basis.dimension)
    count = min(PILOTS * (10 if denoiser.exact else 1), most)
    basis = price.audit.frame.bases.get(str(plan.covariance))
    bands = None if basis is None else basis[1]
    rows, left = _pilot(plan, denoiser, NoiseTarget(_spread(plan, price), bands), count)
    kept = _ratios(plan, left)
    pilot = Pilot(
        count, count * plan.steps, tuple(float(e.value) for e in kept),
        tuple(float(e.se) for e in kept), nats=0.0,
    )  # fmt: skip
    return replace(plan, variances=rows, pilot=pilot)


def beyond(plan: Plan, price: Prices, nodes: Indices) -> Estimate:
    """Return (2) in nats, of a grid of nodes 1..K and a plan with the variances (1)."""
    assert plan.variances is not None
    here, delta = nodes[:-1], np.diff(plan.levels)[:, None]
    errors, sizes = price.curve.traces[here, :, :1] / plan.moments.basis.dimension, np.ones(1)
    if plan.covariance == "scalar":
        sizes = sizes * plan.moments.basis.dimension
    else:
        bands = price.audit.frame.bases[str(plan.covariance)][1]
        errors = bands.spread(price.curve.errors[str(plan.covariance)][here])
        sizes = np.ones(errors.shape[-1])
    mean = np.einsum("nbj,b->nj", errors, price.curve.shares)[:, None]
    used = plan.variances[: len(here)].reshape(len(here), 1, mean.shape[-1])
    excess = analytic_dpm_kl(delta, used, errors, sizes)
    excess = excess - analytic_dpm_kl(delta, np.maximum(mean, 0.0), errors, sizes)
    return price.estimate(excess.sum(axis=0))


def plus(one: Estimate, other: Estimate) -> Estimate:
    """Return the sum of two estimates of the same examples, their errors added."""
    degrees = min(one.degrees, other.degrees)
    return Estimate(one.value + other.value, one.se + other.se, degrees)


def _spread(plan: Plan, price: Prices) -> Array:
    """Return the data's variance V in each coordinate of the plan's basis, [d] or [1]."""
    moments = plan.moments
    if plan.covariance == "scalar":
        return np.array([moments.variance / moments.basis.dimension])
    if plan.covariance == moments.basis.kind:
        return np.asarray(moments.variances)
    errors = price.audit.curve.mean_errors(str(plan.covariance))[0]  # at s = 0
    return price.audit.frame.bases[str(plan.covariance)][1].spread(errors)


def _ratios(plan: Plan, samples: Tensor) -> list[Estimate]:
    """Return what of the data's variance the pilot's samples keep, in all and by direction.

    Of the main basis' directions of most variance.
    """
    variances = plan.moments.variances
    if plan.last == "sample":  # a state, which is to have its noise as well
        variances = variances + 1 / plan.levels[-1]
    first = np.argsort(-variances, kind="stable")[:DIRECTIONS]
    c = plan.moments.basis.to_coordinates(samples)
    square = np.square((c - c.mean(dim=0)).numpy())
    ratio = square[:, first] / np.maximum(variances[first], 1e-300)
    kept = [mean_estimate(square.sum(axis=1) / max(float(variances.sum()), 1e-300))]
    kept += [
        mean_estimate(r) for r in ratio.T[variances[first] > LEAST_VARIANCE * variances.max()]
    ]
    return kept


def _pilot(
    plan: Plan, denoiser: Denoiser, target: NoiseTarget, count: int
) -> tuple[Array, Tensor]:
    """Return v of every step that adds noise, [N, d] or [N], and the samples [count, d]."""
    import torch

    from ..denoise.calibrate import CalibratedDenoiser
    from ..noise import NoiseSource
    from ..sampling.loop import begun, coloured
    from ..sampling.sample import proportional_labels

    if plan.calibration is not None:
        denoiser = CalibratedDenoiser(denoiser, plan.calibration)
    recipe, source, d = plan.recipe(), NoiseSource(0, "pilot"), math.prod(denoiser.shape)
    label = proportional_labels(denoiser, count, 0)
    ends, rows = [*plan.levels[1:].tolist(), math.inf], []

    with torch.inference_mode():
        z = source.normal(0, 0, count, d).double()
        x = begun(recipe, _plain(z), label)
        for k, step in enumerate(recipe.steps[: plan.covered]):
            x = step.state * x + step.prediction * _called(denoiser, x, step.snr, label)
            noise, v = _lacking(x, step, target, ends[k])
            rows.append(v)
            z = source.normal(k + 1, 0, count, d).double()
            x = x + coloured(_plain(z, _inside(x, step)), noise, step.basis)
        if plan.last == "denoise":
            x = _called(denoiser, x, recipe.steps[-1].snr, label)
    return (np.stack(rows) if rows else np.asarray(plan.variances)), x


def _plain(z: Tensor, beside: Tensor | None = None) -> Tensor:
    """Return normals z [n, d] of mean 0 and variance 1, uncorrelated with `beside` [n, d]."""
    z = z - z.mean(dim=0)
    if beside is not None:
        c = beside - beside.mean(dim=0)
        z = z - c * ((z * c).sum(dim=0) / (c * c).sum(dim=0).clamp_min(1e-300))
    return z / z.std(dim=0)


def _inside(x: Tensor, step: Step) -> Tensor:
    """Return states x [n, d] in the coordinates of a step's noise."""
    return x if step.basis is None else step.basis.to_coordinates(x)


def _called(denoiser: Denoiser, x: Tensor, snr: float, label: Tensor | None) -> Tensor:
    """Return the predictions at states x [n, d] in float64, in batches."""
    import torch

    from ..denoise.base import per_call
    from ..sampling.options import SAMPLE_BATCH

    size, parts = per_call(denoiser, SAMPLE_BATCH), []
    for first in range(0, len(x), size):
        rows = slice(first, first + size)
        seen = x[rows].reshape(-1, *denoiser.shape).to(denoiser.device, denoiser.dtype)
        m = denoiser(seen, snr, None if label is None else label[rows])
        parts.append(m.reshape(len(seen), -1).cpu().double())
    return torch.cat(parts)


def _lacking(
    x: Tensor, step: Step, target: NoiseTarget, snr: float
) -> tuple[Array | float, Array]:
    """Return c and v of (1) of a step that ends at `snr`, inf for a draw; x: a x + b m [n, d]."""
    has = _inside(x, step).var(dim=0).numpy()
    plain = np.asarray(step.noise) ** 2
    lacks = target.lacks(has, snr)
    lacks = lacks if plain.ndim else lacks[0]
    delta = snr - step.snr
    least = plain / AWAY if math.isinf(snr) else np.maximum(plain / AWAY, delta / snr**2)
    square = np.clip(lacks, least, plain * AWAY)
    v = square if math.isinf(snr) else (square * snr**2 / delta - 1) / delta
    noise = np.sqrt(square)
    return (float(noise) if plain.ndim == 0 else noise), np.maximum(v, 0.0)
