"""How to use the plan: lines to copy, for Python, for a shell and for diffusers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from ..sampling.registry import sampler_named

if TYPE_CHECKING:
    from ..planning.plan import Plan


def lines(code: str) -> Markup:
    """Return lines of code, each of which hangs where it is broken, and only between words."""
    spans = [
        Markup('<span class="code-line">{}\n</span>').format(Markup(" ").join(_words_of(line)))
        for line in escape(code).split("\n")
    ]
    return Markup("").join(spans)


def _words_of(line: str) -> list[Markup]:
    """Return the words of a line; a tag with spaces in it is not taken apart."""
    kept = Markup('<span class="code-word">{}</span>')
    words = [Markup(word) for word in re.split(r" (?![^<]*>)", line)]
    return [kept.format(word) if "-" in word else word for word in words]


MARK = "STEPS"  # where the number of steps goes in a name
UNCONDITIONAL = ("DDPMPipeline", "DDIMPipeline")  # pipelines that are called without a prompt


class Snippet(NamedTuple):
    """Lines to copy: a title and code, in which the number of steps is marked as it moves."""

    title: str
    code: Markup


def snippets(plan: Plan, commands: Sequence[str]) -> list[Snippet]:
    """Return the lines that make, use and export a plan like this with any number of steps.

    commands: those that were run; the files named are theirs, by their full paths where they
    exist. What the lines write has names of its own, so that they replace nothing.
    """
    audit = full_path(after("audit", "--out", commands, "audit.json"))
    model = full_path(positional("audit", commands, "model/"))
    out = full_path(after("plan", "--out", commands, "plan.json"))
    samples = full_path(after("sample", "--out", commands, "samples.npy"))
    if plan.scheduler is not None:  # it has one number of steps, and no audit makes it
        drawn = f"x = gv.sample(gv.load_model({model!r}), gv.load_plan({out!r}), 1000, seed=0)"
        return [
            Snippet("In Python", escape(f"import girsanov as gv\n\n{drawn}")),
            *_in_diffusers(plan, model, out, escape(str(plan.steps))),
        ]
    count = Markup('<span data-live="count">{}</span>').format(plan.steps)
    words = shlex.join(["girsanov", "plan", audit])
    rows = ["--given", "ROWS.csv"] if plan.audit.given else []
    told = ', given="ROWS.csv"' if plan.audit.given else ""
    options = _options(plan)
    given = "".join(f", {k}={v!r}" for k, v in options.items())
    if (
        "calibrate" in options and not sampler_named(plan.sampler).stochastic
    ):  # whose trajectories are new
        options["model"] = shlex.quote(model)
        given += f", denoiser=gv.load_model({model!r})"
    shell = (
        escape(f"{words} --steps ")
        + count
        + escape(
            "".join(f" --{k} {v}" if v is not True else f" --{k}" for k, v in options.items())
            + " --out "
        )
        + _new(out, count)
        + escape("\n" + shlex.join(["girsanov", "sample", model]) + " --plan ")
        + _new(out, count)
        + escape(f" {shlex.join([*rows, '--count', '1000'])} --out ")
        + _new(samples, count)
    )
    python = (
        escape(f"import girsanov as gv\n\nplan = gv.load_audit({audit!r}).plan(steps=")
        + count
        + escape(f"{given})\nx = gv.sample(gv.load_model({model!r}), plan, 1000, seed=0{told})")
    )
    both = [Snippet("From a shell", shell), Snippet("In Python", python)]
    return [*both, *_in_diffusers(plan, model, out, count)]


def full_path(name: str) -> str:
    """Return the full path of what exists, and any other name as it is."""
    try:
        path = Path(name)
        return str(path.resolve()) + "/" * name.endswith("/") if path.exists() else name
    except OSError:
        return name


def _new(name: str, count: Markup) -> Markup:
    """Return a name beside `name` that tells the number of steps, for a shell."""
    path, end = Path(name), "/" * name.endswith("/")
    fresh = str(path.with_name(f"{path.stem}-with-{MARK}-steps{path.suffix}")) + end
    before, after_ = (escape(part) for part in shlex.quote(fresh).split(MARK))
    return before + count + after_


def _in_diffusers(plan: Plan, model: str, out: str, count: Markup) -> list[Snippet]:
    """Return the lines that run a plan in its pipeline; none where no pipeline holds the model.

    A scheduler has no velocities and one set of axes for all levels, so that plans in phase
    space and of full covariances have none either.
    """
    own, ours = plan.audit.pipeline, plan.audit.in_diffusers
    if (own is None and not ours) or plan.process != "vp" or plan.covariance == "full":
        return []
    given = "" if own else ", scheduler=pipe.scheduler"
    plain = own is None or own.class_ in UNCONDITIONAL
    weight = "" if plan.guidance == 1 else f", guidance_scale={plan.guidance:g}"
    call = "images = pipe(" if plain else "# then as before: pipe(PROMPT, "
    lines = (
        "import girsanov as gv",
        "from diffusers import DiffusionPipeline",
        "",
        f"pipe = DiffusionPipeline.from_pretrained({model!r})",
        f"pipe.scheduler = gv.GirsanovScheduler.from_plan({out!r}{given})",
        f"{call}num_inference_steps=",
    )
    end = escape(f"{weight})" + (".images" if plain else ""))
    return [Snippet("In diffusers", escape("\n".join(lines)) + count + end)]


def _options(plan: Plan) -> dict[str, str | float | bool]:
    """Return what makes a plan besides its number of steps: its sampler, and what else is told."""
    options: dict[str, str | float | bool] = {"sampler": plan.sampler}
    if plan.covariance is not None:
        options["covariance"] = plan.covariance
    if plan.calibration is not None:
        options["calibrate"] = True
    if plan.process != "vp":
        options["process"] = plan.process
    if sampler_named(plan.sampler).stochastic:
        # rounded up: below the finest level measured there is no plan
        options["resolution"] = float(f"{plan.resolution * (1 + 1e-5):.6g}")
    return options


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
