"""Which rows a model misses most, where a few of them decide an audit: to be looked at.

Of the group of examples that carries the error where the audit is in doubt (`doubts.py`), each is
noised once more and shown to the model, one call each.
"""

from __future__ import annotations

import numpy as np
import torch

from ..data import Dataset
from ..data.lineage import lineage_rows
from ..denoise.base import Denoiser, around, is_told, per_call, process_of
from ..error_curve.curve import GROUPS, Curve, Examples
from ..error_curve.doubts import doubts
from ..noise import NoiseSource
from .brownian_path import Answers, Batch, call
from .examples import Part

NAMED = 3  # rows, at most
SHARE = 0.1  # of the group's error that a row must carry to be named
MOST_EXAMPLES = 4096  # examples looked at, at most


def suspected(denoiser: Denoiser, source: Examples, curve: Curve, seed: int) -> tuple[int, ...]:
    """Return the rows that carry most of the error where a curve is in doubt.

    Row numbers are those of the file, from 0. Empty where nothing is in doubt, for a law, which
    has no rows, and in phase space.
    """
    doubt = next((d for d in doubts(curve) if d.few), None)
    if doubt is None or process_of(denoiser) != "vp" or not isinstance(source, Dataset | Part):
        return ()
    snr = float(curve.levels[1 + doubt.level])
    rows, size = (
        np.arange(doubt.group, len(source), GROUPS)[:MOST_EXAMPLES],
        per_call(denoiser, 512),
    )
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]
    loss = np.concatenate([_losses(denoiser, source, part, snr, seed) for part in parts])
    worst = np.argsort(-loss, kind="stable")[:NAMED]
    named = rows[worst[loss[worst] >= SHARE * loss.sum()]]
    while isinstance(source, Part):
        named, source = source.order[named], source.examples
    if not isinstance(source, Dataset):  # samples of the model's own are nobody's rows
        return ()
    return tuple(int(row) for row in lineage_rows(source.lineage)[named])


def _losses(
    denoiser: Denoiser, source: Dataset | Part, rows: np.ndarray, snr: float, seed: int
) -> np.ndarray:
    """Return |x0 - m|^2 of some examples, each noised once at this SNR."""
    x0 = source.batch(rows).to(around(denoiser)).to(denoiser.device)
    label = source.batch_labels(rows) if is_told(denoiser) else None
    normal = NoiseSource(seed, "audit suspects").normal(0, 0, len(rows), x0[0].numel())
    batch = Batch(x0, label, 0, Answers())
    m = call(denoiser, batch, (normal.to(x0) / snr**0.5, None), snr)
    loss: np.ndarray = torch.square(x0.flatten(1) - m).sum(1).double().cpu().numpy()
    return loss
