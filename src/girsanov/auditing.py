"""`gv.audit` and `gv.audit_to`: one pass over held-out data, and the audit that comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from ._signatures import takes
from .audited import Audit
from .measuring.audit import measure_audit
from .measuring.options import AuditKeywords, AuditOptions
from .planning.audit_to_precision import measure_to_precision

if TYPE_CHECKING:
    from .data import Dataset
    from .denoise.base import Denoiser
    from .law.base import Law


@takes(AuditOptions)
def audit(
    denoiser: Denoiser, data: Dataset | Law | None = None, **options: Unpack[AuditKeywords]
) -> Audit:
    """Return the audit of `denoiser` on held-out `data`: one pass, n (2 K - 1) draws calls.

    data: held-out examples, or the law itself; no_data: in their place, fine samples of the model
    (`measuring/own_samples.py`): plans of such an audit are relative to the model's own
    distribution, and nothing is said of the model; train: the training data, for the moments and
    for what the model has memorised; levels: how many (65), or the SNRs (of a discrete-time
    network, the nearest it was trained at); examples: use only so many; draws: noise paths per
    example;
    trajectories: of the teacher, to plan ODE samplers on (256 will do; 4 K + 1 calls
    and 8 K d bytes each); reference: a second, better model, called on the same paths for a
    higher bound on the score error of this one; by default what examples that are not audited
    say by themselves (`denoise/neighbours.py`), those of train first; batch_size: examples a
    network call, by default 512, fewer if they are large, and a quarter of few images on a CPU;
    keep: a folder in which a run that is stopped leaves its sums and the same audit goes on from;
    processes: each measures its share (`girsanov.processes()`), all return the whole;
    progress(done, total) counts network calls.
    Without train, examples, draws and reference, the exact denoiser of a law that knows its curve
    is not measured on this law: the curve is exact and costs no call (`measuring/exact_law.py`).
    """
    return Audit.of(measure_audit(denoiser, data, AuditOptions(**options)))


@takes(AuditOptions)
def audit_to(
    denoiser: Denoiser,
    data: Dataset | Law,
    *,
    half_width: float,
    steps: int | None = None,
    **options: Unpack[AuditKeywords],
) -> Audit:
    """Return an audit that knows the discretisation of a plan to `half_width`, if the data allows.

    half_width: of the 95 % interval, relative to the discretisation (0.03: 3 %); steps: of the
    plan, None for the best number; options: as `audit`, but that levels are by default 17 or 33,
    and for examples and draws, which are found (`planning/audit_to_precision.py`). What was
    reached, with what is spent on the pilot and on rounds that fell short, is in
    ``facts.precision``. Raises InputError for numbers that cannot be.
    """
    record = measure_to_precision(
        denoiser, data, AuditOptions(**options), half_width=half_width, steps=steps
    )
    return Audit.of(record)
