"""`fill`: rows of a table with gaps, filled by a model of such rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from .._checks import require
from .gaps import rows_with_gaps
from .sample import sample

if TYPE_CHECKING:
    from ..denoise.base import Denoiser
    from .loop import HasRecipe
    from .options import SampleKeywords


def fill(
    denoiser: Denoiser, plan: HasRecipe, table: Any, count: int, **options: Unpack[SampleKeywords]
) -> np.ndarray:
    """Return rows of a table with their gaps filled `count` times, [R, count] structured.

    denoiser: a model of such rows; plan: of analytic-dpm, from its audit; table: what `load_data`
    takes; its empty cells and the columns that it lacks are drawn given the others, which stay as
    they are; options: those of `girsanov.sample`. Several fillings of a gap differ by what is not
    known of it: multiple imputation (Rubin, 1987). Raises InputError as `sample`, and for a table
    that is none of this model's.
    """
    require(
        "observed" not in options, "observed", "must be left out: the table says what is known"
    )
    gaps = rows_with_gaps(denoiser, table)
    options["observed"] = gaps
    return gaps.restored(sample(denoiser, plan, count, **options))
