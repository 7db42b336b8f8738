"""The quick part of benchmarks/labels.py: a class's deviations on a table, and labels kept."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_wine

import girsanov as gv

STUDY = Path(__file__).parents[2] / "benchmarks" / "labels.py"


@pytest.fixture(scope="module")
def study():
    pytest.importorskip("diffusers")
    sys.path.insert(0, str(STUDY.parent))
    try:
        spec = importlib.util.spec_from_file_location("labels_study", STUDY)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    finally:
        sys.path.remove(str(STUDY.parent))
    return made


def test_a_class_of_a_table_keeps_more_of_its_deviations_and_labels(study, tmp_path):
    """Of a network of 300 steps, whose residual is large: what the start alone comes to."""
    bunch = load_wine()
    data = gv.load_data(bunch.data, labels=bunch.target)
    train, held_out = data.split(0.7, seed=0)
    gv.fit(train, seed=0, steps=300, out=tmp_path / "wine")
    model = gv.load_model(tmp_path / "wine")
    audit = gv.audit(model, held_out, train=train)
    whole = np.stack([bunch.data[bunch.target == c].std(axis=0) for c in range(3)])
    off, kept = [], []
    for start in ("class", "gaussian"):
        plan = audit.plan(steps=5, start=start, force=True)
        each = [gv.sample(model, plan, 400, label=c, seed=1) for c in range(3)]
        off.append(study.summary(np.stack([x.std(axis=0) for x in each]) / whole)["rms"])
        samples = gv.load_data(np.concatenate(each), labels=np.repeat(np.arange(3), 400))
        kept.append(gv.compare(samples, data, by=["labels"])["labels"])
    own, alike = kept
    assert off[0] < off[1]
    assert alike.high < own.low
