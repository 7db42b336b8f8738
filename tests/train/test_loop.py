"""Training: what is learnt, what is repeatable, what stops it."""

import json

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.data.lineage import shared_rows
from girsanov.denoise.load import load_model
from girsanov.denoise.network import weights_of
from girsanov.law.mixture import GaussianMixture
from girsanov.train import TrainOptions, counters, fit
from girsanov.train import loop as loop_module

SMALL = TrainOptions(width=16, depth=1, evaluations=5)


def table(n=80, labels=False):
    x = np.random.default_rng(0).gamma(2.0, size=(n, 3))
    return load_data(x, labels=np.arange(n) % 3 if labels else None)


def same_weights(a, b):
    one, two = weights_of(a.network), weights_of(b.network)
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


class Stop:
    """A progress callback that presses Ctrl-C at a step."""

    def __init__(self, at):
        self.at = at

    def __call__(self, done, total):
        if done == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("objective", ["ledger", "edm"])
@pytest.mark.parametrize("at", [1, 10, 13])
def test_resumed_run_gives_the_same_weights(tmp_path, objective, at):
    options = TrainOptions(width=16, depth=1, evaluations=5, dropout=0.2)
    asked = {"steps": 25, "batch_size": 32, "objective": objective, "seed": 3, "options": options}
    data = table(labels=True)
    whole = fit(data, out=tmp_path / "whole", **asked)
    with pytest.raises(KeyboardInterrupt):
        fit(data, out=tmp_path / "cut", progress=Stop(at), **asked)
    assert not (tmp_path / "cut" / "girsanov.json").exists()
    resumed = fit(data, out=tmp_path / "cut", resume=True, **asked)
    assert same_weights(whole, resumed)
    assert resumed.fingerprint == whole.fingerprint
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "cut")]
    drop = [[{**json.loads(line), "seconds": 0} for line in log] for log in logs]
    assert drop[0] == drop[1]
    assert [entry["step"] for entry in drop[0]] == [0, 5, 10, 15, 20, 25]


def test_seed_decides_and_global_state_does_not(tmp_path):
    asked = {"steps": 6, "batch_size": 16, "options": SMALL}
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the very thing that must not matter
    before = torch.random.get_rng_state()
    a = fit(table(), **asked)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    assert same_weights(a, fit(table(), **asked))
    assert not same_weights(a, fit(table(), seed=1, **asked))


def test_epochs_visit_every_example_once():
    trainer = trainer_of(steps=1, batch_size=24)
    n = len(trainer.train)
    rows = np.concatenate([trainer.rows(k) for k in range(2 * n)])[: 3 * n].reshape(3, n)
    for epoch in rows:
        assert sorted(epoch) == list(range(n))
    assert not np.array_equal(rows[0], rows[1])


def trainer_of(**asked):
    """Return the trainer that `fit` makes, caught before it runs."""
    caught = []

    class Caught(Exception):
        pass

    def run(self, *_):
        caught.append(self)
        raise Caught

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_module.Trainer, "run", run)
        with pytest.raises(Caught):
            fit(table(), options=SMALL, **asked)
    return caught[0]


def script_evaluations(monkeypatch, script):
    """Let the evaluations give these values; return the weights that each one saw, by value."""
    values, seen = iter(script), {}

    def scripted(model, *_, **__):
        value = next(values)
        seen[value] = {k: v.copy() for k, v in weights_of(model.network).items()}
        return np.full((2, loop_module.VALIDATION_LEVELS), value)

    monkeypatch.setattr(loop_module, "squared_errors", scripted)
    return seen


def test_early_stopping_keeps_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr(counters, "JUDGED_EVALUATIONS", 5)
    monkeypatch.setattr(counters, "JUDGED_STEPS", 10)
    seen = script_evaluations(monkeypatch, [9.0, 5.0, 3.0, 4.0, 3.5, 8.0, 1.0])
    options = TrainOptions(width=16, depth=1, evaluations=10, patience=3)
    model = fit(table(), out=tmp_path / "m", steps=20, batch_size=16, options=options)
    assert model.training["best_step"] == 4
    assert model.training["steps_run"] == 10  # 3 evaluations without a better one, then no more
    for name, value in weights_of(model.network).items():
        np.testing.assert_array_equal(value, seen[3.0][name])
    assert load_model(tmp_path / "m").fingerprint == model.fingerprint


def test_without_early_stopping_the_last_weights_are_kept(monkeypatch):
    seen = script_evaluations(monkeypatch, [9.0, 5.0, 3.0, 4.0, 3.5, 8.0])
    options = TrainOptions(width=16, depth=1, evaluations=5, patience=1, early_stopping=False)
    model = fit(table(), steps=10, batch_size=16, options=options)
    assert model.training["steps_run"] == 10
    for name, value in weights_of(model.network).items():
        np.testing.assert_array_equal(value, seen[8.0][name])


