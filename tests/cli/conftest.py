"""The command line as a person meets it: what is typed, what is printed, what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from girsanov.cli.main import run

SPECIES = ("ash", "beech", "oak")


class Said(NamedTuple):
    """What one command left behind: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object on stdout."""
        content = json.loads(self.out)
        assert self.out.count("\n") == 1
        assert isinstance(content, dict)
        return content


Run = Callable[..., Said]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def girsanov(here, capsys) -> Run:
    """Run one command in `here`."""

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def mistake(girsanov, here) -> Callable[..., str]:
    """Run a command that must be refused: one line, exit code 2, nothing written."""

    def call(*arguments: object) -> str:
        before = files(here)
        said = girsanov(*arguments)
        assert said.code == 2, said
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert said.err.startswith("girsanov: ")
        assert files(here) == before
        return said.err

    return call


def files(folder: Path) -> dict[str, bytes | None]:
    """Return everything in a folder, by name, with the content of files."""
    return {str(p): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def law(here) -> str:
    """A skewed mixture off the origin, in law.json."""
    content = {
        "format": "girsanov/law/1",
        "law": "mixture",
        "weights": [0.3, 0.7],
        "means": [[0.0, 1.0], [3.0, -1.0]],
        "covariances": [0.5, 0.2],
    }
    (here / "law.json").write_text(json.dumps(content))
    return "law.json"


@pytest.fixture
def trees(here) -> str:
    """A table with a number, a whole number and a category that depend on each other."""
    draw = np.random.default_rng(3)
    lines = ["height,rings,species"]
    for k in draw.choice(3, size=200, p=[0.6, 0.3, 0.1]):
        lines.append(f"{draw.gamma(3) + 4 * k:.2f},{draw.integers(1, 80)},{SPECIES[k]}")
    (here / "trees.csv").write_text("\n".join(lines) + "\n")
    return "trees.csv"


@pytest.fixture
def vectors(here) -> str:
    """Skewed vectors off the origin, in vectors.npy."""
    np.save(here / "vectors.npy", np.random.default_rng(4).gamma(2.0, size=(200, 3)))
    return "vectors.npy"
