"""`check`: networks of random laws, called in every way and told any, are called the right way."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

import girsanov as gv
from girsanov._checks import InputError
from girsanov.denoise.own_clock import ANSWERS
from girsanov.denoise.parametrise import from_x0

ABAR = np.cos(np.linspace(0.02, 1.56, 200)) ** 2  # of a DDPM, alpha^2 at t = 0..199
CLOCKS = {  # alpha, sigma, the latest time, and what `wrap` is told
    "ve": (lambda t: np.ones_like(t), lambda t: t, np.inf,
           {"process": gv.VarianceExploding(), "times": (0.02, 40.0)}),
    "flow": (lambda t: 1 - t, lambda t: t, 1.0,
             {"process": gv.Flow(), "times": (0.005, 0.99)}),
    "cosine": (lambda t: np.cos(np.pi * t / 2), lambda t: np.sin(np.pi * t / 2), 1.0,
               {"process": gv.Cosine(), "times": (0.005, 0.99)}),
    "ou": (lambda t: np.exp(-t), lambda t: np.sqrt(-np.expm1(-2 * t)), np.inf,
           {"process": gv.OrnsteinUhlenbeck(), "times": (1e-3, 6.0)}),
    "ddpm": (lambda t: ABAR[np.rint(t).astype(int)] ** 0.5,
             lambda t: (1 - ABAR[np.rint(t).astype(int)]) ** 0.5, 199.0,
             {"alphas_cumprod": ABAR}),
}  # fmt: skip
TOLD = {
    "ve": ("t", "log"), "flow": ("t", "reversed", "1000t"), "cosine": ("t", "reversed", "1000t"),
    "ou": ("t", "1000t"), "ddpm": ("t", "reversed"),
}  # fmt: skip


class Network(nn.Module):
    """A nearly perfect network of a law, which answers `kind` and is told the time as `told`."""

    def __init__(self, law, clock, kind, told, off=0.05):
        super().__init__()
        self.law, self.clock, self.kind, self.told, self.off = law, clock, kind, told, off
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x, t):
        alpha, sigma, end, _ = CLOCKS[self.clock]
        t = t.double().numpy()
        if self.told != "t":
            t = {"reversed": end - t, "1000t": t / 1000, "log": np.exp(np.minimum(4 * t, 5))}[
                self.told
            ]
        t = np.clip(t, 0 if self.clock == "ddpm" else 1e-6, min(end, 300.0))
        t = t if self.clock == "ddpm" else np.minimum(t, end - 1e-6)
        a, b = (torch.as_tensor(f(t)).reshape(-1, 1) for f in (alpha, sigma))
        m = self.law.denoise(x / a, (a / b).square().flatten())
        m = m + self.off * torch.sin(3 * x / a)  # what it has not learnt
        answer = from_x0(self.kind.removeprefix("-"), m, x, a, b)
        return -answer if self.kind.startswith("-") else answer


def random_law(seed):
    draws = np.random.default_rng(seed)
    d, k = int(draws.integers(1, 6)), int(draws.integers(2, 5))
    means = draws.normal(0, 1.5, (k, d)) + draws.normal(0, 0.5, d)
    return gv.GaussianMixture(draws.dirichlet(2 * np.ones(k)), means, draws.uniform(0.02, 0.2, k))


def kinds_of(clock):
    return [k for k in ANSWERS if clock == "flow" or not k.endswith("velocity")]


def tally(laws):
    """Call every kind of network of so many laws, told at random; count what is said."""
    said, draws = Counter(), np.random.default_rng(5)
    for seed, clock in itertools.product(range(laws), CLOCKS):
        for kind in kinds_of(clock):
            time, told = (str(draws.choice(TOLD[clock])) for _ in range(2))
            predicts, law = str(draws.choice(kinds_of(clock))), random_law(seed)
            network = Network(law, clock, kind, time)
            model = gv.wrap(network, (law.dimension,), predicts=predicts, time=told, units=(0, 1),
                            **CLOCKS[clock][3])  # fmt: skip
            found = gv.check(model, law, seed=seed)
            wanted = {} if kind == predicts else {"predicts": kind}
            wanted |= {} if time == told else {"time": time}
            if found.why_not:
                assert found.options == {}
                said["cannot tell"] += 1
            elif found.as_told:
                said["right" if not wanted else "wrong"] += 1
            else:
                said["right" if found.options == wanted else "wrong"] += 1
    return said


def test_the_right_way_is_named_or_that_it_cannot_be_told():
    said = tally(2)
    assert said["wrong"] == 0
    assert said["right"] >= 5 * said["cannot tell"]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_right_way_is_named_of_twenty_laws():
    said = tally(20)
    assert said["wrong"] == 0
    assert said["right"] >= 5 * said["cannot tell"]


LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.5], [1.0, -0.2]], [0.04, 0.15])


def flow(told, kind="-velocity", time="reversed", **options):
    network = Network(LAW, "flow", kind, time)
    return gv.wrap(network, (2,), units=(0, 1), **CLOCKS["flow"][3], **told, **options)


def test_one_line_says_how_to_call_it_and_its_options_are_of_wrap():
    found = gv.check(flow({"predicts": "velocity"}), LAW)
    assert found.options == {"predicts": "-velocity", "time": "reversed"}
    assert found.line.startswith(
        'It is called the wrong way: with predicts="-velocity", time="reversed" its error is 0.'
    )
    assert "\n" not in found.line
    again = gv.check(flow(found.options), LAW)
    assert again.as_told
    assert again.line.startswith("It seems to be called the right way")
    named = again.to_json()
    assert named["options"] == {}
    assert named["ways"][0]["low"] < named["ways"][0]["ratio"] < named["ways"][0]["high"] < 1


def test_the_error_beside_the_line_is_that_of_the_law():
    """(1) of ways.py of a perfect network, by many draws of the law itself."""
    model = gv.wrap(Network(LAW, "ve", "x0", "t", off=0.0), (2,), units=(0, 1), **CLOCKS["ve"][3])
    found = gv.check(model, LAW, examples=1000).told.ratio
    x0 = LAW.sample(40_000, seed=3)
    covariance, logs = torch.as_tensor(LAW.covariance()), []
    for relative in np.geomspace(0.1, 30, 6):
        s = relative * 2 / LAW.variance
        x = x0 + torch.from_numpy(np.random.default_rng(4).normal(size=(40_000, 2))) / s**0.5
        gain = covariance @ torch.linalg.inv(covariance + torch.eye(2) / s)
        mean = torch.as_tensor(LAW.mean)
        line = mean + (x - mean) @ gain.T
        squares = [(m - x0).square().sum(1).mean() for m in (LAW.denoise(x, s), line)]
        logs.append(float(torch.log(squares[0] / squares[1])))
    assert abs(found.value - np.mean(logs)) < 4 * found.se + 0.01


class OfPixels(nn.Module):
    """A guess by one mean and one spread for all pixels, of pictures in units of its own."""

    def __init__(self, mean, spread):
        super().__init__()
        self.mean, self.spread = (nn.Parameter(torch.tensor(v)) for v in (mean, spread))

    def forward(self, x, sigma):
        noise = sigma.reshape(-1, 1, 1, 1) / self.spread
        return self.mean + (x - self.mean) / (1 + noise**2)


def pictures():
    draws = np.random.default_rng(6)
    shades = draws.choice([30, 200], (300, 4, 4), p=[0.7, 0.3])
    return gv.load_data(np.clip(shades + draws.normal(0, 8, (300, 4, 4)), 0, 255).astype(np.uint8))


@pytest.mark.parametrize(("units", "centre", "scale"), [
    ((127.5, 127.5), -0.4, 0.6), ((0.0, 255.0), 0.3, 0.3), ((0.0, 1.0), 80.0, 80.0),
])  # fmt: skip
def test_the_units_of_pictures_are_found(units, centre, scale):
    data, network = pictures(), OfPixels(centre, scale)
    raw = data.raw(slice(None)).astype(float)
    low, high = raw.min(), raw.max()  # the range of 8-bit pictures is 0 to 255
    times = (0.002, 5000.0)
    for told in ((127.5, 127.5), (0, 255), (0, 1)):
        model = gv.wrap(network, (1, 4, 4), times=times, units=told)
        found = gv.check(model, data)
        if told == units:
            assert found.as_told, found.line
        else:
            assert found.options["units"] == units, (found, low, high)


def test_rows_in_their_own_units_are_found():
    rows = LAW.sample(500, seed=1).numpy() * [30.0, 0.2] + [500.0, -3.0]
    network = Network(LAW, "ve", "x0", "t")
    mean, scale = [500.0, -3.0], [30.0, 0.2]
    told = {"times": (0.02, 40.0)}
    right = gv.wrap(network, (2,), units=(mean, scale), **told)
    assert gv.check(right, gv.load_data(rows)).as_told
    raw = gv.wrap(network, (2,), units=(0, 1), **told)
    found = gv.check(raw, gv.load_data(rows))
    assert not found.as_told  # what it was trained on is none of the usual units, but near one


def test_the_better_of_two_sets_of_weights_is_named():
    near, far = (gv.wrap(Network(LAW, "ve", "x0", "t", off=off), (2,), units=(0, 1),
                         **CLOCKS["ve"][3]) for off in (0.02, 0.6))  # fmt: skip
    found = gv.check(far, LAW, other=near)
    assert "with the other weights its error is" in found.line
    assert found.options == {}
    assert gv.check(near, LAW, other=far).as_told


class Normed(nn.Module):
    """x0 behind a batch norm whose running statistics were never brought up to date."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2, affine=False, dtype=torch.float64)
        self.norm.running_mean += 5
        self.norm.running_var *= 0.01
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x, sigma):
        z = self.norm(x)
        mean, spread = torch.as_tensor(LAW.mean), torch.tensor(np.diag(LAW.covariance()))
        total = spread + sigma[:, None] ** 2
        return mean + z * spread / total.sqrt()


