"""Samplers with one eta: they draw what the plan's recipe with that eta draws, at its price."""

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov.cli.main import run  # noqa: E402
from girsanov.diffusers_export.export import export  # noqa: E402
from girsanov.diffusers_export.native_eta import EDM_GAMMA, ETAS, native_eta  # noqa: E402
from girsanov.montecarlo import group_estimate  # noqa: E402
from girsanov.path_kl.flow_cells import ancestral_prices  # noqa: E402
from girsanov.sampling.ancestral import (  # noqa: E402
    EULER_ANCESTRAL,
    Inner,
    eta_of,
    flow_to_of,
)
from girsanov.sampling.registry import recipe  # noqa: E402

LAW = gv.GaussianMixture([0.5, 0.5], [[-1.0, 0.5], [1.0, 0.0]], [0.05 * np.eye(2)] * 2)
LEVELS = np.geomspace(1e-3, 1e4, 33)
START = (0.0, 1.0, None)


class Wrong(gv.ExactDenoiser):
    exact = False

    def __call__(self, x, snr, label=None):
        return 0.9 * self.law.denoise(x, snr) + 0.05


@pytest.fixture(scope="module")
def exact():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=LEVELS)


@pytest.fixture(scope="module")
def measured():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=LEVELS, examples=1000, seed=3)


def planned(audit, steps=12, **options):
    return audit.plan(steps=steps, sampler="euler-ancestral", resolution=0.05, **options)


def price(audit, levels, flow_to):
    """The price of steps along the flow, and its standard error, without what is left open."""
    nats = ancestral_prices(audit.flow, levels[:-1], levels[1:], flow_to, 1).nats
    return group_estimate(nats.sum(axis=0), audit.flow.shares)


@pytest.mark.parametrize("eta", [0.2, 0.7, 1.0, 1.2])
def test_an_eta_and_where_it_flows_to_are_one(eta):
    levels = np.array([0.1, 0.11, 0.3])
    np.testing.assert_allclose(eta_of(levels, flow_to_of(levels, eta)), eta, rtol=1e-9)
    np.testing.assert_allclose(flow_to_of(levels, 1.0), levels[1:] ** 2 / levels[:-1])
    assert np.isinf(flow_to_of(levels, 1.3)[1])  # more noise than there is


def test_prices_are_those_along_the_flow(measured):
    plan = planned(measured)
    found = native_eta(plan, measured)
    ways = [(found.own, plan.inner.flow_to), (found.one, flow_to_of(plan.levels, found.eta)),
            (found.ddpm, flow_to_of(plan.levels, 1.0))]  # fmt: skip
    for entry, flow_to in ways:
        own = price(measured, plan.levels, flow_to)
        low, high = own.interval()
        assert entry.value == pytest.approx(float(own.value), rel=2e-3)  # groups are joined
        assert max(0.0, float(low)) >= entry.low >= 0
        assert entry.high > high  # more is left open: between levels, and by unseen events
    assert found.one.value < found.ddpm.value
    assert found.own.value < found.ddpm.value


def test_the_one_eta_is_the_cheapest_of_all(exact):
    plan = planned(exact)
    found = native_eta(plan, exact)
    costs = [float(price(exact, plan.levels, flow_to_of(plan.levels, eta)).value)
             for eta in ETAS[ETAS <= 1]]  # fmt: skip
    assert found.eta == ETAS[np.argmin(costs)]
    assert 0.4 < found.eta < 0.9
    assert not found.heeds


def test_each_step_its_own_is_what_the_plan_promises(exact):
    """Of a law that is known, and up to what was added for having chosen, which it has none of."""
    plan = planned(exact)
    own, ledger = native_eta(plan, exact).own, plan.ledger[1]
    assert own.low <= ledger.value
    assert own.high == pytest.approx(ledger.high, rel=0.1)


def test_a_score_error_asks_for_more_noise():
    audit = gv.audit(Wrong(LAW), LAW, levels=LEVELS, examples=1000, seed=3)
    plan = planned(audit)
    found = native_eta(plan, audit)
    assert found.heeds
    assert "the model's error" in found.sentence
    costs = [float(price(audit, plan.levels, flow_to_of(plan.levels, eta)).value)
             for eta in ETAS[ETAS <= 1]]  # fmt: skip
    assert found.eta > ETAS[np.nanargmin(costs)]


def test_the_sentence(exact):
    plan = planned(exact)
    found = native_eta(plan, exact)
    eta, one, ddpm, own = found.eta, *(e.figure() for e in (found.one, found.ddpm, found.own))
    assert found.sentence == (
        f"eta {eta:g} costs {one} nats at 12 steps, eta 1 costs {ddpm}, each step its own eta "
        f"{own}; eta 0 has no certificate"
    )
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    none = next(row for row in content["prices"] if row["eta"] == 0)
    assert (none["nats"], "no certificate" in none["note"]) == (None, True)
    np.testing.assert_allclose(content["etas"], eta_of(plan.levels, plan.inner.flow_to))


