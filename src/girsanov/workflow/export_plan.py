"""`export`: a plan put back into diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..diffusers_export.export import export as write
from .shared.destinations import require_place

if TYPE_CHECKING:
    from .._typing import Json
    from .more_requests import ExportRequest


def export(request: ExportRequest) -> Json:
    """Write a pipeline folder that runs a plan, or a list of levels for another sampler.

    Returned is what was written, and the lines of Python that use it. Raises InputError, before
    any work, for a place that cannot be written to, and as `diffusers_export.export`.
    """
    require_place(Path(request.out), folder=request.to == "diffusers")
    return write(
        request.plan, request.pipeline, request.out, to=request.to, audit=request.audit,
        any_model=request.any_model, force=request.force,
    )  # fmt: skip
