"""Puts `catalogue.py` within reach, and Ctrl-C back where a runner in the background took it.

`pytest --device cuda` runs the tests that take `device` there; the others stay on the CPU.
Tests that search for a counterexample draw the same examples in every run and on every machine;
with `pytest --hypothesis-profile search` (`make fuzz`) they draw others, and many more, each time.
What a search finds is kept as an `@example`, or as a test of its own.
"""

import os
import signal
import sys
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: several threads add in another order

import torch
from hypothesis import HealthCheck, settings

sys.path.append(str(Path(__file__).parent))  # at the end: it must shadow nothing
# A shell starts background jobs with SIGINT ignored, and their children inherit that; a handler
# of our own is inherited as the default instead, so that Ctrl-C can be tested anywhere.
signal.signal(signal.SIGINT, signal.default_int_handler)
torch.set_num_threads(1)
# no clock decides what fails: neither for one example nor for the making of them
timeless = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, database=None, max_examples=100, **timeless)
settings.register_profile("search", max_examples=5000, print_blob=True, **timeless)
settings.load_profile("same")


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where tests that take `device` run")


@pytest.fixture
def device(pytestconfig, monkeypatch):
    """The device of `--device`, in whole float32, as the CPU it is compared with computes."""
    name = pytestconfig.getoption("--device")
    if name.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip("there is no CUDA here")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return torch.device(name)