def test_eta_1_that_flows_too_far_has_no_price(exact):
    levels = np.geomspace(LEVELS[0], 400.0, 5)
    inner = Inner(levels[1:] * (levels[1:] / levels[:-1]) ** 0.2, np.full(4, np.nan))
    plan = replace(planned(exact), levels=levels, inner=inner)
    found = native_eta(plan, exact)
    assert found.ddpm is None
    assert "eta 1 flows farther than the audit followed" in found.sentence
    assert found.one.value <= found.own.value * 1.01


def test_edm_walks_the_plans_states(exact):
    """Karras et al. (2022), algorithm 2 without its correction, with these times and gammas."""
    plan = planned(exact, steps=6)
    edm, model = native_eta(plan, exact).churn(), gv.ExactDenoiser(LAW)
    z = torch.randn(7, 5, 2, dtype=torch.float64, generator=made.seeded(1))
    x, times = z[0] * 3, [*edm["times"], 0.0]
    assert edm["S_churn"] == pytest.approx([g * 6 for g in edm["gammas"]])
    assert edm["beyond"] == [k for k, g in enumerate(edm["gammas"]) if g > EDM_GAMMA]
    want, states = z[0] * 3, []
    for step, noise in zip(plan.recipe().steps, [*z[1:6], z[6]], strict=True):
        m = model(want, step.snr)
        want = step.state * want + step.prediction * m
        states.append(want)  # before its noise, which EDM adds when it begins the next
        want = want + step.noise * noise
    for k, (t, gamma) in enumerate(zip(edm["times"], edm["gammas"], strict=True)):
        hat = t * (1 + gamma)
        x = x + np.sqrt(hat**2 - t**2) * (z[k] if k else 0.0)
        x = x + (times[k + 1] - hat) * (x - model(x, hat**-2)) / hat
        torch.testing.assert_close(x, states[k], rtol=1e-9, atol=1e-9)


def test_k_diffusion_walks_the_recipe_with_its_eta(exact):
    """`sample_euler_ancestral` of k-diffusion, which ComfyUI has too, with eta and s_noise=1."""
    plan = planned(exact, steps=6)
    eta, model = native_eta(plan, exact).eta, gv.ExactDenoiser(LAW)
    own = one_eta(plan.levels, eta)
    z = torch.randn(7, 5, 2, dtype=torch.float64, generator=made.seeded(1))
    x, want, sigmas = z[0] * 3, z[0] * 3, [*plan.levels**-0.5, 0.0]
    for k, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
        up = min(after, eta * (after**2 * (sigma**2 - after**2) / sigma**2) ** 0.5)
        down = (after**2 - up**2) ** 0.5
        x = x + (x - model(x, sigma**-2)) / sigma * (down - sigma) + up * z[k + 1]
        step = own.steps[k]
        want = step.state * want + step.prediction * model(want, step.snr) + step.noise * z[k + 1]
        torch.testing.assert_close(x, want, rtol=1e-9, atol=1e-9)


def one_eta(levels, eta):
    """Our recipe of these levels from bare noise, with one eta for all steps."""
    inner = Inner(flow_to_of(levels, eta), np.full(len(levels) - 1, np.nan))
    start = (0.0, float(np.sqrt(1 + 1 / levels[0])), None)
    return replace(EULER_ANCESTRAL, inner=inner).recipe(levels, start=start)


def test_one_step_has_no_eta(exact):
    plan = planned(exact, steps=1)
    with pytest.raises(gv.InputError, match="at least two steps"):
        native_eta(plan, exact)
    assert recipe("euler-ancestral", plan.levels, start=START).steps[0].noise == 0


OWN = [
    ("DDPMPipeline", "DDPM", {"prediction_type": "sample", "clip_sample": True}),
    ("DDIMPipeline", "DDIM", {"set_alpha_to_one": False, "clip_sample": False}),
    ("DDPMPipeline", "EulerDiscrete", {"prediction_type": "v_prediction"}),
    ("DDPMPipeline", "DDPM", {"prediction_type": "sample", "thresholding": True,
     "clip_sample": False}),
]  # fmt: skip


def saved(pipe, folder, **options):
    """Save a pipeline, its audit and a plan of euler-ancestral; return model and audit."""
    pipe.save_pretrained(folder / "pipe")
    model, audit = made.audited(pipe)
    audit.save(folder / "audit.json")
    plan = audit.plan(steps=6, sampler="euler-ancestral", resolution=0.1, **options)
    plan.save(folder / "plan.json")
    return model, audit


