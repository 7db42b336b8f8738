r"""Your own network or function as a denoiser: what it is shown and told, and what it answers.

A network F of a process x_t = alpha(t) x0 + sigma(t) z is called as it was trained,

    m(x, s) = x0( F(alpha(t) x, t), x, s ),    t = time(s),                               (1)

with the table of `parametrise.py` for x0. For `VarianceExploding` and ``x0`` that is the
denoiser D(x, sigma) of Karras et al. (2022) itself; for alphas_cumprod, t is a whole number.

A network of x given y is called as F(alpha(t) x, t, y), y in the numbers of the data. What the
denoiser takes is what y does not say of x by a straight line (`data/conditions.py`): the line is
added before the call and taken off after it.

The fingerprint is of the weights as they are when it is asked for, so that a plan made for other
weights is refused whatever changed them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
import torch
from torch import nn

from .._checks import InputError, refuse, require
from .._files import sha256_of
from .._signatures import takes
from ..data import Standardisation
from ..noise import NoiseSource
from .base import PAGE, Denoiser, require_y, told_of, trained_levels
from .facts import ModelFacts
from .faults import fault, out_of_memory
from .own_clock import OwnClock, own_clock
from .pipelines.pipeline import bytes_of
from .still import plain, still
from .wrap_options import GivenWeights, WrapKeywords, WrapOptions
from .wrap_units import conditions_told, training_record, units_of_rows

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor
    from ..data.conditions import Conditions

ALIKE = 1e-2  # of its largest number, by which the answer to an example may differ between calls
ASKED = 9  # levels at which a process is asked what it is, for the fingerprint


class _Wrapping(NamedTuple):
    """What `wrap` was told of a network besides how it is called."""

    shape: tuple[int, ...]
    weights: GivenWeights
    learned_sigma: bool
    standardisation: Standardisation | None
    units: tuple[Array, Array] | None
    label_names: tuple[str, ...]
    training: Json
    told: Conditions | None = None
    y_shape: tuple[int, ...] = ()


class WrappedDenoiser:
    """Equation (1); made by `wrap`."""

    exact = False

    def __init__(self, network: Callable[..., Any], clock: OwnClock, wrapping: _Wrapping) -> None:
        self.network, self.clock, self.wrapping = network, clock, wrapping
        self.shape, self.standardisation = wrapping.shape, wrapping.standardisation
        self.units = wrapping.units  # of pictures whose type and layout are not known yet
        self.label_names, self.training = wrapping.label_names, wrapping.training
        self.classes, self.snr_range = len(wrapping.label_names), clock.snr_range
        self.told = wrapping.told
        self._rounded = ""

    @property
    def weights_dtype(self) -> torch.dtype:
        """The type of the weights, as they are now."""
        return _first(self.wrapping.weights).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are now."""
        return _first(self.wrapping.weights).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the arithmetic: of the weights, but float32 where they have fewer digits."""
        return _around(self.weights_dtype)

    @property
    def levels(self) -> Array | None:
        """The SNRs it was trained at, increasing; None when its time is continuous."""
        return self.clock.snrs

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the weights, as they are now, and of what (1) does with them."""
        if self._rounded:
            return self._rounded
        units, asked = self.standardisation, np.geomspace(*self.snr_range, ASKED)
        asked = asked if self.levels is None else self.levels
        decisive: Json = {"shape": self.shape, "predicts": self.clock.predicts,
                    "labels": self.label_names, "snr_range": self.snr_range,
                    "units": None if units is None else units.to_json()}  # fmt: skip
        times = np.stack([self.clock.alpha(asked), self.clock.time(asked)])
        if self.units is not None:
            decisive["pair"] = [v.tolist() for v in self.units]
        if self.told is not None:
            decisive["given"] = self.told.fingerprint
        weights = bytes_of(_tensors(self.wrapping.weights))
        return sha256_of("wrapped", json.dumps(decisive, sort_keys=True), times, *weights)

    @fingerprint.setter
    def fingerprint(self, value: str) -> None:
        self._rounded = value  # of the network in fewer digits, another function

    def describe(self) -> ModelFacts:
        """Return what an audit records: the levels it was trained at."""
        return ModelFacts(
            trained_levels=None if self.levels is None else tuple(self.levels.tolist())
        )

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m(x, snr) [B, *shape] without a gradient; snr: float or [B], label: [B]."""
        require(x.shape[1:] == self.shape, "x", f"must be [B, {self.shape}]", tuple(x.shape))
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1).cpu().numpy()
        if self.told is not None:
            line = self._line(x, label)
            with self._still():
                return (
                    self.clock.x0(self._answer(x + line, s, label, self.clock), x + line, s) - line
                )
        rule = "must be None: this model has no classes"
        require(label is None or self.classes > 0, "label", rule, label)
        with self._still():
            return self.clock.x0(self._answer(x, s, label, self.clock), x, s)

    def _line(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return what y [B, p] says of x by a straight line, [B, *shape]."""
        assert self.told is not None
        require(y is not None, "label", f"must be the numbers y [B, {self.told.width}]")
        assert y is not None
        require_y(y, len(x), self.told.width)
        return torch.as_tensor(self.told.told(y.cpu().numpy())).to(x).reshape(x.shape)

    def answer(self, x: Tensor, s: Array, label: Tensor | None, clock: OwnClock) -> Tensor:
        """Return what the network itself answers for x [B, *shape] at SNRs s [B] or [1].

        clock: which says what it is shown and told.
        """
        with self._still():
            return self._answer(x, s, label, clock)

    def _still(self) -> still:
        own = () if self.wrapping.weights is self.network else (self.wrapping.weights,)
        return still(self.network, *own)

    def _answer(self, x: Tensor, s: Array, label: Tensor | None, clock: OwnClock) -> Tensor:
        seen, time = self._shown(x, s, clock)
        labels = (None if label is None else plain(label),) if self.classes else ()
        if self.told is not None and label is not None:
            labels = (plain(label).to(seen).reshape(len(label), *self.wrapping.y_shape),)
        return self._tensor(self._called(seen, time, *labels), seen).to(x.dtype)

    def _called(self, seen: Tensor, time: Tensor, *labels: Tensor | None) -> Any:
        """Return the network's answer; an error of its own becomes one line that says where."""
        try:
            return self.network(seen, time, *labels)
        except Exception as cause:  # whatever a user's own code may raise
            if isinstance(cause, InputError) or out_of_memory(cause):
                raise
            told = "label" if self.told is None else "y"
            names, n = ("x_t", "t", told)[: 2 + len(labels)], len(time)
            rule = f"fails when it is called as network({', '.join(names)}) for x_t "
            rule += f"{[n, *self.shape]} and t [{n}]"
            raise InputError(f"network: {rule}; {fault(cause)}. See {PAGE}") from cause

    def _shown(self, x: Tensor, s: Array, clock: OwnClock) -> tuple[Tensor, Tensor]:
        """Return alpha x and the times [B], in the type of the weights."""
        weights = self.weights_dtype
        g = torch.as_tensor(clock.alpha(s), dtype=x.dtype, device=x.device)
        seen = (g.reshape(-1, *[1] * len(self.shape)) * x).to(weights)
        kind = torch.int64 if clock.whole else _around(weights)  # half has too few digits
        time = torch.as_tensor(clock.time(s), device=x.device).to(kind).expand(len(x))
        return seen, time

    def _tensor(self, answer: Any, seen: Tensor) -> Tensor:
        answer = getattr(answer, "sample", answer)  # as the networks of diffusers answer
        answer = answer[0] if isinstance(answer, tuple) and answer else answer
        good = isinstance(answer, torch.Tensor) and answer.is_floating_point()
        form = list(seen.shape)
        if self.wrapping.learned_sigma:
            form[1] *= 2
        rule = f"must answer with floating point numbers of shape {tuple(form)}"
        got = getattr(answer, "dtype", type(answer).__name__)
        require(good, "network", rule, got)
        require(answer.shape == torch.Size(form), "network", rule, tuple(answer.shape))
        return answer[:, : self.shape[0]]  # type: ignore[no-any-return]

    def to(self, device: torch.device | str) -> WrappedDenoiser:
        """Move the network to a device and return this denoiser; a function stays where it is."""
        if isinstance(self.wrapping.weights, nn.Module):
            self.wrapping.weights.to(device)
        return self


