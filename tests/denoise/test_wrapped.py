"""`wrap`: networks called as EDM, DDPM and flow codes call theirs, against exact laws."""

import numpy as np
import pytest
import torch
from torch import nn

import girsanov as gv
from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.denoise.parametrise import PARAMETRISATIONS, from_x0

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.5], [1.0, -0.2]], [0.04, 0.15])
ABAR = np.cos(np.linspace(0.02, 1.56, 200)) ** 2  # of a DDPM, alpha^2 at t = 0..199
PROCESSES = {
    "ve": (gv.VarianceExploding(), (0.02, 40.0)),
    "flow": (gv.Flow(), (0.005, 0.99)),
    "cosine": (gv.Cosine(), (0.005, 0.99)),
    "vp": (gv.VariancePreserving.linear(), (1e-3, 1.0)),
}


class Twin(ExactDenoiser):
    """The exact denoiser, measured as a model is."""

    exact = False


class Network(nn.Module):
    """What a perfect network of one's own would answer to x_t [B, 2] and t [B]."""

    def __init__(self, alpha, sigma, predicts):
        super().__init__()
        self.alpha, self.sigma, self.predicts = alpha, sigma, predicts
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.times = None

    def forward(self, x_t, t):
        assert t.shape == (len(x_t),)
        self.times = t
        a, b = (torch.as_tensor(f(t.numpy())).reshape(-1, 1) for f in (self.alpha, self.sigma))
        m = LAW.denoise(x_t / a, (a / b).square().flatten())
        return self.scale * from_x0(self.predicts, m, x_t, a, b)


def of(process, times, predicts, **options):
    network = Network(process.alpha, process.sigma, predicts)
    return gv.wrap(network, (2,), predicts=predicts, process=process, times=times, **options)


def ddpm(predicts="epsilon", **options):
    network = Network(lambda t: ABAR[t] ** 0.5, lambda t: (1 - ABAR[t]) ** 0.5, predicts)
    return gv.wrap(network, (2,), predicts=predicts, alphas_cumprod=ABAR, **options)


def same_as_the_law(model, snrs):
    x = LAW.sample(50, seed=1) + torch.from_numpy(np.random.default_rng(2).normal(size=(50, 2)))
    for s in snrs:
        expected = LAW.denoise(x, float(s))
        error = (model(x, float(s)) - expected).abs().max()
        assert error < 1e-9 * (1 + float(s) ** -0.5), s
    many = torch.from_numpy(np.resize(snrs, 50))
    torch.testing.assert_close(model(x, many), LAW.denoise(x, many), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("predicts", PARAMETRISATIONS)
@pytest.mark.parametrize("name", PROCESSES)
def test_every_output_of_every_process_is_the_denoiser_of_the_law(name, predicts):
    process, times = PROCESSES[name]
    if predicts == "velocity" and name != "flow":
        with pytest.raises(InputError, match=r"^predicts: velocity is of process=gv.Flow\(\)"):
            of(process, times, predicts)
        return
    model = of(process, times, predicts)
    assert isinstance(model, gv.Denoiser)
    assert model.snr_range == pytest.approx([float(process.snr(t)) for t in times[::-1]])
    assert model.dtype == torch.float64
    same_as_the_law(model, np.geomspace(*model.snr_range, 7))


@pytest.mark.parametrize("predicts", ["epsilon", "v", "x0", "score"])
def test_a_ddpm_is_told_whole_times_at_the_levels_it_knows(predicts):
    model = ddpm(predicts)
    np.testing.assert_allclose(model.levels, np.sort(ABAR / (1 - ABAR)))
    same_as_the_law(model, model.levels[::20])
    assert model.network.times.dtype == torch.int64
    with pytest.raises(InputError, match="levels the network was trained at"):
        model(torch.zeros(1, 2), float(np.sqrt(model.levels[3] * model.levels[4])))


@pytest.mark.parametrize(
    "make",
    [
        lambda: of(*PROCESSES["ve"], "x0"),
        lambda: of(*PROCESSES["flow"], "velocity"),
        lambda: ddpm(),
    ],
    ids=["edm", "flow", "ddpm"],
)
def test_a_wrapped_exact_denoiser_is_audited_and_planned_as_the_exact_one(make):
    model, twin = make(), Twin(LAW)
    grid = np.geomspace(0.02, 900.0, 17)
    if model.levels is not None:
        grid = model.levels[10:-10:10]
    a, b = (gv.audit(m, LAW, levels=grid, examples=600) for m in (model, twin))
    np.testing.assert_allclose(a.curve.traces, b.curve.traces, rtol=1e-5, atol=1e-6)
    exact = gv.audit(ExactDenoiser(LAW), LAW, levels=grid).total().value
    found = a.total()
    assert (np.abs(found.value - exact) < 5 * found.se).all()
    assert a.untrained() is None
    pairs = zip(a.probe.gains.ravel(), b.probe.gains.ravel(), strict=True)
    assert all(one == pytest.approx(other, abs=1e-3) for one, other in pairs)
    p, q = (m.plan(steps=8) for m in (a, b))
    if model.levels is None:
        np.testing.assert_allclose(p.levels, q.levels, rtol=1e-9)
        x, y = gv.sample(model, p, 40, seed=1), gv.sample(twin, p, 40, seed=1, any_model=True)
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)
    else:  # a plan keeps to the trained ones
        far = np.abs(np.log(p.levels)[:, None] - np.log(model.levels)).min(axis=1)
        assert far.max() < 1e-6


