"""Tiny pipelines with random weights, built from configurations; nothing is downloaded."""

import diffusers
import torch


def unet(channels=3, classes=None, out=None, seed=0):
    torch.manual_seed(seed)
    return diffusers.UNet2DModel(
        sample_size=8, in_channels=channels, out_channels=out or channels, norm_num_groups=4,
        block_out_channels=(8, 16), layers_per_block=1, num_class_embeds=classes,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    ).eval()  # fmt: skip


def dit(classes=5, out=8, seed=0):
    torch.manual_seed(seed)
    network = diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=out,
        num_layers=1, norm_num_groups=4, sample_size=4, patch_size=2, num_embeds_ada_norm=classes,
    ).eval()  # fmt: skip
    with torch.no_grad():  # its output layer starts at zero, which would test nothing
        for weight in network.parameters():
            weight.normal_(0, 0.2)
    return network


def vae(seed=0, shift=None):
    torch.manual_seed(seed)
    return diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4, sample_size=8,
        block_out_channels=(8, 8), scaling_factor=0.5, layers_per_block=1,
        shift_factor=shift,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ).eval()  # fmt: skip


def ddpm(channels=3, classes=None, out=None, **config):
    """A DDPM pipeline; `config` goes to its scheduler."""
    settings = {"clip_sample": False, "timestep_spacing": "trailing"} | config
    return diffusers.DDPMPipeline(
        unet(channels, classes, out), diffusers.DDPMScheduler(**settings)
    )


def class_latents():
    """A class-conditional latent pipeline with a learned variance head."""
    scheduler = diffusers.DDIMScheduler(clip_sample=False)
    names = {k: f"kind {k}" for k in range(5)}
    return diffusers.DiTPipeline(dit(), vae(), scheduler, id2label=names)


def conditional_unet(seed=0):
    torch.manual_seed(seed)
    return diffusers.UNet2DConditionModel(
        sample_size=4, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=4,
        block_out_channels=(8, 16), cross_attention_dim=16, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()  # fmt: skip


def joint_transformer(seed=0):
    torch.manual_seed(seed)
    network = diffusers.SD3Transformer2DModel(
        sample_size=4, patch_size=2, in_channels=4, out_channels=4, num_layers=1,
        attention_head_dim=8, num_attention_heads=2, joint_attention_dim=32,
        caption_projection_dim=16, pooled_projection_dim=32, pos_embed_max_size=4,
    ).eval()  # fmt: skip
    with torch.no_grad():  # its output layer starts at zero, which would test nothing
        for weight in network.parameters():
            weight.normal_(0, 0.2)
    return network


class _Letters(torch.nn.Module):
    """A text encoder: letters looked up, padded to twelve."""

    def __init__(self, width):
        super().__init__()
        torch.manual_seed(3)
        self.table = torch.nn.Embedding(128, width)
        self.calls = 0

    def forward(self, prompts):
        self.calls += len(prompts)
        rows = torch.tensor([[ord(c) % 128 for c in p[:12].ljust(12, "~")] for p in prompts])
        return self.table(rows)


class StableDiffusionPipeline:
    """What is asked of the pipeline of this name, without the package its encoders are from."""

    def __init__(self):
        self.encoder = _Letters(16)
        self.components = {
            "unet": conditional_unet(), "vae": vae(), "text_encoder": self.encoder,
            "scheduler": diffusers.PNDMScheduler(
                skip_prk_steps=True, beta_schedule="scaled_linear", prediction_type="epsilon"),
        }  # fmt: skip

    def encode_prompt(self, prompt, device, num_images_per_prompt, do_classifier_free_guidance):
        return self.encoder(prompt), None


class StableDiffusion3Pipeline:
    """As above, with pooled texts too."""

    def __init__(self):
        self.encoder = _Letters(32)
        self.components = {
            "transformer": joint_transformer(), "vae": vae(shift=0.1),
            "text_encoder": self.encoder, "text_encoder_2": None,
            "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        }  # fmt: skip

    def encode_prompt(self, prompt, prompt_2, prompt_3, device, do_classifier_free_guidance):
        told = self.encoder(prompt)
        return told, None, told.mean(dim=1), None


def _tokenizer(folder, transformers):
    """A tokenizer of letters, written and read as any."""
    import json

    letters = [chr(k) for k in range(97, 123)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(c + "</w>" for c in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    kind = transformers.CLIPTokenizer
    return kind(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=12)


def _clip(transformers, projection=False):
    torch.manual_seed(1)
    config = transformers.CLIPTextConfig(
        vocab_size=60, hidden_size=16, intermediate_size=16, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=12, projection_dim=16,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    kind = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return kind(config).eval()


def stable_diffusion(folder, transformers):
    """The real StableDiffusionPipeline, tiny."""
    return diffusers.StableDiffusionPipeline(
        vae=vae(), text_encoder=_clip(transformers), unet=conditional_unet(),
        tokenizer=_tokenizer(folder, transformers),
        safety_checker=None, feature_extractor=None,
        scheduler=StableDiffusionPipeline().components["scheduler"], requires_safety_checker=False,
    )  # fmt: skip


def stable_diffusion_3(folder, transformers):
    """The real StableDiffusion3Pipeline, tiny, without its optional third encoder."""
    tokenizer = _tokenizer(folder, transformers)
    return diffusers.StableDiffusion3Pipeline(
        transformer=joint_transformer(), scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae(shift=0.1), text_encoder=_clip(transformers, True), tokenizer=tokenizer,
        text_encoder_2=_clip(transformers, True), tokenizer_2=tokenizer,
        text_encoder_3=None, tokenizer_3=None,
    )  # fmt: skip


def sdxl_unet(seed=0):
    torch.manual_seed(seed)
    return diffusers.UNet2DConditionModel(
        sample_size=4, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=4,
        block_out_channels=(8, 16), cross_attention_dim=32, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 16,
    ).eval()  # fmt: skip


def flux_transformer(seed=0, **config):
    torch.manual_seed(seed)
    network = diffusers.FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=16,
        axes_dims_rope=(4, 2, 2), **config,
    ).eval()  # fmt: skip
    with torch.no_grad():  # rows and columns must matter, and the output not start small
        for weight in network.parameters():
            weight.normal_(0, 0.2)
    return network


def _t5(transformers):
    torch.manual_seed(2)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(k), -3.0) for k in range(97, 123)]
    tokenizer = transformers.T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=12)
    config = transformers.T5Config(
        vocab_size=32, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2
    )
    return tokenizer, transformers.T5EncoderModel(config).eval()


def stable_diffusion_xl(folder, transformers):
    """The real StableDiffusionXLPipeline, tiny."""
    tokenizer = _tokenizer(folder, transformers)
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(), text_encoder=_clip(transformers), text_encoder_2=_clip(transformers, True),
        tokenizer=tokenizer, tokenizer_2=tokenizer, unet=sdxl_unet(),
        scheduler=diffusers.EulerDiscreteScheduler(timestep_spacing="leading", steps_offset=1),
        add_watermarker=False,
    )  # fmt: skip


def flux(folder, transformers, guidance=True):
    """The real FluxPipeline, tiny, as the distilled one of 1024 pixels is configured."""
    words, encoder = _t5(transformers)
    made = diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, shift=3.0, base_image_seq_len=2, max_image_seq_len=16
        ),
        vae=vae(shift=0.1), text_encoder=_clip(transformers),
        tokenizer=_tokenizer(folder, transformers), text_encoder_2=encoder, tokenizer_2=words,
        transformer=flux_transformer(guidance_embeds=guidance),
    )  # fmt: skip
    made.default_sample_size = 4
    return made
