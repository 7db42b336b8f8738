"""`doctor`: what is installed, and what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

from .. import __version__

CORE = {
    "torch": "torch",
    "numpy": "numpy",
    "scipy": "scipy",
    "safetensors": "safetensors",
    "typer": "typer",
    "rich": "rich",
    "tqdm": "tqdm",
    "jinja2": "Jinja2",
    "PIL": "pillow",
}  # module and the package that brings it
EXTRAS = {
    "diffusers": ("diffusers", "diffusers"),
    "pyarrow": ("pyarrow", "parquet"),
    "sklearn": ("scikit-learn", "demo"),
    "datasets": ("datasets", "datasets"),
}  # module, package and our extra
VISION = "from diffusers import UNet2DModel"
SECONDS = 120  # a first import of torch from a cold disk takes tens of seconds


class Finding(NamedTuple):
    """One line of the examination: state is ok, absent or broken."""

    name: str
    state: str
    detail: str


def doctor() -> list[Finding]:
    """Return findings for Python, every dependency and the machine."""
    findings = [
        Finding("girsanov", "ok", __version__),
        Finding("python", "ok", sys.version.split()[0]),
    ]
    modules = [m for m in (*CORE, *EXTRAS) if _installed(m)]
    vision = [VISION] if "diffusers" in modules else []
    # one process when all is well, which is quick; one for each when not, to know which it was
    whole = _try("; ".join([f"import {m}" for m in modules] + vision)).returncode == 0
    findings += [_package(module, (package, None), whole) for module, package in CORE.items()]
    findings += [_package(module, names, whole) for module, names in EXTRAS.items()]
    if vision:
        findings.append(_vision(whole))
    return [*findings, _machine()]


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _try(code: str) -> subprocess.CompletedProcess[str]:
    # a broken binary package can kill the interpreter that imports it, so another one does
    command = [sys.executable, "-c", code]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {SECONDS} s")


def _package(module: str, names: tuple[str, str | None], known_good: bool) -> Finding:
    package, extra = names
    if not _installed(module):
        install = f'pip install "girsanov[{extra}]"' if extra else "pip install girsanov"
        return Finding(package, "absent" if extra else "broken", f"not installed; {install}")
    tried = None if known_good else _try(f"import {module}")
    if tried is None or tried.returncode == 0:
        return Finding(package, "ok", _version(package))
    lines = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
    return Finding(package, "broken", f"does not import: {lines[-1]}")


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "version unknown"


def _vision(known_good: bool) -> Finding:
    tried = None if known_good else _try(VISION)
    if tried is None or tried.returncode == 0:
        return Finding("UNet2DModel", "ok", "image networks can be built")
    if "torchvision" in tried.stderr:
        return Finding(
            "UNet2DModel",
            "broken",
            "torchvision does not match torch, which breaks "
            "diffusers; girsanov does not need it: pip uninstall torchvision",
        )
    lines = tried.stderr.strip().splitlines() or ["no message"]
    return Finding("UNet2DModel", "broken", lines[-1])


def _machine() -> Finding:
    code = (
        "import torch, os; print(os.cpu_count(), 'CPU cores,', torch.get_num_threads(), "
        "'torch threads,', 'CUDA' if torch.cuda.is_available() else 'no CUDA')"
    )
    tried = _try(code)
    state = "ok" if tried.returncode == 0 else "broken"
    return Finding("machine", state, tried.stdout.strip() or "torch cannot be asked")
