r"""The path that an example walks through the levels, and the calls along it.

Every example x0 has one Brownian motion B, and is seen at level s as x_s = x0 + B_s / s. Between
two levels s < t < s' it is seen once more, where given both ends

    B_t ~ N( B_s + (t - s)/(s' - s) (B_s' - B_s),  (t - s)(s' - t)/(s' - s) ),            (1)

so that the levels are those of a path without the stop. A model of phase space is shown
w ~ N(0, I) as well, which by (5) of `process/augmented.py` draws (X, V) from the forward process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import torch

from .._checks import InputError
from ..denoise.base import Denoiser, around, is_told, process_of
from ..noise import Ahead, NoiseSource

if TYPE_CHECKING:
    from .._typing import Levels, Tensor
    from ..error_curve.between_levels import Places

LARGEST = 1e60  # its fourth power, of which standard errors are made, is a number


class PathLevel(NamedTuple):
    """One level of a batch: its number k, and n, m and w (None but in phase space), [b, d].

    inside: seen in the gap that ends at level k; bridge: the part e of n there
    (`bridge_variate.py`), and
    share: how far between the gap's ends in s, [b, 1].
    """

    k: int
    noise: Tensor
    prediction: Tensor
    across: Tensor | None
    inside: bool = False
    bridge: Tensor | None = None
    share: Tensor | None = None


@dataclass
class Answers:
    """Predictions whose largest number is still to be looked at: on a GPU that is waited for."""

    seen: list[tuple[Tensor, float | Tensor]] = field(default_factory=list)

    def add(self, m: Tensor, snr: float | Tensor) -> None:
        """Take note of m at this SNR; off a GPU it is looked at now: first at its length."""
        near = m.device.type == "cpu"
        if near and float(torch.linalg.vector_norm(m)) < LARGEST:
            return
        self.seen.append((m.abs().amax(), snr))
        if near:
            self.settle(tuple(m.shape))

    def settle(self, shape: tuple[int, ...]) -> None:
        """Refuse NaN, inf and what cannot be squared twice, at the first level that has it."""
        seen, self.seen = self.seen, []
        if not seen:
            return
        good = torch.stack([size for size, _ in seen]).double().cpu() < LARGEST
        if not good.all():
            why = f" with NaN or inf, or above {LARGEST:.0e}"
            _refuse(shape, seen[int(good.int().argmin())][1], why)


class Batch(NamedTuple):
    """What is shown: x0 [b, *shape], labels [b] or None, the number of its first example."""

    x0: Tensor
    label: Tensor | None
    first: int
    answers: Answers


def walk_levels(
    denoiser: Denoiser, batch: Batch, grid: Levels, between: Places | None, *, seed: int, draw: int
) -> Iterator[PathLevel]:
    """Yield the levels along one Brownian path, noisiest first, each followed by its gap's."""
    b, d = len(batch.x0), int(np.prod(denoiser.shape))
    noise = torch.zeros(b, d, dtype=around(denoiser), device=denoiser.device)  # B_s
    previous, whole = 0.0, process_of(denoiser) == "cld"
    begin, last = draw * len(grid), (draw + 1) * len(grid) - 1

    def normals(source: NoiseSource) -> Ahead:
        return Ahead(source, batch.first, b, d, last=last, like=noise)

    path, gap = normals(NoiseSource(seed, "audit")), normals(NoiseSource(seed, "audit gap"))
    complement = normals(NoiseSource(seed, "audit complement"))
    for k, s in enumerate(grid.tolist(), start=1):
        step, before = begin + k - 1, noise
        noise = before + path(step) * (s - previous) ** 0.5
        w, n = complement(step) if whole else None, noise / -s
        yield PathLevel(k, n, call(denoiser, batch, (n, w), s), w)
        if between is not None and between.weights[k - 1].any():
            own = own_levels(between.levels[k - 1], batch.first, b)
            t = own.to(noise)[:, None]
            share = (t - previous) / (s - previous)
            spread = ((t - previous) * (s - t) / (s - previous)).clamp(min=0).sqrt()
            bridge = spread * gap(step) / -t
            n = (before + share * (noise - before)) / -t + bridge
            yield PathLevel(k, n, call(denoiser, batch, (n, w), own), w, True, bridge, share)
        previous = s


def own_levels(by_group: np.ndarray, first: int, count: int) -> Tensor:
    """Return each example's value, of its group: example i is in group i mod B."""
    return torch.from_numpy(by_group[np.arange(first, first + count) % len(by_group)])


def call(
    denoiser: Denoiser, batch: Batch, state: tuple[Tensor, Tensor | None], snr: float | Tensor
) -> Tensor:
    """Return m(x0 - n, snr) as [b, d], refusing what is not finite; state: n, and w or None."""
    x0, label = batch.x0, batch.label
    noise, w = state
    x = (x0 - noise.view_as(x0)).to(denoiser.dtype).to(denoiser.device)
    seen = x if w is None else torch.stack([x, w.view_as(x0).to(x)], 1)
    with torch.inference_mode():
        m = denoiser(seen, snr, label if is_told(denoiser) else None)
    if m.shape != x.shape or not m.is_floating_point():
        _refuse(tuple(x.shape), snr, "" if m.shape != x.shape else f" of {m.dtype}", m)
    batch.answers.add(m, snr)
    return m.reshape(len(x0), -1).to(x0)


def _refuse(
    shape: tuple[int, ...], snr: float | Tensor, why: str, m: Tensor | None = None
) -> NoReturn:
    at, got = float(torch.as_tensor(snr).double().mean()), shape if m is None else tuple(m.shape)
    raise InputError(
        f"denoiser: must give finite values of shape {shape} at SNR {at:.4g}; got shape {got}{why}"
    )
