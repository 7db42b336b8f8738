"""Every number of inference steps runs, in every kind of loop, and makes the calls it says."""

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made  # noqa: E402
from made import pipelines  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov.diffusers_export.plan_table import carry  # noqa: E402
from girsanov.sampling.loop import coloured  # noqa: E402

EVERY = (*range(1, 71), 99, 100, 101, 250, 1000)
KINDS = {
    "analytic-dpm": {"calibrate": False},
    "analytic-dpm, calibrated": {"calibrate": True},
    "analytic-dpm, sampled": {"calibrate": False, "last": "sample"},
    "ddpm": {"sampler": "ddpm", "calibrate": False},
    "ei-score": {"sampler": "ei-score", "calibrate": False},
    "ddim": {"sampler": "ddim"},
    "dpmpp-2m": {"sampler": "dpmpp-2m"},
    "heun": {"sampler": "heun"},
    "euler-ancestral": {"sampler": "euler-ancestral", "resolution": 0.1},
    "dpm2-ancestral": {"sampler": "dpm2-ancestral", "resolution": 0.1},
}


@pytest.fixture(scope="module")
def audited():
    return made.audited(pipelines.ddpm(prediction_type="sample"), trajectories=16)


@pytest.fixture(scope="module", params=KINDS)
def scheduler(request, audited):
    plan = audited[1].plan(steps=5, **KINDS[request.param])
    return gv.GirsanovScheduler.from_plan(plan, audit=audited[1])


class Network:
    """What costs nothing, and remembers the times and inputs."""

    def __init__(self):
        self.times, self.inputs = [], []

    def __call__(self, x, t):
        self.times.append(float(t))
        self.inputs.append(x)
        return 0.3 * x


def run(scheduler, count, scaled):
    """A pipeline's loop with `scale_model_input` or without; the warnings, calls and samples."""
    network, generator = Network(), torch.Generator().manual_seed(count)
    x = torch.randn(1, *made.SHAPE, generator=generator)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        scheduler.set_timesteps(count)
    said = len(scheduler.timesteps)
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t) if scaled else x
        x = scheduler.step(network(seen, t), t, x, generator=generator).prev_sample
    assert len(network.times) == said == scheduler.num_inference_steps
    assert torch.isfinite(x).all()
    assert scheduler._cursor == len(scheduler._recipe.steps) or said == 1  # the whole grid was run
    return [str(w.message) for w in heard], network, x


@pytest.mark.parametrize("scaled", [True, False])
def test_every_number_of_steps(scheduler, scaled):
    for count in EVERY:
        heard, network, _ = run(scheduler, count, scaled)
        calls = len(network.times)
        if calls == count:
            assert heard == []
        else:
            assert calls == max(n for n in scheduler._plans.grids if n <= count)
            assert len(heard) == 1
            assert f"num_inference_steps={count}: {calls} network calls" in heard[0]


def test_the_grid_for_one_call_less_is_the_planned_one(audited):
    model, audit = audited
    plan = audit.plan(steps=5, calibrate=False)
    scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audit)
    for count in (2, 33, 36, 50, 65, 100):
        _, network, _ = run(scheduler, count, scaled=False)
        want = audit.plan(steps=count - 1, calibrate=False, resolution=plan.resolution).levels
        np.testing.assert_array_equal(made.snrs(model, network.times[1:]), want)


def test_one_call_is_the_gaussian_of_the_data(audited):
    """The network has seen noise that no plan shows it; what it says of that is left aside."""
    plan = audited[1].plan(steps=5, calibrate=False)
    scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audited[1])
    _, network, x = run(scheduler, 1, scaled=False)
    moments, carried = plan.moments, carry([plan])
    want = coloured(network.inputs[0].flatten(1).clone(), np.sqrt(carried.spread), moments.basis)
    want = (want + torch.tensor(moments.mean)).to(x).view(x.shape)
    torch.testing.assert_close(x, want, rtol=1e-4, atol=1e-4)


def test_a_plan_alone_gives_its_first_level_to_the_start(audited):
    model, audit = audited
    plan = audit.plan(steps=5, calibrate=False)
    scheduler = gv.GirsanovScheduler.from_plan(plan)
    heard, network, _ = run(scheduler, 12, scaled=False)
    assert len(heard) == 1
    np.testing.assert_array_equal(made.snrs(model, network.times[1:]), plan.levels[1:])
    carried, z = carry([plan]), network.inputs[0].flatten(1)
    noise = np.sqrt(carried.spread + 1 / plan.levels[1])
    start = coloured(z.clone(), noise, plan.moments.basis) + torch.tensor(plan.moments.mean)
    alpha = float(model.clock.alpha(plan.levels[1:2])[0])
    got = network.inputs[1].flatten(1)
    torch.testing.assert_close(got, (alpha * start).to(got), rtol=1e-4, atol=1e-4)
    heard, network, _ = run(scheduler, 3, scaled=True)  # and fewer are taken from its levels
    assert heard == []
    np.testing.assert_array_equal(made.snrs(model, network.times), plan.levels[[0, 2, 4]])


def test_a_standard_start_is_the_pipelines_own_noise(audited):
    model, audit = audited
    plan = audit.plan(steps=5, sampler="ei-score", calibrate=False)
    assert plan.start == "standard"
    scheduler = gv.GirsanovScheduler.from_plan(plan)
    drawn = [run(scheduler, 5, scaled) for scaled in (True, False)]
    np.testing.assert_array_equal(made.snrs(model, drawn[1][1].times), plan.levels)
    torch.testing.assert_close(drawn[0][2], drawn[1][2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["DDPMPipeline", "DDIMPipeline"])
def test_whole_pipelines(audited, kind):
    plan = audited[1].plan(steps=5, calibrate=False)
    pipe = getattr(diffusers, kind)(pipelines.unet(), diffusers.DDIMScheduler())
    pipe.scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audited[1])
    pipe.set_progress_bar_config(disable=True)
    calls = []
    pipe.unet.forward = lambda x, t: SimpleNamespace(sample=calls.append(t) or 0.3 * x)
    for count in (1, 2, 33, 35, 36, 50, 65, 100):
        calls.clear()
        pipe(num_inference_steps=count, output_type="np")
        assert len(calls) == count
    calls.clear()
    if kind == "DDPMPipeline":
        with pytest.warns(UserWarning, match="num_inference_steps=1000: 100 network calls"):
            pipe(output_type="np")
    else:
        pipe(output_type="np")  # 50 by default
    assert len(calls) == {"DDPMPipeline": 100, "DDIMPipeline": 50}[kind]
