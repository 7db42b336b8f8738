"""What a newcomer installs: the names, the cost of importing them, the files in the wheel."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import girsanov

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", girsanov.__all__)
def test_every_public_name_resolves(name):
    value = getattr(girsanov, name)
    assert isinstance(value, str) if name == "__version__" else value.__doc__


def test_the_public_names_are_sorted_and_listed():
    assert len(set(girsanov.__all__)) == len(girsanov.__all__)
    assert dir(girsanov) == sorted(girsanov.__all__)
    with pytest.raises(AttributeError, match="no attribute 'schedule'"):
        girsanov.schedule  # noqa: B018


def test_type_checkers_see_the_same_names_as_users():
    text = (Path(girsanov.__file__)).read_text()
    hinted = {line.split()[-1] for line in text.splitlines() if line.startswith("    from .")}
    assert hinted == set(girsanov.__all__) - {"__version__"}


def test_importing_it_costs_nothing():
    code = (
        "import sys, girsanov; girsanov.__version__, dir(girsanov); "
        "print([m for m in ('torch', 'numpy', 'scipy', 'typer') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_planning_from_python_imports_no_torch():
    code = (
        "import sys, girsanov as gv; gv.make_plan, gv.load_audit, gv.load_plan, gv.evaluate_grid; "
        "print([m for m in ('torch', 'scipy.stats', 'scipy.integrate') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == girsanov.__version__
    assert f"## {girsanov.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_makefile_names_no_private_path():
    for name in ("Makefile", ".ci/run", "constraints.txt", "pyproject.toml"):
        text = (ROOT / name).read_text()
        for place in ("/work", "/root", "/home", "/opt", "/tmp", "://"):
            assert place not in text, (name, place)


def test_every_dependency_is_pinned_for_our_own_tests():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if not line.startswith("#")}
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = content["project"]
    asked = [*project["dependencies"], *content["dependency-groups"]["dev"]]
    for extra, wanted in project["optional-dependencies"].items():
        asked += wanted if extra != "all" else []
    for line in asked:
        assert line.split(">=")[0].lower() in pinned, line
