"""Every file that a user can hand us: how a good one is made, made hostile, read and used."""

from __future__ import annotations

from data_readers import DATA
from model_readers import MODELS
from reader import Reader
from result_readers import RESULTS

READERS: dict[str, Reader] = {**DATA, **RESULTS, **MODELS}
DEAR = {
    "audit",
    "audits",
    "report",
    "model",
    "checkpoint",
    "pipeline",
    "shards",
    "scheduler",
    "sums",
}  # fmt: skip  (a network call or more for each input, or a page)
