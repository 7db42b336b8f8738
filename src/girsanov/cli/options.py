"""The application, and how a request becomes a command: its fields are the options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer import Argument, Option
from typer.models import ParameterInfo

from ..data.formats.registry import FORMATS, suffixes
from .console import warned

if TYPE_CHECKING:
    from ..workflow.requests import Request


def one_of(names: Iterable[str]) -> str:
    """Return names as a choice: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


app = typer.Typer(name="girsanov", add_completion=False, pretty_exceptions_enable=False)

DATA_FILES = ", ".join(FORMATS)
DATA_HELP = (
    f"{DATA_FILES}, a folder of images, {' or '.join(suffixes(folders=True))} files, or digits"
)
# "digits", hub:... and names of columns are no paths
TEXTS = ("data", "given", "model", "other", "reference", "samples", "train_data")
Seed = Annotated[int, Option(min=0, max=2**63 - 1, help="Seed of all randomness.")]
AsJson = Annotated[bool, Option("--json", help="Print one JSON object on stdout.")]
Force = Annotated[
    bool,
    Option(
        "--force",
        help="Replace the output, whatever it is. Without it audits, samples and plans of --by, "
        "which cost network calls, are never replaced; plans and pages replace their own kind. "
        "`plan` also plans from an audit that cannot tell.",
    ),
]
MODEL = Argument(
    help="A model folder, a diffusers pipeline (its folder, or hub:owner/name), a law in a .json "
    "file, or [--network] FILE.py:function, your own code, which is run and returns a denoiser."
)
PRECISION = "Of matrix products in the network: float32, bfloat16 or float16."
Words = ParameterInfo | str  # of an option; a text is its help
SHARED: dict[str, Words] = {  # of fields that a command says nothing else of
    "out": "Where to write.",
    "labels": "Column (or array of a .npz) that holds the classes.",
    "given": (
        "What x is given: columns of a table (a,b; may be repeated), or a file with as many rows."
    ),
    "class_order": (
        "Which class of a pipeline without class names a folder (or label) of digits is: "
        "number (default), or text: 0, 1, 10, 11, 2, ..., as image-folder loaders sort them."
    ),
    "drop": "A column of a table to leave out (may be repeated); a model remembers.",
    "decimal": "The mark before decimals, . or , where a column such as 1,234 may mean either.",
    "dates": "day-first or month-first, where a column such as 3/1/2024 may mean either.",
    "device": "cpu, cuda, cuda:1, ... (default: a GPU if there is one).",
    "compile": Option("--compile", help="Compile the network (torch.compile)."),
    "any_model": Option("--any-model", help="Use a plan of another model."),
    "seed": get_args(Seed)[1],
    "force": get_args(Force)[1],
}

Command = Callable[..., None]


def command(request: type[Request], **options: Words) -> Callable[[Command], Command]:
    """Return what makes a command of a function of a request and of its own options.

    options: what `--help` says of each field, where `SHARED` does not. The function's own
    options, which change nothing of the result, come before --seed, and --json comes last.
    """

    def register(run: Command) -> Command:
        _, *own = inspect.signature(run, eval_str=True).parameters.values()
        hints = get_type_hints(request)
        names = [field.name for field in fields(request)]
        words = [options[name] if name in options else SHARED[name] for name in names]
        asked = [
            _parameter(f, hints[f.name], w) for f, w in zip(fields(request), words, strict=True)
        ]
        at = names.index("seed") if "seed" in names else len(names)

        def call(**given: Any) -> None:
            wanted = {name: given.pop(name) for name in names}
            _say_code(wanted)
            run(request(**{n: v for n, v in wanted.items() if v is not None}), **given)

        signature = inspect.Signature([*asked[:at], *own[:-1], *asked[at:], *own[-1:]])
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__doc__ = run.__doc__
        app.command(run.__name__)(call)
        return run

    return register


MODELS = ("model", "reference", "other")  # fields that name one


def _say_code(wanted: Mapping[str, Any]) -> None:
    """Say on stderr whose code is about to run: a model that is FILE.py:function."""
    for name in MODELS:
        file, colon, _ = str(wanted.get(name) or "").rpartition(":")
        if colon and file.endswith(".py") and Path(file).is_file():
            warned(f"this runs the code in {file}")


def _parameter(field: Field[Any], hint: Any, option: Words) -> inspect.Parameter:
    """Return a field as typer reads it."""
    several = field.default == ()
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    kind = _kind(field.name, hint) | None if several else _kind(field.name, hint)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None if several else default,
        annotation=Annotated[kind, Option(help=option) if isinstance(option, str) else option],
    )  # fmt: skip


def _kind(name: str, hint: Any) -> Any:
    """Return a type that typer knows: lists for sequences, and paths but for `TEXTS`."""
    parts = get_args(hint)
    if get_origin(hint) is Sequence:
        return list[_kind(name, parts[0])]  # type: ignore[misc]
    if Path not in parts:
        return hint
    one = str if name in TEXTS else Path
    return one | None if NoneType in parts else one


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"girsanov {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Measure what limits a diffusion model, plan its sampling, draw samples, report."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
