"""The main job end to end on real data: fit, audit, plan, sample, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._typing import Json, PathLike, Progress
from ..data import load_data, write_samples
from ..ledger.audit import audit
from ..plan.plan import Plan
from ..reporting.page import report
from ..sampling.draw import sample
from ..train import fit

HELD_OUT = 0.2
COUNT = 1000  # samples drawn
SHOWN = 400  # of them in the report, beside as many examples


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
    seed: int = 0,
    stage: Callable[[str], Progress] | None = None,
) -> Demo:
    """Train on scikit-learn's digits, audit, plan, sample and report, all into folder `out`.

    minutes: of training; stage(name) returns the progress callback of a stage.
    """
    begun, folder = time.perf_counter(), Path(out)
    open_bar = stage or (lambda name: None)  # type: ignore[return-value,unused-ignore]
    files = {
        name: str(folder / path)
        for name, path in {
            "model": "model",
            "audit": "audit.json",
            "plan": "plan.json",
            "samples": "samples.npy",
            "report": "report.html",
        }.items()
    }
    train, held_out = load_data("digits").without_labels().split(1 - HELD_OUT, seed=seed)
    model = fit(
        train,
        out=files["model"],
        minutes=minutes,
        seed=seed,
        resume=True,
        progress=open_bar("fit"),
    )
    measured = audit(model, held_out, train=train, seed=seed, progress=open_bar("audit"))
    measured.save(files["audit"])
    plan = measured.plan()
    plan.save(files["plan"])
    drawn = sample(model, plan, COUNT, seed=seed, progress=open_bar("sample"))
    write_samples(drawn, model.standardisation, files["samples"], force=True)
    commands = (
        f"girsanov fit digits --out {files['model']} --minutes {minutes:g} --seed {seed}",
        f"girsanov audit {files['model']} --data digits --out {files['audit']} --seed {seed}",
        f"girsanov plan {files['audit']} --out {files['plan']}",
        f"girsanov sample {files['model']} --plan {files['plan']} --count {COUNT} --seed {seed} "
        f"--out {files['samples']}",
        f"girsanov report {files['audit']} --plan {files['plan']} --samples {files['samples']} "
        f"--data digits --out {files['report']}",
    )
    real = held_out.raw(slice(0, SHOWN))
    report(
        measured, plan, out=files["report"], samples=drawn[:SHOWN], data=real, commands=commands
    )
    return Demo(plan, files, time.perf_counter() - begun)
