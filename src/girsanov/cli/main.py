"""`girsanov`: the entry point, and what becomes of every mistake."""

from __future__ import annotations

import sys

from .._checks import InputError

MISTAKE, INTERRUPTED = 2, 130


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    from .commands import app

    try:
        app()
    except InputError as mistake:
        print(f"girsanov: {mistake}", file=sys.stderr)  # noqa: T201
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        print("girsanov: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
