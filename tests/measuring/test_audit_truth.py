"""Quick cases of benchmarks/audit_truth.py: the curve against a plain mean with fresh noise."""

import importlib.util
from pathlib import Path

import pytest

STUDY = Path(__file__).parents[2] / "benchmarks" / "audit_truth.py"
spec = importlib.util.spec_from_file_location("audit_truth", STUDY)
study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study)

QUICK = (
    *(f"digits {seed}" for seed in (1, 3, 4)),  # which were off by seven orders of magnitude
    *("dark borders 0", "dark borders 1", "one-hot columns 0", "sparse counts 0"),
    *("200 towns 0", "heavy tails 0", "columns that repeat 0", "columns that repeat 7"),
    *("colour tiles 0", "rare flags 0", "n 40 held out 5", "9 levels 11"),
    *("calibrated 22", "full covariance 22", "reference 22"),
)
CASES = {f"{case.name} {case.seed}": case for case in study.cases(lambda seed: None)}


@pytest.mark.parametrize("name", QUICK)
def test_the_curve_is_the_plain_mean(name):
    low, high, far = study.compared(CASES[name])
    assert far < study.BEYOND
    assert low > 0.5
    assert high < 2.0