def test_the_fingerprint_is_of_the_weights_as_they_are():
    model, plan = ddpm(), gv.audit(ddpm(), LAW, levels=9, examples=64).plan(steps=3)
    gv.sample(ddpm(), plan, 2)  # the same network, made again
    first = model.fingerprint
    model.network.scale.data *= 1.0 + 1e-9  # `.data` hides it from torch's own counter
    assert model.fingerprint != first
    with pytest.raises(InputError, match=r"^plan: was made for the model with fingerprint"):
        gv.sample(model, plan, 2)
    told = dict(process=gv.Flow(), times=(0.1, 0.9))
    made = [of(**told, predicts=p, **o).fingerprint for p, o in (("x0", {}), ("v", {}),
            ("x0", {"units": (0, 1)}), ("x0", {"units": (0, 2)}))]  # fmt: skip
    made.append(of(gv.Cosine(), (0.1, 0.9), "x0").fingerprint)
    assert len(set(made)) == 5


def test_a_function_is_known_by_the_weights_it_is_given():
    def call(x_t, t):
        return x_t / (1 + t[:, None] ** 2)

    with pytest.raises(InputError, match=r"^weights: must be given for a function"):
        gv.wrap(call, (2,), times=(0.1, 10))
    one, other = (gv.wrap(call, (2,), times=(0.1, 10), weights={"a": [v]}) for v in (1.0, 2.0))
    assert one.fingerprint != other.fingerprint
    assert one.dtype == torch.float32
    with pytest.raises(InputError, match="this model has none"):
        gv.in_precision(one, "bfloat16")


def test_a_network_in_fewer_digits_has_another_fingerprint():
    model = gv.wrap(Linear(), (2,), times=(0.1, 10))
    rounded = gv.in_precision(model, "bfloat16")
    assert rounded.fingerprint != model.fingerprint
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(rounded(x, 1.0), model(x, 1.0))
    torch.testing.assert_close(rounded(x, 1.0), model(x, 1.0), rtol=0.03, atol=0.03)
    half = gv.wrap(Linear().half(), (2,), times=(0.1, 10))
    assert half.dtype == torch.float32
    assert half(x, 1 / 1.2345**2).dtype == torch.float32
    told = half.network.told
    assert told.dtype == torch.float32
    assert float(told[0]) == pytest.approx(1.2345, rel=1e-6)  # 1.234 in half


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[0.6, 0.1], [-0.2, 0.7]]))

    def forward(self, x_t, t):
        self.told = t
        return self.layer(x_t)


def rows(count=400, seed=0):
    z = np.random.default_rng(seed).normal(size=(count, 2))
    return (z * [10.0, 0.1] + [100.0, -3.0]).astype(np.float32)


