"""Faults in the middle of the work: a full disk, a model that fails, files that lie."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import girsanov as gv

FULL = """
import contextlib, io, json, pathlib, resource, shutil, signal, sys
import torch._dynamo, girsanov.cli.console, girsanov.workflow.digits_demo
import girsanov.reporting.page, pyarrow.parquet  # imports write to the disk as well
from girsanov.cli.main import run

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it: writing more is an OSError
HARD = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

def content():
    return {str(p): p.read_bytes() for p in sorted(pathlib.Path(".").rglob("*")) if p.is_file()}

for limit, line in json.loads(sys.argv[1]):
    before, said = content(), io.StringIO()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, HARD))
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = run(line.split())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (HARD, HARD))
    after = content()
    changed = [name for name in before if after.get(name) != before[name]]
    left = sorted(set(after) - set(before))
    print(json.dumps([line, limit, code, said.getvalue(), left, changed]))
    shutil.rmtree("new", ignore_errors=True)
    shutil.rmtree("new.npy.parts", ignore_errors=True)
"""
WRITES = [
    *((limit, "audit model --data x.npy --levels 5 --draws 1 --out new.json")
      for limit in (100, 20_000)),
    *((limit, "audit model --data x.npy --levels 5 --draws 1 --force")
      for limit in (100, 20_000)),
    *((limit, "plan audit.json --steps 3 --out new.json") for limit in (100, 1000)),
    *((limit, "plan audit.json --steps 4") for limit in (100, 1000)),
    *((limit, "sample model --plan plan.json --count 2500 --out new.npy")
      for limit in (100, 9000, 13_000)),
    *((1000, f"sample model --plan plan.json --count 500 --out new.{suffix}")
      for suffix in ("npy", "npz", "csv", "parquet")),
    (1000, "report audit.json --out new.html"),
    *((limit, "fit x.npy --out new --steps 5 --network mlp") for limit in (100, 10_000)),
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a small model of three numbers, its audit and its plan."""
    from girsanov.cli.main import run

    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.save("x.npy", np.random.default_rng(4).gamma(2.0, size=(200, 3)))
        for line in (
            "fit x.npy --out model --steps 20 --network mlp",
            "audit model --data x.npy --levels 5 --draws 1",
            "plan audit.json --steps 3",
        ):
            assert run(line.split()) == 0
    return folder


