"""Diffusion sampling with an error budget: measure, plan, sample, certify.

Every name here is imported when it is first used, so that ``import girsanov`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ._checks import InputError as InputError
    from ._checks import MissingExtra as MissingExtra
    from ._processes import Processes as Processes
    from ._processes import processes as processes
    from .basis import Basis as Basis
    from .comparison.compare import Comparison as Comparison
    from .comparison.compare import compare as compare
    from .data import Dataset as Dataset
    from .data import Standardisation as Standardisation
    from .data import load_data as load_data
    from .data import write_samples as write_samples
    from .denoise.arithmetic import in_precision as in_precision
    from .denoise.base import Denoiser as Denoiser
    from .denoise.exact import ExactDenoiser as ExactDenoiser
    from .denoise.latents import encode_latents as encode_latents
    from .denoise.load import load_model as load_model
    from .denoise.parametrise import from_x0 as from_x0
    from .denoise.parametrise import to_x0 as to_x0
    from .denoise.pipeline import PipelineDenoiser as PipelineDenoiser
    from .denoise.pipeline_folder import from_pipeline as from_pipeline
    from .denoise.pipeline_folder import load_pipeline as load_pipeline
    from .denoise.pipeline_text import with_captions as with_captions
    from .denoise.wrapped import WrappedDenoiser as WrappedDenoiser
    from .denoise.wrapped import wrap as wrap
    from .interop.scheduler import GirsanovScheduler as GirsanovScheduler
    from .interop.scheduler import SchedulerMixin as SchedulerMixin
    from .law import Gaussian as Gaussian
    from .law import GaussianMixture as GaussianMixture
    from .law import Law as Law
    from .law import Points as Points
    from .law import Sphere as Sphere
    from .law import SwissRoll as SwissRoll
    from .law import read_law as read_law
    from .ledger.audit import audit as audit
    from .ledger.certificate import Entry as Entry
    from .ledger.certificate import kl_from_tv as kl_from_tv
    from .ledger.certificate import tv_from_kl as tv_from_kl
    from .ledger.load import load_audit as load_audit
    from .ledger.record import Audit as Audit
    from .ledger.resolution import Certificate as Certificate
    from .montecarlo import Estimate as Estimate
    from .plan.given import evaluate_grid as evaluate_grid
    from .plan.make import make_plan as make_plan
    from .plan.plan import Plan as Plan
    from .plan.plan import load_plan as load_plan
    from .plan.precise import audit_to as audit_to
    from .plan.solve import measure_distance as measure_distance
    from .plan.tournament import tournament as tournament
    from .process import Cosine as Cosine
    from .process import CriticallyDampedLangevin as CriticallyDampedLangevin
    from .process import Flow as Flow
    from .process import OrnsteinUhlenbeck as OrnsteinUhlenbeck
    from .process import ScalarProcess as ScalarProcess
    from .process import VarianceExploding as VarianceExploding
    from .process import VariancePreserving as VariancePreserving
    from .reporting.page import report as report
    from .reporting.spoken import verdict as verdict
    from .sampling.cld import cld_recipe as cld_recipe
    from .sampling.cld import strang_recipe as strang_recipe
    from .sampling.draw import sample as sample
    from .sampling.grid import karras_grid as karras_grid
    from .sampling.grid import log_uniform_grid as log_uniform_grid
    from .sampling.grid import time_grid as time_grid
    from .sampling.holds import Recipe as Recipe
    from .sampling.holds import Step as Step
    from .sampling.holds import recipe as recipe
    from .sampling.langevin import Langevin as Langevin
    from .sampling.langevin import LangevinRun as LangevinRun
    from .sampling.langevin import sample_langevin as sample_langevin
    from .sampling.shards import sample_shards as sample_shards
    from .sampling.solvers import solver_recipe as solver_recipe
    from .train.fit import fit as fit

_HOME = {
    "._checks": ("InputError", "MissingExtra"),
    "._processes": ("Processes", "processes"),
    ".basis": ("Basis",),
    ".comparison.compare": ("Comparison", "compare"),
    ".data": ("Dataset", "Standardisation", "load_data", "write_samples"),
    ".denoise.arithmetic": ("in_precision",),
    ".denoise.base": ("Denoiser",),
    ".denoise.exact": ("ExactDenoiser",),
    ".denoise.latents": ("encode_latents",),
    ".denoise.load": ("load_model",),
    ".denoise.pipeline": ("PipelineDenoiser",),
    ".denoise.pipeline_folder": ("from_pipeline", "load_pipeline"),
    ".denoise.pipeline_text": ("with_captions",),
    ".denoise.parametrise": ("from_x0", "to_x0"),
    ".denoise.wrapped": ("WrappedDenoiser", "wrap"),
    ".interop.scheduler": ("GirsanovScheduler", "SchedulerMixin"),
    ".law": (
        "Gaussian",
        "GaussianMixture",
        "Law",
        "Points",
        "Sphere",
        "SwissRoll",
        "read_law",
    ),
    ".ledger.audit": ("audit",),
    ".ledger.certificate": ("Entry", "kl_from_tv", "tv_from_kl"),
    ".ledger.load": ("load_audit",),
    ".ledger.record": ("Audit",),
    ".ledger.resolution": ("Certificate",),
    ".montecarlo": ("Estimate",),
    ".plan.given": ("evaluate_grid",),
    ".plan.make": ("make_plan",),
    ".plan.plan": ("Plan", "load_plan"),
    ".plan.precise": ("audit_to",),
    ".plan.solve": ("measure_distance",),
    ".plan.tournament": ("tournament",),
    ".process": (
        "Cosine",
        "CriticallyDampedLangevin",
        "Flow",
        "OrnsteinUhlenbeck",
        "ScalarProcess",
        "VarianceExploding",
        "VariancePreserving",
    ),
    ".reporting.page": ("report",),
    ".reporting.spoken": ("verdict",),
    ".sampling.cld": ("cld_recipe", "strang_recipe"),
    ".sampling.draw": ("sample",),
    ".sampling.grid": ("karras_grid", "log_uniform_grid", "time_grid"),
    ".sampling.holds": ("Recipe", "Step", "recipe"),
    ".sampling.shards": ("sample_shards",),
    ".sampling.solvers": ("solver_recipe",),
    ".sampling.langevin": ("Langevin", "LangevinRun", "sample_langevin"),
    ".train": ("fit",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "__version__",
    *sorted(_MODULE),
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'girsanov' has no attribute {name!r}")
    value = getattr(import_module(_MODULE[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
