"""How to use the plan: lines to copy, for Python, for a shell and for diffusers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from ..plan.plan import Plan
from ..sampling.holds import HOLDS


def lines(code: str) -> Markup:
    """Return lines of code, each of which hangs where it is broken, and only between words."""
    made = [
        Markup('<span class="code-line">{}\n</span>').format(Markup(" ").join(_words_of(line)))
        for line in escape(code).split("\n")
    ]
    return Markup("").join(made)


def _words_of(line: str) -> list[Markup]:
    """Return the words of a line; a tag with spaces in it is not taken apart."""
    kept = Markup('<span class="code-word">{}</span>')
    words = [Markup(word) for word in re.split(r" (?![^<]*>)", line)]
    return [kept.format(word) if "-" in word else word for word in words]


class Snippet(NamedTuple):
    """Lines to copy: a title and code, in which the number of steps is marked as it moves."""

    title: str
    code: Markup


def snippets(plan: Plan, commands: Sequence[str]) -> list[Snippet]:
    """Return the lines that make, use and export a plan like this with any number of steps.

    commands: those that were run; the files named are theirs where they can be found there.
    """
    audit = after("audit", "--out", commands, "audit.json")
    model = positional("audit", commands, "model/")
    out = after("plan", "--out", commands, "plan.json")
    samples = after("sample", "--out", commands, "samples.npy")
    if plan.scheduler is not None:  # it has one number of steps, and no audit makes it
        drawn = f"x = gv.sample(gv.load_model({model!r}), gv.load_plan({out!r}), 1000, seed=0)"
        put = f"pipe.scheduler = gv.GirsanovScheduler.from_plan({out!r})"
        steps = f"pipe(num_inference_steps={plan.steps})"
        return [Snippet("In Python", escape(f"import girsanov as gv\n\n{drawn}")),
                Snippet("In diffusers", escape(f"{put}\n{steps}"))]  # fmt: skip
    count = Markup('<span data-live="count">{}</span>').format(plan.steps)
    words = shlex.join(["girsanov", "plan", audit])
    options = _options(plan)
    shell = (
        escape(f"{words} --steps ")
        + count
        + escape(
            "".join(f" --{k} {v}" if v is not True else f" --{k}" for k, v in options.items())
            + f" --out {shlex.quote(out)}\n"
            + shlex.join(["girsanov", "sample", model, "--plan", out, "--count", "1000"])
            + f" --out {shlex.quote(samples)}"
        )
    )
    given = "".join(f", {k}={v!r}" for k, v in options.items())
    python = (
        escape(f"import girsanov as gv\n\nplan = gv.load_audit({audit!r}).plan(steps=")
        + count
        + escape(f"{given})\nx = gv.sample(gv.load_model({model!r}), plan, 1000, seed=0)")
    )
    found = [Snippet("From a shell", shell), Snippet("In Python", python)]
    pictures = len(plan.about.get("audit", {}).get("shape", (1,))) == 3  # what a pipeline draws
    if pictures and plan.sampler in HOLDS and plan.process == "vp" and plan.calibration is None:
        line = (
            f"pipe.scheduler = gv.GirsanovScheduler.from_plan({out!r}, scheduler=pipe.scheduler)"
        )
        found.append(Snippet("In diffusers", escape(line)))
    return found


def _options(plan: Plan) -> dict[str, str | float | bool]:
    """Return what makes a plan besides its number of steps, where it is not the default."""
    found: dict[str, str | float | bool] = {}
    if plan.sampler != "gaussian":
        found["sampler"] = plan.sampler
    if plan.covariance is not None:
        found["covariance"] = plan.covariance
    if plan.calibration is not None:
        found["calibrate"] = True
    if plan.process != "vp":
        found["process"] = plan.process
    if plan.sampler in HOLDS:
        # rounded up: below the finest level measured there is no plan
        found["resolution"] = float(f"{plan.resolution * (1 + 1e-5):.6g}")
    return found


def _words(name: str, commands: Sequence[str]) -> list[str]:
    for command in commands:
        try:
            words = shlex.split(str(command))
        except ValueError:
            continue
        if words[:2] == ["girsanov", name]:
            return words[2:]
    return []


def after(name: str, option: str, commands: Sequence[str], default: str) -> str:
    """Return the value of an option of the command `name` among `commands`, or a default."""
    words = _words(name, commands)
    at = words.index(option) + 1 if option in words else len(words)
    return words[at] if at < len(words) else default


def positional(name: str, commands: Sequence[str], default: str) -> str:
    """Return the first argument of the command `name` among `commands`, or a default."""
    words = _words(name, commands)
    return words[0] if words and not words[0].startswith("-") else default