@pytest.mark.parametrize(
    ("steps", "evaluations", "kept"),
    [(48, 12, 12), (288, 12, 12), (400, 8, 8), (310, 10, 1), (396, 12, 1)],
)
def test_a_short_run_is_not_judged(monkeypatch, steps, evaluations, kept):
    """The least of the held-out ledgers is the second; too few of them decide nothing."""
    script = [9.0, 1.0, *(2.0 + k / 10 for k in range(2, evaluations + 1))]
    seen = script_evaluations(monkeypatch, script)
    options = TrainOptions(width=8, depth=1, evaluations=evaluations, patience=50)
    model = fit(table(), steps=steps, batch_size=4, options=options)
    run, every = model.training, -(-steps // evaluations)
    assert run["steps_run"] == steps
    assert run["best_step"] == (every if kept == 1 else steps)
    assert run["held_out_ledger"]["step"] == run["best_step"]
    for name, value in weights_of(model.network).items():
        np.testing.assert_array_equal(value, seen[script[kept]][name])


def test_learns_a_mixture_nearly_as_well_as_can_be():
    law = GaussianMixture([0.7, 0.3], [[-2.0, 1.0], [3.0, 0.0]], [[0.3, 0.2], [0.1, 0.5]])
    x = law.sample(6000, seed=1).numpy()
    data = load_data(x)
    options = TrainOptions(width=64, depth=2, evaluations=4)
    model = fit(data, steps=500, batch_size=128, options=options)
    # standardised units are not the law's: undo the scale of each column in the comparison
    scale = torch.from_numpy(x.std(axis=0))
    fresh = law.sample(4000, seed=2)
    encoded = torch.from_numpy(data.standardisation.encode(fresh.numpy())).double()
    exact_law = GaussianMixture(
        [0.7, 0.3],
        (np.array([[-2.0, 1.0], [3.0, 0.0]]) - x.mean(axis=0)) / x.std(axis=0),
        np.array([[0.3, 0.2], [0.1, 0.5]]) / x.std(axis=0) ** 2,
    )
    assert scale.min() > 0
    z = torch.randn(encoded.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for s in (0.3, 2.0, 20.0):
        noisy = encoded + z / s**0.5
        errors = {
            name: (m(noisy) - encoded).square().sum(dim=1)
            for name, m in {
                "model": lambda x, s=s: model(x, s),
                "exact": lambda x, s=s: exact_law.denoise(x, s),
            }.items()
        }
        excess = errors["model"] - errors["exact"]
        se = float(excess.std()) / len(excess) ** 0.5
        assert float(excess.mean()) < 0.06 * float(errors["exact"].mean()) + 4 * se


def test_never_worse_than_it_started(tmp_path):
    # at this rate every step is harmful: the best is the linear denoiser of step 0
    options = TrainOptions(width=16, depth=1, learning_rate=50.0, patience=2, warm_up=0.0)
    model = fit(table(), steps=20, batch_size=16, options=options)
    assert model.training["best_step"] == 0
    assert float(model.network.outward.weight.detach().abs().max()) == 0.0


def broken(data, from_call):
    calls = []
    batch = data.__class__.batch

    def poisoned(self, rows):
        calls.append(rows)
        x = batch(self, rows)
        return x * float("nan") if len(calls) > from_call else x

    return poisoned


def test_steps_that_are_not_finite_are_skipped_then_refused(tmp_path, monkeypatch):
    data = table()
    monkeypatch.setattr(data.__class__, "batch", broken(data, 6))
    with pytest.raises(InputError, match="the loss was not finite 20 times in a row at step") as e:
        fit(data, out=tmp_path / "m", steps=100, batch_size=16, options=SMALL)
    assert "\n" not in str(e.value)
    monkeypatch.undo()
    model = load_model(tmp_path / "m")
    assert model.training["skipped_steps"] >= 20
    assert all(np.isfinite(w).all() for w in weights_of(model.network).values())


def test_labels_are_learnt_and_some_are_hidden():
    rng = np.random.default_rng(0)
    label = np.arange(400) % 2
    data = load_data(rng.normal(size=(400, 1)) * 0.1 + 4.0 * label[:, None], labels=label)
    options = TrainOptions(width=32, depth=1, evaluations=3, learning_rate=3e-3)
    model = fit(data, steps=250, batch_size=64, options=options)
    x = torch.zeros(2, 1)
    guess = model(x, 0.02, torch.tensor([0, 1]))[:, 0]
    assert guess[1] - guess[0] > 1.5  # the classes are 2 standard deviations apart
    unlabelled = model(x[:1], 0.02)[0, 0]
    assert guess[0] + 0.5 < unlabelled < guess[1] - 0.5


def test_dropout_grows_with_the_times_an_example_is_seen():
    for steps, want in ((45, 0.02), (450, 0.2), (4500, 0.3)):  # 72 of 80 examples train
        trainer = trainer_of(steps=steps, batch_size=32)
        assert trainer.model.network.dropout == pytest.approx(want)
    options = TrainOptions(width=16, depth=1, dropout=0.0)
    assert fit(table(), steps=2, batch_size=32, options=options).training["dropout"] == 0


def test_log_and_record(tmp_path):
    done = []
    model = fit(
        table(), out=tmp_path / "m", steps=10, batch_size=16, options=SMALL,
        progress=lambda *now: done.append(now),
    )  # fmt: skip
    assert done == [(k, 10) for k in range(1, 11)]
    lines = [json.loads(line) for line in (tmp_path / "m" / "log.jsonl").read_text().splitlines()]
    assert {"step", "seconds", "loss", "held_out_ledger", "se"} == lines[-1].keys()
    assert model.training["steps"] == 10
    assert model.training["held_out_ledger"] == lines[-1]  # too short a run to choose


def test_minutes_become_steps_that_a_resumed_run_keeps(tmp_path):
    asked = {"minutes": 0.02, "batch_size": 16, "options": SMALL}
    with pytest.raises(KeyboardInterrupt):
        fit(table(), out=tmp_path / "m", progress=Stop(3), **asked)
    state = json.loads((tmp_path / "m" / "checkpoint" / "state.json").read_text())
    model = fit(table(), out=tmp_path / "m", resume=True, **asked)
    assert model.training["steps"] == state["progress"]["steps"] >= 20


def test_held_out_is_measured_in_the_units_of_the_training_data():
    x = np.random.default_rng(1).normal(size=(60, 3)) * [1, 5, 9] + 3
    trainer = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_module.Trainer, "run", lambda self, *_: trainer.append(self))
        fit(load_data(x[:40]), held_out=load_data(x[40:] + 100), steps=1)
    got = trainer[0].held_out.batch(slice(0, 20)).numpy()
    want = (x[40:] + 100 - x[:40].mean(0)) / x[:40].std(0)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"network": "vit"}, "network: must be one of auto, mlp, columns, conv, unet; got vit"),
        ({"network": "unet"}, r"unet needs images \[C, H, W\]; got \(3,\)"),
        ({"objective": "mse"}, "objective: must be one of edm, ledger"),
        ({"steps": 0}, "steps: must be a whole number >= 1"),
        ({"minutes": -1.0}, "minutes: must be a finite number > 0"),
        ({"steps": 3, "minutes": 1.0}, "minutes: cannot be given together with steps"),
        ({"batch_size": -3}, "batch_size: must be a whole number >= 1"),
        ({"resume": True}, "resume: needs out="),
        ({"seed": -1}, "seed: must be a whole number >= 0"),
    ],
)
def test_refusals(asked, words):
    with pytest.raises(InputError, match=words):
        fit(table(), **asked)


