"""Diffusion sampling with an error budget: measure, plan, sample, certify.

Every name here is imported when it is first used, so that ``import girsanov`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ._checks import InputError, MissingExtra
    from .basis import Basis
    from .data import Dataset, Standardisation, load_data, write_samples
    from .denoise.base import Denoiser
    from .denoise.exact import ExactDenoiser
    from .denoise.load import load_model
    from .denoise.parametrise import from_x0, to_x0
    from .law import Gaussian, GaussianMixture, Law, Points, read_law
    from .ledger.audit import Audit, audit, load_audit
    from .ledger.certificate import Entry, kl_from_tv, tv_from_kl
    from .montecarlo import Estimate
    from .plan.plan import Plan, evaluate_grid, load_plan, make_plan
    from .process import (
        Cosine,
        Flow,
        OrnsteinUhlenbeck,
        ScalarProcess,
        VarianceExploding,
        VariancePreserving,
    )
    from .report.page import report
    from .sample.draw import sample
    from .sample.grid import karras_grid, log_uniform_grid, time_grid
    from .sample.holds import Recipe, recipe
    from .train import fit

_HOME = {
    "._checks": ("InputError", "MissingExtra"),
    ".basis": ("Basis",),
    ".data": ("Dataset", "Standardisation", "load_data", "write_samples"),
    ".denoise.base": ("Denoiser",),
    ".denoise.exact": ("ExactDenoiser",),
    ".denoise.load": ("load_model",),
    ".denoise.parametrise": ("from_x0", "to_x0"),
    ".law": ("Gaussian", "GaussianMixture", "Law", "Points", "read_law"),
    ".ledger.audit": ("Audit", "audit", "load_audit"),
    ".ledger.certificate": ("Entry", "kl_from_tv", "tv_from_kl"),
    ".montecarlo": ("Estimate",),
    ".plan.plan": ("Plan", "evaluate_grid", "load_plan", "make_plan"),
    ".process": (
        "Cosine", "Flow", "OrnsteinUhlenbeck", "ScalarProcess", "VarianceExploding",
        "VariancePreserving",
    ),
    ".report.page": ("report",),
    ".sample.draw": ("sample",),
    ".sample.grid": ("karras_grid", "log_uniform_grid", "time_grid"),
    ".sample.holds": ("Recipe", "recipe"),
    ".train": ("fit",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list
    "__version__", *sorted(_MODULE),
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'girsanov' has no attribute {name!r}")
    value = getattr(import_module(_MODULE[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
