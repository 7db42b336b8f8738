"""A network in fewer digits, or compiled: the same weights, another function.

Matrix products run in bfloat16 or float16 under torch's autocast, on the device that the model
is on; everything around the network keeps its own precision. What it predicts differs from what
it predicted, so its fingerprint does, and a plan made for one is refused by the other: what the
rounding costs is measured by an audit (`score_error/rounding.py`), and is no guess.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .._checks import refuse, require_choice
from .._files import sha256_of
from .facts import Arithmetic
from .network import NetworkDenoiser

if TYPE_CHECKING:
    from .._typing import Tensor
    from .base import Denoiser

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def in_precision(
    denoiser: Denoiser, precision: str = "float32", *, compiled: bool = False
) -> Denoiser:
    """Return `denoiser` with its network in another precision, or compiled; weights are shared.

    precision: ``float32`` (as it is), ``bfloat16`` or ``float16``; compiled: by `torch.compile`,
    with CUDA graphs on a GPU, which changes the last digits only, hence no fingerprint. Raises
    InputError for a law or a function, which has no network.
    """
    kind = PRECISIONS[require_choice("precision", precision, PRECISIONS)]
    if kind is None and not compiled:
        return denoiser
    network = getattr(denoiser, "network", None)
    if not isinstance(network, nn.Module):
        refuse("precision", "is of networks, and this model has none", precision)
    cast: Any = copy.copy(denoiser)
    cast.network = copy.copy(network)
    if kind is not None:
        cast.network.forward = rounded(_forward_of(cast.network, network), precision)
        cast.fingerprint = sha256_of("precision", precision, denoiser.fingerprint)
    if compiled:
        cast.network.compile(mode=_mode(denoiser))
    cast.arithmetic = Arithmetic(precision, compiled)
    return cast  # type: ignore[no-any-return]


def _forward_of(copied: nn.Module, network: nn.Module) -> Callable[..., Any]:
    """Return what `network` does when called, with the modes of its copy where it has any."""
    forward = network.forward
    own = getattr(forward, "__self__", None) is network
    return MethodType(forward.__func__, copied) if own else forward  # type: ignore[attr-defined]


def _mode(denoiser: Denoiser) -> str | None:
    """Return ``reduce-overhead``, CUDA graphs, for our own networks on a GPU.

    An answer then lies where the next one will: their preconditioning has used it by then, which
    is not known of others.
    """
    ours = isinstance(denoiser, NetworkDenoiser) and denoiser.device.type == "cuda"
    return "reduce-overhead" if ours else None


def arithmetic_of(denoiser: Denoiser) -> Arithmetic | None:
    """Return the precision of this denoiser's network and if it is compiled; None if usual."""
    return getattr(denoiser, "arithmetic", None)


def rounded(call: Callable[..., Any], precision: str) -> Callable[..., Any]:
    """Return `call` of a network under autocast, its answer in float32; itself for float32."""
    kind = PRECISIONS[precision]
    if kind is None:
        return call

    def run(x: Tensor, *given: Any, **named: Any) -> Any:
        # nothing kept between calls: within a caller's autocast, training would find it
        with torch.autocast(x.device.type, dtype=kind, cache_enabled=False):
            answer = call(x, *given, **named)
        if isinstance(answer, torch.Tensor):
            return answer.float()
        answer.sample = answer.sample.float()
        return answer

    return run