@takes(WrapOptions)
def wrap(
    network: Callable[..., Any], shape: Sequence[int], **options: Unpack[WrapKeywords]
) -> WrappedDenoiser:
    """Return your own network as a denoiser, which can be audited, planned and sampled.

    network: a module or function, called as network(x_t [B, *shape], t [B]) with
    x_t = alpha(t) x0 + sigma(t) z, and with labels [B] (or None) after it if there are
    label_names, one a class; shape: of one example, channels first; predicts: what it answers:
    ``x0``, ``epsilon``, ``score``, ``v`` or ``velocity`` (z - x0, of `Flow`), or minus one of
    these, ``-velocity``; process: alpha and
    sigma of the time that it is told, by default `VarianceExploding`, whose time is the noise
    level; times: the first and the last that it was trained at; alphas_cumprod: instead of
    both, alpha^2 at the whole times 0, 1, ... [T] of a DDPM; time: how it is told t: ``t``,
    ``reversed`` (from noise at 0 to data), ``1000t``, or ``log``, log(t)/4 of a noise level t.
    Numbers come in the type of its weights, t in float32 if they have fewer digits.
    train: the data set it was trained on, whose units it works in (columns less their mean over
    their deviation, pictures in [-1, 1]) and which no audit may then take for held-out; units:
    others, as a pair (mean, scale) of x = (row - mean)/scale: numbers or [d], of pictures numbers,
    [C], or of `shape`; (0, 1) for a network of the rows themselves. Without both, the units are
    those of the data of its audit.
    given: the shape of y, of a network of x given y, which is called as network(x_t, t, y) with y
    as it is in the data; train then has conditions, and samples start from the regression of its x
    on y.
    weights: the module, or arrays by name, that decide what a function answers; they are hashed
    into the fingerprint. learned_sigma: it answers twice the channels, of which the first half is
    the answer and the rest a variance, which is left aside. Raises InputError, in one line, for
    what does not fit together.
    """
    asked = WrapOptions(**options)
    train, names = asked.train, asked.label_names
    require(isinstance(shape, Sequence), "shape", "must be a tuple, such as (3, 32, 32)", shape)
    sizes = tuple(int(n) for n in shape)
    require(bool(sizes) and min(sizes) > 0, "shape", "must be sizes > 0, of one example", shape)
    decide = asked.weights if asked.weights is not None else network
    decisive = isinstance(decide, nn.Module | Mapping)
    remedy = "They are hashed, so that a plan is not used with others"
    rule = "must be given for a function: the module, or arrays by name, that decide its answers"
    require(decisive, "weights", rule, type(decide).__name__, remedy)
    wrapping = _Wrapping(
        sizes, decide, asked.learned_sigma,  # type: ignore[arg-type]
        *units_of_rows(sizes, train, asked.units),
        tuple(str(name) for name in names), training_record(train, len(names)),
    )  # fmt: skip
    if asked.given is not None:
        require(not names, "given", "cannot be told beside classes: make them numbers of y", names)
        one = (asked.given,) if isinstance(asked.given, int) else tuple(map(int, asked.given))
        told = conditions_told(train, wrapping.standardisation, one)
        wrapping = wrapping._replace(told=told, y_shape=one)
    clock = own_clock(asked.predicts, asked.process, asked.times, asked.alphas_cumprod, asked.time)
    model = WrappedDenoiser(network, clock, wrapping)
    try_call(model)
    return model


