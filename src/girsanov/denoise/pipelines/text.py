"""What a pipeline that reads text tells its network: prompts, encoded once and looked up.

The captions of a data set are its labels. Each distinct one is encoded once by the pipeline's own
`encode_prompt`, and a batch is told the rows of its labels; without labels, that of the empty
prompt (zeros, where the pipeline says so), which is also what guidance pushes away from. An
argument within another is written with a dot: ``added_cond_kwargs.time_ids``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..._checks import need, refuse, require
from ..._files import read_tensors, sha256_of, write_tensors
from ..still import still
from .quiet import quietly

if TYPE_CHECKING:
    from ..._typing import Json, PathLike, Tensor
    from .pipeline import Conditions, PipelineDenoiser

TEXT = (
    "StableDiffusionPipeline",
    "StableDiffusion3Pipeline",
    "StableDiffusionXLPipeline",
    "FluxPipeline",
)
LIBRARIES = ("diffusers", "transformers", "stable_diffusion", None)
PROMPT_BATCH = 32  # prompts encoded at once
MOST_NUMBERS = 2**30  # numbers of all embeddings together: 4 GiB
OFF = ("safety_checker", "feature_extractor", "image_encoder")

XL = "StableDiffusionXLPipeline"
SIZES_INPUT = "added_cond_kwargs.time_ids"


class Text:
    """The text encoders of a pipeline: `encode`, and the fingerprint of their weights."""

    def __init__(self, pipe: Any) -> None:
        self.pipe, self.kind = pipe, type(pipe).__name__
        require(self.kind in TEXT, "pipeline", "that reads text must be of " + ", ".join(TEXT),
                self.kind)  # fmt: skip
        unet, wanted = pipe.components.get("unet"), "text_time" if self.kind == XL else None
        added = wanted if unet is None else unet.config.get("addition_embed_type")
        rule = f"of {self.kind} must have a unet with addition_embed_type {wanted}"
        require(added == wanted, "pipeline", rule, added)

    def encode(self, prompts: list[str]) -> dict[str, Tensor]:
        """Return what the network is told of these prompts, by the pipeline's own code."""
        encode, place = self.pipe.encode_prompt, self.place
        alone = {"device": place, "do_classifier_free_guidance": False}
        with still(*self.encoders.values()):
            if self.kind == "StableDiffusionPipeline":
                embedded, _ = encode(prompts, place, 1, False)
                return {"encoder_hidden_states": embedded}
            if self.kind == "FluxPipeline":
                embedded, pooled, _ = encode(prompts, None, device=place)
            elif self.kind == "StableDiffusion3Pipeline":
                embedded, _, pooled, _ = encode(prompts, None, None, **alone)
            else:
                embedded, _, pooled, _ = encode(prompts, None, **alone)
                return {"encoder_hidden_states": embedded, **self._added(pooled)}
            return {"encoder_hidden_states": embedded, "pooled_projections": pooled}

    def empty(self) -> dict[str, Tensor]:
        """Return what the network is told without a prompt, one row."""
        encoded = self.encode([""])
        if not self.zeros:
            return encoded
        return {k: v if k == SIZES_INPUT else torch.zeros_like(v) for k, v in encoded.items()}

    @property
    def zeros(self) -> bool:
        """Whether no prompt is zeros to this pipeline, not what its encoders make of nothing."""
        return self.kind == XL and bool(self.pipe.config.get("force_zeros_for_empty_prompt"))

    def _added(self, pooled: Tensor) -> dict[str, Tensor]:
        """Return the pooled texts and the sizes (original, crop, target) that SDXL is told."""
        sizes = torch.tensor([[self.side, self.side, 0, 0, self.side, self.side]])
        return {"added_cond_kwargs.text_embeds": pooled, SIZES_INPUT: sizes.expand(len(pooled), 6)}

    @property
    def side(self) -> int:
        """The height and width of a picture that SDXL draws by default."""
        size = self.pipe.components["unet"].config["sample_size"]
        return int(size) * int(self.pipe.vae_scale_factor)

    @property
    def place(self) -> torch.device:
        """Where the first text encoder is."""
        first: Tensor = next(next(iter(self.encoders.values())).parameters())
        return first.device

    @property
    def encoders(self) -> dict[str, Any]:
        """The text encoders by name."""
        parts = sorted(self.pipe.components.items())
        return {k: v for k, v in parts if k.startswith("text_encoder") and v is not None}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the weights of the encoders, and of what else `encode` tells."""
        parts: list[bytes | str | np.ndarray] = [self.kind]
        parts += [str((self.zeros, self.side))] if self.kind == XL else []
        for name, encoder in self.encoders.items():
            for key, value in sorted(encoder.state_dict().items()):
                raw = value.detach().cpu().contiguous().reshape(-1)
                parts += [name, key, str(value.dtype), raw.view(torch.uint8).numpy()]
        return sha256_of(*parts)


def text_of(folder: Path, index: Json, loaded: Json, dtype: torch.dtype | None) -> Text:
    """Return the text encoders of a pipeline folder; loaded: its parts that are there already.

    From safetensors and this disk only, and of diffusers' and transformers' own classes.
    """
    name = str(index.get("_class_name"))
    need("transformers", "text")
    for part, entry in index.items():
        if isinstance(entry, list):
            rule = "must be of diffusers or transformers"
            require(bool(entry) and entry[0] in LIBRARIES, f"{folder}: {part}", rule, entry)
    absent = {part: None for part, entry in index.items() if entry == [None, None]}
    options: Json = {**{part: None for part in OFF if part in index}, **absent, **loaded}
    options |= {} if dtype is None else {"torch_dtype": dtype}
    kind = getattr(need("diffusers", "diffusers"), name)
    pipe = quietly(folder, lambda: kind.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, **options))  # fmt: skip
    return Text(pipe)


def with_captions(
    model: PipelineDenoiser,
    captions: Sequence[str] = (),
    *,
    counts: Sequence[float] | None = None,
    cache: PathLike | None = None,
) -> PipelineDenoiser:
    """Return the denoiser with these prompts as its labels, in their order.

    captions: distinct; counts: how often each occurs (default: alike); cache: a folder that
    keeps embeddings under a name of the fingerprints of encoder and captions. The network is
    shared, and the fingerprint its own. Raises InputError for a model that reads no text.
    """
    if model.text is None:
        refuse("model", "must be a pipeline that reads text, to be given captions")
    names = tuple(captions)
    require(len(set(names)) == len(names), "captions", "must be distinct", None)
    copied = copy.copy(model)
    copied.label_names, copied.classes = names, len(names)
    shares = [1.0] * len(names) if counts is None else [float(n) for n in counts]
    copied.training = {**model.training, "label_shares": shares}
    copied.conditions = _text_conditions(_embedded(model.text, names, cache), len(names))
    return copied


def _embedded(text: Text, names: tuple[str, ...], cache: PathLike | None) -> dict[str, Tensor]:
    """Return the embeddings [K + 1, ...] of the captions and, last, of the empty prompt."""
    file = None
    if cache is not None and names:
        key = sha256_of("captions", text.fingerprint, *names)
        file = Path(cache) / f"captions-{key[:24]}.safetensors"
        if file.is_file():
            return {k: torch.from_numpy(v) for k, v in read_tensors(file).items()}
    parts, batches = (
        [],
        [list(names[k : k + PROMPT_BATCH]) for k in range(0, len(names), PROMPT_BATCH)],
    )
    for batch in [*batches, []]:
        embedded = text.encode(batch) if batch else text.empty()
        part = {k: v.float().cpu() for k, v in embedded.items()}
        size = sum(v[0].numel() for v in part.values()) * (len(names) + 1)
        require(size <= MOST_NUMBERS, "captions", "must be fewer: their embeddings take "
                f"{size * 4 / 2**30:.0f} GiB", len(names), "Give fewer pictures")  # fmt: skip
        parts.append(part)
    whole = {k: torch.cat([part[k] for part in parts]) for k in parts[0]}
    if file is not None:
        write_tensors(file, {k: v.numpy() for k, v in whole.items()})
    return whole


def _text_conditions(table: dict[str, Tensor], null: int) -> Conditions:
    def tell(label: Tensor | None, count: int, like: Tensor) -> Json:
        rows = torch.full((count,), null) if label is None else label.cpu()
        out: Json = {}
        for name, values in table.items():
            *outer, inner = name.split(".")
            place = out.setdefault(outer[0], {}) if outer else out
            place[inner] = values[rows].to(like.device, like.dtype)
        return out

    return tell
