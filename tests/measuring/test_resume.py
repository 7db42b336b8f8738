"""An audit that is stopped again and again is the one that never was, to the bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import girsanov as gv
from girsanov.measuring import resume as kept
from girsanov.measuring.resume import remove_sums

ROWS = np.random.default_rng(5).gamma(2.0, size=(400, 3))
ASKED = {"levels": 7, "draws": 2, "seed": 3, "batch_size": 32}


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 0.0)


@pytest.fixture(scope="module")
def parts():
    return gv.load_data(ROWS).split(0.5, seed=0)


@pytest.fixture(scope="module")
def model(parts):
    return gv.fit(parts[0], steps=20, network="mlp", seed=1)


class Stop(Exception):
    """The run is over."""


def stopped(model, parts, folder, calls):
    """Audit until `calls` calls of the network were made; return whether the end came first."""

    def progress(done, total):
        if done >= calls:
            raise Stop

    try:
        gv.audit(model, parts[1], train=parts[0], keep=folder, progress=progress, **ASKED)
    except Stop:
        return False
    return True


def alike(one, two):
    for name in ("traces", "products", "full", "second_moments", "shares"):
        np.testing.assert_array_equal(getattr(one.curve, name), getattr(two.curve, name), name)
    for name, value in one.curve.errors.items():
        np.testing.assert_array_equal(value, two.curve.errors[name])
    np.testing.assert_array_equal(one.memorisation, two.memorisation)
    for name, value in one.flow.tensors().items():
        np.testing.assert_array_equal(value, two.flow.tensors()[name])


def test_what_was_stopped_goes_on_to_the_same_bits(model, parts, tmp_path):
    whole = gv.audit(model, parts[1], train=parts[0], **ASKED)
    total = whole.facts.calls + whole.facts.flow_calls
    for calls in (total // 5, total // 2, total - 40):
        assert not stopped(model, parts, tmp_path / "p", calls)
    counted = []
    again = gv.audit(model, parts[1], train=parts[0], keep=tmp_path / "p", **ASKED,
                     progress=lambda done, _: counted.append(done))  # fmt: skip
    alike(whole, again)
    assert counted[0] > total // 2  # what was kept was not measured again
    assert counted[-1] == total
    remove_sums(tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_nothing_is_kept_of_a_short_audit(model, parts, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 30.0)
    gv.audit(model, parts[1], keep=tmp_path / "p", **ASKED)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("other", [{"seed": 4}, {"draws": 1}, {"levels": 9}, {"batch_size": 31}])
def test_sums_of_another_audit_are_refused_or_removed(model, parts, tmp_path, other):
    assert not stopped(model, parts, tmp_path / "p", 1500)
    asked = {**ASKED, **other}
    with pytest.raises(gv.InputError, match="p: holds sums of another run"):
        gv.audit(model, parts[1], train=parts[0], keep=tmp_path / "p", **asked)
    remove_sums(tmp_path / "p")
    alike(
        gv.audit(model, parts[1], train=parts[0], keep=tmp_path / "p", **asked),
        gv.audit(model, parts[1], train=parts[0], **asked),
    )


def one_bit_less(data):
    """Return a file in which one number is another, and nothing else is wrong."""
    at = len(data) - 2000
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("damage", [lambda data: data[:-9], one_bit_less], ids=["cut", "changed"])
def test_damaged_sums_begin_again(model, parts, tmp_path, damage):
    assert not stopped(model, parts, tmp_path / "p", 2000)
    file = tmp_path / "p" / "held-out-0.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    alike(
        gv.audit(model, parts[1], train=parts[0], keep=tmp_path / "p", **ASKED),
        gv.audit(model, parts[1], train=parts[0], **ASKED),
    )
    (tmp_path / "p" / "mine.txt").write_text("x")
    with pytest.raises(gv.InputError, match=r"something else than sums; got mine\.txt"):
        gv.audit(model, parts[1], train=parts[0], keep=tmp_path / "p", **ASKED)


SCRIPT = """
import sys
from girsanov.measuring import resume as kept
from girsanov.cli.main import run
kept.SECONDS = 0.0
line = "audit model --data x.npy --levels 9 --draws 12 --batch-size 16 --out " + sys.argv[1]
print("ready", flush=True)
sys.exit(run(line.split()))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_command_that_is_killed_never_leaves_a_finished_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", ROWS)
    data = gv.load_data("x.npy").without_labels()
    gv.fit(data.split(0.5, seed=0)[0], out="model", steps=20, network="mlp", seed=1)

    def life(name, seconds=None):
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, name], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        with child:
            child.stdout.readline()
            if seconds is not None:
                time.sleep(seconds)
                child.kill()
            child.communicate()
        return child.returncode

    draw, kills, longest = random.Random(1), 0, 1.5
    assert life("whole.json") == 0
    shutil.copy("whole.safetensors", "audit.safetensors")  # of one killed between its two files:
    Path("audit.json.parts").mkdir()  # the next takes its place
    while kills < 4:
        code = life("audit.json", draw.uniform(0.0, longest))
        if code == 0:  # it came to its end: kill faster
            longest /= 2
            for path in tmp_path.glob("audit.*"):
                path.unlink()
            kills = 0
            continue
        if (tmp_path / "audit.json").exists():  # killed between its last line and its exit
            alike(gv.load_audit("whole.json"), gv.load_audit("audit.json"))
            for path in tmp_path.glob("audit.*"):
                path.unlink()
        kills += 1
    assert life("audit.json") == 0
    assert not (tmp_path / "audit.json.parts").exists()
    alike(gv.load_audit("whole.json"), gv.load_audit("audit.json"))


PICTURES = np.random.default_rng(2).normal(size=(320, 1, 2, 2)).astype(np.float32)


class Pictures(gv.ExactDenoiser):
    """A Gaussian's exact denoiser that takes pictures, and counts their rows in every call."""

    def __init__(self):
        super().__init__(gv.Gaussian(np.zeros(4), np.eye(4)))
        self.standardisation = gv.load_data(PICTURES).standardisation
        self.shape, self.exact, self.rows = (1, 2, 2), False, set()

    def __call__(self, x, snr, label=None):
        self.rows.add(len(x))
        return super().__call__(x.flatten(1), snr).view(x.shape)


def test_pictures_on_a_cpu_are_measured_in_batches_after_which_their_sums_are_kept(tmp_path):
    data = gv.load_data(PICTURES)
    small, whole = Pictures(), Pictures()
    seen = []

    def progress(done, total):
        seen.append(list(tmp_path.glob("p/held-out-0*")))

    one = gv.audit(small, data, levels=5, draws=1, keep=tmp_path / "p", progress=progress)
    assert max(small.rows) == 64
    assert any(seen)  # there is a file of sums before the audit ends
    two = gv.audit(whole, data, levels=5, draws=1, batch_size=320)
    assert max(whole.rows) == 240  # the others are the neighbours
    np.testing.assert_allclose(one.curve.traces, two.curve.traces, rtol=1e-5)
