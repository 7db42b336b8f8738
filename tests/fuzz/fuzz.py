"""Run hostile files through every reader: `python tests/fuzz/fuzz.py --inputs 100000`.

A file is refused (`InputError`) or read and used. Anything else is a crash: it is printed with
the reader, the number of the input, which makes it again with --only READER --first NUMBER
--inputs 1, and the place in our code. Also a crash: over 10 s of processor time or 4 GiB for
one input.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import resource
import signal
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

from reader import Reader, fresh_copy
from readers import DEAR, READERS

from girsanov._checks import InputError

SECONDS, BYTES = 10, 4 * 2**30
MEMORY = "/dev/shm"  # files are copied for each input: where there is one, not on a disk


class TooSlow(BaseException):
    """One input took too long."""


def _late(*_: Any) -> None:
    raise TooSlow


def crash(reader: Reader, folder: Path) -> str:
    """Return how a file crashes its reader, empty if it does not; one line."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of processors: a busy machine is no crash
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.use(folder)
    except InputError as refusal:
        lines = len(str(refusal).splitlines())
        return (
            ""
            if lines == 1 and len(str(refusal)) < 1500
            else f"refusal of {lines} lines, {len(str(refusal))} characters"
        )
    except TooSlow:
        return f"took over {SECONDS} s"
    except BaseException as cause:
        ours = [f for f in traceback.extract_tb(cause.__traceback__) if "/girsanov/" in f.filename]
        where = (
            f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else "-"
        )
        return f"{type(cause).__name__}: {str(cause)[:120]!r} at {where}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def fuzz(name: str, first: int, count: int) -> collections.Counter[str]:
    """Return the crashes of one reader over inputs first..first+count-1, with how often each."""
    signal.signal(signal.SIGPROF, _late)
    reader, found = READERS[name], collections.Counter[str]()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as place:
        good = Path(place, "good")
        good.mkdir()
        reader.make(good)
        assert not crash(reader, fresh_copy(good, Path(place, "x"))), "the good file must be read"
        for number in range(first, first + count):
            folder = fresh_copy(good, Path(place, "x"))
            reader.spoil(folder, Random(f"{name} {number}"))
            said = crash(reader, folder)
            if said:
                found[said] += 1
                if found[said] == 1:
                    print(f"  {name} {number}: {said}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--only", choices=READERS, nargs="*")
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    faulthandler.enable()  # a reader in C that dies says where
    names, total, crashes = asked.only or list(READERS), 0, 0
    weights = {n: 1 if n in DEAR else 4 for n in names}
    for name in names:
        begun, count = (
            time.process_time(),
            -(-asked.inputs * weights[name] // sum(weights.values())),
        )
        found = fuzz(name, asked.first, count)
        total, crashes = total + count, crashes + sum(found.values())
        spent = time.process_time() - begun
        print(
            f"{name:10s} {count:7d} inputs  {sum(found.values()):5d} crashes  {spent:6.1f} s",
            flush=True,
        )
    print(f"{total} inputs, {crashes} crashes")
    raise SystemExit(crashes > 0)


if __name__ == "__main__":
    main()
