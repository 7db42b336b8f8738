"""Checkpoints against closed forms: exact denoisers of Gaussian laws with known errors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.checkpoints.advice import series_advice
from girsanov.checkpoints.measured import Bench
from girsanov.checkpoints.series_file import load_series, save_series
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian

LAW = Gaussian([3.0, -1.0], [[1.0, 0.6], [0.6, 0.9]])
LEVELS = np.geomspace(0.05, 100, 9)


class Off(ExactDenoiser):
    """The exact denoiser, with its deviation from the mean scaled by `gain`, moved by `shift`.

    fine, coarse: only at SNRs above and below them.
    """

    exact = False

    def __init__(self, gain=1.0, shift=0.0, fine=0.0, coarse=math.inf):
        super().__init__(LAW)
        self.gain, self.shift, self.fine, self.coarse = gain, shift, fine, coarse

    def __call__(self, x, snr, label=None):
        m = super().__call__(x, snr, label)
        if snr < self.fine or snr > self.coarse:
            return m
        mean = torch.as_tensor(LAW.mean).to(m)
        return mean + self.gain * (m - mean) + self.shift


def error(snr, gain=1.0, shift=0.0):
    """M of `Off`: E|x0 - m|^2 + (1 - gain)^2 E|m - mean|^2 + |shift|^2."""
    c = LAW.covariance()
    explained = c @ np.linalg.inv(c + np.eye(2) / snr) @ c
    return np.trace(c - explained) + (1 - gain) ** 2 * np.trace(explained) + 2 * shift**2


def measured(bench, *models):
    series = bench.series(models[0])
    for k, model in enumerate(models):
        series = bench.measure(series, model, f"c{k}", 100 * (k + 1))
    return series


def test_paired_intervals_hold_the_exact_difference():
    """Of 150 seeds, as many as 95 % intervals are to miss, and far narrower than unpaired ones."""
    one, two = (0.9, 0.02), (0.92, 0.0)
    series = measured(Bench(LAW, levels=LEVELS, examples=32), Off(*one))
    truth = series.weights @ [error(s, *one) - error(s, *two) for s in LEVELS]
    misses, ratios = 0, []
    for seed in range(150):
        bench = Bench(LAW, levels=LEVELS, examples=96, seed=seed)
        series = measured(bench, Off(*one), Off(*two))
        before, after = series.checkpoints
        gain = series.gain(before, after)
        low, high = gain.interval()
        misses += not low <= truth <= high
        ratios.append(float(series.unpaired(before, after).se / gain.se))
        levels = series.gain_by_level(before, after)
        assert levels.value.sum() == pytest.approx(float(gain.value))
    assert misses <= 16  # of 150 at 5 %: more with a chance of 0.2 %
    assert np.median(ratios) > 5


def test_nats_are_those_of_the_closed_form():
    series = measured(Bench(LAW, levels=LEVELS, examples=2000, seed=3), Off(0.8, 0.1))
    nats = series.nats(series.checkpoints[0])
    truth = series.weights @ [error(s, 0.8, 0.1) for s in LEVELS]
    assert abs(nats.value - truth) < 5 * nats.se


def test_gains_are_found_where_they_were_made():
    series = measured(Bench(LAW, levels=LEVELS, examples=400), Off(0.7, fine=10.0), Off(1.0))
    gain = series.gain_by_level(*series.checkpoints)
    low, _ = gain.interval(1 - 0.05 / 9)
    assert (low[LEVELS >= 10] > 0).all()
    assert (gain.value[LEVELS < 10] == 0).all()


def test_advice():
    bench = Bench(LAW, levels=LEVELS, examples=300)
    series = measured(bench, Off(0.5), Off(0.9), Off(1.0), Off(1.0), Off(1.0))
    said = series_advice(series)
    assert said.stop is True
    assert said.keep in ("c2", "c3", "c4")
    assert "gained nothing that shows at any noise level" in said.sentences[1]
    better = series_advice(measured(bench, Off(0.5), Off(0.6), Off(0.7), Off(0.8), Off(0.95)))
    assert better.stop is False
    assert better.keep == "c4"
    assert "It beats every other checkpoint" in better.sentences[0]
    assert better.sentences[1].startswith("Go on: the last 20 % of the training gained")
    worse = series_advice(measured(bench, *[Off(g) for g in (0.5, 1.0, 0.9, 0.8, 0.7)]))
    assert worse.keep == "c1"
    assert worse.sentences[1].startswith("Stop: the last 20 % of the training lost")


def test_a_gain_that_a_loss_outweighs_is_said_as_such():
    coarse, fine = LEVELS < 2, LEVELS >= 50
    bench = Bench(LAW, levels=LEVELS, examples=300)
    weights = bench.series(Off()).weights
    rise = np.array([error(s, 0.5) - error(s) for s in LEVELS])
    lost = math.sqrt((weights * rise)[coarse].sum() / (weights * rise)[fine].sum())
    models = [Off(0.5, coarse=2.0)] * 4 + [Off(1 - 0.5 * lost, fine=50.0)]
    said = series_advice(measured(bench, *models))
    assert said.stop is None
    assert "but in all" in said.sentences[1]


def test_overfitting_is_told_by_level():
    rows = LAW.sample(400, seed=1).numpy()
    train, held_out = gv.load_data(rows[:200]), gv.load_data(rows[200:])

    class Knows(Off):
        """Knows the training examples by heart at fine noise."""

        def __call__(self, x, snr, label=None):
            m = super().__call__(x, snr, label)
            near = torch.as_tensor(rows[:200]).to(x)
            return near[torch.cdist(x, near).argmin(1)] if snr > 10 else m

    model = Knows()
    model.units = (np.zeros(2), np.ones(2))
    bench = Bench(held_out, train, levels=LEVELS, examples=200)
    series = measured(bench, model)
    gap = series.overfit_by_level(series.checkpoints[0])
    low, _ = gap.interval(1 - 0.05 / 9)
    assert (low[LEVELS > 30] > 0).all()
    assert (low[LEVELS < 10] < 0).all()
    assert "overfits at" in series_advice(series).sentences[-1]


def test_a_series_comes_back_from_its_file(tmp_path):
    series = measured(Bench(LAW, levels=LEVELS, examples=64), Off(0.9), Off(1.0))
    save_series(series, tmp_path / "s.jsonl")
    back = load_series(tmp_path / "s.jsonl")
    assert back.header() == series.header()
    assert float(back.gain(*back.checkpoints).se) == float(series.gain(*series.checkpoints).se)
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    for bad in ("", "{}", lines[0] + "\n{}", lines[0] + "\n" + lines[1][:-9], "[1]"):
        (tmp_path / "bad.jsonl").write_text(bad)
        with pytest.raises(gv.InputError, match=r"Measure the checkpoints again|cannot be read"):
            load_series(tmp_path / "bad.jsonl")


def test_the_monitor_goes_on_and_writes_a_page(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))

    def model():
        return gv.wrap(lambda x, t: network(x), (2,), units=(0, 1), weights=network,
                       times=(0.05, 20))  # fmt: skip

    data = gv.load_data(LAW.sample(100, seed=1).numpy())
    monitor = gv.Monitor(data, every=10, out=tmp_path / "m", levels=5, examples=64)
    network.train()
    assert monitor(5, model()) is None
    assert not (tmp_path / "m").exists()
    first = monitor(10, model())
    with torch.no_grad():
        network[0].weight.mul_(0.5)
    gain = monitor(20, model())
    assert network.training
    assert first.value > 0
    assert gain.se < first.se
    again = gv.Monitor(data, every=10, out=tmp_path / "m", levels=5, examples=64)
    again(30, model())  # nothing has changed since
    lines = (tmp_path / "m" / "series.jsonl").read_text().splitlines()
    assert [json.loads(line).get("step") for line in lines] == [None, 10, 20, 30]
    assert float(again.series.gain(*again.series.checkpoints[-2:]).value) == 0
    page = (tmp_path / "m" / "index.html").read_text()
    assert 'http-equiv="refresh"' in page
    assert "step 30" in page
    other = gv.Monitor(data, every=10, out=tmp_path / "m", levels=7, examples=64)
    with pytest.raises(gv.InputError, match="holds a series of other data, levels"):
        other(10, model())


def test_refusals(tmp_path):
    bench = Bench(LAW, levels=LEVELS, examples=64)
    series = measured(bench, Off())
    model = Off()
    model.units = (1, 2)
    with pytest.raises(gv.InputError, match="units and classes of the first checkpoint"):
        bench.measure(series, model, "other")
    few = gv.load_data(LAW.sample(20, seed=1).numpy()[:9])
    with pytest.raises(gv.InputError, match="at least 16 examples"):
        Bench(few).series(Off())
    with pytest.raises(gv.InputError, match="every"):
        gv.Monitor(few, every=0)
    with pytest.raises(gv.InputError, match="NaN or infinite"):
        bench.measure(series, Off(math.nan), "broken")