def test_batch_norms_in_the_wrong_mode_are_found_and_left_as_they_were():
    network = Normed()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = gv.check(gv.wrap(network, (2,), times=(0.02, 40.0), units=(0, 1)), LAW)
    assert "batch norms in training mode" in found.line
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert network.training


def test_what_cannot_be_told_is_said_with_the_reason():
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(2, 2, dtype=torch.float64)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

        def forward(self, x, t):
            return self.last(x)

    options = {"process": gv.Flow(), "times": (0.005, 0.99), "units": (0, 1)}
    for predicts in ("v", "epsilon", "velocity"):
        found = gv.check(gv.wrap(Silent(), (2,), predicts=predicts, **options), LAW)
        assert "makes no difference to the guess" in found.why_not
        assert found.line.startswith("It cannot be told which way to call it: ")
        assert found.options == {}

    class Noise(nn.Linear):
        def forward(self, x, t):
            return torch.sin(50 * super().forward(x))

    torch.manual_seed(0)
    found = gv.check(gv.wrap(Noise(2, 2).double(), (2,), predicts="velocity", **options), LAW)
    assert found.why_not
    assert found.options == {}
    # of a standard normal, x0 and minus the score (times sigma^2) are one function
    normal = gv.Gaussian(np.zeros(2), 1.0)
    network = Network(normal, "ve", "x0", "t", off=0.0)
    told = gv.wrap(network, (2,), predicts="epsilon", units=(0, 1), **CLOCKS["ve"][3])
    found = gv.check(told, normal)
    assert found.why_not
    assert {w.words for w in found.nearest} >= {'predicts="x0"', 'predicts="-score"'}


def test_the_same_seed_says_the_same_and_errors_are_one_line():
    model = flow({"predicts": "velocity"})
    assert str(gv.check(model, LAW, seed=2)) == str(gv.check(model, LAW, seed=2))
    with pytest.raises(InputError, match=r"^network: must be a network of your own, .*wrap"):
        gv.check(gv.ExactDenoiser(LAW), LAW)
    with pytest.raises(InputError, match=r"^data: must hold at least 16 examples"):
        gv.check(model, gv.load_data(np.random.default_rng(0).normal(size=(20, 2))))
    with pytest.raises(InputError, match=r"shape \[b, 2\]; got \(1, 3\)"):
        gv.check(model, gv.load_data(np.random.default_rng(0).normal(size=(90, 3))))
    with pytest.raises(InputError, match=r"^examples: must be a whole number >= 16"):
        gv.check(model, LAW, examples=3)
    with pytest.raises(InputError, match=r"^other: must be of \(2,\)"):
        gv.check(model, LAW, other=three())


def three():
    network = Network(gv.Gaussian(np.zeros(3), 1.0), "ve", "x0", "t")
    return gv.wrap(network, (3,), units=(0, 1), **CLOCKS["ve"][3])
