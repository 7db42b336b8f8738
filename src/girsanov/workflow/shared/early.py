"""What is wrong with a request by its words alone, refused before torch is imported.

Importing torch takes seconds, and a misspelt file should not cost them. Every check here is made
again, with all others, where the work is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..._checks import require, require_choice, require_number
from ..._choices import NETWORK_CHOICES, OBJECTIVES, TARGETS, TRAINING_PRECISIONS
from ..._files import read_format
from ...comparison.measures.registry import MEASURES, distances
from ...data.formats.registry import FORMATS, data_format_of
from ...data.load import require_source
from ...denoise.places import require_model_place
from ...planning.named_grids import NAMED_GRIDS
from ...sampling.sampler import PROCESSES
from ..more_requests import DemoRequest, ExportRequest, SampleRequest
from ..requests import (
    AuditRequest,
    CompareRequest,
    FitRequest,
    PlanRequest,
    ReportRequest,
    Request,
)
from .destinations import require_new_folder, require_page, require_place, require_result
from .measure_names import require_measures, require_model_and_data


def check_early(request: Request) -> None:
    """Refuse a request whose files are not there or of another kind, or with unknown names."""
    for kind, check in _WORDS.items():
        if isinstance(request, kind):
            check(request)
    device = getattr(request, "device", None)
    known = device is None or re.fullmatch(r"(cpu|cuda)(:\d+)?", device) is not None
    require(known, "device", "must be cpu, cuda or one GPU such as cuda:1", device)
    for name in ("audit", "plan"):
        for path in _paths(request, name):
            read_format(path, name)
    for name in ("model", "reference"):
        for path in _paths(request, name):
            require_model_place(path)
    for name in ("data", "train_data", "samples"):
        for path in _paths(request, name):
            if not str(path).endswith(".json"):  # a law, which is read whole later
                require_source(str(path))


def _paths(request: Request, name: str) -> Iterable[Any]:
    value = getattr(request, name, None)
    return value if isinstance(value, tuple) else [] if value is None else [value]


def _fit(request: FitRequest) -> None:
    require_choice("network", request.network, NETWORK_CHOICES)
    require_choice("objective", request.objective, OBJECTIVES)
    require_choice("process", request.process, PROCESSES)
    require_choice("precision", request.precision, TRAINING_PRECISIONS)
    if request.minutes is not None and request.steps is None:
        require_number("minutes", request.minutes, above=0.0)
    require_new_folder(Path(request.out))


def _audit(request: AuditRequest) -> None:
    require_result(Path(request.out), "audit", request.force)


def _plan(request: PlanRequest) -> None:
    require_result(Path(request.out), "plan", request.force, Path(request.audit))
    if request.grid is not None:
        require_choice("grid", request.grid, NAMED_GRIDS)
    if request.by is not None:
        require_measures([request.by], distances())
        require_model_and_data(request)


def _sample(request: SampleRequest) -> None:
    out = request.out
    folder = out.endswith("/") or Path(out).is_dir() or not Path(out).suffix
    kinds = ", ".join(kind.suffix for kind in FORMATS.values())
    rule = f"must end in {kinds}, or in / (a folder of images)"
    require(folder or data_format_of(out) is not None, "--out", rule, out)
    require_place(Path(out))


def _compare(request: CompareRequest) -> None:
    require_measures(request.by, MEASURES)


def _report(request: ReportRequest) -> None:
    require_page(Path(request.out), request.force)
    if request.figures is not None:
        require_place(Path(request.figures), folder=True, option="--figures")


def _export(request: ExportRequest) -> None:
    require_choice("to", request.to, TARGETS)


def _demo(request: DemoRequest) -> None:
    require_choice("network", request.network, NETWORK_CHOICES)
    require_place(Path(request.out), folder=True)


_WORDS: dict[type[Request], Callable[[Any], None]] = {
    FitRequest: _fit,
    AuditRequest: _audit,
    PlanRequest: _plan,
    SampleRequest: _sample,
    CompareRequest: _compare,
    ReportRequest: _report,
    ExportRequest: _export,
    DemoRequest: _demo,
}
