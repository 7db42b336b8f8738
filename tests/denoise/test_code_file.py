"""Code as a model: FILE.py:function, run as it is, and one line for whatever goes wrong in it."""

import re
import sys

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.cli.main import run
from girsanov.denoise.places import code_of

FILE = """
import torch
import girsanov as gv
from width import WIDTH  # beside this file

class Net(torch.nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))
        self.register_buffer("variance", torch.ones(WIDTH))
    def forward(self, x, sigma):
        return self.scale * x * self.variance / (1 + sigma[:, None] ** 2)

class Late(Net):
    def forward(self, x, sigma):
        return x @ torch.ones(3, 3) if len(x) > 2 else super().forward(x, sigma)

class Grows(Net):
    def forward(self, x, sigma):
        return torch.cat([x, x], 1)

def load():
    print("loading")
    return gv.wrap(Net(), (2,), times=(0.01, 30.0))

def other(): return gv.wrap(Net(0.5), (2,), times=(0.01, 30.0))
def late(): return gv.wrap(Late(), (2,), times=(0.01, 30.0))
def grows(): return gv.wrap(Grows(), (2,), times=(0.01, 30.0))
def network(): return Net()
def needs(path): return path
def exits(): raise SystemExit(3)
def raises():
    state = {}
    return state["ema"]

class Own:
    shape, dtype, device, classes, exact = (2,), torch.float64, torch.device("cpu"), 0, False
    snr_range, fingerprint = (1e-3, 1e3), "0" * 64
    def __call__(self, x, snr, label=None):
        return x / (1 + 1 / snr)

class Wrong(Own):
    def __call__(self, x, snr, label=None):
        return x.nothing()

def own(): return Own()
def wrong(): return Wrong()
ready, NUMBER = Own(), 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "width", raising=False)
    (tmp_path / "width.py").write_text("WIDTH = 2\n")
    (tmp_path / "net.py").write_text(FILE)
    return tmp_path / "net.py"


def refused(path):
    with pytest.raises(InputError) as caught:
        gv.load_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def line_of(words):
    return next(k for k, line in enumerate(FILE.splitlines(), 1) if words in line)


def test_the_code_is_run_and_is_the_denoiser(file, capfd):
    model = gv.load_model("net.py:load")
    x = torch.tensor([[1.0, -2.0]], dtype=torch.float32)
    torch.testing.assert_close(model(x, 0.25), x / 5)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "loading\n")  # stdout may be JSON
    for name in ("own", "ready"):
        assert gv.load_model(f"net.py:{name}")(x, 1.0).tolist() == [[0.5, -1.0]]
    assert gv.load_model("net.py:load", device="cpu").device.type == "cpu"
    assert code_of("a/b.py:f") == code_of("a/b.py") == "a/b.py"
    assert code_of("model") is None


def test_the_fingerprint_is_of_file_name_and_weights(file):
    marks = [gv.load_model(f"net.py:{name}").fingerprint for name in ("load", "other", "own")]
    assert len({*marks}) == 3
    assert gv.load_model("net.py:load").fingerprint == marks[0]
    file.write_text(FILE.replace("1 + sigma", "2 + sigma"))  # the weights stay as they were
    assert gv.load_model("net.py:load").fingerprint != marks[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", r"^net\.py: must name a function .* got no function\. It has load, other"),
        (":", r"^net\.py:: must name a function .* got no function\. It has load"),
        (":lod", r"^net\.py:lod: must name a function .* got no lod\. It has load"),
        (":NUMBER", r"^net\.py:NUMBER: must be a function .* got int"),
        (":needs", r"^net\.py:needs: fails; TypeError: .*missing 1 required"),
        (":exits", r"^net\.py:exits: must not exit; SystemExit: 3 .*__main__"),
        (":raises", rf"^net\.py:raises: fails; KeyError: 'ema' \(.*py, line {line_of('ema')}"),
        (":network", r"^net\.py:network: must return a denoiser; got Net, which lacks shape, .*"
                     r"girsanov\.wrap makes one of a network"),
        (":grows", r"^net\.py:grows: network: must answer with .* \(2, 2\); got \(2, 4\) \(.*py"),
        (":wrong", r"^net\.py:wrong: fails; AttributeError: .* line "
                   + str(line_of("nothing()"))),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_is_one_line(file, name, said):
    assert re.search(said, refused(f"net.py{name}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", r"SyntaxError: .*\(.*broken\.py, line 1\)"),
        ("import not_here\n", r"ModuleNotFoundError: .*\(.*broken\.py, line 1\)"),
        (
            "x = 1\nimport sys; sys.exit('train first')\n",
            r"must not exit; SystemExit: train first",
        ),
        ("", r"got no f\. It has no functions"),
    ],
)
def test_a_file_that_does_not_run(file, text, said):
    (file.parent / "broken.py").write_text(text)
    assert re.search(said, refused("broken.py:f"))
    assert refused("none.py:f") == "model none.py:f: must be an existing file; got no such file"


def test_a_network_that_fails_later_is_one_line_too(file, capsys):
    np.save("x.npy", np.random.default_rng(0).gamma(2.0, size=(200, 2)))
    assert run(["audit", "net.py:late", "--data", "x.npy", "--levels", "5"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "note: this runs the code in net.py"
    assert said[1].startswith("girsanov: network: fails when it is called as network(x_t, t) for")
    assert f"net.py, line {line_of('ones(3, 3)')})" in said[1]
    assert not list(file.parent.glob("audit*"))


def test_the_job_from_a_shell_and_a_plan_of_other_code(file, capsys):
    np.save("x.npy", np.random.default_rng(0).gamma(2.0, size=(200, 2)))
    few = ["--levels", "9", "--examples", "60", "--flow", "0"]
    assert run(["audit", "net.py:load", "--data", "x.npy", *few]) == 0
    assert run(["plan", "audit.json", "--steps", "3"]) == 0
    assert "next: girsanov sample net.py:load --plan plan.json" in capsys.readouterr().out
    draw = ["sample", "net.py:load", "--plan", "plan.json", "--count", "5", "--out", "s.npy"]
    assert run(draw) == 0
    assert np.load("s.npy").shape == (5, 2)
    capsys.readouterr()
    draw = [*draw[:1], "net.py:other", *draw[2:-1], "t.npy"]
    assert run(draw) == 2
    assert "was made for the model with fingerprint" in capsys.readouterr().err
    assert not (file.parent / "t.npy").exists()
    assert run([*draw, "--any-model"]) == 0