@pytest.fixture
def parts(tmp_path):
    np.save(tmp_path / "rows.npy", rows())
    return gv.load_data(tmp_path / "rows.npy").split(0.5, seed=0)


def wiener(x_t, t):
    return x_t / (1 + t[:, None] ** 2)  # the exact denoiser of standard normal data


def wrapped(**options):
    return gv.wrap(wiener, (2,), times=(0.01, 30.0), weights={}, **options)


def near_the_rows(x):
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(0), [100, -3], atol=2)
    np.testing.assert_allclose(x.std(0), [10, 0.1], rtol=0.15)


@pytest.mark.parametrize("own", [True, False], ids=["its own units", "those of the audit"])
def test_samples_come_back_in_the_units_of_the_data(parts, own, recwarn):
    train, held_out = parts
    model = wrapped(**({"train": train} if own else {}))
    audit = gv.audit(model, held_out, train=train, levels=17)
    near_the_rows(gv.sample(model, audit.plan(steps=8), 500))
    assert not [w for w in recwarn if "standardised" in str(w.message)]
    assert (audit.facts.units is None) == own


def test_without_units_held_out_data_are_put_in_those_of_train(tmp_path, parts):
    train, _ = parts
    np.save(tmp_path / "other.npy", rows(seed=1)[:100] + np.float32([5, 0]))
    audit = gv.audit(wrapped(), gv.load_data(tmp_path / "other.npy"), train=train, levels=9)
    assert audit.facts.units == train.standardisation.to_json()


def test_a_recipe_alone_says_that_its_samples_are_standardised(parts):
    plan = gv.recipe("ddpm", [0.1, 1.0, 10.0], start=(0.0, 3.0, None))
    with pytest.warns(UserWarning, match=r"the model's own units .*girsanov\.wrap"):
        x = gv.sample(wrapped(), plan, 100)
    assert abs(x.mean()) < 1
    assert gv.sample(wrapped(train=parts[0]), plan, 100)[:, 0].mean() > 50


def test_units_of_ones_own(parts):
    train, held_out = parts
    plan = gv.recipe("ddpm", [0.1, 1.0, 10.0], start=(0.0, 3.0, None))
    z = gv.sample(wrapped(units=(0, 1)), plan, 9)
    assert z.dtype == np.float64
    pair = ([100, -3], [10, 0.1])
    np.testing.assert_allclose(gv.sample(wrapped(units=pair), plan, 9), pair[0] + z * pair[1])
    mine = wrapped(units=pair, train=train)
    assert gv.sample(mine, plan, 9).dtype == np.float32
    with pytest.raises(InputError, match="saw in training"):
        gv.audit(mine, train, levels=9)
    assert gv.audit(mine, held_out, levels=9).facts.examples == 150
    for wrong in ((0, 0), (0, np.nan), ([1, 2, 3], 1), 7):
        with pytest.raises(InputError, match=r"^units: must be"):
            wrapped(units=wrong)


