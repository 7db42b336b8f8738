"""Starting commands under a launcher, and killing what it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TWICE = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def clean_environment() -> dict[str, str]:
    """Return this environment as one that no launcher has touched."""
    kept = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return {**kept, "OMP_NUM_THREADS": "1"}


def launch(folder: Path, command: list[str], launcher: list[str] = TWICE):
    """Run a command under a launcher to its end, and once more if torch aborts it there.

    The command line ends before a thread of torch's gloo can abort it; a script that uses the
    library, and torchrun itself, cannot be kept from it ("terminate called without an active
    exception", after all work is done).
    """
    said = launch_once(folder, command, launcher)
    aborted = said.returncode and "terminate called without an active exception" in said.stderr
    return launch_once(folder, command, launcher) if aborted else said


def launch_once(folder: Path, command: list[str], launcher: list[str]):
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
