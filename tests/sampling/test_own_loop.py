"""The loop that the page on samplers shows: with the normals of `sample`, its very samples."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.noise import NoiseSource

PAGE = Path(__file__).parents[2] / "docs" / "samplers.md"


def shown_loop():
    (code,) = re.findall(
        r"```python\n(import torch\n\ndef run\(.*?\n)\nplan, exact", PAGE.read_text(), re.S
    )
    names = {}
    exec(code, names)
    return names["run"]


@pytest.mark.parametrize(
    "sampler", ["analytic-dpm", "ddpm", "ei-score", "ddim", "heun", "dpmpp-2m"]
)
def test_the_shown_loop_is_the_sampler(sampler, monkeypatch):
    law = gv.GaussianMixture(
        [0.3, 0.7], [[-1.5, 0.2, 1.0], [1.0, 0.5, -0.4]], [0.04, 0.15]
    )  # skewed and off the origin
    denoiser = gv.ExactDenoiser(law)
    audit = gv.audit(denoiser, law, examples=64, levels=17, trajectories=16)
    plan, normals = audit.plan(steps=5, sampler=sampler), NoiseSource(3, "sample")
    steps = iter(range(1, 99))
    monkeypatch.setattr(
        torch, "randn_like", lambda x: normals.normal(next(steps), 0, *x.shape).to(x)
    )
    z = normals.normal(0, 0, 40, 3).to(denoiser.dtype)
    got = shown_loop()(denoiser, plan.recipe(), z)
    want = gv.sample(denoiser, plan, 40, seed=3)
    np.testing.assert_allclose(got.numpy(), np.asarray(want), rtol=1e-4, atol=1e-4)
