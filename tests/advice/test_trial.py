"""The trial's second moments of the gradient against a network whose gradient is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

import girsanov as gv
from girsanov.advice.trial import TrialRun, gradient_moments
from girsanov.cli.main import run
from girsanov.montecarlo import Estimate
from girsanov.train import TrainOptions
from girsanov.train.build import build_trainer, training_moments

LAW = gv.Gaussian([3.0, -1.0], [[4.0, 1.2], [1.2, 0.9]])
WIDTH = 24


def test_before_training_only_the_last_layer_has_a_gradient_which_is_known():
    """With F = W h + b and W = b = 0, G = (1 + |h|^2) sum_j (s v_j / (1 + s v_j))^2."""
    data = gv.load_data(LAW.sample(400, seed=0).numpy())
    asked = {"network": "mlp", "process": "vp", "objective": "edm", "batch_size": 8, "seed": 0}
    moments = training_moments(data)
    model = build_trainer((data, data), moments, asked, TrainOptions(width=WIDTH)).model
    snrs = np.array([0.1, 1.0, 30.0])
    found = gradient_moments(model, data.batch(slice(0, 400)), snrs, seed=1)
    keep = snrs[:, None] * moments.variances / (1 + snrs[:, None] * moments.variances)
    exact = (1 + WIDTH) * (keep**2).sum(axis=1)
    assert (np.abs(found.value - exact) < 4 * found.se + 0.01 * exact).all()


def test_what_is_saved_is_the_ratio_of_second_moments():
    moments = Estimate(np.array([1.0, 9.0]), np.zeros(2), 10)
    trial = TrialRun(np.array([1.0, 2.0]), moments, -1.0, 1.2, 5)
    uniform = (1.0 + 9.0) / 2
    best = np.mean([1.0 / (2 * 0.25), 9.0 / (2 * 0.75)])  # E G / p over p, p = 1/4 and 3/4
    assert trial.saving() == pytest.approx(best / uniform / 1.0, rel=1e-9)


def test_a_trial_is_run_and_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", LAW.sample(60, seed=0).numpy())
    assert run(["advise", "x.npy", "--minutes", "0.001", "--json"]) == 0
    trial = json.loads(capsys.readouterr().out)["trial"]
    assert trial["steps"] >= 1
    assert len(trial["noise"]) == len(trial["gradient_second_moment"])
    assert 0 < trial["saving"] <= 1 + 1e-9
    assert run(["advise", "x.npy", "--minutes", "-1"]) == 2
    assert "minutes" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.npy"]
