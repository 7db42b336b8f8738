"""What is published works where nothing of the source tree is: the wheel, alone, does the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import girsanov

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling to build")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
               "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An empty environment with the wheel, and our dependencies but not our source tree."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet",
               "--no-deps", "--no-index", str(wheel)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (own,) = place.glob("lib/python*/site-packages")
    # a folder named in a .pth file is searched, and the .pth files in it, as our own, are not read
    (own / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    return place


def run(installed, *command, cwd):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [str(installed / "bin" / command[0]), *command[1:]],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_the_wheel_holds_all_that_is_needed(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "py.typed",
        "reporting/page.html.j2",
        "reporting/style.css",
        "cli/main.py",
        "workflow/templates/jax.py.txt",
    ):
        assert f"girsanov/{needed}" in names
    sources = {
        f"girsanov/{p.relative_to(ROOT / 'src/girsanov')}"
        for p in (ROOT / "src" / "girsanov").rglob("*.py")
    }
    assert sources <= names
    assert not [n for n in names if not n.startswith(("girsanov/", "girsanov-"))]
    entry = zipfile.ZipFile(wheel).read(
        f"girsanov-{girsanov.__version__}.dist-info/entry_points.txt"
    )
    assert b"girsanov = girsanov.cli.main:main" in entry


def test_the_wheel_is_what_runs_there(installed, tmp_path):
    code = "import girsanov; print(girsanov.__file__)"
    said = run(installed, "python", "-c", code, cwd=tmp_path)
    assert Path(said.stdout.strip()).is_relative_to(installed), said.stderr


def test_the_wheel_alone_runs_the_demo(installed, tmp_path):
    pytest.importorskip("sklearn")
    options = ("--steps", "60", "--network", "mlp", "--json")
    done = run(installed, "girsanov", "demo", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for path in json.loads(done.stdout)["files"].values():
        assert (tmp_path / path).exists(), path
