"""What the commands do for diffusers pipelines alone: guidance, texts, latents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..._checks import refuse, require
from ...denoise.pipelines.latents import encode_latents, latent_shape
from ...denoise.pipelines.pipeline import PipelineDenoiser
from ...denoise.pipelines.text import with_captions

if TYPE_CHECKING:
    from ...data import Dataset
    from ...denoise.base import Denoiser
    from ...denoise.facts import AutoencoderLoss


def guided(denoiser: Denoiser, weight: float) -> Denoiser:
    """Return a pipeline guided with this weight; 1 leaves any model as it is."""
    if weight == 1:
        return denoiser
    if not isinstance(denoiser, PipelineDenoiser):
        refuse("--guidance", "is for a diffusers pipeline", weight)
    return denoiser.guided(weight)


def captioned(
    denoiser: Denoiser, data: Sequence[Dataset | None], source: str, cache: Path
) -> Denoiser:
    """Return a pipeline that reads text with the texts of these data, others as they are.

    One that draws any size is made for the size of these pictures.
    """
    if getattr(denoiser, "text", None) is None:
        return denoiser
    assert isinstance(denoiser, PipelineDenoiser)
    first = next(part for part in data if part is not None)
    denoiser = denoiser.sized(latent_shape(denoiser, first.shape))
    counts: Counter[str] = Counter()
    for part in data:
        if part is not None:
            remedy = "Put a metadata.csv with file_name and text beside the pictures"
            require(part.labels is not None, source, "has no texts for this model", None, remedy)
            names = part.label_names
            counts.update(names[k] for k in part.labels)  # type: ignore[union-attr]
    names, shares = tuple(sorted(counts)), [counts[name] for name in sorted(counts)]
    return with_captions(denoiser, names, counts=shares, cache=cache)


def prompted(denoiser: Denoiser, prompt: str | None, shape: tuple[int, ...] = ()) -> Denoiser:
    """Return a pipeline that reads text with this prompt as its one label, others as they are.

    shape: of the items that were audited, for a network that draws any size.
    """
    if not isinstance(denoiser, PipelineDenoiser) or denoiser.text is None:
        return denoiser
    if prompt is None:
        remedy = "Or put the plan into the pipeline: girsanov export"
        refuse("--label", "must be the prompt to draw: this model reads text", None, remedy)
    return with_captions(denoiser.sized(shape or denoiser.shape), [prompt])


def latents_of(
    denoiser: PipelineDenoiser, data: Dataset, cache: Path
) -> tuple[Dataset, AutoencoderLoss | None]:
    """Return pictures as a latent pipeline's latents, and what that loses; others as they are."""
    if denoiser.vae is None or data.shape == denoiser.shape:
        return data, None
    return encode_latents(denoiser, data, cache=cache)