def test_pictures_are_in_minus_one_to_one_or_as_told(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", pixels)
    train = gv.load_data(tmp_path / "pictures.npy")
    plan = gv.recipe("ddpm", [0.1, 1.0, 10.0], start=(0.0, 3.0, None))

    def grey(x_t, t):
        return 0 * x_t + 0.5

    told = dict(shape=(3, 8, 8), times=(0.01, 30.0), weights={}, train=train)
    for units, value in ((None, 191), ((0, 255), 128)):
        x = gv.sample(gv.wrap(grey, **told, units=units), plan, 2)
        assert x.dtype == np.uint8
        assert x.shape == (2, 8, 8, 3)
        assert (np.abs(x.astype(int) - value) <= 1).all()


CHANNELS = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
PIXELS = np.random.default_rng(3).uniform(0.2, 0.6, (3, 8, 8)), np.full((3, 8, 8), 0.25)


@pytest.mark.parametrize("layout", ["hwc", "chw"])
@pytest.mark.parametrize("dtype", ["u1", "f4"])
@pytest.mark.parametrize("with_train", [True, False], ids=["train", "alone"])
@pytest.mark.parametrize(
    "pair",
    [(0.5, 0.5), CHANNELS, tuple(v.reshape(3, 1, 1) for v in CHANNELS), PIXELS, (0.5, PIXELS[1])],
    ids=["numbers", "a channel", "a channel in place", "a pixel", "both"],
)
def test_pictures_are_in_units_of_ones_own(layout, dtype, with_train, pair):
    """The network is shown (picture - mean) / scale, and samples come back from there."""
    raw = np.random.default_rng(0).uniform(0.05, 0.95, (120, 3, 8, 8))
    mean, scale = (np.asarray(v).reshape(-1, *[1] * 2) if np.ndim(v) == 1 else v for v in pair)
    if dtype == "u1":
        raw = np.rint(255 * raw)
        pair = tuple(255 * np.asarray(v) for v in pair)
    want = (raw / (255 if dtype == "u1" else 1) - mean) / scale
    pictures = raw.astype(dtype) if layout == "chw" else np.moveaxis(raw, 1, -1).astype(dtype)
    train, data = gv.load_data(pictures).split(0.5, seed=0)
    seen = []

    def shown(x_t, t):
        seen.append(x_t)
        return 0 * x_t + torch.as_tensor(want[:1], dtype=x_t.dtype)

    model = gv.wrap(
        shown, (3, 8, 8), times=(1e-3, 30.0), weights={}, units=pair,
        train=train if with_train else None,
    )  # fmt: skip
    seen.clear()
    audit = gv.audit(model, data, levels=np.array([1.0, 1e6]), draws=1, batch_size=len(data))
    near = torch.cat([x for x in seen if len(x) > 2])  # those at noise 0.001 are the pictures
    off = (near[:, None] - torch.as_tensor(want, dtype=near.dtype)).flatten(2).abs().amax(2)
    assert (off.amin(1) < 0.01).sum() >= len(audit.curve.levels)
    drawn = gv.sample(model, audit.plan(steps=1, calibrate=False), 2)
    assert drawn.shape[1:] == pictures.shape[1:]
    assert drawn.dtype == np.dtype(dtype)
    expected = pictures[:1].astype(float)
    assert (np.abs(drawn - expected) <= (1 if dtype == "u1" else 1e-5)).all()


def test_the_units_of_pictures_are_in_the_fingerprint_and_the_plan(tmp_path):
    told = dict(shape=(1, 4, 4), times=(0.01, 30.0), weights={})
    models = [gv.wrap(wiener_picture, **told, units=u) for u in ((0, 1), (0, 2), (0.5, 1))]
    assert len({model.fingerprint for model in models}) == 3
    data = gv.load_data(np.random.default_rng(1).uniform(size=(120, 4, 4)))
    audit = gv.audit(models[1], data, levels=5, draws=1)
    audit.save(tmp_path / "a.json")
    units = gv.load_audit(tmp_path / "a.json").facts.units
    again = gv.Standardisation.from_json(units)
    rows = data.raw(slice(0, 5))
    np.testing.assert_allclose(again.encode(rows), rows[:, None] / 2, rtol=1e-6)
    np.testing.assert_allclose(again.decode(again.encode(rows)), rows, rtol=1e-6)
    assert audit.facts.scale == 2
    with pytest.raises(InputError, match=r"^reference: must work in the same units"):
        gv.audit(models[0], data, levels=5, draws=1, reference=models[1])


def wiener_picture(x_t, t):
    return x_t / (1 + t.reshape(-1, 1, 1, 1) ** 2)


@pytest.mark.parametrize("wrong", [(0, np.ones((8, 8, 3))), (0, [1, 2]), (np.ones(8), 1), (0, -1)])
def test_units_of_pictures_that_do_not_fit_are_refused(wrong):
    with pytest.raises(InputError, match=r"^units: must be"):
        gv.wrap(wiener_picture, (3, 8, 8), times=(0.01, 30.0), weights={}, units=wrong)


def test_labels_come_after_the_time():
    seen = []

    def call(x_t, t, label):
        seen.append(label)
        return x_t * 0 if label is None else x_t * 0 + label[:, None]

    model = gv.wrap(call, (2,), times=(0.1, 10), weights={}, label_names=("no", "yes"))
    assert model.classes == 2
    assert model(torch.ones(1, 2), 1.0, torch.tensor([1])).tolist() == [[1, 1]]
    assert model(torch.ones(1, 2), 1.0).tolist() == [[0, 0]]
    plan = gv.recipe("ddpm", [0.1, 1.0, 10.0], start=(0.0, 3.0, None))
    with pytest.warns(UserWarning, match="the model's own units"):
        assert set(np.unique(gv.sample(model, plan, 30))) == {0, 1}
    with pytest.raises(InputError, match=r"^label: must be None"):
        wrapped()(torch.ones(1, 2), 1.0, torch.tensor([1]))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x, t: x[:, :1], r"floating point numbers of shape \(2, 2\); got \(2, 1\)"),
        (lambda x, t: x.long(), r"floating point numbers .* got torch\.int64"),
        (lambda x, t: None, r"floating point numbers .* got NoneType"),
        (lambda x: x, r"fails when it is called as network\(x_t, t\) for x_t \[2, 2\] and t"),
        (lambda x, t: x / 0, "finite numbers"),
        (lambda x, t: x - x.mean(0), "each example by itself"),
    ],
)
def test_a_network_is_tried_at_once(call, said):
    with pytest.raises(InputError, match=rf"^network: .*{said}") as told:
        gv.wrap(call, (2,), times=(0.1, 10), weights={})
    assert "\n" not in str(told.value)


