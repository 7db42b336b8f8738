"""What the benchmarks of speed share: contestants timed in turns, the machine, the table.

Contestants run one after the other in every round (A B C, B C A, ...), so that what else a
machine does falls on all alike; a ratio is taken within a round, and its median, least and
largest over the rounds are reported. Wall time and CPU time of the process are both kept: on a
shared machine the second is what the work costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch


class Times(NamedTuple):
    """Seconds of every round [runs], by the clock on the wall and of this process' CPUs."""

    wall: np.ndarray
    cpu: np.ndarray

    def over(self, other: Times, less: Times | None = None) -> dict[str, list[float]]:
        """Return the ratio to `other`: median, least and largest of the rounds, by clock.

        less: what to take off both first, for the ratio of what they cost beyond it.
        """
        base = less or Times(0 * self.wall, 0 * self.cpu)
        return {
            clock: three((getattr(self, clock) - off) / (getattr(other, clock) - off))
            for clock, off in base._asdict().items()
        }

    def each(self, count: int, less: Times | None = None) -> dict[str, list[float]]:
        """Return microseconds of one of `count` parts, beyond `less`: three figures a clock."""
        base = less or Times(0 * self.wall, 0 * self.cpu)
        return {
            clock: three(1e6 * (getattr(self, clock) - off) / count)
            for clock, off in base._asdict().items()
        }


def three(values: np.ndarray) -> list[float]:
    """Return median, least and largest."""
    return [float(np.median(values)), float(values.min()), float(values.max())]


def in_turns(contestants: dict[str, Callable[[], Any]], runs: int) -> dict[str, Times]:
    """Time all contestants in `runs` rounds, each beginning with another one."""
    for call in contestants.values():
        call()
    names = list(contestants)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for k in range(runs):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            took[name].append(_once(contestants[name]))
    return {name: Times(*np.array(pairs).T) for name, pairs in took.items()}


def _once(call: Callable[[], Any]) -> tuple[float, float]:
    settle()
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    settle()
    return time.perf_counter() - wall, time.process_time() - cpu


def settle() -> None:
    """Wait for the accelerator, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine(device: str = "cpu") -> dict[str, Any]:
    """Return what the figures were measured on, without names or paths."""
    model = platform.processor() or platform.machine()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if os.name == "posix" else []
    model = next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), model)
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device != "cpu" else {}
    return {
        "cpu": model, "cores": os.cpu_count(), "threads": torch.get_num_threads(), **gpu,
        "torch": torch.__version__, "python": platform.python_version(),
    }  # fmt: skip


def options(doc: str | None, runs: int = 7) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark of speed has."""
    parser = argparse.ArgumentParser(description=(doc or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=runs, help="rounds, at least 5 for a table")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the rows and the machine here")
    return parser


def begin(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse, set the threads, print the machine."""
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("  ".join(f"{k}: {v}" for k, v in machine(given.device).items()), flush=True)
    return given


def show(figures: Iterable[float], digits: int = 2) -> str:
    """Return `median (least to largest)`."""
    middle, low, high = (f"{x:.{digits}f}" for x in figures)
    return f"{middle} ({low} to {high})"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table in Markdown."""
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(list(head)))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def finish(given: argparse.Namespace, rows: object) -> None:
    """Write rows and machine to --json."""
    if given.json:
        content = {"machine": machine(given.device), "runs": given.runs, "rows": rows}
        given.json.write_text(json.dumps(content, indent=1))
