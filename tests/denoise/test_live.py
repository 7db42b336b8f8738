"""Networks in the middle of training: an audit changes nothing of the caller's."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import girsanov as gv
from girsanov._checks import InputError
from girsanov.denoise.arithmetic import in_precision
from girsanov.denoise.facts import DiffusersScheduler
from girsanov.denoise.pipelines.own_schedulers import own_batches, own_schedulers
from girsanov.sampling.options import BatchOptions

sys.path.append(str(Path(__file__).parent))

import pipelines

HALF_PRECISION = torch.bfloat16


class Own(nn.Module):
    """A network of one's own with dropout, batch norm, and a table that it keeps once made."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), nn.SiLU(), nn.Dropout(0.5), nn.Linear(16, 2)
        )
        self.table, self.fails_at, self.calls = None, 0, 0

    def forward(self, x, t):
        self.calls += 1
        if self.calls == self.fails_at:
            raise ValueError("out of luck")
        if self.table is None:
            self.table = 1 + 0 * x.mean()
        return self.body(x / (1 + t[:, None] ** 2) ** 0.5) * self.table


def trained(network):
    """Return the network as somebody has it in the middle of training: of mixed modes."""
    network.train()
    parts = list(network.children())
    parts[0].eval()
    next(parts[-1].parameters()).requires_grad_(False)
    return network


def unet():
    """A U-Net with dropout, and batch norm at its end."""
    network = pipelines.unet(1)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    network.conv_out = nn.Sequential(network.conv_out, nn.BatchNorm2d(1))
    return network


def live(network):
    """Return the denoiser of a live pipeline with this network."""
    scheduler = pipelines.diffusers.DDPMScheduler(clip_sample=False)
    return gv.from_pipeline(pipelines.diffusers.DDPMPipeline(network, scheduler))


def wrapped(network):
    return gv.wrap(network, (2,), times=(0.01, 30.0))


MADE = {"pipeline": (unet, live, (1, 8, 8)), "own": (Own, wrapped, (2,))}


def pictures(shape, count=120):
    rng = np.random.default_rng(1)
    return gv.load_data(rng.uniform(-1, 1, (count, *shape)).astype(np.float32))


def state(network):
    """Return what is the caller's: modes, weights, gradients, hooks, random and global state."""
    numpy = np.random.get_state()  # noqa: NPY002
    modules, weights = list(network.modules()), list(network.parameters())
    return {
        "modes": [m.training for m in modules],
        "needs gradients": [w.requires_grad for w in weights],
        "gradients": [None if w.grad is None else w.grad.tolist() for w in weights],
        "weights": {k: (v.dtype, v.device, v.tolist()) for k, v in network.state_dict().items()},
        "identity": [id(w) for w in weights],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in modules],
        "random": (torch.get_rng_state().tolist(), numpy[1].tolist(), numpy[2], random.getstate()),
        "global": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
                   torch.get_default_dtype(), torch.get_num_threads()),
    }  # fmt: skip


def everything(model, data):
    """Audit, plan, sample, compare and judge by samples."""
    options = dict(examples=80, levels=5, draws=1, trajectories=16)
    audit = gv.audit(model, data, **options)
    plan = audit.plan(steps=3)
    gv.compare(gv.sample(model, plan, 50), data)
    gv.sample(model, audit.plan(steps=3, sampler="ddim"), 2)
    gv.tournament(audit, model, data, candidates=["analytic-dpm", "ddim"], calls=9000, steps=3)
    return audit


def one_step(network, optimiser, shape):
    x0 = torch.randn(8, *shape) * np.random.uniform(0.5, 1.5)  # noqa: NPY002
    answer = network(x0, torch.randint(1, 900, (8,)))
    loss = (getattr(answer, "sample", answer) - random.random()).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@pytest.mark.parametrize("kind", MADE)
def test_training_goes_on_bit_for_bit_as_without_an_audit(kind):
    make, denoiser, shape = MADE[kind]
    finals = []
    for audited in (False, True):
        network = make().train()
        optimiser = torch.optim.Adam(network.parameters(), 1e-2)
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        random.seed(5)
        for k in range(4):
            if audited and k == 2:
                everything(denoiser(network), pictures(shape))
            one_step(network, optimiser, shape)
        finals.append((state(network), [v["exp_avg"] for v in optimiser.state.values()]))
    (plain, moments), (other, same_moments) = finals
    for name in set(plain) - {"identity"}:
        assert plain[name] == other[name], name
    assert all(torch.equal(a, b) for a, b in zip(moments, same_moments, strict=True))


