"""Requests of what is read off audits: as `requests.py`."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .._typing import PathLike
from .requests import Request


@dataclass(frozen=True)
class LikelihoodRequest(Request):
    """The likelihood of the examples of an audit under a sampler.

    audit: its .json; plan: whose sampler is meant, None for the limit of infinitely many steps.
    """

    audit: PathLike
    _: KW_ONLY
    plan: PathLike | None = None
