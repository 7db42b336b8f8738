"""Nothing that is read can run code, and nothing is sent or fetched: seen while it runs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import girsanov

HOUSE = Path(girsanov.__file__).parent
ROOT = HOUSE.parent.parent
UNSAFE = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load"),
    *("torch.save", "yaml.load", "shelve.open", "np.fromfile", "torch.hub.load"),
    *("torch.jit.load", "pd.read_pickle", "joblib.load"),
}
MODULES = {"pickle", "dill", "joblib", "cloudpickle", "marshal", "shelve", "socket", "urllib"}
MODULES |= {"requests", "http", "httpx", "subprocess", "ctypes", "yaml"}


def unsafe(source: ast.AST) -> list[str]:
    """Return what in `source` could run what it reads, or reach a network."""
    found = []
    for node in ast.walk(source):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
            names = [] if getattr(node, "level", 0) else names
            found += [n for n in names if n.split(".")[0] in MODULES]
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            found += [called] if called in UNSAFE else []
            loads = called in ("np.load", "numpy.load", "np.lib.format.read_array")
            found += [called] if loads and keywords.get("allow_pickle") != "False" else []
            found += ["shell=True"] if keywords.get("shell") == "True" else []
            found += ["trust_remote_code"] if "trust_remote_code" in keywords else []
    return found


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda p: p.stem)
def test_no_line_could_run_what_it_reads(path):
    found = unsafe(ast.parse(path.read_text(encoding="utf-8")))
    # the doctor tries imports one at a time; figures in PNG or PDF are a browser's, when asked for
    own = ["subprocess"] if path.name in ("installation.py", "figure_files.py") else []
    assert [name for name in found if name not in own] == []


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("import pickle", True),
        ("from urllib.request import urlopen", True),
        ("np.load(f)", True),
        ("np.load(f, allow_pickle=True)", True),
        ("np.load(f, allow_pickle=False)", False),
        ("torch.load(f, weights_only=True)", True),
        ("network.eval()", False),
        ("re.compile('x')", False),
        ("compile(text, 'x', 'exec')", True),
        ("yaml.load(f)", True),
        ("run(x, shell=True)", True),
        ("from ..data import load_data", False),
    ],
)
def test_the_search_sees(line, bad):  # or the test above could not fail
    assert bool(unsafe(ast.parse(line))) == bad


WATCHED = """
import json, sys
import numpy as np
import torch, scipy.stats, safetensors.numpy, jinja2, PIL.Image  # their own start is not ours
seen = []
def hook(event, arguments):
    if event in ("pickle.find_class", "socket.connect", "socket.getaddrinfo", "socket.bind",
                 "subprocess.Popen", "os.system", "marshal.loads.never"):
        seen.append((event, repr(arguments)[:200]))
sys.addaudithook(hook)
from girsanov.cli.main import run
np.savez("x.npz", x=np.random.default_rng(0).gamma(2.0, size=(200, 3)), y=np.arange(200) % 2)
for line in (
    "fit x.npz --labels y --out model --steps 20 --network mlp",
    "audit model --data x.npz --labels y --levels 5",
    "plan audit.json --steps 3",
    "sample model --plan plan.json --count 40 --out s.csv",
    "sample model --plan plan.json --count 2100 --out many.npz",
    "report audit.json --plan plan.json --samples s.csv --data x.npz --labels y",
):
    assert run([*line.split(), "--json"]) == 0, line
own = list(seen)
import pickle, socket
pickle.loads(pickle.dumps(np.dtype("f8")))
try:
    socket.create_connection(("127.0.0.1", 9), timeout=0.01)
except OSError:
    pass
events = {event for event, _ in seen}
assert {"pickle.find_class", "socket.connect"} <= events, "the hook is blind"
print("SEEN", json.dumps(own))
"""


def test_a_whole_job_loads_no_pickle_and_opens_no_socket(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=tmp_path, capture_output=True, text=True,
        timeout=200, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    assert said.stdout.splitlines()[-1] == "SEEN []"


@pytest.mark.skipif(not (ROOT / "SECURITY.md").is_file(), reason="needs the source tree")
def test_what_security_says_is_linked_and_its_limits_are_the_code_s():
    from girsanov._files import JSON_LIMIT

    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert f"{JSON_LIMIT // 2**20} MiB" in text
    assert "report" in text.lower()