@pytest.mark.parametrize("kind", MADE)
def test_everything_that_is_done_leaves_a_network_as_it_was(kind):
    make, denoiser, shape = MADE[kind]
    network = trained(make())
    answer = network(torch.randn(8, *shape), torch.ones(8))
    getattr(answer, "sample", answer).square().mean().backward()
    before = state(network)
    assert len(set(before["modes"])) == len(set(before["needs gradients"])) == 2
    model = denoiser(network)
    assert state(network) == before
    audit = everything(model, pictures(shape))
    assert state(network) == before
    if kind == "pipeline":
        gv.GirsanovScheduler.from_plan(audit.plan(steps=3), audit=audit)
        for name, config in own_schedulers(model).items():
            told = DiffusersScheduler(name, config, 3)
            list(own_batches(model, told, range(2), 2, None, BatchOptions()))
        assert state(network) == before


@pytest.mark.parametrize("kind", MADE)
def test_an_error_in_the_middle_leaves_a_network_as_it_was(kind):
    make, denoiser, shape = MADE[kind]
    network = trained(make())
    model, calls = denoiser(network), []

    def fail(*_):
        calls.append(1)
        if len(calls) == 4:
            raise ValueError("out of luck")

    network.register_forward_pre_hook(fail)
    before = state(network)
    with pytest.raises((ValueError, InputError), match="out of luck"):
        gv.audit(model, pictures(shape), examples=80, levels=5, draws=1)
    assert state(network) == before


def test_a_network_is_asked_in_evaluation_mode_whatever_its_own():
    for make, denoiser, shape in MADE.values():
        network = make().train()
        x, model = torch.randn(8, *shape), denoiser(network)
        level = float(model.levels[500]) if model.levels is not None else 1.0
        first = model(x, level)
        assert torch.equal(model(x, level), first)
        assert torch.equal(denoiser(network.eval())(x, level), first)
        assert not first.requires_grad


def test_what_a_network_keeps_from_our_calls_can_be_trained_with():
    network = Own()
    model, network.table = wrapped(network), None
    gv.audit(model, pictures((2,)), examples=80, levels=5, draws=1)
    assert network.table is not None
    network(torch.randn(4, 2), torch.ones(4)).sum().backward()


def test_an_audit_within_autocast_is_of_the_network_and_takes_no_gradients_away():
    network = Own()
    model, x = wrapped(network), torch.randn(8, 2)
    rounded = in_precision(model, "bfloat16")
    bare = model(x, 1.0)
    with torch.autocast("cpu", dtype=HALF_PRECISION):
        assert torch.equal(model(x, 1.0), bare)
        rounded(x, 1.0)
        network(x, torch.ones(8)).float().sum().backward()
    assert all(w.grad is not None for w in network.parameters())


def test_a_network_in_fewer_digits_is_asked_in_evaluation_mode_too():
    class UNet2DModel(pipelines.diffusers.UNet2DModel):
        """A network that drops out by its own mode, in no part of its own."""

        def forward(self, *given, **named):
            modes.append(self.training)
            return super().forward(*given, **named)

    modes, network = [], UNet2DModel.from_config(pipelines.unet(1).config).train()
    model = in_precision(live(network), "bfloat16")
    model(torch.randn(2, 1, 8, 8), float(model.levels[500]))
    assert modes == [False]
    assert network.training


def test_the_fingerprint_of_a_live_pipeline_is_of_its_weights_as_they_are():
    network = pipelines.unet(1)
    model = live(network)
    plan = gv.audit(model, pictures((1, 8, 8)), examples=80, levels=5, draws=1).plan(steps=2)
    first = model.fingerprint
    network.conv_in.bias.data += 1e-3  # `.data` hides it from torch's own counter
    assert model.fingerprint != first
    with pytest.raises(InputError, match=r"^plan: was made for the model with fingerprint"):
        gv.sample(model, plan, 2)


def test_encoders_of_pictures_and_texts_are_held_still_and_left_as_they_were():
    modes, pipe = [], pipelines.class_latents()
    pipe.vae.train()
    pipe.vae.encoder.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    before = state(pipe.vae)
    data = pictures((3, 8, 8), 40).with_labels(np.arange(40) % 5, [f"kind {k}" for k in range(5)])
    latents, _ = gv.encode_latents(gv.from_pipeline(pipe), data)
    assert len(latents) == 40
    assert state(pipe.vae) == before
    text = pipelines.StableDiffusionPipeline()
    text.encoder.train()
    text.encoder.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    before = state(text.encoder)
    gv.with_captions(gv.from_pipeline(text), ["a cat"])
    assert state(text.encoder) == before
    assert len(modes) > 2
    assert not any(modes)


def test_an_autoencoder_in_half_precision_keeps_its_types():
    pipe = pipelines.class_latents()
    pipe.vae.half().register_to_config(force_upcast=True)
    pipe.vae.encoder.conv_norm_out.float()
    before = state(pipe.vae)
    data = pictures((3, 8, 8), 40).with_labels(np.arange(40) % 5, [f"kind {k}" for k in range(5)])
    gv.encode_latents(gv.from_pipeline(pipe), data)
    assert state(pipe.vae) == before
