"""A tiny pipeline, its audit and plans, for the tests of what is put back into diffusers."""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parent.parent / "denoise"))

import pipelines

import girsanov as gv

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


__all__ = ["SHAPE", "Spy", "audited", "images", "pipelines", "snrs"]
