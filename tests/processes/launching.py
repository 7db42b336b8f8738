"""Starting commands under a launcher, and killing what it started.

While Python takes itself apart, a thread of torch's gloo now and then aborts a process whose work
is done ("terminate called without an active exception"): torchrun, and a script that uses the
library. So here both end without taking themselves apart, as the command line does. Run as a
program, this file is the launcher whose module it is told.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHERS = {
    "torchrun": [sys.executable, __file__, "torch.distributed.run"],
    "accelerate": [sys.executable, __file__, "accelerate.commands.accelerate_cli"],
}
TWICE = [*LAUNCHERS["torchrun"], "--standalone", "--nproc_per_node", "2"]
END = """
import os, sys
from girsanov._processes import leave
leave()
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
"""


def clean_environment() -> dict[str, str]:
    """Return this environment as one that no launcher has touched."""
    kept = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return {**kept, "OMP_NUM_THREADS": "1"}


def script(folder: Path, name: str, text: str) -> None:
    """Write a Python script that ends as said above."""
    (folder / name).write_text(text + END)


def be_launcher() -> None:
    """Run the module that the first argument names, on the others."""
    importlib.import_module(sys.argv.pop(1)).main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def launch(folder: Path, command: list[str], launcher: list[str] = TWICE):
    """Run a command under a launcher to its end; return what it said."""
    said = subprocess.run(
        [*launcher, *command], cwd=folder, capture_output=True, text=True, timeout=200,
        check=False, env=clean_environment(),
    )  # fmt: skip
    if "ermission" in said.stderr and "socket" in said.stderr:
        pytest.skip("no ports may be opened here")
    return said


def start(
    folder: Path, command: list[str], launcher: list[str] = TWICE
) -> subprocess.Popen[bytes]:
    """Start a command in two processes; what it says is added to `said.txt` in the folder."""
    with open(folder / "said.txt", "ab") as said:
        return subprocess.Popen(
            [*TWICE, *command], cwd=folder, stdout=said, stderr=said, env=clean_environment()
        )


def workers(launcher: subprocess.Popen[bytes]) -> list[int]:
    """Return the process numbers that a launcher started, as Linux lists them."""
    listed = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def kill(launcher: subprocess.Popen[bytes], *, one: bool) -> None:
    """Kill the last worker of a launcher, or all of them and the launcher; wait for its end.

    Workers are in sessions of their own, so that the launcher's group is the launcher alone.
    """
    begun = workers(launcher)
    chosen = begun[-1:] if one else [launcher.pid, *begun]
    for pid in chosen:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    launcher.wait(timeout=100)


if __name__ == "__main__":
    be_launcher()
