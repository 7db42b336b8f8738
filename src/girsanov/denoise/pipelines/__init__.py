"""What the pipelines of diffusers hold: networks, schedules, texts and latents."""
