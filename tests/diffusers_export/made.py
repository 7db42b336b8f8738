"""A tiny pipeline, its audit and plans, for the tests of what is put back into diffusers."""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parent.parent / "denoise"))


import pipelines

import girsanov as gv
from girsanov.sampling.loop import coloured

SHAPE = (3, 8, 8)


def images(count=64, seed=0):
    """Skewed, off-centre images in which neighbouring pixels agree."""
    rng = np.random.default_rng(seed)
    coarse = rng.gamma(2.0, 40.0, (count, 4, 4, 3))
    fine = np.kron(coarse, np.ones((1, 2, 2, 1))) + rng.normal(0, 8, (count, 8, 8, 3))
    return np.clip(fine, 0, 255).astype(np.uint8)


def audited(pipe, **options):
    """The denoiser of a live pipeline and its audit."""
    model = gv.from_pipeline(pipe)
    data, train = gv.load_data(images(48)), gv.load_data(images(64, seed=1))
    return model, gv.audit(model, data, train=train, levels=17, **{"draws": 1, **options})


class Spy(torch.nn.Module):
    """A network that notes the times it is called at, and is otherwise the one inside."""

    def __init__(self, network):
        super().__init__()
        self.inside, self.times, self.inputs = network, [], []
        self.config, self.dtype, self.device = network.config, network.dtype, network.device

    def forward(self, x, timestep, **told):
        self.times.append(float(torch.as_tensor(timestep).reshape(-1)[0]))
        self.inputs.append(x)
        return self.inside(x, timestep, **told)


def snrs(model, times):
    """The trained SNRs of these timesteps."""
    known = dict(zip(model.clock.times.tolist(), model.levels.tolist(), strict=True))
    return np.array([known[t] for t in times])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def loop(scheduler, network, z, generator=None, scaled=True, states=None):
    """The loop that every pipeline is, with `scale_model_input` or without; states: to note."""
    x = z * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t) if scaled else x
        x = scheduler.step(network(seen, t).sample, t, x, generator=generator).prev_sample
        if states is not None:
            states.append(x)
    return x


def walked(model, recipe, z, noises):
    """Every state of a recipe on the denoiser itself, x of its equations, with these noises."""
    d = z[0].numel()
    x = coloured(z.reshape(-1, d).clone(), recipe.start_noise, recipe.start_basis)
    x = x + torch.as_tensor(recipe.mean).to(x)
    before, states = None, []
    for step in recipe.steps:
        m = model(x.view(z.shape), step.snr).reshape(-1, d)
        x = step.state * x + step.prediction * m
        x = x + (step.history * before if step.history else 0.0)
        if np.any(step.noise):
            x = x + coloured(next(noises).reshape(-1, d).clone(), step.noise, step.basis)
        before = m
        states.append(x.view(z.shape))
    return states


def by_hand(model, recipe, z, noises):
    """What a recipe draws on the denoiser itself, with these noises."""
    return walked(model, recipe, z, noises)[-1]


__all__ = [
    "SHAPE", "Spy", "audited", "by_hand", "images", "loop", "pipelines", "seeded", "snrs",
    "walked",
]  # fmt: skip
