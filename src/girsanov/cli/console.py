"""What every command prints with: progress on stderr, tables on stdout, or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._launched import is_first

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress


def console_of(stderr: bool = False) -> Any:
    """Return the terminal, which shows numbers as plain as words."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


SECONDS = 10.0  # between two lines about progress


@contextmanager
def progress(name: str) -> Iterator[Progress]:
    """Yield a callback (done, total): a bar on a terminal, else a line now and then on stderr."""
    with stages() as stage:
        yield stage(name)


@contextmanager
def stages() -> Iterator[Callable[[str], Progress]]:
    """Yield a function that opens a named bar and returns its callback.

    Where stderr is no terminal, as in a log, a line every ten seconds takes the place of the bar.
    """
    from rich import progress as bars

    console = console_of(stderr=True)
    if not console.is_terminal:
        yield _lines
        return
    columns = (
        bars.TextColumn("{task.description:10s}"), bars.BarColumn(),
        bars.TextColumn("{task.percentage:3.0f} %"), bars.TimeElapsedColumn(),
        bars.TextColumn("left"), bars.TimeRemainingColumn(),
    )  # fmt: skip
    with bars.Progress(*columns, console=console, disable=not is_first()) as shown:

        def stage(name: str) -> Any:
            task = shown.add_task(name, total=None)
            return lambda done, total: shown.update(task, completed=done, total=total)

        yield stage


def _lines(name: str) -> Progress:
    """Return a callback that says how far a stage is, and how long the rest will take."""
    start = last = time.monotonic()
    first: tuple[float, int] | None = None  # what came before says nothing of how fast it goes

    def tell(done: int, total: int) -> None:
        nonlocal first, last
        now = time.monotonic()
        if first is None:
            first = now, done
        begun, before = first
        if now - last < SECONDS or not before < done < total:
            return
        last = now
        left = (now - begun) * (total - done) / (done - before)
        aside(
            f"{name}: {done} of {total} ({100 * done / total:.0f} %), "
            f"{now - start:.0f} s so far, about {left:.0f} s left"
        )

    return tell


def result(
    as_json: bool, content: Json, show: Callable[[], None], verdict: Sequence[str] = ()
) -> None:
    """Print `content` as one JSON object, or the sentences `verdict` first and call `show`.

    The first sentence is the verdict, and bold.
    """
    if not is_first():
        return
    if as_json:
        sys.stdout.write(json.dumps(content, allow_nan=False) + "\n")
    else:
        for k, line in enumerate(verdict):
            console_of().print(line, style=None if k else "bold", markup=False)
        if verdict:
            console_of().print()
        show()


def few(names: Sequence[str], most: int = 8) -> str:
    """Return names in a line; of many, the first ones and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 2])} and {len(names) - most + 2} more"


def aside(line: str) -> None:
    """Say a line on stderr."""
    if is_first():
        console_of(stderr=True).print(line, soft_wrap=True, markup=False)


def warned(note: str) -> None:
    """Say on stderr what is worth knowing before the work begins."""
    aside(f"note: {note}")


@contextmanager
def going_on(out: PathLike) -> Iterator[None]:
    """On Ctrl-C, say on stderr how to go on with what was stopped, if some of it is finished."""
    try:
        yield
    except KeyboardInterrupt:
        from ..measuring.resume import kept_in
        from ..workflow.shared.destinations import parts_path

        folders = kept_in(parts_path(out))
        held = [p for p in folders if [*p.glob("*.npy"), *p.glob("*.safetensors")]]
        if held:
            aside(f"{held[-1]} keeps what is finished; the same command goes on")
        raise


def noted(notes: Sequence[str]) -> None:
    """Print what is worth knowing of a result, a line each."""
    for note in notes:
        console_of().print(f"note: {note}", markup=False)


def replaced(what: str, as_json: bool) -> None:
    """Print that a result took the place of an older one."""
    if not as_json and is_first():
        console_of().print(f"(it replaced {what})", markup=False)


def wrote(path: PathLike) -> None:
    """Print the path that was written."""
    console_of().print(f"wrote {path}", soft_wrap=True, markup=False)


def next_command(line: str) -> None:
    """Print what to type next, in one line, so that it can be copied."""
    console_of().print(f"next: {line}", soft_wrap=True, markup=False)
