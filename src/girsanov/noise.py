r"""Noise that belongs to the sample: sample i under seed S is the same in every batch.

A Philox counter is addressed as (seed, stream, step) x (sample i, block of 8 coordinates), and
its 32-bit words become normals by Box and Muller (1958),

    z = sqrt(-2 log u) (cos 2 pi v, sin 2 pi v),    u, v uniform,                        (1)

which consumes a fixed number of words a sample, so any slice of samples can be drawn alone.
Drawn on the CPU in float32 whatever the dtype and device of the run.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

from ._checks import require, require_count
from ._typing import Tensor

LANES = 8  # normals a Philox block of four 64-bit words yields


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
        if count == 0 or size == 0:
            return torch.empty(count, size)
        blocks = -(-size // LANES)
        words = self._bits(step, first * blocks, count * blocks * 4).view(np.uint32)
        u = words.astype(np.float32).reshape(count * blocks, 2, LANES // 2)
        u += np.float32(0.5)
        u *= np.float32(2.0**-32)
        radius = np.sqrt(np.float32(-2) * np.log(u[:, 0]))
        angle = u[:, 1] * np.float32(2 * np.pi)
        z = np.empty((count * blocks, LANES), np.float32)
        np.multiply(radius, np.cos(angle), out=z[:, : LANES // 2])
        np.multiply(radius, np.sin(angle), out=z[:, LANES // 2 :])
        return torch.from_numpy(z.reshape(count, -1)[:, :size])

    def uniform(self, step: int, first: int, count: int) -> np.ndarray:
        """Return one uniform in [0, 1) for each of these samples at `step`, float64 [count]."""
        words = self._bits(step, first, count * 4).reshape(count, 4)[:, 0]
        return np.asarray((words >> np.uint64(11)) * 2.0**-53)

    def _bits(self, step: int, first_block: int, words: int) -> np.ndarray:
        require_count("first", first_block, at_least=0)
        # a step of 33 bits would run into the key's half that separates the streams
        require(0 <= step < 2**32, "step", "must lie in 0..2**32 - 1", step)
        key = np.array([self.seed, (self.stream << 32) | step], dtype=np.uint64)
        counter = np.array([first_block, 0, 0, 0], dtype=np.uint64)
        return np.asarray(np.random.Philox(key=key, counter=counter).random_raw(words))
