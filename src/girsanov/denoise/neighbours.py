r"""What the training examples say by themselves: the posterior mean of a smoothed point cloud.

With examples x_i, each a Gaussian of variance h^2 a coordinate, the data's law is taken for

    q = 1/n sum_i N(x_i, h^2),
    m(x, s) = sum_i w_i [x_i + k (x - x_i)],    k = h^2 s/(1 + h^2 s),                     (1)
    w = softmax_i( -|x - x_i|^2 / (2 (h^2 + 1/s)) ),

h the width under which each example is likeliest by the others (Habbema, Hermans and van den
Broek 1974). No network is called. It is a poor denoiser at fine noise and a good one where noise
hides all but a few examples, so that a network which does worse there has something to learn: as
a reference of the audit (`score_error/lower_bound.py`) it proves so.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import require
from .base import Denoiser, process_of, told_of

if TYPE_CHECKING:
    from .._typing import Tensor

POINTS = 4096  # examples that are kept, at most
NUMBERS = 2**23  # and numbers in them, 32 MiB
COMPARED = 512  # examples whose likelihood chooses the width
ODDS = 4000.0  # to one against that an honest cloud is taken for one with copies
WIDTHS = np.geomspace(1e-3, 1.0, 25)  # h over the data's deviation a coordinate


class Neighbours:
    """The denoiser (1) in the units, shape and labels of a `model`.

    x: training examples [n, *shape]; label: their classes [n], which a model with classes needs;
    width: h in standardised units, by default as above.
    """

    exact = False

    def __init__(
        self, model: Denoiser, x: Tensor, label: Tensor | None = None, width: float | None = None
    ) -> None:
        require(len(x) >= 2, "x", "must hold 2 examples or more", len(x))
        self.shape, self.dtype, self.device = model.shape, model.dtype, model.device
        self.classes, self.snr_range = model.classes, model.snr_range
        self.label_names = tuple(getattr(model, "label_names", ()))
        self.standardisation = getattr(model, "standardisation", None)
        flat = x.reshape(len(x), -1).double().to(self.device)
        # in units of the cloud's own, in which squares of 32 bits neither cancel nor overflow
        self.centre = flat.mean(dim=0)
        self.scale = float(flat.var(dim=0, correction=0).mean()) ** 0.5 or 1.0
        self.points = ((flat - self.centre) / self.scale).float()
        self.half_squares = self.points.square().sum(1) / 2
        self.label = None if label is None else label.to(self.device)
        self.width = likeliest_width(self.points) if width is None else width / self.scale
        digest = hashlib.sha256(flat.cpu().numpy().tobytes())
        digest.update(repr((self.width, None if label is None else label.tolist())).encode())
        self.fingerprint = digest.hexdigest()

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return (1) for x [B, *shape] at `snr` (float or [B]), of the examples so labelled."""
        flat = ((x.reshape(len(x), -1).double() - self.centre) / self.scale).float()
        s = torch.as_tensor(snr, dtype=torch.float64, device=self.device).reshape(-1, 1)
        s = s * self.scale**2
        k = (self.width**2 * s / (1 + self.width**2 * s)).float()
        # |x|^2 is the same for every example
        near = flat @ self.points.T - self.half_squares
        near = near * (s / (1 + self.width**2 * s)).float()
        if label is not None and self.label is not None:
            other = label.to(self.device)[:, None] != self.label
            near = near.masked_fill(other & ~other.all(dim=1, keepdim=True), -math.inf)
        mean = torch.softmax(near, dim=1) @ self.points
        guess = self.centre + self.scale * ((1 - k) * mean + k * flat).double()
        return guess.reshape(x.shape).to(x.dtype)


def copied(cloud: Tensor, audited: Tensor) -> str:
    """Return why rows [m, d] may not be audited beside a cloud [n, d] of others, "" if they may.

    A row that is in the cloud, or all but, is told its own answer. Of rows that are independent,
    one in the cloud is as far from its nearest as one that is audited: that c of m audited rows
    are nearer than any two of n in the cloud are has a chance of about (m/(m + n))^c.
    """
    inside = {row.tobytes() for row in cloud.numpy()}
    same = sum(row.tobytes() in inside for row in audited.numpy())
    if same:
        return f"{same} of {len(audited)} audited rows are among them"
    some, rows = cloud[:COMPARED].float(), audited[:COMPARED].float()
    own = torch.cdist(some, cloud.float()).fill_diagonal_(math.inf)
    near = int((torch.cdist(rows, cloud.float()).amin(dim=1) < own.amin()).sum())
    if near < math.log(ODDS) / math.log1p(len(some) / len(rows)):
        return ""
    return f"{near} of {len(rows)} audited rows are all but among them"


def can_stand_beside(model: Denoiser) -> bool:
    """Return whether (1) says anything of this model: it has a data law, not one of each y."""
    if told_of(model) is not None:
        return False
    return process_of(model) == "vp" and getattr(model, "guidance", 1.0) == 1 and not model.exact


def most_points(shape: tuple[int, ...]) -> int:
    """Return how many examples of this shape are kept."""
    return max(2, min(POINTS, NUMBERS // math.prod(shape)))


def likeliest_width(points: Tensor) -> float:
    """Return the h that makes each of the first examples likeliest by the others."""
    some = points[:COMPARED]
    square = torch.cdist(some, points).double().square()
    square.fill_diagonal_(math.inf)
    spread = float(points.var(dim=0, correction=0).mean()) ** 0.5
    d, best = points.shape[1], (-math.inf, 0.0)
    for h in (spread * WIDTHS).tolist() if spread else ():
        likelihood = float((torch.logsumexp(-square / (2 * h**2), dim=1) - d * math.log(h)).sum())
        best = max(best, (likelihood, h))
    return best[1]
