"""What to type next after each command, in one line that can be copied and works as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import InputError

if TYPE_CHECKING:
    from ..measuring.facts import AuditFacts
    from ..planning.plan import Plan
    from ..workflow import AuditRequest


def after_fit(model: str, data: str, kept_back: bool, given: Sequence[str] = ()) -> str:
    """Return the line that audits a model that was fitted on `data`, and a file given beside."""
    words = ["girsanov", "audit", model, "--data", data if kept_back else "HELD_OUT"]
    if len(given) == 1 and Path(given[0]).exists():
        words += ["--given", given[0]]
    return shlex.join([*words, "--out", "audit.json"])


def after_audit(out: str, steps: int | None) -> str:
    """Return the line that plans; steps: what the audit was made for, if it was."""
    wanted = [] if steps is None else ["--steps", str(steps)]
    return shlex.join(["girsanov", "plan", out, *wanted, "--out", "plan.json"])


def check_first(request: AuditRequest) -> str:
    """Return the line that says whether the network of an audit is called the right way."""
    words = ["girsanov", "check", str(request.model), "--data", str(request.data)]
    return shlex.join([*words, *(["--labels", request.labels] if request.labels else [])])


def after_plan(plan: Plan, out: str) -> str:
    """Return the line that draws, into a file of the kind that the audited data came from."""
    from ..reporting.code_snippets import positional

    model = positional("audit", plan.audit.commands, "MODEL")
    if plan.audit.given:
        return _coverage(plan, model, out)
    words = ["girsanov", "sample", model, "--plan", out, "--count", "1000", "--out"]
    name = samples_like(plan.audit)
    return shlex.join([*words, f"{Path(out).stem}-{name}" if Path(name).exists() else name])


def _coverage(plan: Plan, model: str, out: str) -> str:
    """Return the line that checks draws given y."""
    from ..reporting.code_snippets import after

    commands = plan.audit.commands
    data, given = (after("audit", option, commands, "") for option in ("--data", "--given"))
    words = ["girsanov", "coverage", model, "--plan", out, "--data", data or "DATA"]
    return shlex.join([*words, *(["--given", given] if given else [])])


def after_coverage(model: str, plan: str, operator: str = "", noise: float = 0.0) -> str:
    """Return the line that draws given rows of y, or given what is measured by an operator."""
    words = ["girsanov", "sample", model, "--plan", plan]
    if operator:
        words += ["--operator", operator, "--measured", "Y.npy", "--noise", f"{noise:g}"]
    else:
        words += ["--given", "ROWS.csv"]
    out = "samples.npy" if operator else "samples.csv"
    return shlex.join([*words, "--count", "1000", "--out", out])


def samples_like(facts: AuditFacts) -> str:
    """Return a name for samples of what a record of an audit is of: .npy where that will do.

    It has no columns for a table, and no room for the labels of a model that takes them. A folder
    of pictures is answered by one.
    """
    from ..data.formats.registry import data_format_of

    if facts.kind == "image" and Path(facts.data_name.split(" (")[0]).is_dir():
        return "samples/"
    if facts.kind != "table":
        fitted = " ".join(facts.commands).split()
        labelled = "--labels" in fitted or "--conditional" in fitted
        return "samples.npz" if labelled else "samples.npy"
    source = data_format_of(facts.data_name.split(" (")[0])  # without which part of it
    return f"samples{source.suffix if source is not None and source.tables else '.csv'}"


def after_sample(commands: Sequence[str], samples: str) -> str:
    """Return the line that reports samples; commands: the ones that led to them."""
    from ..reporting.code_snippets import after, positional

    recorded = positional("audit", commands, "")  # an audit made in Python lies anywhere
    audit = after("audit", "--out", commands, "audit.json") if recorded else "AUDIT"
    plan = after("sample", "--plan", commands, "plan.json")
    places = [Path(plan).parent, Path(positional("sample", commands, "")).parent]
    audit, data = (
        _nearest_file(name, places) for name in (audit, after("audit", "--data", commands, ""))
    )
    if any(" --no-data" in line for line in commands):  # there is no page of such an audit
        return shlex.join(["girsanov", "compare", samples, "YOUR_DATA"])
    words = ["girsanov", "report", audit, "--plan", plan]
    known = ("--given", "--operator", "--fix", "--fill")
    if any(after("sample", option, commands[-1:], "") for option in known):
        return shlex.join(words)  # draws given some rows are no sample of the data
    words += ["--samples", samples]
    labels = after("audit", "--labels", commands, "")
    words += [*(["--data", data] if data else []), *(["--labels", labels] if labels else [])]
    return shlex.join(words)


def _nearest_file(name: str, places: Sequence[Path]) -> str:
    """Return a file's name, or where else it lies: what was recorded is of another folder."""
    beside = [place / Path(name).name for place in places]
    if not name or Path(name).exists():
        return name
    return next((str(path) for path in beside if path.exists()), name)


def after_compare(samples: str, out: str | None = None) -> str:
    """Return the line that reports compared samples, "" where their plan is not known.

    out: the file that keeps the comparison, if one does.
    """
    from .._files import read_format
    from ..data.origin import is_of, read_origin
    from ..reporting.code_snippets import after

    origin = read_origin(samples) if Path(samples).exists() else {}
    command = str(origin.get("command") or "")
    plan = after("sample", "--plan", [command], "")
    if not plan or not is_of(origin, samples):
        return ""
    try:
        commands = read_format(plan, "plan")["audit"]["commands"]
        line = after_sample([*map(str, commands), command], samples)
        return line if out is None else f"{line} {shlex.join(['--comparison', out])}"
    except (InputError, KeyError, TypeError, ValueError):
        return ""  # a plan that is gone, was made in Python, or was damaged
