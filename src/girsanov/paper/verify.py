"""Running the statements: which there are, what came out of each, and the page about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from .._checks import require
from .._files import write_json, write_text
from . import tables
from .outcome import Outcome, Verification
from .page import render_verification
from .statements import MODULES

if TYPE_CHECKING:
    from .._typing import Json, PathLike
    from .statement import Statement

VERIFY_FORMAT = "girsanov/verify/1"
SUPPORT = ("support", "manifolds", "steps_needed")
# the paper's names that are not a statement's own
PAPER_NAMES = {
    "assumption1": ("theorem2", "promises"),
    "assumption2": ("convergence",),
    "assumption3": ("score_error", "l2_suffices", "learned"),
    "assumption4": ("theorem6",),
    "assumption5": ("theorem6", "learned"),
    "theorem9": ("identity", "novikov"),
    "corollary3": SUPPORT,
    "corollary4": ("bounded_lipschitz", *SUPPORT),
    "corollary5": SUPPORT,
    "strasman2024": ("schedules",),
}


def verification_json(run: Verification) -> Json:
    """Return the run as a JSON object."""
    return {
        "format": VERIFY_FORMAT,
        "girsanov": __version__,
        "quick": run.quick,
        "seed": run.seed,
        "seconds": round(run.seconds, 1),
        "holds": run.holds,
        "comparisons": sum(len(o.result.rows) for o in run.outcomes),
        "tables": tables.tables_json(run),
        "statements": [o.to_json() for o in run.outcomes],
    }


def save(run: Verification, out: PathLike) -> dict[str, str]:
    """Write index.html and results.json into folder `out` and return their paths."""
    about = verification_json(run)
    page, results = Path(out) / "index.html", Path(out) / "results.json"
    write_json(results, about)  # first: by it a later run knows the folder as ours
    write_text(page, render_verification(run, about))
    return {"page": str(page), "results": str(results)}


def statements() -> dict[str, Statement]:
    """Return every statement by name, in the order of the page."""
    modules = [import_module(f"{__package__}.statements.{name}") for name in MODULES]
    return {m.STATEMENT.name: m.STATEMENT for m in modules}


def _wanted(names: Sequence[str], available: dict[str, Statement]) -> set[str]:
    """Return the statements that `names` call by their own names or by the paper's."""
    wanted: set[str] = set()
    for name in names:
        plain = name.lower().replace(" ", "").replace("-", "_")
        names_meant = PAPER_NAMES.get(plain.replace("_", ""), (plain,))
        known = all(meant in available for meant in names_meant)
        rule = f"must be a name of `girsanov verify --list`, or {', '.join(PAPER_NAMES)}"
        require(known, "statement", rule, name)
        wanted.update(names_meant)
    return wanted


def verify(
    names: Sequence[str] = (),
    *,
    quick: bool = False,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Verification:
    """Check the statements `names` (all when empty) and return what came out.

    names: statements, or what the paper calls them, such as ``theorem9`` or ``corollary5``;
    quick: fewer cases and draws; seed: of all randomness; progress(done, total, next name) is
    called before each statement and at the end. Raises InputError for a name that there is not.
    """
    available = statements()
    wanted = _wanted(names, available)
    chosen = [available[n] for n in available if not names or n in wanted]
    begun, done = time.perf_counter(), []
    for k, statement in enumerate(chosen):
        if progress is not None:
            progress(k, len(chosen), statement.name)
        at = time.perf_counter()
        result = statement.run(quick, seed)
        done.append(Outcome(statement, result, time.perf_counter() - at))
    if progress is not None:
        progress(len(chosen), len(chosen), "")
    return Verification(tuple(done), quick, seed, time.perf_counter() - begun)