def test_refuses_data_that_cannot_be_learnt():
    with pytest.raises(InputError, match="train: must hold at least 10 examples; got 9"):
        fit(table(9), steps=1)
    with pytest.raises(InputError, match="train: must hold examples that differ"):
        fit(load_data(np.ones((20, 3))), steps=1)
    with pytest.raises(InputError, match=r"held_out: must have examples of shape \(3,\)"):
        fit(table(), held_out=load_data(np.random.default_rng(0).normal(size=(20, 4))), steps=1)


def test_options_refuse():
    with pytest.raises(InputError, match="log_snr: must be an increasing pair"):
        TrainOptions(log_snr=(3.0, 1.0))
    with pytest.raises(InputError, match="learning_rate: must be a finite number > 0"):
        TrainOptions(learning_rate=0.0)


def test_the_record_names_every_example_that_was_seen(tmp_path):
    train, stop = table().split(0.6, seed=1)
    stop, fresh = stop.split(0.5, seed=2)
    asked = {"steps": 2, "batch_size": 16, "options": SMALL}
    model = fit(train, held_out=stop, out=tmp_path / "m", **asked)
    seen = load_model(tmp_path / "m").training["seen"]
    assert seen == model.training["seen"]
    assert [shared_rows(part.lineage, seen) for part in (train, stop, fresh)] == [48, 16, 0]
    assert fit(train, **asked).training["seen"] == seen[:1]
