r"""The one loop over levels: x <- a x + b m(x, s) + h m_before + c xi.

In phase space (`cld.py`) a second coordinate w goes along, which x takes up and a model may see.
Noise belongs to the sample (`noise.py`): step 0 of sample i is its start, step k + 1 the noise
of its k-th step, so the batch size changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, Unpack

import numpy as np
import torch

from .._checks import InputError, refuse, require, require_count
from ..denoise.base import Denoiser, per_call, process_of, require_y, told_of
from ..denoise.calibrate import CalibratedDenoiser
from ..noise import Ahead, NoiseSource
from .cld import follow, require_alike
from .conjugate import conjugate
from .options import SAMPLE_BATCH, BatchKeywords, BatchOptions
from .sampler import Recipe, require_fits

if TYPE_CHECKING:
    from .._typing import Array, Progress, Tensor
    from ..basis import Basis


class HasRecipe(Protocol):
    """A plan: anything that can say which recipe it stands for."""

    def recipe(self) -> Recipe:
        """Return the sampler."""
        ...


def sample_batches(
    denoiser: Denoiser, plan: Recipe | HasRecipe, count: int, **options: Unpack[BatchKeywords]
) -> Iterator[Tensor]:
    """Yield samples first..first+count-1 under `seed`, standardised, in batches [b, *shape].

    A plan with a calibration corrects the denoiser by it; one with a scheduler is run by
    diffusers. batch_size: by default 1000, fewer if
    the samples are large; it changes nothing; label: one class for all, or one per sample
    [count]; measured: what samples are drawn given (`conjugate.py`), rows of `each` of them from
    sample 0 on; progress(done, total) counts network calls times samples.
    """
    asked, total = BatchOptions(**options), require_count("count", count)
    size, first = asked.batch_size or per_call(denoiser, SAMPLE_BATCH), asked.first
    labels = _labels(denoiser, asked.label, total)
    scheduler = getattr(plan, "scheduler", None)
    if scheduler is not None and asked.measured is None:
        # what runs diffusers is loaded for a plan that leaves the steps to it
        from ..denoise.pipelines.own_schedulers import own_batches

        rows = range(first, first + total)
        yield from own_batches(denoiser, scheduler, rows, size, labels, asked)
        return
    steps = plan if isinstance(plan, Recipe) else plan.recipe()
    told = None
    if asked.measured is not None:
        steps, told = conjugate(plan, asked.measured, labels)
    require_alike(steps.process, process_of(denoiser))
    require_fits(steps, math.prod(denoiser.shape))
    _require_classes(steps, denoiser, labels)
    calibration = getattr(plan, "calibration", None)
    if calibration is not None:
        denoiser = CalibratedDenoiser(denoiser, calibration)
    source = NoiseSource(asked.seed, "sample")
    tick = _Ticker(asked.progress, total * len(steps.steps))
    for begin in range(0, total, size):
        b = min(size, total - begin)
        part = None if labels is None else labels[begin : begin + b]
        at = first + begin
        model = denoiser if told is None else told.of(denoiser, asked.seed, at, b)
        yield _run(model, steps, source, at, b, part, tick)


def sample_standardised(
    denoiser: Denoiser, plan: Recipe | HasRecipe, count: int, **options: Unpack[BatchKeywords]
) -> Tensor:
    """Return samples [count, *shape] in standardised units; options as `sample_batches`."""
    return torch.cat(list(sample_batches(denoiser, plan, count, **options)))


class _Ticker:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def add(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


def _labels(denoiser: Denoiser, label: int | Tensor | None, count: int) -> Tensor | None:
    if label is None:
        return None
    conditions = told_of(denoiser)
    if conditions is not None:
        y = torch.as_tensor(label).to(denoiser.device)
        require_y(y, count, conditions.width)
        return y
    require(denoiser.classes > 0, "label", "must be left out: this model takes no labels", label)
    labels = torch.as_tensor(label)
    whole = not (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool)
    require(whole, "label", "must be whole numbers", labels.dtype)
    labels = labels.long().repeat(count) if labels.ndim == 0 else labels.long()
    rule = f"must be one label, or {count} of them"
    require(labels.shape == (count,), "label", rule, tuple(labels.shape))
    inside = bool(((labels >= 0) & (labels < denoiser.classes)).all())
    require(inside, "label", f"must lie in 0..{denoiser.classes - 1}", label)
    return labels


def _run(
    denoiser: Denoiser,
    plan: Recipe,
    source: NoiseSource,
    first: int,
    count: int,
    label: Tensor | None,
    tick: _Ticker,
) -> Tensor:
    d, rows = math.prod(denoiser.shape), 2 if plan.process == "cld" else 1
    like = torch.empty(0, dtype=denoiser.dtype, device=denoiser.device)
    draw = Ahead(source, first, count, rows * d, last=_noisy(plan), like=like)
    with torch.inference_mode():
        z = draw(0)
        x = begun(plan, z[:, :d], label)
        for visit in walk(denoiser, plan, x, label, draw, z[:, d:] if rows == 2 else None):
            x = visit.after
            tick.add(count)
    if not bool(torch.isfinite(x).all()):
        raise InputError(
            "denoiser: gave NaN or infinite values while sampling. Check its weights and dtype"
        )
    return x.view(count, *denoiser.shape)


def begun(plan: Recipe, z: Tensor, label: Tensor | None) -> Tensor:
    """Return the states that a recipe starts from, of standard normals z [b, d], overwritten.

    label: of each, where every class has a start of its own.
    """
    mean, scale = plan.mean, plan.start_noise
    if plan.classes:
        assert label is not None
        at = label.cpu().numpy()
        mean, scale = np.asarray(mean)[at], np.asarray(scale)[at]
    x = coloured(z, scale, plan.start_basis)
    for c, basis in enumerate(plan.class_bases):
        rows = torch.from_numpy(np.flatnonzero(at == c)).to(x.device)
        x[rows] = basis.from_coordinates(x[rows])
    return x + torch.tensor(mean).to(x)


def _require_classes(plan: Recipe, denoiser: Denoiser, labels: Tensor | None) -> None:
    """Refuse a start for each class without labels, and one for the classes of another model."""
    if not plan.classes:
        return
    rule = f"must be for a model of {plan.classes} classes, each of which it starts by itself"
    require(plan.classes == denoiser.classes, "plan", rule, denoiser.classes)
    rule = "must be given: each class has a start of its own in this plan"
    remedy = "Plan with --start gaussian to draw without labels"
    require(labels is not None, "label", rule, None, remedy)


def _noisy(plan: Recipe) -> int:
    """Return the number of the last step that adds noise, 0 (the start) if none does."""
    return max((k for k, s in enumerate(plan.steps, start=1) if np.any(s.noise)), default=0)


class Visit(NamedTuple):
    """One step of the loop: the state, the prediction there, the next state; [b, d] each."""

    state: Tensor
    prediction: Tensor
    after: Tensor


def walk(
    denoiser: Denoiser,
    plan: Recipe,
    x: Tensor,
    label: Tensor | None = None,
    draw: Callable[[int], Tensor] | None = None,
    w: Tensor | None = None,
) -> Iterator[Visit]:
    """Yield every step from the states `x` [b, d] on.

    draw: returns the normals [b, d] of a step, 1 for the first; None where no step adds noise;
    w: the second coordinate of phase space [b, d], for which `draw` returns [b, 2 d].
    """
    before, d = x, x.shape[1]  # before is never used: a recipe's first step has no history
    whole, shape = process_of(denoiser) == "cld", denoiser.shape
    scales = _scales(plan, x)
    for k, step in enumerate(plan.steps, start=1):
        seen = torch.stack((x, w), 1) if whole and w is not None else x
        if len(shape) > 1:
            seen = seen.view(*seen.shape[:-1], *shape)
        m = _whole(denoiser(seen, step.snr, label), shape, x)
        # not in place: a denoiser may return the very tensor it was given
        after = x.mul(step.state).add_(m, alpha=step.prediction)
        if step.history:
            after.add_(before, alpha=step.history)
        if k < len(plan.steps) and plan.steps[k].history:
            before = m.clone()  # a denoiser may write its next answer where this one is
        scale = scales[k - 1]
        if draw is not None and scale is not None:
            z = draw(k)
            noise = coloured(z if w is None else z[:, :d], scale, step.basis)
            after += noise
            if step.complement is not None and w is not None:
                after.add_(w, alpha=step.complement.into)
                w = follow(step.complement, w, x, m, (noise, z[:, d:]))
        yield Visit(x, m, after)
        x = after


def _whole(m: Tensor, shape: tuple[int, ...], x: Tensor) -> Tensor:
    """Return predictions as [b, d] like the states x, refusing those of another shape or kind."""
    if m.shape != (len(x), *shape) or not m.is_floating_point():
        rule = f"must give floating point numbers of shape {(len(x), *shape)}"
        refuse("denoiser", rule, f"{tuple(m.shape)} of {m.dtype}")
    return m.reshape(x.shape)


def _scales(plan: Recipe, like: Tensor) -> list[float | Tensor | None]:
    """Return the noise of every step ready for use, None where there is none."""
    arrays = [step.noise for step in plan.steps if isinstance(step.noise, np.ndarray)]
    rows = iter(torch.as_tensor(np.array(arrays)).to(like).unbind() if arrays else ())
    return [
        next(rows) if isinstance(step.noise, np.ndarray) else step.noise or None
        for step in plan.steps
    ]


def coloured(z: Tensor, scale: float | Array | Tensor, basis: Basis | None) -> Tensor:
    """Return U (scale * z) for standard normals z [B, d]: noise of covariance U scale^2 U^T.

    z may be overwritten.
    """
    if isinstance(scale, float):
        return z.mul_(scale)
    if not isinstance(scale, torch.Tensor):
        scale = torch.as_tensor(scale, dtype=z.dtype, device=z.device)
    z = z.mul_(scale)
    return z if basis is None else basis.from_coordinates(z)
