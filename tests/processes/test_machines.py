"""The commands of the page on many machines are run, with fewer processes and samples."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))

from launching import LAUNCHERS, clean_environment

from girsanov.cli.main import run

PAGE = Path(__file__).parent.parent.parent / "docs" / "machines.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="needs the source tree")
COUNT = "2500"
# a cluster of two machines that are this one: what is asked of SLURM, and no more
SRUN = """#!/bin/bash
test "$SRUN_CPUS_PER_TASK" = 1 || exit 9
codes=0
SLURM_NODEID=0 SLURM_PROCID=0 "$@" & first=$!
SLURM_NODEID=1 SLURM_PROCID=1 "$@" & second=$!
wait $first || codes=1
wait $second || codes=1
exit $codes
"""
SCONTROL = """#!/bin/bash
if [ "$1" = requeue ]; then echo "again $2" >> requeued.txt; exit 0; fi
test "$1 $2 $3" = "show hostnames here[1-2]" || exit 9
printf 'localhost\\nlocalhost\\n'
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with all that the page's reader has, and the samples that one process draws."""
    monkeypatch.chdir(tmp_path)
    np.save("data.npy", np.random.default_rng(4).gamma(2.0, size=(200, 3)))
    np.save("held_out.npy", np.random.default_rng(5).gamma(2.0, size=(60, 3)))
    for line in (
        "fit data.npy --out model --steps 5 --network mlp",
        "audit model --data held_out.npy --levels 9 --draws 1",
        "plan audit.json --steps 4",
        f"sample model --plan plan.json --count {COUNT} --out one.npy",
    ):
        assert run(line.split()) == 0
    for name, command in LAUNCHERS.items():
        (tmp_path / name).write_text(f'#!/bin/bash\nexec {shlex.join(command)} "$@"\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    return tmp_path


def page(pattern: str) -> str:
    """Return the first group of the one place in the page where a pattern is."""
    (found,) = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return found


def instead(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, f"{old} is not in {text}"
        text = text.replace(old, new)
    return text


def executed(command: list[str], **more: str) -> None:
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False,
        env={**clean_environment(), **more},
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr[-3000:]


def as_one(name: str) -> None:
    assert Path(name).read_bytes() == Path("one.npy").read_bytes()


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("localhost", 0))
        return int(opened.getsockname()[1])


def slurm_script() -> str:
    return instead(
        page(r"^```slurm\n(.*?)^```"), ("nproc_per_node 8", "nproc_per_node 1"),
        ("10000000", COUNT), (":29500", f":{free_port()}"),
    )  # fmt: skip


def in_slurm(place: Path) -> dict[str, str]:
    """Install the two programs; return what SLURM tells a script in its environment."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (place / "bin").mkdir(exist_ok=True)
        (place / "bin" / name).write_text(text)
        (place / "bin" / name).chmod(0o755)
    return {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "here[1-2]",
        "SLURM_NNODES": "2", "SLURM_JOB_ID": "17", "SLURM_CPUS_PER_TASK": "1",
    }  # fmt: skip


def test_the_slurm_script_draws_what_one_process_draws(place):
    told = in_slurm(place)
    Path("job.sh").write_text(slurm_script())
    executed(["bash", "job.sh"], **told)
    as_one("samples.npy")


def test_the_slurm_script_asks_to_go_on_when_its_time_is_nearly_up(place):
    told = in_slurm(place)
    late = "#!/bin/bash\nkill -USR1 $PPID\nexec sleep 30 > /dev/null 2>&1\n"
    (place / "bin" / "srun").write_text(late)
    Path("job.sh").write_text(slurm_script())
    said = subprocess.run(["bash", "job.sh"], env={**clean_environment(), **told}, timeout=20,
                          capture_output=True, check=False)  # fmt: skip
    assert Path("requeued.txt").read_text() == "again 17\n"
    assert said.returncode != 0  # SLURM ends it; a script that did is not finished


@pytest.mark.skipif(find_spec("accelerate") is None, reason="needs accelerate")
def test_the_line_for_accelerate(place):
    line = page(r"`(accelerate launch [^`]*\.\.\.)`")
    rest = f"model --plan plan.json --count {COUNT} --out samples.npy"
    executed(shlex.split(instead(line, ("processes 8", "processes 2"), ("...", rest))))
    as_one("samples.npy")


SLOW = pytest.mark.slow
LAUNCHED = ["sample", pytest.param("audit", marks=SLOW), pytest.param("fit", marks=SLOW)]


@pytest.mark.parametrize("name", LAUNCHED)
def test_the_lines_for_torchrun(place, name):
    line = page(rf"^(torchrun [^\n]*\\\n    girsanov {name} [^\n]*)$").replace("\\\n", " ")
    changes = [("nproc_per_node 8", "nproc_per_node 2")]
    changes += [("1000000", COUNT)] if name == "sample" else []
    changes += [("out model", "out new"), ("20000", "20")] if name == "fit" else []
    executed(shlex.split(instead(line, *changes)))
    if name == "sample":
        as_one("samples.npy")
    assert Path({"sample": "samples.npy", "audit": "audit.json", "fit": "new"}[name]).exists()
