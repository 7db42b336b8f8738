r"""What a step of a grid costs in path KL, from the measured curve.

For every sampler here the Girsanov KL of a grid s_0 < ... < s_N is

    KL = start + sum of steps - 1/2 int_0^{s_N} M(s) ds,                                  (1)

M the error of the unknown exact denoiser; a step (`sampling/step_kl.py`) goes from one level
to the next. At v_j = M_j, the best variance, one that adds a measured covariance costs

    diagonal   1/2 sum_j log(1 + delta M_j),                                              (2)
    full       1/2 log det(1 + delta C),   C = E[r r^T].                                  (3)

All steps that begin at one level have the same M_j, so that the sum of logarithms in (2) is that
of one polynomial in delta, whose coefficients are the elementary symmetric functions of M,

    sum_j log(1 + delta M_j) = log sum_k e_k(M) delta^k,                                   (4)

all positive: nothing cancels, and all steps cost little more than some matrix products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import refuse, require
from ..error_curve.integrals import leave_one_out
from ..process import CriticallyDampedLangevin
from ..sampling.step_kl import analytic_dpm_kl

if TYPE_CHECKING:
    from .._typing import Array, Indices, Levels
    from ..error_curve.curve import Curve
    from ..sampling.sampler import Sampler, StepKL

COVARIANCES = ("scalar", "coordinate", "pca", "dct", "full")
DIGITS = 280.0  # decimal exponents a product may reach before its logarithm is taken
ROWS = 8  # of steps computed together: what fits a processor's cache
POWERS = 8  # of delta in one matrix product


def errors_for(curve: Curve, covariance: str) -> tuple[Array, Array]:
    """Return group errors [K+1, B, J] and sizes [J] behind a diagonal `covariance`."""
    if covariance == "scalar":
        d = float(curve.dimension)
        return curve.traces[:, :, :1] / d, np.array([d])
    if covariance not in curve.errors:
        refuse(
            "covariance",
            "must be one that the audit measured: scalar, "
            + ", ".join([*curve.errors, *(["full"] if curve.full is not None else [])]),
            covariance,
        )
    return curve.errors[covariance], curve.sizes[covariance]


def spectrum(full: Array) -> Array:
    """Return the eigenvalues of the mean over folds of E[r r^T], [L, F, d, d] -> [L, d]."""
    return np.asarray(np.maximum(np.linalg.eigvalsh(full.mean(axis=1)), 0.0))


def folded_spectra(full: Array) -> tuple[Array, Array]:
    """Return (3) as (1) of `sampling/step_kl.py`: variances of the other folds, and errors along
    their axes.

    full: E[r r^T] by fold, [L, F, d, d]; both results are [L, F, d].
    """
    others = (full.sum(axis=1, keepdims=True) - full) / (full.shape[1] - 1)
    values, axes = np.linalg.eigh(others)
    return np.maximum(values, 0.0), np.einsum("lfij,lfij->lfj", axes, full @ axes)


def cells(curve: Curve, sampler: Sampler, covariance: str | None, process: str = "vp") -> Array:
    """Return the cost of every step between levels 1..K of `curve`, [K, K], inf below.

    Entry [i, j] is the step from levels[i + 1] to levels[j + 1]; all groups are used.
    """
    s = curve.levels[1:]
    if not sampler.covariance:
        cost = _trace_cells(curve, sampler.step_kl[process], process)
    elif covariance == "full" and "full" not in curve.errors:
        require(curve.full is not None, "covariance", "full was not measured by this audit")
        assert curve.full is not None
        values = spectrum(curve.full[1:])
        cost = _log_cells(s, values, np.ones(values.shape[1]))
    else:
        errors, sizes = errors_for(curve, covariance or "scalar")
        cost = _log_cells(s, np.einsum("kbj,b->kj", errors[1:], curve.shares), sizes)
    cost[np.tril_indices(len(s))] = np.inf
    return cost


def _trace_cells(curve: Curve, step_kl: StepKL, process: str) -> Array:
    s, traces = curve.levels[1:], curve.mean_traces()[1:]
    second_moment = curve.second_moments @ curve.shares
    # times of phase space are solved for once, not for every step
    times = CriticallyDampedLangevin().time(s) if process == "cld" else None
    cost = np.empty((len(s), len(s)))
    for i, t in enumerate(traces):
        times_known = {} if times is None else {"times": (times[i], times[i:])}
        cost[i, i:] = step_kl(s[i], s[i:], t, curve.dimension, second_moment, **times_known)
    return cost


def _log_cells(s: Levels, error: Array, sizes: Array) -> Array:
    """Return equation (2) for every step, by (4): one logarithm for many bands of one size."""
    factor = np.log10(1 + s[-1] * error.max(axis=0, initial=0.0))  # the largest gain of each band
    cost = np.zeros((len(s), len(s)))
    for bands in _batches(factor, sizes):
        gains = _symmetric(s[-1] * error[:, bands])
        size = sizes[bands.start] / 2
        for a in range(0, len(s), ROWS):
            rows = slice(a, a + ROWS)
            delta = np.maximum(s[None, a:] - s[rows, None], 0.0)
            cost[rows, a:] += size * np.log(_polynomial(gains[rows], delta / s[-1]))
    return cost


def _batches(digits: Array, sizes: Array) -> list[slice]:
    """Return runs of bands of one size whose gains multiply to a number of at most `DIGITS`."""
    first, total, out = 0, 0.0, []
    for j, (size, more) in enumerate(zip(sizes, digits, strict=True)):
        if j and (size != sizes[first] or total + more > DIGITS):
            out.append(slice(first, j))
            first, total = j, 0.0
        total += more
    return [*out, slice(first, len(sizes))]


def _symmetric(values: Array) -> Array:
    """Return the coefficients e_0..e_J of (4) for each row of values [N, J], [N, J + 1]."""
    out = np.zeros((len(values), values.shape[1] + 1))
    out[:, 0] = 1.0
    for j, value in enumerate(values.T):
        out[:, 1 : j + 2] += value[:, None] * out[:, : j + 1]
    return out


def _polynomial(coefficients: Array, x: Array) -> Array:
    """Return the polynomial of each row of coefficients [N, J + 1] at x [N, M]."""
    count = coefficients.shape[1]
    width = min(POWERS, count)
    whole = np.zeros((len(x), -(-count // width), width))
    whole.reshape(len(x), -1)[:, :count] = coefficients
    powers = np.empty((len(x), width, x.shape[1]))
    powers[:, 0] = 1.0
    for k in range(1, width):
        np.multiply(powers[:, k - 1], x, out=powers[:, k])
    parts, leap = whole @ powers, powers[:, -1] * x
    out = parts[:, -1]
    for part in np.moveaxis(parts[:, :-1], 1, 0)[::-1]:
        out *= leap
        out += part
    return np.asarray(out)


def path_cost(
    curve: Curve, nodes: Indices, sampler: Sampler, covariance: str | None, process: str = "vp"
) -> Array:
    """Return the cost of visiting levels[nodes], cross-fitted: one number a group, [B] or [F]."""
    here, there = nodes[:-1], nodes[1:]
    return np.asarray(cell_costs(curve, here, there, sampler, covariance, process=process).sum(0))


def cell_costs(
    curve: Curve,
    here: Indices,
    there: Indices,
    sampler: Sampler,
    covariance: str | None,
    *,
    process: str = "vp",
    more: Array | float = 0.0,
) -> Array:
    """Return the cost of the steps levels[here] -> levels[there] by group, [N, B] or [N, F].

    Measured variances come from the other groups' examples, so the mean over groups is an honest
    estimate of what a sampler with such variances pays; more: what is added to each of them,
    [N, 1, J].
    """
    s, t = curve.levels[here], curve.levels[there]
    if not sampler.covariance:
        step_kl = sampler.step_kl[process]
        return step_kl(
            s[:, None], t[:, None], curve.traces[here], curve.dimension, curve.second_moments
        )
    if covariance == "full" and "full" not in curve.errors:
        require(curve.full is not None, "covariance", "full was not measured by this audit")
        assert curve.full is not None
        return analytic_dpm_kl(
            (t - s)[:, None], *folded_spectra(curve.full[here]), np.ones(curve.dimension)
        )
    errors, sizes = errors_for(curve, covariance or "scalar")
    measured = errors[here]  # [N, B, J]
    others = np.maximum(leave_one_out(measured, curve.shares), 0.0) + more
    return analytic_dpm_kl((t - s)[:, None], others, measured, sizes)
