"""What everything costs, in one run: the table of docs/measured.md and the figures of growth.

    python benchmarks/speed.py [--runs 5] [--json FILE]      some minutes
    python docs/figures.py speed FILE                        docs/img/growth-*.svg

Every figure is a ratio of contestants that take turns, or CPU seconds, so that other work on the
machine falls on all alike; the load is printed. diffusers, azula and k-diffusion run the network
`0.5 * x` beside us; each takes part if it can be imported. Growth is CPU time over that of a
middle size, of a denoiser that costs next to nothing, so that what grows is our own work.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from _table import begin, finish, in_turns, options, show, table
from audit_cost import measured
from overhead import REPEAT, STEPS, azula_sampler, bare, k_diffusion_sampler, models, trivial
from plan import RUN, started

import girsanov as gv

PEERS = ("diffusers DDPMScheduler", "azula DDPMSampler", "k-diffusion euler_ancestral")
MIDDLE = {"d": 64, "n": 200, "levels": 33, "steps": 16}
SIZES = {
    "d": (16, 64, 256, 1024), "n": (50, 100, 200, 400, 800), "levels": (9, 17, 33, 65, 129),
    "steps": (4, 8, 16, 32, 64),
}  # fmt: skip
GROWS = {"audit": ("d", "n", "levels"), "plan": ("d", "n", "levels", "steps"),
         "sample": ("d", "n", "steps")}  # fmt: skip
STARTS = {
    "import girsanov": ["-c", "import girsanov"],
    "import torch": ["-c", "import torch"],
    "girsanov --help": ["-c", RUN, "--help"],
    "girsanov plan --help": ["-c", RUN, "plan", "--help"],
}
REFUSED = {
    "a file that is not there": ["audit", "none", "--data", "none.csv"],
    "an option that is none": ["plan", "none.json", "--sampler", "foo"],
    "a device that is none": ["sample", "none", "--plan", "p", "--count", "1", "--out", "s.npy",
                              "--device", "gpu"],
}  # fmt: skip


@dataclass(frozen=True)
class Shrink:
    """The exact denoiser of a standard normal in d dimensions, told as a network."""

    d: int
    exact, classes, fingerprint, snr_range = False, 0, "shrink", (1e-3, 1e4)
    dtype, device, standardisation = torch.float32, torch.device("cpu"), None

    @property
    def shape(self) -> tuple[int]:
        """Of one example."""
        return (self.d,)

    def __call__(self, x, snr, label=None):
        s = torch.as_tensor(snr, dtype=x.dtype).reshape(-1, 1)
        return x * s / (1 + s)


def peers(given) -> list[dict]:
    """Return what a step costs beyond the network's call, over ours."""
    rows, others = [], (azula_sampler(given.device), k_diffusion_sampler(given.device))
    for batch in REPEAT:
        took = trivial(batch, given, *others)
        ours, base = took["girsanov"], took["bare calls"]
        each = ours.each(STEPS * REPEAT[batch], base)["cpu"]
        rows.append({"what": f"a step of sample, batch {batch}, microseconds", "cpu": each})
        rows += [
            {"what": f"{who} over it, batch {batch}", "cpu": took[who].over(ours, base)["cpu"]}
            for who in PEERS if who in took
        ]  # fmt: skip
    return rows


def networks(given) -> list[dict]:
    """Return sample and audit over bare calls of an MLP and a UNet, and the CPU time of plans."""
    train, held_out = gv.load_data("digits").without_labels().split(1500 / 1797, seed=0)
    rows = []
    for name, model, plan in models(given):
        calls = bare(name, model.network, given, plan, model)
        took = in_turns({
            "network": partial(calls, torch.full((1,), 5.0)),
            "sample": partial(gv.sample, model, plan, given.batch, batch_size=given.batch),
        }, given.runs)  # fmt: skip
        over = took["sample"].over(took["network"])["cpu"]
        rows.append({"what": f"sample over bare calls, {name}, batch {given.batch}", "cpu": over})
        audit = measured(name, train, held_out, given)
        rows.append({"what": f"audit over bare calls, {name}", "cpu": audit["ratio"]["cpu"]})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.json"
        gv.audit(model, held_out, train=train, levels=33, draws=1).save(path)
        goals = {"16 steps": {"steps": 16}, "the best number": {}}
        jobs = {goal: partial(_planned, path, asked) for goal, asked in goals.items()}
        took = in_turns(jobs, given.runs)
    rows += [
        {"what": f"plan of digits, {goal}, seconds", "cpu": times.each(10**6)["cpu"]}
        for goal, times in took.items()
    ]
    return rows


