"""Puts `catalogue.py` within reach, and Ctrl-C back where a runner in the background took it.

`pytest --device cuda` runs the tests that take `device` there; the others stay on the CPU.
"""

import signal
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent))  # at the end: it must shadow nothing
# A shell starts background jobs with SIGINT ignored, and their children inherit that; a handler
# of our own is inherited as the default instead, so that Ctrl-C can be tested anywhere.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
