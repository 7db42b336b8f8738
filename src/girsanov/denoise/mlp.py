r"""A residual network for vectors: tables, signals, small images laid flat.

    h_0   = W_in x + b,                                                                    (1)
    h_k+1 = h_k + B_k D silu(A_k [LN(h_k) (1 + g_k) + f_k]),  (g_k, f_k) = G_k e(log s, y), (2)
    F     = W_out LN(h_K),   W_out = 0 at the start.                                       (3)

The level enters by a gain and a shift in every block (Perez et al., 2018, FiLM) made from sines
and cosines of log s; a label y adds a learned vector, and "no label" is one more of them. Numbers
y [B, p] add a vector too, of a small network of their own, and stand beside x in (1); a row of NaN
is "not told", which is 0 in (1) and a learned vector in e. D is dropout (Srivastava et al., 2014):
in training it zeroes a share of its input and scales the rest, from a generator that the training
loop seeds at every step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from .._checks import require_choice, require_count

if TYPE_CHECKING:
    from .._typing import Json, Tensor

FREQUENCIES = 16  # of log s, geometric between SLOWEST and FASTEST cycles per unit of log s
SLOWEST, FASTEST = 1 / 32, 1.0
LARGEST = 2**16  # of any size in a configuration; a larger one is a mistake or hostile


class ResidualMLP(nn.Module):
    """Equations (1) to (3).

    dimension: d of the flattened example; width: of h; depth: blocks K; classes: labels
    0..classes-1, 0 for none; embedding: size of e; phases: numbers shown for each one
    predicted, 2 in phase space; inputs: numbers shown, None for phases d; given: numbers y that it
    is told, 0 for none. `dropout`, 0 unless set, is D's share and `generator` its source; neither
    is part of the saved network.
    """

    def __init__(
        self, dimension: int, width: int, depth: int, *,
        classes: int = 0, embedding: int = 128, phases: int = 1, inputs: int | None = None,
        given: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = {"dimension": dimension, "width": width, "depth": depth, "embedding": embedding}
        for name, value in sizes.items():
            require_count(name, value)
            require_count(f"{LARGEST} - {name}", LARGEST - value)
        self.config: Json = {**sizes, "classes": require_count("classes", classes, at_least=0)}
        require_choice("phases", str(phases), ("1", "2"))
        self.config |= {} if phases == 1 else {"phases": phases}
        if inputs is not None:
            self.config["inputs"] = require_count("inputs", inputs)
            require_count(f"{LARGEST} - inputs", LARGEST - inputs)
        self.given = told_layers(self.config, given, embedding)
        self.dropout, self.generator = 0.0, torch.Generator()
        self.level = nn.Sequential(
            nn.Linear(2 * FREQUENCIES + 1, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.label = nn.Embedding(classes + 1, embedding) if classes else None
        self.modulation = nn.Linear(embedding, 2 * depth * width)
        self.inward = nn.Linear((inputs or phases * dimension) + given, width)
        self.first = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.second = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.outward = nn.Linear(width, dimension)

    def forward(self, x: Tensor, log_snr: Tensor, label: Tensor | None = None) -> Tensor:
        """Return F [B, d] for x [B, phases d], log_snr [B] or [1] and labels [B] or None.

        Gains and shifts are a quarter of the work, which rows of one level share: one level for
        all, or few among them, which are not spread over the rows where they come in turns.
        """
        rows = None
        if self._shares(log_snr, label):
            log_snr, rows = torch.unique(log_snr, return_inverse=True)
            if torch.equal(rows[len(log_snr) :], rows[: -len(log_snr)]):
                rows = rows[: len(log_snr)]
        e = embedded(self.level, self.given or self.label, log_snr, label)
        gains, shifts = self.modulation(e).chunk(2, dim=-1)
        gains, shifts = (p.reshape(len(e), len(self.first), -1).unbind(1) for p in (gains, shifts))
        h = self.inward(x if self.given is None else beside(x, label, self.given.numbers))
        for first, second, gain, shift in zip(self.first, self.second, gains, shifts, strict=True):
            scale, move = (p if rows is None else p[rows] for p in (1 + gain, shift))
            u = _modulated(functional.layer_norm(h, h.shape[-1:]), scale, move)
            h = h + second(self._dropped(functional.silu(first(u))))
        return self.outward(functional.layer_norm(h, h.shape[-1:]))  # type: ignore[no-any-return]

    def _shares(self, log_snr: Tensor, label: Tensor | None) -> bool:
        """Whether to look for rows of one level: not where the answer would have to be waited for.

        In training every row has a level of its own.
        """
        slow = log_snr.device.type != "cpu" or torch.compiler.is_compiling()
        return len(log_snr) > 1 and label is None and not self.training and not slow

    def _dropped(self, u: Tensor) -> Tensor:
        if not (self.training and self.dropout):
            return u
        if self.generator.device != u.device:
            self.generator = torch.Generator(u.device)
        keep = torch.empty_like(u).bernoulli_(1 - self.dropout, generator=self.generator)
        return u * keep / (1 - self.dropout)


def _modulated(u: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Return u [B, w] times gains plus shifts [n, w]: one for all, one a row, or some in turns."""
    count = len(gain)
    if count in (1, len(u)):
        return torch.addcmul(shift, u, gain)
    whole = len(u) // count * count
    turns = torch.addcmul(shift, u[:whole].view(-1, *gain.shape), gain).view(whole, -1)
    rest = torch.addcmul(shift[: len(u) - whole], u[whole:], gain[: len(u) - whole])
    return torch.cat([turns, rest])


