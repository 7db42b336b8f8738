"""Run extreme numbers through every function of `girsanov.paper.bounds`, and `girsanov bounds`.

    python tests/fuzz/bound_inputs.py --inputs 10000

A call answers with finite numbers that can be what they say (a KL >= 0, a TV in [0, 1], at least
one step), or refuses (`InputError`; on the command line one line and exit 2). Anything else is a
crash: it is printed with the number of the input, which makes it again with --first NUMBER
--inputs 1.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import inspect
import io
import json
import math
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from girsanov._checks import InputError
from girsanov.cli.main import run
from girsanov.paper import bounds as room
from girsanov.paper.bounds import Bound, Facts, Rate, TheoremRow
from girsanov.paper.bounds.table import NAMES

SECONDS = 20
ODD: list[Any] = [
    0, -1, 1, 2, 0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 5e-324, 1e-320, 1e-200,
    1e-100, 1e-30, 1e-16, 1e16, 1e30, 1e100, 1e154, 1e155, 1e200, 1.7e308, 10**30, 10**31, 10**400,
    True, None, "1", "", [], [1.0], {}, np.float32(1), np.int64(3), np.array(2.0), 1j,
]  # fmt: skip
COMMAND_SHARE = 25  # one in so many inputs is a command line
# whose times are infinite where the data need not be left
MAY_BE_INFINITE = ("delta_for_w2", "projection_targets", "bounded_lipschitz_targets")


def number(rng: Random) -> Any:
    """Return a plain number of any size, or something odd."""
    if rng.random() < 0.06:
        return rng.choice(ODD)
    wide = rng.random() < 0.2
    return 10 ** rng.uniform(-110 if wide else -3, 110 if wide else 3)


def whole(rng: Random) -> Any:
    """Return a whole number, or something odd."""
    if rng.random() < 0.05:
        return rng.choice(ODD)
    return int(10 ** rng.uniform(0, 32 if rng.random() < 0.15 else 4))


def numbers(rng: Random, count: int) -> Any:
    """Return some numbers, mostly increasing."""
    if rng.random() < 0.05:
        return rng.choice(ODD)
    values = [number(rng) for _ in range(max(0, count + rng.choice((0, 0, 0, 0, -1, 1))))]
    with contextlib.suppress(TypeError):
        return sorted(values) if rng.random() < 0.85 else values
    return values


def facts(rng: Random) -> Facts:
    """Return facts that some law may have; raises InputError for others."""
    d, v = whole(rng), number(rng)
    more: dict[str, Any] = {}
    plain = isinstance(d, int) and isinstance(v, float) and 0 < d < 10**16 and 0 < v < 1e100
    if rng.random() < 0.5:
        more["lipschitz"] = d / v * 10 ** rng.uniform(-0.2, 6) if plain else number(rng)
    if rng.random() < 0.3:
        more["radius"] = math.sqrt(v) * 10 ** rng.uniform(-0.1, 3) if plain else number(rng)
    for name in ("variance", "kl", "information"):
        if rng.random() < 0.15:
            more[name] = number(rng)
    if rng.random() < 0.3:
        more["points"] = whole(rng)
    for name in ("coverings", "information_at"):
        if rng.random() < 0.2:
            pairs = [(number(rng), number(rng)) for _ in range(rng.randint(0, 2))]
            more[name] = tuple(pairs) if rng.random() < 0.9 else pairs
    if rng.random() < 0.1:
        more["smooth"] = rng.choice([False, 0, "no"])
    return Facts(d, v, **more)


def argument(rng: Random, name: str, so_far: dict[str, Any]) -> Any:
    """Return a value for the argument of this name of any function of the room."""
    count = rng.randint(2, 6)
    given: dict[str, Callable[[], Any]] = {
        "facts": lambda: facts(rng),
        "steps": lambda: whole(rng),
        "dimension": lambda: whole(rng),
        "intrinsic": lambda: rng.choice([None, whole(rng)]),
        "sampler": lambda: rng.choice(["ddpm", "analytic-dpm", "ddpm-halfway", "x0", None]),
        "process": lambda: rng.choice(["ddpm", "cld", "ode", 1]),
        "form": lambda: rng.choice([None, "2a", "2b", "2c", "4a", "4b", "5", 2]),
        "theorem": lambda: rng.choice([*room.THEOREMS, "theorem3", None]),
        "paper": lambda: rng.choice([None, None, *NAMES, "mine"]),
        "tv": lambda: rng.choice([rng.random(), number(rng)]),
        "w2": lambda: rng.choice([None, rng.random(), number(rng)]),
        "times": lambda: numbers(rng, count),
        "time": lambda: rng.choice([rng.uniform(0.1, 10), number(rng)]),
        "stop": lambda: rng.choice([0.0, 10 ** rng.uniform(-6, -0.5), number(rng)]),
        "levels": lambda: numbers(rng, count),
        "information": lambda: numbers(rng, _length(so_far.get("times"))),
        "errors": lambda: curve(rng, so_far.get("levels")),
        "first": lambda: rng.choice([10 ** rng.uniform(-6, 0), number(rng)]),
        "last": lambda: rng.choice([10 ** rng.uniform(0, 6), number(rng)]),
        "score_errors": lambda: rng.choice([0.0, number(rng), numbers(rng, count)]),
        "x": lambda: rng.choice([
            np.array([[number(rng) for _ in range(2)] for _ in range(3)], dtype=object),
            np.array([[rng.gauss(0, 1) for _ in range(2)] for _ in range(3)]), number(rng)]),
        "centre": lambda: rng.choice([0.0, number(rng), numbers(rng, 2)]),
        "grid": lambda: "as given",
    }  # fmt: skip
    return given.get(name, lambda: number(rng))()


def curve(rng: Random, levels: Any) -> Any:
    """Return errors at levels: those of N(0, v), or anything."""
    known = isinstance(levels, list) and all(isinstance(s, float) and s > 0 for s in levels)
    if known and rng.random() < 0.7:
        v = 10 ** rng.uniform(-3, 3)
        return [v / (1 + v * s) for s in levels]
    return numbers(rng, _length(levels))


def _length(values: Any) -> int:
    return len(values) if isinstance(values, list) else 3


def call(rng: Random) -> tuple[str, Any]:
    """Call one function with arguments by their names, and return its name and its answer."""
    name = rng.choice([n for n in dir(room) if _is_function(n)])
    function, given = getattr(room, name), dict[str, Any]()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is inspect.Parameter.empty or rng.random() < 0.6:
            given[parameter.name] = argument(rng, parameter.name, given)
    return name, function(**given)


def _is_function(name: str) -> bool:
    return inspect.isfunction(getattr(room, name))


def method(rng: Random) -> tuple[str, Any]:
    """Call one method of `Facts`, and return its name and its answer."""
    name = rng.choice(["fisher", "second_moment_at", "spread_at", "noised", "relative_fisher",
                       "start", "lipschitz_at"])  # fmt: skip
    value = getattr(facts(rng), name)(number(rng))
    # what is not known is infinite, by what these say of themselves
    return name, 0.0 if isinstance(value, float) and value == math.inf else value


def command(rng: Random) -> tuple[str, Any]:
    """Run `girsanov bounds --json` in this process, and return what it printed."""
    line = ["bounds", "--json"]
    for name in ("dimension", "second-moment", "tv", "w2", "lipschitz", "radius", "points",
                 "score-error", "intrinsic"):  # fmt: skip
        if rng.random() < (0.95 if name in ("dimension", "second-moment", "tv", "w2") else 0.2):
            line += [f"--{name}", str(argument(rng, name.replace("-", "_"), {}))]
    if rng.random() < 0.3:
        line += ["--covering", f"{number(rng)}:{number(rng)}"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(line)
    if code == 0:
        content = json.loads(out.getvalue(), parse_constant=_no_constant)
        names = [row["name"] for row in content["rows"]]
        assert len(names) == len(set(names)), "two rows of one name"
        return "command", [row["kl"] for row in content["rows"] if row["kl"] is not None]
    assert code == 2, f"exit {code}: {err.getvalue()[-300:]}"
    assert "Traceback" not in err.getvalue(), err.getvalue()[-300:]
    raise InputError("refused")


def _no_constant(text: str) -> Any:
    raise AssertionError(f"{text} is no JSON")


def check(value: Any) -> None:
    """Raise AssertionError for an answer that is not finite, or cannot be what it says."""
    if isinstance(value, Bound):
        parts = (value.init, value.discretisation, value.score)
        assert all(math.isfinite(x) and x >= 0 for x in parts), f"parts {parts}"
        assert math.isfinite(value.kl), "KL"
        assert 0 <= value.tv <= 1, "TV"
        assert value.steps >= 1, "steps"
        assert value.time > value.stop >= 0, "times"
        assert 0 <= value.w2 < math.inf, "W2"
        assert value.step is None or math.isfinite(value.step), "step"
        json.dumps(value.to_json(), allow_nan=False)
    elif isinstance(value, Rate):
        assert 0 <= value.value < math.inf, f"rate {value.value}"
    elif isinstance(value, TheoremRow):
        assert (value.bound is None) == bool(value.why_not), "a row says why it says nothing"
        for part in (*value.rates, *([value.bound] if value.bound else [])):
            check(part)
    elif isinstance(value, list | tuple):
        for part in value:
            check(part)
    elif isinstance(value, Facts):
        check(value.second_moment)
    else:
        assert np.isfinite(np.asarray(value, dtype=np.float64)).all(), f"answer {value}"


def crash(seed: str) -> str:
    """Return how one input crashes a function, empty if it does not."""
    rng = Random(seed)
    kind = command if rng.randrange(COMMAND_SHARE) == 0 else method if rng.random() < 0.1 else call
    begun = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            name, answer = kind(rng)
            try:
                # hessian_bounds is negative by right
                check(0.0 if name in MAY_BE_INFINITE else answer)
            except AssertionError as cause:
                return f"{name}: {cause}"
    except InputError as refusal:
        if len(str(refusal).splitlines()) != 1:
            return "refusal of more than one line"
    except Exception as cause:
        ours = [f for f in traceback.extract_tb(cause.__traceback__) if "/girsanov/" in f.filename]
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "-"
        return f"{type(cause).__name__}: {str(cause)[:160]!r} at {where}"
    spent = time.process_time() - begun
    return f"took {spent:.0f} s" if spent > SECONDS else ""


def fuzz_bounds(first: int, count: int) -> collections.Counter[str]:
    """Return the crashes over inputs first..first+count-1, with how often each."""
    crashes = collections.Counter[str]()
    for k in range(first, first + count):
        said = crash(f"bounds {k}")
        if said:
            crashes[said] += 1
            if crashes[said] == 1:
                print(f"  {k}: {said}", flush=True)
    return crashes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    begun = time.process_time()
    crashes = sum(fuzz_bounds(asked.first, asked.inputs).values())
    spent = time.process_time() - begun
    print(f"{asked.inputs} inputs, {crashes} crashes, {spent:.0f} s")
    raise SystemExit(crashes > 0)


if __name__ == "__main__":
    main()