def _planned(path: Path, asked: dict) -> None:
    gv.load_audit(path).plan(**asked)  # read anew: an audit remembers prices of its last plans


def commands(given) -> list[dict]:
    """Return CPU seconds of commands as a user starts them, of refusals and imports."""
    asked = STARTS | {
        f"refused: {why}": ["-c", f"from girsanov.cli.main import run; run({words!r})"]
        for why, words in REFUSED.items()
    }  # fmt: skip
    return [
        {"what": f"{name}, seconds", "cpu": started(words, given.runs).each(10**6)["cpu"]}
        for name, words in asked.items()
    ]


def growth(given) -> dict[str, dict[str, list[list[float]]]]:
    """Return, by command and by what grows, [size, CPU time over that of the middle]."""
    found: dict[str, dict[str, list[list[float]]]] = {command: {} for command in GROWS}
    for command, axis in ((command, axis) for command, axes in GROWS.items() for axis in axes):
        with tempfile.TemporaryDirectory() as folder:
            jobs = {
                str(k): work(command, {**MIDDLE, axis: k}, Path(folder) / f"{k}.json")
                for k in SIZES[axis]
            }
            took = in_turns(jobs, given.runs)
        middle = took[str(MIDDLE[axis])]
        found[command][axis] = [[k, took[str(k)].over(middle)["cpu"][0]] for k in SIZES[axis]]
        print(command, axis, *(f"{k}: {t:.2f}" for k, t in found[command][axis]), flush=True)
    return found


def work(command: str, size: dict[str, int], path: Path):
    """Return a job of one size, ready to be timed; path: for an audit to plan from."""
    model = Shrink(size["d"])
    rows = np.random.default_rng(0).normal(size=(size["n"], size["d"])).astype(np.float32)
    data = gv.load_data(rows)
    measure = partial(gv.audit, model, data, levels=size["levels"], draws=1)
    if command == "audit":
        return measure
    if command == "sample":
        levels = np.geomspace(2e-3, 300, size["steps"])
        plan = gv.recipe("ddpm", levels, start=(0.0, levels[0] ** -0.5, None))
        return partial(_drawn, model, plan, size["n"])
    measure().save(path)
    return partial(_planned, path, {"steps": size["steps"], "force": True})


def _drawn(model, plan, count: int) -> None:
    gv.sample(model, plan, count, as_drawn=True)


PARTS = {"peers": peers, "networks": networks, "commands": commands, "growth": None}


def main() -> None:
    """Print and write the table and the growth."""
    parser = options(__doc__, runs=5)
    parser.add_argument("--batch", type=int, default=64, help="of the networks")
    parser.add_argument("--only", choices=["mlp", "unet"], help="one network alone")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS], default=[*PARTS])
    given = begin(parser)
    given = SimpleNamespace(
        **vars(given), calls=16, faster=False, levels=17, draws=1, examples=297
    )
    print(f"load: {os.getloadavg()[0]:.1f} processes on {os.cpu_count()} cores")
    rows = [row for name, part in PARTS.items() if part and name in given.parts
            for row in part(given)]  # fmt: skip
    table(("what", "CPU: median (least to largest)"), ((r["what"], show(r["cpu"])) for r in rows))
    finish(given, {"table": rows, "growth": growth(given) if "growth" in given.parts else {}})


if __name__ == "__main__":
    main()
