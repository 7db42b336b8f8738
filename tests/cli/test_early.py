"""Typical mistakes are refused before torch is imported, which takes seconds."""

import subprocess
import sys

import pytest

MISTAKES = (
    "fit none.csv --out m",
    "fit t.csv --out m --network cnn",
    "fit t.csv --out m --minutes -1",
    "audit none --data t.csv",
    "audit m --data none.csv",
    "plan none.json",
    "plan t.csv",
    "plan a.json --by fid",
    "plan a.json --by frechet",
    "plan a.json --sampler foo",
    "sample m --plan none.json --count 3 --out s.npy",
    "sample none --plan none.json --count 3 --out s.npy",
    "sample m --plan a.json --count 3 --out s.foo",
    "sample m --plan a.json --count 3 --out t.csv/s.npy",
    "sample m --plan a.json --count 3 --out s.npy --device gpu",
    "audit m --data t.csv --device cuda-1",
    "compare none.npy t.csv",
    "compare t.csv t.csv --by foo",
    "report none.json",
    "report a.json --out r.txt",
    "export none.json --pipeline m --out o",
    "bounds --audit none.json",
    "demo --network foo",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    import girsanov as gv

    folder = tmp_path_factory.mktemp("early")
    (folder / "t.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "m").mkdir()
    law = gv.Gaussian([1.0], 2.0)
    gv.audit(gv.ExactDenoiser(law), law, levels=9).save(folder / "a.json")
    return folder


def test_no_torch_is_imported_for_a_mistake(place):
    """All in one process: whichever mistake imports torch first is named."""
    code = f"""
import sys
from girsanov.cli.main import run
for words in {MISTAKES}:
    assert run(words.split()) == 2, words
    assert "torch" not in sys.modules, words
"""
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=place, check=False
    )
    assert said.returncode == 0, said.stderr
    assert said.stderr.count("girsanov: ") == len(MISTAKES)
    assert sorted(p.name for p in place.iterdir()) == ["a.json", "a.safetensors", "m", "t.csv"]
