"""The main job end to end on real data: fit, audit, plan, sample, report."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._checks import (
    refuse,
    require,
    require_choice,
    require_count,
    require_number,
)
from .._files import read_format, write_json
from .._typing import Json, PathLike, Progress
from ..auditing import audit
from ..data import load_data, write_samples
from ..data.origin import write_origin
from ..planning.plan import Plan
from ..reporting.page import report
from ..sampling.sample import sample
from ..sampling.shards import plan_fingerprint
from ..train import fit
from ..train.fit import NETWORKS

HELD_OUT = 0.2
COUNT = 1000  # samples drawn
DRAWING = 3  # place of the line that draws them among `_commands`
FILES = {
    "model": "model",
    "audit": "audit.json",
    "plan": "plan.json",
    "samples": "samples.npy",
    "report": "report.html",
}


@dataclass(frozen=True)
class Demo:
    """What the demo made: its plan, where everything was written, and how long it took."""

    plan: Plan
    files: dict[str, str]
    seconds: float

    def to_json(self) -> Json:
        """Return the demo as JSON."""
        return {**self.plan.summary(), "files": self.files, "seconds": round(self.seconds, 1)}


def run_demo(
    out: PathLike,
    *,
    minutes: float = 2.5,
    network: str = "auto",
    seed: int = 0,
    stage: Callable[[str], Progress] | None = None,
) -> Demo:
    """Train on scikit-learn's digits, audit, plan, sample and report, all into folder `out`.

    out: a new folder, or one where the same demo was stopped, which then goes on; minutes: of
    training; network, seed: as `fit`; stage(name) returns the progress callback of a stage.
    Raises InputError for a folder that holds anything else.
    """
    begun, folder = time.perf_counter(), Path(out)
    asked: Json = {
        "minutes": require_number("minutes", minutes, above=0.0),
        "network": require_choice("network", network, NETWORKS),
        "seed": require_count("seed", seed, 0),
    }
    digits = load_data("digits").without_labels()
    _claim(folder, asked)
    files = {name: str(folder / path) for name, path in FILES.items()}
    train, held_out = digits.split(1 - HELD_OUT, seed=seed)

    def bar(name: str) -> Progress | None:
        return None if stage is None else stage(name)

    model = fit(train, out=files["model"], resume=True, progress=bar("fit"), **asked)
    measured = audit(model, held_out, train=train, seed=seed, progress=bar("audit"))
    measured.save(files["audit"])
    plan = measured.plan()
    plan.save(files["plan"])
    drawn = sample(model, plan, COUNT, seed=seed, progress=bar("sample"))
    write_samples(drawn, model.standardisation, files["samples"], force=True)
    commands = _commands(files, {**asked, "steps": model.training["steps"]})
    origin: Json = {"drawn_by": model.fingerprint, "model": model.fingerprint, "count": COUNT}
    origin |= {"plan": plan_fingerprint(plan), "seed": seed}
    write_origin(files["samples"], {"command": commands[DRAWING], **origin})
    report(measured, plan, out=files["report"], samples=files["samples"], data=digits,
           commands=commands)  # fmt: skip
    return Demo(plan, files, time.perf_counter() - begun)


def _claim(folder: Path, asked: Json) -> None:
    """Take a new or empty folder, or one that the same demo was begun in; refuse others."""
    record, remedy = folder / "demo.json", "Choose another --out, or remove it"
    if record.is_file():
        before = read_format(record, "demo").get("asked")
        same = before == asked
        require(same, str(folder), f"holds a demo run with {before}", asked, remedy)
        return
    if folder.exists() and not folder.is_dir():
        refuse(str(folder), "must be a folder", "a file", remedy)
    entries = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
    require(not entries, str(folder), "must be a new folder or an empty one", entries, remedy)
    write_json(record, {"format": "girsanov/demo/1", "asked": asked})


def _commands(files: dict[str, str], run: Json) -> list[str]:
    """Return the lines that do the same from a shell; steps, unlike minutes, give the same."""
    name = {key: shlex.quote(path) for key, path in files.items()}
    seed = f"--seed {run['seed']}"
    return [
        f"girsanov fit digits --out {name['model']} --steps {run['steps']} "
        f"--network {run['network']} {seed}",
        f"girsanov audit {name['model']} --data digits --out {name['audit']} {seed}",
        f"girsanov plan {name['audit']} --out {name['plan']}",
        f"girsanov sample {name['model']} --plan {name['plan']} --count {COUNT} {seed} "
        f"--out {name['samples']}",
        f"girsanov report {name['audit']} --plan {name['plan']} --samples {name['samples']} "
        f"--data digits --out {name['report']}",
    ]
