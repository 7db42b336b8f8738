"""Networks as other packages call theirs, of exact laws: the same denoiser comes out."""

import numpy as np
import pytest
import torch
from torch import nn

import girsanov as gv
from girsanov._checks import InputError
from girsanov.denoise.adapt import AnySchedule
from girsanov.denoise.parametrise import from_x0

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.5], [1.0, -0.2]], [0.04, 0.15])
PIXELS = gv.GaussianMixture([0.3, 0.7], [[-0.5, 0.5, 0, 0.2], [0.6, -0.2, 0.1, 0]], [0.04, 0.1])
BETAS = np.linspace(1e-3, 0.05, 120)


def points(law, shape):
    x = law.sample(40, seed=1) + torch.from_numpy(
        np.random.default_rng(2).normal(size=(40, law.dimension))
    )
    return x.reshape(40, *shape)


def same_as(law, model, snrs):
    x = points(law, model.shape)
    for s in snrs:
        expected = law.denoise(x.flatten(1), float(s)).reshape(x.shape)
        torch.testing.assert_close(model(x, float(s)), expected, rtol=1e-5, atol=1e-5)


class Edm(nn.Module):
    """Called as EDMPrecond of physicsnemo: D(x, sigma, condition, class_labels)."""

    sigma_min, sigma_max = 0.0, float("inf")  # its defaults

    label_dim = 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x, sigma, condition=None, class_labels=None):
        assert class_labels is None
        return PIXELS.denoise(x.flatten(1), sigma**-2).reshape(x.shape)


def test_edm():
    model = gv.from_edm(Edm(), (1, 2, 2))
    assert model.snr_range == pytest.approx((80.0**-2, 0.002**-2))
    same_as(PIXELS, model, [0.01, 0.7, 30.0])

    class Known(Edm):
        sigma_min, sigma_max = torch.tensor(0.03), torch.tensor(10.0)  # as k-diffusion's buffers

    assert gv.from_edm(Known(), (1, 2, 2)).snr_range == pytest.approx((1e-2, 0.03**-2))
    assert gv.from_edm(Known(), (1, 2, 2), times=(1, 2)).snr_range == (0.25, 1.0)


class ByClass(nn.Module):
    """D(x, sigma, class_labels=one hot), which answers the number of the class; 0 without."""

    label_dim, sigma_min, sigma_max = 3, 0.1, 10.0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x, sigma, class_labels):
        assert class_labels.shape == (len(x), 3)
        return 0 * x + (class_labels @ torch.tensor([1.0, 2.0, 3.0]))[:, None]


def test_classes_are_told_as_one_hot():
    model = gv.from_edm(ByClass(), (2,))
    assert model.label_names == ("0", "1", "2")
    answers = model(torch.ones(3, 2), 1.0, torch.tensor([2, 0, 1]))
    assert answers.tolist() == [[3, 3], [1, 1], [2, 2]]
    assert model(torch.ones(1, 2), 1.0).tolist() == [[0, 0]]
    names = gv.from_edm(ByClass(), (2,), label_names=("a", "b", "c")).label_names
    assert names == ("a", "b", "c")


class Inner(nn.Module):
    """The network of a GaussianDiffusion, of whole times."""

    def __init__(self, kind, kept, out_dim=1):
        super().__init__()
        self.kind, self.kept, self.channels, self.out_dim = kind, kept, 1, out_dim
        self.self_condition = False
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x_t, t, x_self_cond=None):
        a, b = self.kept[t].sqrt()[:, None], (1 - self.kept[t]).sqrt()[:, None]
        flat = x_t.flatten(1)
        m = PIXELS.denoise(flat / a, (a / b).square().flatten())
        answer = from_x0(self.kind, m, flat, a, b).reshape(x_t.shape)
        return answer if self.out_dim == 1 else torch.cat([answer, answer + 9], 1)


class Diffusion(nn.Module):
    """What `from_denoising_diffusion_pytorch` asks of a GaussianDiffusion."""

    def __init__(self, objective, out_dim=1):
        super().__init__()
        kept = torch.cumprod(1 - torch.from_numpy(BETAS), 0)
        kind = {"pred_noise": "epsilon", "pred_x0": "x0", "pred_v": "v"}.get(objective, "x0")
        self.model = Inner(kind, kept, out_dim)
        self.register_buffer("alphas_cumprod", kept)
        self.objective, self.image_size, self.channels = objective, (2, 2), 1