def test_dropout_is_off_and_the_module_keeps_its_gradients():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    model = gv.wrap(lambda x, t: network(x), (2,), times=(0.1, 10), weights=network)
    assert network.training
    assert all(w.requires_grad for w in network.parameters())
    assert not model(torch.ones(1, 2), 1.0).requires_grad
    assert torch.equal(model(torch.ones(9, 2), 1.0), model(torch.ones(9, 2), 1.0))
    with pytest.raises(InputError, match="no dropout"):
        gv.wrap(lambda x, t: nn.functional.dropout(x), (64,), times=(0.1, 10), weights={})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "^times: .*lowest and highest noise level"),
        ({"times": (1.0, 1.0)}, "^times"),
        ({"times": (0.1, 0.2, 0.3)}, "^times"),
        ({"times": (0.1, 1.5), "process": gv.Flow()}, r"^t: must lie in \(0, 1\)"),
        ({"times": (0.1, 1.0), "process": "flow"}, "^process: must be a ScalarProcess"),
        ({"times": (0.1, 1.0), "predicts": "noise"}, "^predicts: must be one of x0, epsilon"),
        ({"times": (0.1, 1.0), "alphas_cumprod": ABAR}, "^alphas_cumprod: takes the place"),
        ({"alphas_cumprod": ABAR[::-1]}, "^alphas_cumprod: must have alphas_cumprod that fall"),
        ({"alphas_cumprod": ABAR, "predicts": "velocity"}, "^predicts: velocity is of"),
        ({"times": (0.1, 1.0), "train": 3}, "^train: must be a data set"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_line(options, said):
    with pytest.raises(InputError, match=said):
        gv.wrap(wiener, (2,), weights={}, **options)


def test_a_shape_is_a_tuple():
    with pytest.raises(InputError, match=r"^shape: must be a tuple"):
        gv.wrap(wiener, 2, weights={}, times=(0.1, 1.0))


def test_what_is_no_denoiser_is_told_what_it_lacks():
    class Mine:
        shape, classes = (2,), 0

        def __call__(self, x, snr, label=None):
            return x

    said = r"got Mine, which lacks dtype, device, exact, fingerprint, snr_range\. .*girsanov\.wrap"
    with pytest.raises(InputError, match=said + r" \(docs/own-network\.md\)"):
        gv.audit(Mine(), LAW)
    with pytest.raises(InputError, match="got Linear, which lacks shape"):
        gv.sample(Linear(), gv.recipe("ddpm", [0.1, 1.0], start=(0.0, 3.0, None)), 2)
