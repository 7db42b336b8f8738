r"""The random numbers of noise.py, made on a GPU: the same words, one kernel an operation.

Philox 4x64-10 (Salmon, Moraes, Dror and Shaw, 2011), as NumPy has it. A counter c of four 64-bit
words goes ten times through

    (h0, l0) = M0 c0,  (h2, l2) = M1 c2,  c <- (h2 ^ c1 ^ k0, l2, h0 ^ c3 ^ k1, l0),      (1)

h and l the high and low 64 bits, with k0 and k1 raised by W0 and W1 before every round but the
first. Block j of a stream is counter (j + 1, step, 0, 0) under key (seed, stream). torch has no
unsigned 64-bit product: 64 bits are those of an int64, and h is put together of 32-bit halves,

    t = a1 m0 + hi(a0 m0),  u = a0 m1 + lo(t),  h = a1 m1 + hi(t) + hi(u),                (2)

none of which is above 64 bits. Both products of a round are one tensor: a kernel for each of the
twenty operations of a round, since to start them is what a small block costs. Words, and the
uniforms made of them, are those of the CPU to the bit; their logarithm, root, sine and cosine are
the device's own, so normals agree to rounding (about 1e-6).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ._typing import Tensor

M0, M1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157
W0, W1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
CHUNK = 2**19  # blocks at once: eight bytes of each are needed a dozen times on the way
Key = tuple[int, int]
ROUNDS, LOW, WORD = 10, 2**32 - 1, 2**64


def normals(
    key: Key, step: int, steps: int, first: int, blocks: int, device: torch.device
) -> Tensor:
    """Return the normals of blocks first..first+blocks-1 of each step, float32 [steps, blocks, 8].

    key: seed and stream.
    """
    out = torch.empty(steps, blocks, 8, device=device)
    size = max(1, CHUNK // steps)
    for begin in range(0, blocks, size):
        part = out[:, begin : begin + size]
        part.copy_(
            box_muller_on_device(words(key, step, steps, first + begin, part.shape[1], device))
        )
    return out


def words(
    key: Key, step: int, steps: int, first: int, blocks: int, device: torch.device
) -> Tensor:
    """Return the words of `blocks` blocks of each step, int64 [steps, blocks, 4]."""
    low, high, whole = _multipliers(device)
    raised = [
        [_signed(k + i * w) for k, w in zip(key, (W0, W1), strict=True)] for i in range(ROUNDS)
    ]
    keys = torch.tensor(raised, device=device)[:, :, None, None]
    even, odd = torch.zeros(2, 2, steps, blocks, dtype=torch.int64, device=device)
    even[0] = torch.arange(first + 1, first + 1 + blocks, device=device)
    odd[0] = torch.arange(step, step + steps, device=device)[:, None]
    for k in keys:  # even: c0 and c2, odd: c1 and c3
        a = even.flip(0)
        even, odd = _upper(a, low, high) ^ odd ^ k, a * whole
    return torch.stack((even[0], odd[0], even[1], odd[1]), dim=-1)


@cache  # on a GPU each would be copied there, and waited for, at every call
def _multipliers(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the lower and upper halves of M1 and M0, and both as they are, [2, 1, 1] each."""
    both = (M1, M0)  # of c2 and c0, in the order of the words that they make
    rows = ([m & LOW for m in both], [m >> 32 for m in both], [_signed(m) for m in both])
    low, high, whole = torch.tensor(rows, device=device)[:, :, None, None]
    return low, high, whole


def _signed(value: int) -> int:
    """Return the int64 with the low 64 bits of `value`."""
    low = value % WORD
    return low - WORD if low >= WORD // 2 else low


def _upper(a: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the high 64 bits of a m, both unsigned, by equation (2); low, high: of m."""
    a0, a1 = a & LOW, _high(a)
    t = torch.addcmul(_high(a0 * low), a1, low)
    u = torch.addcmul(t & LOW, a0, high)
    return torch.addcmul(_high(t), a1, high) + _high(u)


def _high(a: Tensor) -> Tensor:
    """Return the upper 32 bits, as a number from 0 on."""
    return (a >> 32) & LOW


def box_muller_on_device(bits: Tensor) -> Tensor:
    """Return equation (1) of noise.py of words [..., 4], float32 [..., 8]."""
    halves = torch.stack((bits & LOW, _high(bits)), dim=-1)  # the low 32 bits come first
    u = (halves.float() + 0.5) * 2.0**-32
    radius = (u[..., :2, :].log() * -2).sqrt()
    angle = u[..., 2:, :] * (2 * math.pi)
    z = torch.stack((angle.cos() * radius, angle.sin() * radius), dim=-3)
    return z.flatten(-3)
