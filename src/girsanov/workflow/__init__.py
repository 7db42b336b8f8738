"""What each command does, without a terminal: one call of the same name, given a request.

    from girsanov import workflow
    done = workflow.audit(workflow.AuditRequest("model", data="digits", calls=25_000))

Every call returns what was made and where it was written. The calls are imported when they are
first used, so that the requests cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .more_requests import AdviseRequest as AdviseRequest
from .more_requests import CheckpointsRequest as CheckpointsRequest
from .more_requests import CheckRequest as CheckRequest
from .more_requests import CoverageRequest as CoverageRequest
from .more_requests import DemoRequest as DemoRequest
from .more_requests import ExportRequest as ExportRequest
from .more_requests import LikelihoodRequest as LikelihoodRequest
from .more_requests import SampleRequest as SampleRequest
from .requests import AuditRequest as AuditRequest
from .requests import CompareRequest as CompareRequest
from .requests import FitRequest as FitRequest
from .requests import PlanRequest as PlanRequest
from .requests import ReportRequest as ReportRequest

if TYPE_CHECKING:
    from .advise_training import advise as advise
    from .audit_model import audit as audit
    from .check_model import check as check
    from .compare_checkpoints import checkpoints as checkpoints
    from .compare_samples import compare as compare
    from .cover_pairs import coverage as coverage
    from .digits_demo import demo as demo
    from .draw_samples import sample as sample
    from .export_plan import export as export
    from .fit_model import fit as fit
    from .installation import doctor as doctor
    from .likelihood_of_audit import likelihood as likelihood
    from .network_file import init_network as init_network
    from .plan_sampling import plan as plan
    from .write_report import report as report

_HOME = {
    "fit": "fit_model",
    "advise": "advise_training",
    "audit": "audit_model",
    "check": "check_model",
    "plan": "plan_sampling",
    "sample": "draw_samples",
    "compare": "compare_samples",
    "coverage": "cover_pairs",
    "report": "write_report",
    "export": "export_plan",
    "demo": "digits_demo",
    "doctor": "installation",
    "likelihood": "likelihood_of_audit",
    "checkpoints": "compare_checkpoints",
    "init_network": "network_file",
}

_PLAIN = ("doctor", "init_network")  # calls without a request

__all__ = [*_HOME, *(f"{name.capitalize()}Request" for name in _HOME if name not in _PLAIN)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'girsanov.workflow' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
