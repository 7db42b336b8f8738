r"""A model's own samples in place of held-out data: `audit --no-data`.

They are drawn by Heun's method on the probability flow over the whole range of the model,

    s_k^(-1/14) linear in k = 1..K    (Karras et al. 2022, rho = 7), the last prediction taken, (1)

2 K - 1 network calls each, and brought to values that the data could have had, as `sample` writes
them. What is then measured is relative to the model's own distribution: the curve M(s) of these
samples, and what steps and levels cost a sampler of it. Of the model's error they say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import require
from .._files import sha256_of
from ..data.standardise import ImageStandardisation, Standardisation
from ..denoise.base import is_told, process_of, told_of
from ..noise import NoiseSource
from ..sampling.grids import karras_grid
from ..sampling.loop import sample_standardised
from ..sampling.registry import ode_recipe
from ..sampling.sample import proportional_labels
from .facts import RELATIVE_TO_ITSELF
from .model_record import moved_to_trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._typing import Progress, Tensor
    from ..data.layouts import Layout
    from ..denoise.base import Denoiser
    from ..sampling.sampler import Start

OWN_EXAMPLES = 1000
FINE_LEVELS = 48  # K of (1)
FINE_CALLS = 2 * FINE_LEVELS - 1  # network calls a sample
FIRST_OWN = 2**41  # samples from here on are drawn by nothing else
SAYS = f"all numbers are {RELATIVE_TO_ITSELF}: they say nothing of the model's error"
EACH_AS_OFTEN = "every class was drawn as often: how often each occurs was not recorded"


@dataclass(frozen=True)
class OwnSamples:
    """Samples that a model drew, in its units: x [n, *shape], labels [n], [n, p] or None.

    note: what was assumed to draw them, "" if nothing; units: in which they are written, if known.
    """

    x: Tensor
    labels: Tensor | None
    note: str
    fingerprint: str
    units: Standardisation | None
    name: str = "its own samples"

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.x)

    def notes(self) -> tuple[str, ...]:
        """Return what an audit of them cannot say, and what was assumed."""
        return tuple(filter(None, (SAYS, self.note)))

    def batch(self, rows: slice | NDArray[np.int64]) -> Tensor:
        """Return the samples of these rows."""
        return self.x[rows]

    def batch_labels(self, rows: slice | NDArray[np.int64]) -> Tensor | None:
        """Return what they were drawn given."""
        return None if self.labels is None else self.labels[rows]


def own_samples(
    denoiser: Denoiser, count: int, seed: int, batch_size: int | None, progress: Progress | None
) -> OwnSamples:
    """Return `count` samples by (1): sample i is the same under one seed for every count.

    Raises InputError for a model of phase space, a guided one, and one that reads texts.
    """
    rule = "is not for a model trained in phase space (process cld), which has no probability flow"
    require(process_of(denoiser) == "vp", "no_data", rule)
    guided = getattr(denoiser, "guidance", 1.0)
    rule = "is not for a guided field, which is the denoiser of no distribution, nor of its own"
    require(guided == 1.0, "no_data", rule, guided)
    rule = "is not for a model that reads texts: there are none to draw for. Give captioned data"
    require(getattr(denoiser, "text", None) is None, "no_data", rule)
    grid = moved_to_trained(denoiser, karras_grid(*denoiser.snr_range, FINE_LEVELS))
    labels, note = _labels(denoiser, count, seed)
    x = sample_standardised(
        denoiser, ode_recipe("heun", grid, start=_start(denoiser, float(grid[0]))), count,
        seed=seed, first=FIRST_OWN, batch_size=batch_size, label=labels, progress=progress,
    ).cpu()  # fmt: skip
    units = own_units(denoiser)
    if units is not None and told_of(denoiser) is None:  # as they would be written and read
        x = torch.from_numpy(units.encode(units.decode(x.numpy())))
    mark = sha256_of("own samples", denoiser.fingerprint, str(seed), str(count))
    return OwnSamples(x, labels, note, mark, units)


def own_units(denoiser: Denoiser) -> Standardisation | None:
    """Return the units in which a model's samples are written: its own, or 8-bit pictures.

    None of one that knows none, such as a network of latents.
    """
    own: Standardisation | None = getattr(denoiser, "standardisation", None)
    pictures = hasattr(denoiser, "vae") and denoiser.vae is None and denoiser.shape[0] in (1, 3)
    if own is not None or not pictures:
        return own
    channels, *sides = denoiser.shape
    example = (*sides, channels) if channels > 1 else tuple(sides)
    layout: Layout = "hwc" if channels > 1 else "hw"
    return ImageStandardisation(example, layout, np.dtype(np.uint8), 0.0, 255.0)


def _start(denoiser: Denoiser, snr: float) -> Start:
    """Return the Gaussian to start from: of the model's moments, or standard where it has none."""
    moments = getattr(denoiser, "moments", None)
    if moments is None:
        return 0.0, float(np.sqrt(1 + 1 / snr)), None
    return moments.mean, np.sqrt(moments.variances + 1 / snr), moments.basis


def _labels(denoiser: Denoiser, count: int, seed: int) -> tuple[Tensor | None, str]:
    """Return what each sample is drawn given, and what was assumed of it."""
    recorded = getattr(denoiser, "training", {}).get("label_shares")
    if not is_told(denoiser) or told_of(denoiser) is not None or recorded is not None:
        return proportional_labels(denoiser, count, seed), ""
    draws = NoiseSource(seed, "label").uniform(0, 0, count) * denoiser.classes
    return torch.from_numpy(draws.astype(np.int64)), EACH_AS_OFTEN
