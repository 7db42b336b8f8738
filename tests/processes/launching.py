"""Starting commands under a launcher, and killing what it started.

While Python takes itself apart, a thread of torch's gloo now and then aborts a process whose work
is done ("terminate called without an active exception"): torchrun, and a script that uses the
library. So here both end without taking themselves apart, as the command line does. Run as a
program, this file is the launcher whose module it is told, or one of its own, `fork`: two workers
with torchrun's environment, which share one start of Python in place of three.
"""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import subprocess
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

LAUNCHERS = {
    "torchrun": [sys.executable, __file__, "torch.distributed.run"],
    "accelerate": [sys.executable, __file__, "accelerate.commands.accelerate_cli"],
}
TWICE = [*LAUNCHERS["torchrun"], "--standalone", "--nproc_per_node", "2"]
FORKED = [sys.executable, __file__, "fork"]
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
    if sys.argv[1] == "fork":
        fork_two(sys.argv[2])
    importlib.import_module(sys.argv.pop(1)).main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def fork_two(path: str) -> NoReturn:
    """Run a script in two workers that find everything imported; when one fails, end the other."""
    import torch
    from torch.distributed import TCPStore

    from girsanov import audit, fit, sample  # noqa: F401

    importlib.import_module("girsanov.cli.main")
    if find_spec("accelerate") is not None:
        importlib.import_module("accelerate")
    torch.optim.AdamW([torch.zeros(1)])  # the first optimiser of a process imports for a second

    read, write = os.pipe()
    pids = []
    for rank in range(2):
        pids.append(os.fork())
        if pids[-1] == 0:
            be_worker(path, rank, os.read(read, 5).decode())
    # made after the forks, as it has a thread; it serves the workers, as torchrun's own does
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    os.write(write, 2 * f"{store.port:05d}".encode())
    while pids:
        pid, status = os.wait()
        pids.remove(pid)
        if status:
            for other in pids:
                os.kill(other, signal.SIGTERM)
            os._exit(1)
    os._exit(0)


def be_worker(path: str, rank: int, port: str) -> NoReturn:
    """Run a script as worker `rank` of two."""
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2",
        MASTER_ADDR="localhost", MASTER_PORT=port, TORCHELASTIC_USE_AGENT_STORE="True",
    )  # fmt: skip
    sys.argv = [path]
    try:
        runpy.run_path(path, run_name="__main__")
    except BaseException:
        traceback.print_exc()
    os._exit(1)  # a script that comes to its end has left before


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
            [*launcher, *command], cwd=folder, stdout=said, stderr=said, env=clean_environment()
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
