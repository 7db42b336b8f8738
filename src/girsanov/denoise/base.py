"""What every denoiser is: a map from a noisy point and its SNR to a guess of the clean one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

from .._checks import refuse, require

if TYPE_CHECKING:
    from .._typing import Array, Tensor
    from ..data.conditions import Conditions
    from ..noise import NoiseSource


@runtime_checkable
class Denoiser(Protocol):
    r"""An x0 prediction m(x, s) for x = x0 + z/sqrt(s), in standardised units.

    shape: of one example; dtype, device: of its arithmetic; classes: labels it knows, 0 when it
    takes none (the label of a model that is `told` y is the numbers y, [B, p]); exact: True when
    m = E[x0 | x] for a known law; fingerprint: SHA-256; snr_range: lowest and highest SNR it was
    made for.
    """

    shape: tuple[int, ...]
    classes: int
    exact: bool
    fingerprint: str
    snr_range: tuple[float, float]

    @property
    def dtype(self) -> torch.dtype:
        """The type of its arithmetic."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m [B, *shape] for x [B, *shape], snr (float or [B]) and label [B] or None."""
        ...


def process_of(denoiser: Denoiser) -> str:
    """Return ``cld`` for a model that takes (x, w) of phase space [B, 2, *shape], else ``vp``."""
    return str(getattr(denoiser, "process", "vp"))


def told_of(denoiser: Denoiser) -> Conditions | None:
    """Return what a model of x given y knows of y, None for other models."""
    return getattr(denoiser, "told", None)


def is_told(denoiser: Denoiser) -> bool:
    """Return whether a model is told something beside x and its level: a class, or y."""
    return denoiser.classes > 0 or told_of(denoiser) is not None


def require_y(y: Tensor, rows: int, width: int) -> None:
    """Refuse what are not numbers y of so many rows and of this width."""
    good = y.is_floating_point() and y.shape == (rows, width)
    rule = f"must be the numbers y of each row, float [{rows}, {width}]"
    require(good, "label", rule, f"{y.dtype} {tuple(y.shape)}")


def trained_levels(denoiser: Denoiser) -> Array | None:
    """Return the SNRs this network must be asked at, increasing; None when any will do."""
    return None if getattr(denoiser, "any_level", False) else getattr(denoiser, "levels", None)


def with_phase_noise(
    denoiser: Denoiser, x: Tensor, source: NoiseSource, step: int, first: int = 0
) -> Tensor:
    """Return the noisy x [B, *shape] as this model takes it: with w ~ N(0, I) in phase space.

    source, step, first: where the noise w of these samples comes from.
    """
    if process_of(denoiser) != "cld":
        return x
    w = source.normal(step, first, len(x), x[0].numel())
    return torch.stack([x, w.reshape(x.shape).to(x)], 1)


ATTRIBUTES = ("shape", "dtype", "device", "classes", "exact", "fingerprint", "snr_range")
PAGE = "docs/own-network.md"
NUMBERS = 2**20  # in one network call: the feature maps of a UNet then stay within about 2 GiB


def around(denoiser: Denoiser) -> torch.dtype:
    """Return the type of the arithmetic around a denoiser: its own, but never below float32.

    An SNR above 65504 is infinite in float16, and differences of a path are lost in bfloat16.
    """
    return torch.promote_types(denoiser.dtype, torch.float32)


def per_call(denoiser: Denoiser, most: int) -> int:
    """Return how many examples a network call should hold: `most`, fewer if they are large."""
    return max(1, min(most, NUMBERS // math.prod(denoiser.shape)))


def require_denoiser(value: Any) -> None:
    """Refuse what is not a denoiser, a law among others, before anything is asked of it."""
    # a property is not computed: a fingerprint may be of many weights
    absent = [n for n in ATTRIBUTES if not (hasattr(type(value), n) or hasattr(value, n))]
    rule = "must be a denoiser: a loaded or fitted model, or an ExactDenoiser of a law"
    got = type(value).__name__
    if absent:
        refuse(
            "denoiser", rule, f"{got}, which lacks {', '.join(absent)}",
            f"Your own network becomes one by girsanov.wrap ({PAGE})",
        )  # fmt: skip
    require(callable(value), "denoiser", rule, f"{got}, which cannot be called")