@pytest.fixture
def made(finished, here):
    shutil.copytree(finished, here, dirs_exist_ok=True)
    return here


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits on file sizes")
def test_a_full_disk_is_one_line_and_leaves_nothing_that_looks_finished(made):
    pytest.importorskip("pyarrow")
    said = subprocess.run(
        [sys.executable, "-c", FULL, json.dumps(WRITES)], capture_output=True, text=True,
        timeout=200, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(lines) == len(WRITES)
    for line, limit, code, error, left, changed in lines:
        where = f"{line} with {limit} bytes: {error}"
        assert code == 2, where
        assert error.count("\n") == 1, where
        assert "cannot be written" in error, where
        assert changed == [], where
        # finished shards stay, for the next run; of a model only what is no model yet
        kept = all(".parts/" in name or name.startswith("new/") for name in left)
        assert kept, where
        assert "new/girsanov.json" not in left, where


WAYS = {
    "NaN": (lambda m: m * float("nan"), "NaN or inf", "NaN or infinite values"),
    "shape": (lambda m: m[:, :2], "got shape (40, 2)", "numbers of shape (10, 3); got (10, 2)"),
    "rows": (lambda m: m[:1], "got shape (1, 3)", "numbers of shape (10, 3); got (1, 3)"),
    "dtype": (lambda m: m.long(), "of torch.int64", "got (10, 3) of torch.int64"),
}  # what a call gives; what an audit says of it, and what `sample` says


def broken(way, after: int, monkeypatch) -> None:
    """Make every model that is loaded give something else after so many calls."""
    from girsanov.denoise.network import NetworkDenoiser

    whole, calls = NetworkDenoiser.denoise, []

    def denoise(self, x, snr, label=None, **options):
        calls.append(1)
        m = whole(self, x, snr, label, **options)
        return way(m) if len(calls) > after else m

    monkeypatch.setattr(NetworkDenoiser, "denoise", denoise)


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_fails_midway(made, mistake, monkeypatch, way, after):
    spoil, audited, sampled = WAYS[way]
    broken(spoil, after, monkeypatch)
    audit = "audit model --data x.npy --levels 5 --draws 1 --out new.json"
    assert audited in mistake(*audit.split())
    broken(spoil, after, monkeypatch)
    sample = "sample model --plan plan.json --count 30 --batch-size 10 --out new.npy"
    assert sampled in mistake(*sample.split())


def test_numbers_too_large_to_be_squared_are_refused_by_an_audit(made, mistake, monkeypatch):
    broken(lambda m: m.double() * 1e300, 2, monkeypatch)
    audit = "audit model --data x.npy --levels 5 --draws 1 --out new.json"
    assert "or above 1e+60" in mistake(*audit.split())


def test_more_memory_than_there_is_is_one_line(made, mistake, girsanov):
    line = "audit model --data x.npy --levels 5 --out new.json --draws"
    assert "levels: must be at most" in mistake(*line.split(), 1, "--levels", 10**9)
    said = girsanov(
        *["fit", "x.npy", "--out", "big", "--steps", "3", "--network", "mlp", "--batch-size"],
        10**13,
    )
    assert said.code == 2
    assert said.err.startswith("girsanov: memory: there is not enough for this; ")
    assert said.err.count("\n") == 1
    assert not Path("big/girsanov.json").exists()


def test_a_name_that_no_file_can_have(made, mistake):
    for line in (
        ["sample", "model", "--plan", "plan.json", "--count", 5, "--out", "a\0.npy"],
        ["fit", "x.npy", "--out", "a\0", "--steps", 2],
        ["fit", "x\0.npy", "--out", "new", "--steps", 2],
    ):
        mistake(*line)


def test_a_safetensors_header_that_lies(made, mistake):
    weights = next((made / "model").rglob("diffusion_pytorch_model.safetensors"))
    whole = weights.read_bytes()
    line = "sample model --plan plan.json --count 3 --out new.npy"
    for lie in (
        struct.pack("<Q", 2**63) + whole[8:],
        struct.pack("<Q", 2**40) + whole[8:],
        struct.pack("<Q", 0) + whole[8:],
        whole[:8] + whole[8:].replace(b'"shape":[', b'"shape":[9', 1),
        whole[:8] + whole[8:].replace(b'"data_offsets":[0,', b'"data_offsets":[8,', 1),
        whole[:-4],
        b"",
    ):
        weights.write_bytes(lie)
        assert "safetensors" in mistake(*line.split())


def bomb(path: Path, rows: int, filled: int) -> None:
    """Write a .npz whose array of `rows` rows of 64 numbers holds `filled` MiB of zeros."""
    header = io.BytesIO()
    form = {"descr": "<f8", "fortran_order": False, "shape": (rows, 64)}
    np.lib.format.write_array_header_1_0(header, form)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        file.write(header.getvalue())
        for _ in range(filled):
            file.write(b"\0" * 2**20)


def picture_of(side: int) -> bytes:
    """Return a small PNG file that says it is a square of `side` pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(10**6))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def hostile(folder: Path) -> dict[str, str]:
    """Write data files that no one can learn from; return what is said of each."""
    x = np.random.default_rng(4).gamma(2.0, size=(200, 3))
    np.save("whole.npy", x)
    whole = Path("whole.npy").read_bytes()
    for suffix in ("npy", "npz", "csv", "parquet"):
        Path(f"empty.{suffix}").write_bytes(b"")
    Path("short.npy").write_bytes(whole[:-100])
    Path("head.npy").write_bytes(whole[:40])
    Path("claims.npy").write_bytes(whole.replace(b"(200, 3)", b"(2000000000000, 3)")[:-10])
    np.save("objects.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    np.savez("objects.npz", x=np.array([{}, 1], dtype=object))
    bomb(Path("bomb.npz"), 2**24, 1)
    Path("ragged.csv").write_text("a,b\n1,2\n3\n")
    Path("one.csv").write_text("a,b\n1,2\n")
    Path("inf.csv").write_text("a,b\n" + "1,2\n" * 50 + "inf,3\n")
    Path("constant.csv").write_text("a,b\n" + "1,2\n" * 200)
    for name, value in (("inf", np.inf), ("nan", np.nan), ("huge", 1e308)):
        y = x.copy()
        y[5, 1] = value
        np.save(f"{name}.npy", y)
    np.save("complex.npy", x.astype(complex))
    np.save("norows.npy", x[:0])
    for name in ("mixed", "text", "bombs"):
        Path(name).mkdir()
        for k in range(3):
            Image.new("L", (8, 8 + (name == "mixed" and k == 2))).save(f"{name}/{k}.png")
    Path("text/1.png").write_text("hello")
    Path("bombs/1.png").write_bytes(picture_of(30000))
    Path("none_here").mkdir()
    return {
        **{f"empty.{suffix}": "must not be empty" for suffix in ("npy", "npz", "csv", "parquet")},
        "missing.npy": "must be an existing file", "short.npy": "must be a whole .npy file",
        "head.npy": "must be a whole .npy file", "claims.npy": ".npy file",
        "objects.npy": "Python objects", "objects.npz": "Python objects",
        "bomb.npz": "must unpack to at most", "ragged.csv": "must have 2 cells in every line",
        "one.csv": "must have at least 2 rows", "inf.csv": "must hold finite numbers",
        "constant.csv": "must hold examples that differ", "inf.npy": "got inf at row 5",
        "nan.npy": "got nan at row 5", "huge.npy": "got 1e+308", "complex.npy": "real numbers",
        "norows.npy": "must not be empty", "mixed": "must have size (8, 8)",
        "text": "must be a whole image", "bombs": "must be a whole image",
        "none_here": "must hold images",
    }  # fmt: skip


def test_data_that_cannot_be_used_is_one_line_and_little_memory(here, mistake):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, rule in hostile(here).items():
        line = mistake("fit", name, "--out", "new", "--steps", 2, "--network", "mlp")
        assert rule in line, (name, line)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    assert grown < 500, f"{grown} MiB"


def test_whole_numbers_at_the_end_of_what_float64_tells(here, girsanov):
    ends = np.iinfo(np.int64)
    np.save("ends.npy", np.array([[ends.max, ends.min], [0, 1]] * 100))
    said = girsanov("fit", "ends.npy", "--out", "new", "--steps", 2, "--network", "mlp")
    assert said.code == 2
    assert "of at most 2^53 in size" in said.err
    assert not Path("new").exists()
    np.save("ends.npy", np.array([[2**53, -(2**53)], [0, 1]] * 100))
    assert girsanov("fit", "ends.npy", "--out", "new", "--steps", 2, "--network", "mlp").code == 0
    units = gv.load_model("new").standardisation
    back = units.decode(np.array([[50.0, -50.0]], np.float32))
    assert back.dtype == np.int64
    assert back[0, 0] > 0 > back[0, 1]  # held at the ends: nothing wrapped round
