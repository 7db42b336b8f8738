"""(1), (2) of memorisation.py: what is known by heart, what few examples explain, other laws."""

import numpy as np
import pytest
import torch
from recorder import Cloud

import girsanov as gv
from girsanov.ledger.model_faults import another_law, by_heart


class Line(torch.nn.Module):
    """The straight line of the training moments, in the model's units."""

    def __init__(self, train):
        super().__init__()
        x = train.batch(slice(0, len(train))).double()
        self.mean, centred = x.mean(0), x - x.mean(0)
        values, self.axes = torch.linalg.eigh(centred.T @ centred / len(x))
        self.values = values.clamp(min=0)

    def forward(self, x, sigma):
        s = sigma.reshape(-1, 1).double() ** -2
        keep = s * self.values / (1 + s * self.values)
        z = (x.double() - self.mean) @ self.axes
        return (self.mean + (keep * z) @ self.axes.T).to(x)


def parts(rows, seed=0):
    return gv.load_data(rows).split(0.5, seed=seed)


def audited(network, train, held):
    model = gv.wrap(network(train), train.shape, times=(0.1, 20.0), train=train)
    return gv.audit(model, held, train=train, levels=17, draws=2)


def many_dimensions(n=240, d=160, seed=0):
    """More dimensions than half of the rows can tell."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ np.diag(rng.uniform(0.5, 2, d)) + 3


def test_what_few_examples_do_to_a_straight_line_is_no_memorisation():
    audit = audited(Line, *parts(many_dimensions()))
    low, _ = audit.memorised().interval()
    assert low > 1.0  # nats: it is better on what its moments are of
    own = audit.known_by_heart()
    assert abs(own.value) < 4.5 * own.se + 1e-6
    assert "memorised" not in audit.verdict
    assert by_heart(audit, audit.plan(steps=4, calibrate=False)) == ""


@pytest.mark.parametrize("seed", [0, 1])
def test_a_model_of_its_own_examples_is_found(seed):
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.normal(-2, 0.3, (150, 4)), rng.normal(1, 0.8, (250, 4))])
    audit = audited(Cloud, *parts(rows, seed))
    low, _ = audit.known_by_heart().interval()
    assert low > 1.0
    said = by_heart(audit, audit.plan(steps=8))
    assert said.startswith("It has memorised training examples")


def test_two_laws_are_told():
    """Held-out rows with half the spread of the training rows."""
    rng = np.random.default_rng(3)
    train, _ = parts(rng.normal(0, 2, (600, 5)))
    held, _ = parts(rng.normal(0, 1, (600, 5)), 1)
    audit = audited(Line, train, held)
    assert audit.memorised().value < 0
    said = "Held-out and training data come from different distributions"
    assert another_law(audit.memorised()).startswith(said)
    assert said in gv.verdict(audit, audit.plan(steps=4))


def test_one_law_is_not_told_apart():
    rng = np.random.default_rng(4)
    for seed in range(8):
        train, held = parts(rng.gamma(2.0, 1.0, (400, 3)), seed)
        assert another_law(audited(Line, train, held).memorised()) == ""


def test_a_saved_audit_knows_the_same(tmp_path):
    audit = audited(Line, *parts(many_dimensions(seed=1)))
    audit.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json")
    assert again.known_by_heart() == audit.known_by_heart()