@pytest.mark.parametrize(("pipeline", "own", "options"), OWN)
def test_ddim_draws_what_our_recipe_draws(tmp_path, capsys, pipeline, own, options):
    scheduler = getattr(diffusers, f"{own}Scheduler")(**options)
    made_one = getattr(diffusers, pipeline)(made.pipelines.unet(seed=2), scheduler)
    model, _ = saved(made_one, tmp_path)
    words = ["export", str(tmp_path / "plan.json"), "--pipeline", str(tmp_path / "pipe"),
             "--to", "eta", "--out", str(tmp_path / "eta.json"), "--json"]  # fmt: skip
    assert run(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "eta.json").read_text())["sentence"] == said["sentence"]
    pipe = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "pipe", local_files_only=True)
    names = {"pipe": pipe}
    exec("\n".join(said["python"]), names)
    pipe = names["pipe"]
    pipe.set_progress_bar_config(disable=True)
    assert type(pipe.scheduler) is diffusers.DDIMScheduler
    levels = made.snrs(model, said["timesteps"])
    np.testing.assert_allclose(levels**-0.5, said["sigmas"])
    z, same = torch.randn(2, *made.SHAPE, generator=made.seeded(1)), made.seeded(2)
    noises = (torch.randn(z.shape, generator=same) for _ in range(99))
    want = made.by_hand(model, one_eta(levels, said["eta"]), z, noises)
    pipe.scheduler.set_timesteps(50)
    got = made.loop(pipe.scheduler, pipe.unet, z, made.seeded(2))
    torch.testing.assert_close(got, want.to(got), rtol=1e-4, atol=3e-4)
    spy = made.Spy(pipe.unet)
    pipe.register_modules(unet=spy)
    images = pipe(batch_size=2, output_type="np", eta=0.0, generator=made.seeded(1)).images
    assert spy.times == said["timesteps"]
    both = made.seeded(1)
    z = torch.randn(z.shape, generator=both)
    noises = (torch.randn(z.shape, generator=both) for _ in range(99))
    want = made.by_hand(model, one_eta(levels, said["eta"]), z, noises)
    want = (want / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(images, want, rtol=0, atol=3e-4)


def test_pipelines_of_latents_keep_their_class(tmp_path):
    pipe = made.pipelines.class_latents()
    pipe.save_pretrained(tmp_path / "pipe")
    rng = np.random.default_rng(0)
    x = (rng.gamma(2.0, size=(48, 4, 4, 4)) - 1).astype(np.float32)
    data = gv.load_data(x, labels=np.array([f"kind {k}" for k in rng.integers(0, 5, 48)]))
    audit = gv.audit(gv.from_pipeline(pipe), data, levels=9, draws=1)
    plan = audit.plan(steps=6, sampler="euler-ancestral", resolution=0.1)
    done = export(plan, tmp_path / "pipe", tmp_path / "eta.json", to="eta", audit=audit)
    names = {"pipe": pipe}
    exec("\n".join(done["python"]), names)
    pipe = names["pipe"]
    pipe.set_progress_bar_config(disable=True)
    assert type(pipe) is diffusers.DiTPipeline
    pipe.transformer = spy = made.Spy(pipe.transformer)
    pipe(class_labels=[1, 2], num_inference_steps=50, output_type="np", guidance_scale=1.0)
    assert spy.times == done["timesteps"]


def test_it_says_what_it_found(tmp_path, capsys):
    _, audit = saved(made.pipelines.ddpm(prediction_type="sample", clip_sample=True), tmp_path)
    words = ["export", str(tmp_path / "plan.json"), "--pipeline", str(tmp_path / "pipe"),
             "--to", "eta", "--out", str(tmp_path / "eta.json")]  # fmt: skip
    assert run(words) == 0
    said = capsys.readouterr().out
    content = json.loads((tmp_path / "eta.json").read_text())
    for line in (content["sentence"], *content["ways"], *content["python"], content["lost"]):
        assert line in said
    assert run(words) == 0  # its own file is replaced
    capsys.readouterr()
    audit.plan(steps=5).save(tmp_path / "other.json")
    words[1] = str(tmp_path / "other.json")
    assert run(words) == 2
    assert "Plan with --sampler euler-ancestral" in capsys.readouterr().err


def test_networks_that_ddim_cannot_run(tmp_path):
    edm, flow = tmp_path / "edm", tmp_path / "flow"
    saved(diffusers.DDPMPipeline(made.pipelines.unet(), diffusers.EDMEulerScheduler()), edm)
    done = export(edm / "plan.json", edm / "pipe", edm / "eta.json", to="eta")
    assert done["timesteps"] is None
    assert "--to diffusers" in done["python"][0]
    assert len(done["edm"]["times"]) == len(done["sigmas"]) == 6
    own = diffusers.FlowMatchEulerDiscreteScheduler()
    saved(diffusers.DDPMPipeline(made.pipelines.unet(), own), flow)
    with pytest.raises(gv.InputError, match="samplers of flows add no noise"):
        export(flow / "plan.json", flow / "pipe", flow / "eta.json", to="eta")
    assert not (flow / "eta.json").exists()