@pytest.mark.parametrize("objective", ["pred_noise", "pred_x0", "pred_v"])
@pytest.mark.parametrize("out_dim", [1, 2])
def test_denoising_diffusion_pytorch(objective, out_dim):
    model = gv.from_denoising_diffusion_pytorch(Diffusion(objective, out_dim))
    assert model.shape == (1, 2, 2)
    assert len(model.levels) == len(BETAS)
    same_as(PIXELS, model, model.levels[[0, 50, 119]])


def test_the_real_denoising_diffusion_pytorch():
    package = pytest.importorskip("denoising_diffusion_pytorch.denoising_diffusion_pytorch")
    unet = package.Unet(dim=8, dim_mults=(1, 2), channels=1, flash_attn=False)
    diffusion = package.GaussianDiffusion(unet, image_size=8, timesteps=50, objective="pred_v")
    model = gv.from_denoising_diffusion_pytorch(diffusion)
    assert model.shape == (1, 8, 8)
    s = float(model.levels[20])
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * (1 + 1 / s) ** 0.5
    t = int(np.rint(model.clock.time(np.array([s]))[0]))
    a = diffusion.alphas_cumprod[t].sqrt()
    with torch.no_grad():
        theirs = diffusion.eval().model_predictions(a * x, torch.full((3,), t)).pred_x_start
    torch.testing.assert_close(model(x, s), theirs, rtol=1e-4, atol=1e-4)


class Schedule:
    """alpha = cos, sigma = sin, with a floor, as azula's schedules are called."""

    def __call__(self, t):
        return torch.cos(1.5 * t), torch.sin(1.5 * t) + 1e-3


class Azula(nn.Module):
    """Called as azula's denoisers: (x_t, t) to a posterior with a mean."""

    def __init__(self):
        super().__init__()
        self.schedule, self.weight = Schedule(), nn.Parameter(torch.zeros(()).double())

    def forward(self, x_t, t):
        a, b = (v[:, None] for v in self.schedule(t))

        class Posterior:
            mean = LAW.denoise(x_t / a, (a / b).square().flatten())

        return Posterior()


def test_azula():
    model = gv.from_azula(Azula(), (2,))
    same_as(LAW, model, np.geomspace(*model.snr_range, 5))
    with pytest.raises(InputError, match=r"^denoiser: must have a schedule"):
        gv.from_azula(nn.Identity(), (2,))


def test_any_schedule_finds_the_time_of_every_snr():
    process = AnySchedule(Schedule())
    t = np.array([1e-3, 0.2, 0.7, 1.0])
    np.testing.assert_allclose(process.time(process.snr(t)), t, rtol=1e-12)


@pytest.mark.parametrize("name", ["VPSchedule", "VESchedule", "CosineSchedule",
                                  "RectifiedSchedule"])  # fmt: skip
