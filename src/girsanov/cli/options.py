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


app = typer.Typer(name="girsanov", pretty_exceptions_enable=False)

WHAT, HOW_MUCH, OUTPUT, EXPERT = "What", "How much", "Output", "Expert"
PANELS = {  # of options by the names of their fields; all others are for experts
    WHAT: "model data no_data given train_data samples plan audit pipeline labels conditional "
    "drop only label "
    "by candidates reference to features guidance sampler target comparison other series cause "
    "operator measured noise fix fill",
    HOW_MUCH: "minutes steps held_out examples levels draws trajectories flow calls half_width "
    "count rows kl tv distance quick confidence",
    OUTPUT: "out page figures as_drawn resume force json frontier verbose",
}

DATA_FILES = ", ".join(FORMATS)
DATA_HELP = (
    f"{DATA_FILES}, a folder of images, a folder of {' or '.join(suffixes(folders=True))} files, "
    "or the word digits"
)
# "digits", hub:... and names of columns are no paths
TEXTS = ("data", "given", "model", "other", "reference", "samples", "train_data")
Seed = Annotated[
    int,
    Option(
        min=0, max=2**63 - 1, rich_help_panel=EXPERT,
        help="Seed of all randomness. The same seed gives the same result.",
    ),
]  # fmt: skip
AsJson = Annotated[
    bool,
    Option("--json", rich_help_panel=OUTPUT, help="Print one JSON object instead of text."),
]
Force = Annotated[
    bool,
    Option(
        "--force",
        rich_help_panel=OUTPUT,
        help="Replace the output, whatever it is. Without --force, audits, samples and plans made "
        "with --by are never replaced, because they cost network calls. Plans and pages replace "
        "their own kind. `plan --force` also plans from an audit that cannot tell.",
    ),
]
MODEL = Argument(
    help="The model: a folder that `girsanov fit` wrote, a diffusers pipeline (its folder, or "
    "hub:owner/name), a known distribution in a .json file (for tests), or [--network] "
    "FILE.py:function, your own code, which is run and returns a denoiser."
)
PRECISION = "Precision of the network's matrix products: float32, bfloat16 or float16."
Words = ParameterInfo | str  # of an option; a text is its help
SHARED: dict[str, Words] = {  # of fields that a command says nothing else of
    "out": "The file to write.",
    "labels": "The column (or the array of a .npz) that holds the classes.",
    "given": (
        "What x is given: columns of a table (a,b; may be repeated), or a file with as many rows."
    ),
    "class_order": (
        "How folders (or labels) named by digits map to the classes of a pipeline without class "
        "names: number (default), or text, which is the order 0, 1, 10, 11, 2, ... of "
        "image-folder loaders."
    ),
    "drop": "A column of a table to leave out. Repeat it for more; the model remembers them.",
    "decimal": "The decimal mark, . or , for columns where 1,234 could mean either.",
    "dates": "day-first or month-first, for columns where 3/1/2024 could mean either.",
    "device": "The device: cpu, cuda, cuda:1, ... (default: a GPU if there is one).",
    "compile": Option("--compile", help="Compile the network with torch.compile."),
    "any_model": Option("--any-model", help="Allow a plan that was made for another model."),
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
            made = request(**{n: v for n, v in wanted.items() if v is not None})
            # what is wrong by its words alone is said before torch is imported
            from ..workflow.shared.early import check_early

            check_early(made)
            _say_code(wanted)
            run(made, **given)

        ordered = sorted([*asked[:at], *own[:-1], *asked[at:], *own[-1:]], key=_place)
        call.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
        app.command(run.__name__, help=help_of(run))(call)
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
    info = Option(help=option) if isinstance(option, str) else option
    if field.kw_only:
        info.rich_help_panel = panel_of(field.name)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None if several else default,
        annotation=Annotated[kind, info],
    )  # fmt: skip


def help_of(run: Command) -> str:
    """Return the docstring of a command with one line a paragraph, which terminals then wrap."""
    paragraphs = inspect.cleandoc(run.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def plain_command(run: Command) -> Command:
    """Make a command of a function whose parameters are options as they stand."""
    app.command(run.__name__.replace("_", "-"), help=help_of(run))(run)
    return run


def _place(parameter: inspect.Parameter) -> int:
    """Return where an option stands in `--help`: arguments first, then panel by panel."""
    info = parameter.annotation.__metadata__[0]
    panel = getattr(info, "rich_help_panel", None)
    return 0 if panel is None else 1 + [*PANELS, EXPERT].index(panel)


def panel_of(name: str) -> str:
    """Return the panel of `--help` in which the option of a field stands."""
    return next((panel for panel, names in PANELS.items() if name in names.split()), EXPERT)


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
    """Is it your model or your sampler? Measure both, plan the steps, draw samples, report.

    Start with `girsanov demo`, or with `girsanov fit DATA --out model`.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