class Told(nn.Module):
    """The vector e of numbers y [B, p]; a row of NaN has a learned one."""

    def __init__(self, numbers: int, embedding: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.inner, self.outer = nn.Linear(numbers, embedding), nn.Linear(embedding, embedding)
        self.nobody = nn.Parameter(torch.zeros(embedding))

    def forward(self, y: Tensor) -> Tensor:
        """Return e [B, embedding]."""
        hidden = y.isnan().any(dim=1, keepdim=True)
        e = self.outer(functional.silu(self.inner(torch.where(hidden, 0.0, y))))
        return torch.where(hidden, self.nobody, e)


def told_layers(config: Json, given: int, embedding: int) -> Told | None:
    """Return the layers for y of so many numbers, None for 0, and enter them in `config`."""
    require_count("given", given, at_least=0)
    require_count(f"{LARGEST} - given", LARGEST - given)
    config |= {"given": given} if given else {}
    return Told(given, embedding) if given else None


def beside(x: Tensor, y: Tensor | None, numbers: int) -> Tensor:
    """Return x [B, n] and y [B, numbers] side by side, 0 where y is not told."""
    y = x.new_zeros(len(x), numbers) if y is None else torch.nan_to_num(y.to(x))
    return torch.cat([x, y], dim=1)


def embedded(
    level: nn.Module, labels: nn.Embedding | Told | None, log_snr: Tensor, label: Tensor | None
) -> Tensor:
    """Return e(log s, y) [B, embedding] by a network's layers for levels and labels.

    The last of the labels is "no label", which stands for None.
    """
    e: Tensor = level(level_features(log_snr))
    if isinstance(labels, Told):
        return functional.silu(e + (labels.nobody if label is None else labels(label.to(e))))
    if labels is not None:
        nobody = torch.full((1,), labels.num_embeddings - 1, device=e.device)
        e = e + labels(nobody if label is None else label)
    return functional.silu(e)


def level_features(log_snr: Tensor) -> Tensor:
    """Return sines, cosines and the value of log s, [B, 2 FREQUENCIES + 1]."""
    steps = torch.linspace(0, 1, FREQUENCIES, dtype=log_snr.dtype, device=log_snr.device)
    angle = 2 * math.pi * log_snr[:, None] * SLOWEST * (FASTEST / SLOWEST) ** steps
    return torch.cat([angle.sin(), angle.cos(), log_snr[:, None] / 8], dim=1)


def mlp_size(dimension: int) -> tuple[int, int]:
    """Return the width and depth that train well in a few CPU minutes at this dimension."""
    width = 64 * math.ceil(min(max(8 * dimension, 128), 1024) / 64)
    return width, 3


def column_mlp_size(columns: int) -> tuple[int, int]:
    """Return the width and depth of a network that says how so many columns hang together."""
    return 64 * math.ceil(min(max(16 * columns, 192), 512) / 64), 3
