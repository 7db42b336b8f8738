"""What `fit` makes of minutes: which network, how many steps, how much validation."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from girsanov.data import load_data
from girsanov.denoise.network import weights_of
from girsanov.train import TrainOptions, choice, fit
from girsanov.train import loop as loop_module
from girsanov.workflow import FitRequest
from girsanov.workflow import fit as fit_workflow

fit_module = sys.modules["girsanov.train.fit"]  # the name `fit` of the room is the function


class Clock:
    """A clock that a step of a network moves by what that network is said to take."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds, self.tried = 0.0, seconds, []
        step = loop_module.Trainer.step

        def timed(trainer):
            network = trainer.model.network
            own = type(network).__name__ == "ConvUNet"
            name = network.config["width"] if own else type(network).__name__
            self.tried += [name] if name not in self.tried else []
            self.now += self.seconds[name]
            step(trainer)

        monkeypatch.setattr(loop_module.Trainer, "step", timed)
        for module in (choice, loop_module):
            monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)


def pictures(n=60, shape=(1, 8, 8)):
    x = np.random.default_rng(0).gamma(2.0, size=(n, *shape))
    return load_data(x.cumsum(-1))


class Caught(Exception):
    """The run, before it begins."""


def chosen(monkeypatch, data=None, **asked):
    """Return the settings and the number of steps of the run that `fit` begins."""

    def run(trainer, total, where, progress):
        raise Caught(where[1], total)

    monkeypatch.setattr(fit_module, "_run", run)
    with pytest.raises(Caught) as caught:
        fit(pictures() if data is None else data, **asked)
    return caught.value.args


COSTS = {16: 0.01, 32: 0.02, 64: 0.05, "UNet2DModel": 0.2}


@pytest.mark.parametrize(
    ("minutes", "network", "width", "tried"),
    [
        (0.1, "conv", 16, [16]),  # of which not even the first makes enough steps
        (0.7, "conv", 16, [16]),
        (1.0, "conv", 32, [16, 32]),  # 2,608 steps
        (1.7, "conv", 32, [16, 32, 64]),  # 1,773 of the next
        (3.0, "conv", 64, [16, 32, 64]),
        (20.0, "unet", None, [16, 32, 64, "UNet2DModel"]),
    ],
)
def test_the_largest_network_that_makes_enough_steps(monkeypatch, minutes, network, width, tried):
    clock = Clock(monkeypatch, COSTS)
    asked, steps = chosen(monkeypatch, minutes=minutes)
    assert (asked["network"], asked["options"]["width"]) == (network, width)
    assert clock.tried == tried
    cost = COSTS["UNet2DModel" if width is None else width]
    assert steps == pytest.approx(minutes * 60 / cost / choice.SPARE, abs=1)


def test_the_width_alone_may_be_open(monkeypatch):
    clock, rows = Clock(monkeypatch, COSTS), np.random.default_rng(0).normal(size=(60, 16))
    for data in (None, load_data(rows)):
        clock.tried = []
        asked, _ = chosen(monkeypatch, data, minutes=20.0, network="conv")
        assert (asked["network"], asked["options"]["width"]) == ("conv", 64)
        assert clock.tried == [16, 32, 64]
    clock.tried = []
    options = TrainOptions(width=32)
    assert chosen(monkeypatch, minutes=0.1, options=options, network="conv")[1] == 260
    assert clock.tried == [32]


def test_a_step_of_few_examples_settles_what_is_much_too_slow(monkeypatch):
    clock = Clock(monkeypatch, {16: 0.001, 32: 0.001, 64: 0.001, "UNet2DModel": 50.0})
    assert chosen(monkeypatch, minutes=3.0)[0]["options"]["width"] == 64
    assert clock.now < 3 * 50 + 1  # one batch of a few examples, in steps of 50 seconds


def test_phase_space_is_learnt_with_convolutions():
    run = {"steps": 2, "network": "conv", "process": "cld", "options": TrainOptions(width=8)}
    assert fit(pictures(), **run).process == "cld"


