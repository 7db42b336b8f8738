"""`demo`: the main job end to end on real data: fit, audit, plan, sample, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import (
    refuse,
    require,
    require_choice,
    require_count,
)
from .._choices import NETWORK_CHOICES
from .._files import read_format, write_json
from ..data import load_data
from . import audit, fit, plan, report, sample
from .more_requests import DemoRequest, SampleRequest
from .requests import (
    AuditRequest,
    FitRequest,
    PlanRequest,
    ReportRequest,
)
from .shared.destinations import require_place

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..planning.plan import Plan

DATA = "digits"
COUNT = 1000  # samples drawn
WIDTH = 16  # of the convolutional network, which learns enough in two minutes
FILES = {
    "model": "model",
    "audit": "audit.json",
    "plan": "plan.json",
    "samples": "samples.npy",
    "report": "report.html",
}


@dataclass(frozen=True)
class DemoResult:
    """What the demo made: its plan with its verdict, where everything is, and how long it took."""

    plan: Plan
    verdict: list[str]
    files: dict[str, str]
    seconds: float

    def to_json(self) -> Json:
        """Return the demo as JSON."""
        run = {"verdict": self.verdict, "grade": self.plan.grade or None}
        return {
            **self.plan.summary(),
            **run,
            "files": self.files,
            "seconds": round(self.seconds, 1),
        }


def demo(request: DemoRequest, *, stage: Callable[[str], Progress] | None = None) -> DemoResult:
    """Train on scikit-learn's digits, audit, plan, sample and report, all into one folder.

    The folder is a new one, or one where the same demo was stopped, which then goes on;
    stage(name) returns the progress callback of a stage. Raises InputError for a folder that
    holds anything else.
    """
    begun, folder = time.perf_counter(), Path(request.out)
    require_place(folder, folder=True)
    asked: Json = {
        "steps": require_count("steps", request.steps),
        "network": require_choice("network", request.network, NETWORK_CHOICES),
        "seed": require_count("seed", request.seed, 0),
    }
    load_data(DATA)  # or say what brings them, before there is a folder
    _claim(folder, asked)
    files = {name: str(folder / path) for name, path in FILES.items()}
    model, measured, planned, samples = (files[k] for k in ("model", "audit", "plan", "samples"))

    def bar(name: str) -> Progress | None:
        return None if stage is None else stage(name)

    seed, width = request.seed, WIDTH if request.network == "conv" else None
    fit(FitRequest(DATA, out=model, resume=True, width=width, **asked), progress=bar("fit"))
    audit(AuditRequest(model, data=DATA, out=measured, seed=seed, force=True),
          progress=bar("audit"))  # fmt: skip
    planned_best = plan(PlanRequest(measured, out=planned))
    sample(SampleRequest(model, plan=planned, count=COUNT, out=samples, seed=seed, force=True),
           progress=bar("sample"))  # fmt: skip
    report(ReportRequest(measured, plan=planned, samples=samples, data=DATA, out=files["report"]))
    best = planned_best.plan, planned_best.verdict
    return DemoResult(*best, files, time.perf_counter() - begun)


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
