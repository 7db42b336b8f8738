r"""Noise that belongs to the sample: sample i under seed S is the same in every batch.

A Philox counter is addressed as (seed, stream) x (step, sample i, block of 8 coordinates), and
its 32-bit words become normals by Box and Muller (1958),

    z = sqrt(-2 log u) (cos 2 pi v, sin 2 pi v),    u, v uniform,                        (1)

which consumes a fixed number of words a sample, so any slice of samples can be drawn alone.
Drawn in float32 whatever the dtype of the run; on the CPU, or for a run on CUDA by the same
formulas there (`_philox.py`): the words are the same, the normals to rounding.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from ._checks import require, require_count
from ._philox import normals as normals_on

if TYPE_CHECKING:
    from ._typing import Tensor

LANES = 8  # normals a Philox block of four 64-bit words yields
CHUNK = 2**13  # blocks at once: what they need on the way stays in a core's cache
AHEAD = 2**17  # normals drawn at once, unless a step needs more: calls in between empty caches
AHEAD_CUDA = 2**22  # there 215 kernels make them, whatever their number
QUAD = np.dtype("V16")  # four 32-bit numbers to copy at once: rows of 4 numbers cost per row


class NoiseSource:
    """Standard normals addressed by sample and step.

    seed: non-negative integer S; stream: a name that separates the uses of one seed
    (``"sample"``, ``"audit"``, ...), so that they never share a random number.
    """

    def __init__(self, seed: int, stream: str) -> None:
        self.seed = require_count("seed", seed, at_least=0)
        require(self.seed < 2**63, "seed", "must be below 2**63", seed)
        self.stream = zlib.crc32(stream.encode())

    def normal(self, step: int, first: int, count: int, size: int) -> Tensor:
        """Return z for samples first..first+count-1 at `step`, float32 [count, size]."""
        return self.normals(step, 1, first, count, size)[0]

    def normals(
        self, step: int, steps: int, first: int, count: int, size: int,
        device: torch.device | str = "cpu",
    ) -> Tensor:  # fmt: skip
        """Return z of `steps` steps from `step` on, float32 [steps, count, size].

        They are those of `normal`; together they cost less, if the arrays are small. device:
        where they are wanted, and on CUDA made.
        """
        place = torch.device(device)
        if count == 0 or size == 0:
            return torch.empty(steps, count, size, device=place)
        blocks = -(-size // LANES)
        if place.type == "cuda":
            self._require_address(step, steps, first)
            key = self.seed, self.stream
            drawn = normals_on(key, step, steps, first * blocks, count * blocks, place)
            return drawn.view(steps, count, -1)[:, :, :size]
        z = box_muller(self._bits(step, steps, first * blocks, count * blocks * 4))
        return torch.from_numpy(z.reshape(steps, count, -1)[:, :, :size]).to(place)

    def uniform(self, step: int, first: int, count: int) -> np.ndarray:
        """Return one uniform in [0, 1) for each of these samples at `step`, float64 [count]."""
        words = self._bits(step, 1, first, count * 4).reshape(count, 4)[:, 0]
        return np.asarray((words >> np.uint64(11)) * 2.0**-53)

    def generators(self, first: int, count: int) -> list[torch.Generator]:
        """Return a generator of torch, on the CPU, for each sample first..first+count-1.

        For code that draws its noise itself, in whatever order.
        """
        generators = [torch.Generator() for _ in range(count)]
        for one, u in zip(generators, self.uniform(0, first, count), strict=True):
            one.manual_seed(int(u * 2.0**53))
        return generators

    def _bits(self, step: int, steps: int, first_block: int, words: int) -> np.ndarray:
        """Return `words` 64-bit words of each step, four a block, flat."""
        self._require_address(step, steps, first_block)
        key = np.array([self.seed, self.stream], dtype=np.uint64)
        counter = np.array([first_block, step, 0, 0], dtype=np.uint64)
        philox = np.random.Philox(key=key, counter=counter)
        parts = [philox.random_raw(words)]
        while len(parts) < steps:
            philox.advance(2**64 - words // 4)  # to the same block of the next step
            parts.append(philox.random_raw(words))
        return np.concatenate(parts) if steps > 1 else np.asarray(parts[0])

    def _require_address(self, step: int, steps: int, first: int) -> None:
        require_count("first", first, at_least=0)
        inside = step >= 0 and step + steps <= 2**32
        require(inside, "step", "must lie in 0..2**32 - 1", step)


class Ahead:
    """The normals [count, size] of steps 0..last, in any order that goes up.

    source, first: whose; like: a tensor of the device and type they are wanted in. Several steps
    are drawn at once while a step is small: the price of a call, to NumPy or of the kernels of a
    GPU, is then not paid for every step.
    """

    def __init__(
        self, source: NoiseSource, first: int, count: int, size: int, *, last: int, like: Tensor
    ) -> None:
        self.source, self.where, self.last = source, (first, count, size), last
        self.device, self.dtype = like.device, like.dtype
        most = AHEAD_CUDA if like.device.type == "cuda" else AHEAD
        self.most = max(1, most // max(1, count * size))
        self.begin, self.block = 0, torch.empty(0)

    def __call__(self, step: int) -> Tensor:
        """Return those of `step`, which may be overwritten."""
        if step >= self.begin + len(self.block):
            steps = max(1, min(self.most, self.last + 1 - step))
            self.begin = step
            drawn = self.source.normals(step, steps, *self.where, device=self.device)
            self.block = drawn.to(self.dtype)
        return self.block[step - self.begin]


def box_muller(words: np.ndarray) -> np.ndarray:
    """Return equation (1) of 64-bit words [4 n], float32 [n, LANES]; a block's first half is u."""
    pairs = words.view(QUAD).reshape(-1, 2)
    z = np.empty((len(pairs), LANES), np.float32)
    out = z.view(QUAD)
    for first in range(0, len(pairs), CHUNK):
        rows = slice(first, first + CHUNK)
        radius, angle = (_unit(pairs[rows, half]) for half in (0, 1))
        np.log(radius, out=radius)
        radius *= np.float32(-2)
        np.sqrt(radius, out=radius)
        angle *= np.float32(2 * np.pi)
        side = np.cos(angle)
        side *= radius
        out[rows, 0] = side.view(QUAD)
        np.sin(angle, out=angle)
        angle *= radius
        out[rows, 1] = angle.view(QUAD)
    return z


def _unit(quads: np.ndarray) -> np.ndarray:
    """Return the 32-bit words in these quads as uniforms in (0, 1], float32."""
    u = quads.copy().view(np.uint32).astype(np.float32)
    u += np.float32(0.5)
    u *= np.float32(2.0**-32)
    return u
