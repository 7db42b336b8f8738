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


def vae(seed=0):
    torch.manual_seed(seed)
    return diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4, sample_size=8,
        block_out_channels=(8, 8), scaling_factor=0.5, layers_per_block=1,
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
