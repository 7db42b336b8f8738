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
    from .advice.advise import Advice as Advice
    from .advice.advise import advise as advise
    from .audited import Audit as Audit
    from .audited import load_audit as load_audit
    from .audited import verdict as verdict
    from .auditing import audit as audit
    from .auditing import audit_to as audit_to
    from .basis import Basis as Basis
    from .checkpoints.monitor import Monitor as Monitor
    from .comparison.compare import compare as compare
    from .comparison.result import Comparison as Comparison
    from .comparison.result import load_comparison as load_comparison
    from .data import Dataset as Dataset
    from .data import Standardisation as Standardisation
    from .data import load_data as load_data
    from .data import write_samples as write_samples
    from .denoise.adapt import from_azula as from_azula
    from .denoise.adapt import from_denoising_diffusion_pytorch as from_denoising_diffusion_pytorch
    from .denoise.adapt import from_edm as from_edm
    from .denoise.arithmetic import in_precision as in_precision
    from .denoise.base import Denoiser as Denoiser
    from .denoise.exact import ExactDenoiser as ExactDenoiser
    from .denoise.load import load_model as load_model
    from .denoise.parametrise import from_x0 as from_x0
    from .denoise.parametrise import to_x0 as to_x0
    from .denoise.pipelines.folder import from_pipeline as from_pipeline
    from .denoise.pipelines.folder import load_pipeline as load_pipeline
    from .denoise.pipelines.latents import encode_latents as encode_latents
    from .denoise.pipelines.pipeline import PipelineDenoiser as PipelineDenoiser
    from .denoise.pipelines.text import with_captions as with_captions
    from .denoise.wrapped import WrappedDenoiser as WrappedDenoiser
    from .denoise.wrapped import wrap as wrap
    from .diffusers_export.scheduler import GirsanovScheduler as GirsanovScheduler
    from .diffusers_export.scheduler import SchedulerMixin as SchedulerMixin
    from .law import Gaussian as Gaussian
    from .law import GaussianMixture as GaussianMixture
    from .law import Law as Law
    from .law import Points as Points
    from .law import Sphere as Sphere
    from .law import SwissRoll as SwissRoll
    from .law import read_law as read_law
    from .ledger.certificate import Certificate as Certificate
    from .ledger.entry import Entry as Entry
    from .ledger.entry import kl_from_tv as kl_from_tv
    from .ledger.entry import tv_from_kl as tv_from_kl
    from .measuring.check import Check as Check
    from .measuring.check import check as check
    from .montecarlo import Estimate as Estimate
    from .paper.langevin import Langevin as Langevin
    from .paper.langevin import LangevinRun as LangevinRun
    from .paper.langevin import sample_langevin as sample_langevin
    from .planning.given_grid import evaluate_grid as evaluate_grid
    from .planning.make_plan import make_plan as make_plan
    from .planning.ode_samplers.plan_ode_sampler import measure_distance as measure_distance
    from .planning.plan import Plan as Plan
    from .planning.plan_file import load_plan as load_plan
    from .planning.tournament.tournament import tournament as tournament
    from .posterior.judge import coverage as coverage
    from .posterior.result import Coverage as Coverage
    from .process import Cosine as Cosine
    from .process import CriticallyDampedLangevin as CriticallyDampedLangevin
    from .process import Flow as Flow
    from .process import OrnsteinUhlenbeck as OrnsteinUhlenbeck
    from .process import ScalarProcess as ScalarProcess
    from .process import VarianceExploding as VarianceExploding
    from .process import VariancePreserving as VariancePreserving
    from .reporting.page import report as report
    from .sampling.cld import strang_recipe as strang_recipe
    from .sampling.fill import fill as fill
    from .sampling.grids import beta_grid as beta_grid
    from .sampling.grids import karras_grid as karras_grid
    from .sampling.grids import log_uniform_grid as log_uniform_grid
    from .sampling.grids import time_grid as time_grid
    from .sampling.observation import Observation as Observation
    from .sampling.registry import cld_recipe as cld_recipe
    from .sampling.registry import ode_recipe as ode_recipe
    from .sampling.registry import recipe as recipe
    from .sampling.sample import sample as sample
    from .sampling.sampler import Recipe as Recipe
    from .sampling.sampler import Step as Step
    from .sampling.shards import sample_shards as sample_shards
    from .train.fit import fit as fit

_HOME = {
    "._checks": ("InputError", "MissingExtra"),
    "._processes": ("Processes", "processes"),
    ".advice.advise": ("Advice", "advise"),
    ".basis": ("Basis",),
    ".checkpoints.monitor": ("Monitor",),
    ".comparison.compare": ("compare",),
    ".comparison.result": ("Comparison", "load_comparison"),
    ".posterior.judge": ("coverage",),
    ".posterior.result": ("Coverage",),
    ".data": ("Dataset", "Standardisation", "load_data", "write_samples"),
    ".denoise.adapt": ("from_azula", "from_denoising_diffusion_pytorch", "from_edm"),
    ".denoise.arithmetic": ("in_precision",),
    ".denoise.base": ("Denoiser",),
    ".denoise.exact": ("ExactDenoiser",),
    ".denoise.pipelines.latents": ("encode_latents",),
    ".denoise.load": ("load_model",),
    ".denoise.pipelines.pipeline": ("PipelineDenoiser",),
    ".denoise.pipelines.folder": ("from_pipeline", "load_pipeline"),
    ".denoise.pipelines.text": ("with_captions",),
    ".denoise.parametrise": ("from_x0", "to_x0"),
    ".denoise.wrapped": ("WrappedDenoiser", "wrap"),
    ".diffusers_export.scheduler": ("GirsanovScheduler", "SchedulerMixin"),
    ".law": (
        "Gaussian",
        "GaussianMixture",
        "Law",
        "Points",
        "Sphere",
        "SwissRoll",
        "read_law",
    ),
    ".auditing": ("audit", "audit_to"),
    ".ledger.entry": ("Entry", "kl_from_tv", "tv_from_kl"),
    ".audited": ("Audit", "load_audit", "verdict"),
    ".ledger.certificate": ("Certificate",),
    ".measuring.check": ("Check", "check"),
    ".montecarlo": ("Estimate",),
    ".planning.given_grid": ("evaluate_grid",),
    ".planning.make_plan": ("make_plan",),
    ".planning.plan": ("Plan",),
    ".planning.plan_file": ("load_plan",),
    ".planning.ode_samplers.plan_ode_sampler": ("measure_distance",),
    ".planning.tournament.tournament": ("tournament",),
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
    ".sampling.cld": ("strang_recipe",),
    ".sampling.sample": ("sample",),
    ".sampling.fill": ("fill",),
    ".sampling.grids": ("beta_grid", "karras_grid", "log_uniform_grid", "time_grid"),
    ".sampling.observation": ("Observation",),
    ".sampling.registry": ("cld_recipe", "ode_recipe", "recipe"),
    ".sampling.sampler": ("Recipe", "Step"),
    ".sampling.shards": ("sample_shards",),
    ".paper.langevin": ("Langevin", "LangevinRun", "sample_langevin"),
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