def test_the_real_azula(name):
    azula = pytest.importorskip("azula.denoise")
    schedule = getattr(pytest.importorskip("azula.noise"), name)()

    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x, t, **_):
            return torch.tanh(self.layer(x))

    torch.manual_seed(0)
    denoiser = azula.KarrasDenoiser(Backbone(), schedule)
    model = gv.from_azula(denoiser, (2,), times=(0.05, 0.95))
    t = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    x_t = torch.tensor([[1.0, -2.0]] * 3)
    a, b = schedule(t)
    with torch.no_grad():
        theirs = denoiser(x_t, t.float()).mean
    ours = model(x_t / a.float()[:, None], (a / b) ** 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def flow_from_noise():
    """The answer of one example is x0 - z itself, so that its x0 comes back exactly."""
    network = nn.Linear(2, 2).double()
    return gv.wrap(lambda x, t: network(x), (2,), process=gv.Flow(), times=(0.001, 0.999),
                   predicts="-velocity", time="reversed", weights=network)  # fmt: skip


def test_flow_matching_from_noise_to_data():
    torchcfm = pytest.importorskip("torchcfm.conditional_flow_matching")
    matcher, draws = torchcfm.ConditionalFlowMatcher(sigma=0.0), torch.Generator().manual_seed(0)
    z, x0 = (torch.randn(50, 2, generator=draws).double() for _ in range(2))
    t = torch.linspace(0.01, 0.99, 50).double()
    _, x_t, u = matcher.sample_location_and_conditional_flow(z, x0, t=t)
    clock, s = flow_from_noise().clock, ((t / (1 - t)) ** 2).numpy()
    np.testing.assert_allclose(clock.time(s), t, rtol=1e-9)
    np.testing.assert_allclose(clock.alpha(s), t, rtol=1e-9)
    back = clock.x0(u, x_t / t[:, None], s)
    torch.testing.assert_close(back, x0, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("told", "seen"), [
    ("t", lambda t: t), ("reversed", lambda t: 1 - t), ("1000t", lambda t: 1000 * t),
])  # fmt: skip
def test_the_time_is_told_as_asked(told, seen):
    times = []

    def network(x, t):
        times.append(t)
        return 0 * x

    model = gv.wrap(network, (2,), process=gv.Flow(), times=(0.001, 0.999), time=told, weights={})
    model(torch.ones(3, 2), torch.tensor([4.0, 1.0, 0.25]))
    np.testing.assert_allclose(times[-1], seen(np.array([1 / 3, 1 / 2, 2 / 3])), rtol=1e-6)


def test_whole_times_reversed_and_logarithms():
    times = []

    def network(x, t):
        times.append(t)
        return 0 * x

    kept = np.linspace(0.99, 0.01, 50)
    model = gv.wrap(network, (2,), alphas_cumprod=kept, time="reversed", weights={})
    model(torch.ones(1, 2), kept[7] / (1 - kept[7]))
    assert times[-1].tolist() == [42]
    assert times[-1].dtype == torch.int64
    model = gv.wrap(network, (2,), times=(0.1, 10), time="log", weights={})
    model(torch.ones(1, 2), 0.25)
    assert times[-1].item() == pytest.approx(np.log(2) / 4)


def test_minus_an_answer_and_a_learned_sigma():
    plain = nn.Linear(2, 2).double()
    x, told = torch.ones(4, 2).double(), {"times": (0.1, 10), "predicts": "epsilon"}
    model = gv.wrap(lambda x, t: plain(x), (2,), weights=plain, **told)
    minus = gv.wrap(
        lambda x, t: -plain(x), (2,), weights=plain, **{**told, "predicts": "-epsilon"}
    )
    assert torch.equal(model(x, 0.5), minus(x, 0.5))
    assert model.fingerprint != minus.fingerprint
    wide = gv.wrap(lambda x, t: torch.cat([plain(x), x * 7], 1), (2,), weights=plain,
                   learned_sigma=True, **told)  # fmt: skip
    assert torch.equal(model(x, 0.5), wide(x, 0.5))
    with pytest.raises(InputError, match=r"^network: must answer with .* \(2, 4\); got \(2, 2\)"):
        gv.wrap(lambda x, t: plain(x), (2,), weights=plain, learned_sigma=True, **told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"predicts": "-x0"}, "^predicts: must be one of x0, epsilon, .*-velocity; got -x0"),
        ({"predicts": "-velocity"}, r"^predicts: velocity is of process=gv\.Flow"),
        ({"time": "backwards"}, "^time: must be one of t, reversed, 1000t, log; got backwards"),
        ({"time": "reversed"}, "^time: must be one of t, log for this process; got reversed"),
        ({"time": "log", "process": gv.Cosine(), "times": (0.1, 0.9)}, "^time: must be one of t, "
         "reversed, 1000t for this process"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(options, said):
    with pytest.raises(InputError, match=said):
        gv.wrap(nn.Identity(), (2,), **{"times": (0.1, 10), "weights": {}, **options})


def test_what_is_no_diffusion_is_said():
    with pytest.raises(
        InputError, match=r"^diffusion: must be a GaussianDiffusion; got Identity,"
    ):
        gv.from_denoising_diffusion_pytorch(nn.Identity())
    with pytest.raises(InputError, match=r"^diffusion: must have an objective of pred_noise"):
        gv.from_denoising_diffusion_pytorch(Diffusion("pred_all"))