def _tensors(weights: GivenWeights) -> dict[str, Tensor]:
    tensors = weights.state_dict() if isinstance(weights, nn.Module) else weights
    return {str(name): torch.as_tensor(value) for name, value in tensors.items()}


def _around(kind: torch.dtype) -> torch.dtype:
    few = kind in (torch.float16, torch.bfloat16) or not kind.is_floating_point
    return torch.float32 if few else kind


def _first(weights: GivenWeights) -> Tensor:
    if isinstance(weights, nn.Module):
        return next(chain(weights.parameters(), weights.buffers()), torch.empty(0))
    return torch.as_tensor(next(iter(weights.values()), torch.empty(0)))


def try_call(model: Denoiser) -> None:
    """Call a denoiser once for two examples and once for one of them, or refuse in one line."""
    s = float(np.sqrt(np.prod(model.snr_range)))
    trained = trained_levels(model)
    if trained is not None:
        s = float(trained[len(trained) // 2])
    z = NoiseSource(0, "wrap").normal(0, 0, 2, int(np.prod(model.shape)))
    x = (z * (1 + 1 / s) ** 0.5).reshape(2, *model.shape).to(model.device, model.dtype)
    label = torch.zeros(2, dtype=torch.int64, device=x.device) if model.classes else None
    conditions = told_of(model)
    if conditions is not None:
        label = torch.from_numpy(conditions.kept[:1].repeat(2, axis=0)).to(x.device)
    both = model(x, s, label)
    alone = model(x[:1], s, None if label is None else label[:1])
    if not bool(torch.isfinite(both).all()):
        refuse("network", "must give finite numbers", "NaN or infinity")
    off = float((both[:1] - alone).abs().max() / both.abs().max().clamp_min(1e-12))
    rule = "must answer each example by itself, the same every time (no dropout, no batch norm)"
    require(off <= ALIKE, "network", rule, f"answers {off:.2g} apart")