def test_nothing_is_timed_where_there_is_nothing_to_choose(monkeypatch):
    clock = Clock(monkeypatch, {})
    asked, steps = chosen(monkeypatch, steps=7)
    assert (asked["network"], steps, clock.tried) == ("unet", 7, [])
    monkeypatch.setattr(choice, "find_spec", lambda _: None)
    assert chosen(monkeypatch, steps=7)[0]["network"] == "conv"
    series = load_data(np.random.default_rng(0).normal(size=(60, 2, 16)))
    assert chosen(monkeypatch, series, steps=7)[0]["network"] == "conv"
    rows = load_data(np.random.default_rng(0).normal(size=(60, 16)))
    assert chosen(monkeypatch, rows, steps=7)[0]["network"] == "mlp"


def test_what_was_chosen_is_recorded_and_made_again_by_its_steps(monkeypatch, tmp_path):
    Clock(monkeypatch, COSTS)
    monkeypatch.setattr(choice, "ENOUGH", 25)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).gamma(2.0, size=(200, 1, 8, 8)))
    asked = FitRequest(tmp_path / "x.npy", out=tmp_path / "a", minutes=0.01)
    lines = []
    first = fit_workflow(asked, say=lines.append).model
    run = first.training
    assert (run["network"], run["options"]["width"], run["batch_size"]) == ("conv", 32, 32)
    assert run["command"].endswith("--steps 26 --network conv --width 32 --batch-size 32")
    assert lines == ["0.01 minutes give 26 steps here; 0.0096 minutes are advised"]
    again = replace(asked, out=tmp_path / "b", minutes=None, steps=run["steps"],
                    network="conv", width=32, batch_size=32)  # fmt: skip
    second = fit_workflow(again).model
    one, two = weights_of(first.network), weights_of(second.network)
    assert all(np.array_equal(one[k], two[k]) for k in one)


def test_a_resumed_run_keeps_its_network(monkeypatch, tmp_path):
    clock = Clock(monkeypatch, COSTS)
    monkeypatch.setattr(choice, "ENOUGH", 25)
    out, data = tmp_path / "m", pictures()

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data, out=out, minutes=0.01, progress=stop)
    steps = json.loads((out / "checkpoint" / "state.json").read_text())["progress"]["steps"]
    clock.seconds, clock.tried = dict.fromkeys(COSTS, 100.0) | {32: 0.001}, []
    model = fit(data, out=out, minutes=0.01, resume=True)
    assert clock.tried == [32]
    assert model.training["steps"] == model.training["steps_run"] == steps
    assert model.training["options"]["width"] == 32


def test_too_little_is_said_with_what_would_do():
    line = "3 minutes give 400 steps here; 15 minutes are advised"
    assert choice.too_little(400, 3.0) == line
    assert choice.too_little(choice.FEW, 3.0) is None


@pytest.mark.parametrize("steps", [20, 103, 400, 4000])
def test_validation_takes_at_most_a_tenth(monkeypatch, steps):
    counted, data = {"steps": 0, "validated": 0}, pictures(2000, (1, 2, 2))

    def step(trainer):
        counted["steps"] += trainer.batch_size
        trainer.counters.step += 1

    def errors(model, x0, *_, **__):
        counted["validated"] += len(x0) * loop_module.VALIDATION_LEVELS
        return np.ones((len(x0), loop_module.VALIDATION_LEVELS))

    monkeypatch.setattr(loop_module.Trainer, "step", step)
    monkeypatch.setattr(loop_module, "squared_errors", errors)
    fit(data, steps=steps, network="conv", batch_size=64,
        options=TrainOptions(width=8, early_stopping=False))  # fmt: skip
    passes = counted["validated"] / 3  # one forward is a third of a step
    assert passes <= 0.1 * counted["steps"] or steps == 20  # of which two evaluations are more
    assert counted["validated"] >= 2 * 32 * loop_module.VALIDATION_LEVELS


@pytest.mark.parametrize(("steps", "evaluations", "stops"), [(200, 20, False), (800, 8, False),
                                                            (800, 20, True)])  # fmt: skip
def test_few_evaluations_stop_no_run(monkeypatch, steps, evaluations, stops):
    def step(trainer):
        trainer.counters.step += 1

    worse = iter(range(100))
    monkeypatch.setattr(loop_module.Trainer, "step", step)
    monkeypatch.setattr(
        loop_module, "squared_errors", lambda *_, **__: np.full((2, 17), float(next(worse)))
    )
    options = TrainOptions(width=8, evaluations=evaluations, patience=3)
    run = fit(pictures(), steps=steps, network="conv", options=options).training
    assert (run["steps_run"] < steps) == stops
    assert run["steps_run"] >= min(steps, 300)
