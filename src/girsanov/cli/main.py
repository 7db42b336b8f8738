"""`girsanov`: the entry point, and what becomes of every mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .._checks import InputError
from .._launched import is_first, launched
from .usage import network_as_model, require_no_empty, usage_line

MISTAKE, INTERRUPTED = 2, 130
NO_MEMORY = "memory: there is not enough for this; ask for fewer at a time, as --batch-size"


def main() -> None:
    """Run the command line and exit: 0, 2 after a user's mistake, 130 after Ctrl-C."""
    # threads that wait asleep: on a busy machine, spinning ones cost ten times the work
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 is no reason to stop
    code = run(sys.argv[1:])
    if launched():
        _end_in_company(code)
    sys.exit(code)


def _end_in_company(code: int) -> NoReturn:
    """Leave the other processes and end at once, with all files closed and all said.

    While Python takes itself apart, a thread of torch's gloo now and then aborts a process whose
    work is done ("terminate called without an active exception").
    """
    if "torch" in sys.modules:
        from .._processes import leave

        leave()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line on `arguments` and return its exit code.

    A user's mistake becomes one line on stderr; anything else that fails is ours and is raised.
    """
    try:
        # a module registers its command on the one app, which lists them in this order
        # isort: off
        from . import demo, fit, audit, plan, sample, report, compare, coverage  # noqa: F401
        from . import likelihood, checkpoints, export, bounds, verify  # noqa: F401
        from . import check, advise, init_network  # noqa: F401

        # isort: on
        from .options import app

        require_no_empty(arguments)
        arguments = network_as_model(arguments)
        code = app(list(arguments), prog_name="girsanov", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer has caught Ctrl-C and made this of it
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except InputError as mistake:
        return _say(str(mistake), MISTAKE)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # whoever read stdout has enough; Python would complain once more when it closes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError as cause:
        return _say(f"{NO_MEMORY} ({cause or 'MemoryError'})", MISTAKE)
    except OSError as cause:
        if not cause.filename:
            raise
        return _say(f"{cause.filename}: cannot be used ({cause.strerror})", MISTAKE)
    except Exception as cause:
        # typer carries click in one version and imports it in another, so its usage errors have
        # no class that could be named here
        if type(cause).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(cause):
            return _say(f"{NO_MEMORY} ({str(cause)[:200]})", MISTAKE)  # torch's two ways
        if type(cause).__name__ == "Abort":
            return _say("interrupted", INTERRUPTED)
        if not hasattr(cause, "format_message"):
            raise
        return _say(usage_line(cause, arguments), MISTAKE)


def _say(text: str, code: int) -> int:
    if is_first():
        sys.stderr.write(f"girsanov: {' '.join(text.split())}\n")
    return code


if __name__ == "__main__":
    main()
