r"""The table of `pipelines.py`: each pipeline over its training seeds.

With d_s(n) the distance of a row at n calls for training seed s, of which there are S,

    gm(n) = exp( mean over s of log d_s(n) ),                                             (1)
    ratio_s = exp( mean over n of log d_s(n) / d'_s(n) ),                                 (2)

and what is said of (2) over seeds is exp of the mean of its logarithms with a t interval of S - 1
degrees: the spread over networks, in which that over samples is contained. Of one network alone
stands 1.96 standard errors by the jackknife over samples instead.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import t as student

JACKKNIFE_GROUPS = 20
PAIRS = {"ddim": "DDIM leading", "dpmpp-2m": "DPM++ linspace"}  # planned, default spacing
STOCHASTIC = ("analytic-dpm", "analytic-dpm, calibrated")

Row = dict[int, np.ndarray]  # by number of calls: the distance, and it without each group
Rows = dict[str, Row]


def table(folder: Path) -> None:
    """Print the tables of all pipelines whose results are in `folder`."""
    found = defaultdict(dict)
    for path in sorted(folder.glob("*.json")):
        name, _, seed = path.stem.rpartition("-")
        found[name][seed] = json.loads(path.read_text())
    ratios = {}
    for name, seeds in found.items():
        print(f"\n### {name}, {len(seeds)} training seeds\n")
        rows = [_rows(kept) for kept in seeds.values()]
        floors = ", ".join(f"{kept['floor']:.2f}" for kept in seeds.values())
        print(f"Two halves of the training images: {floors}.\n")
        _distances(rows)
        _audits(seeds)
        ratios[name] = _goals(rows)
        _chosen(seeds, rows)
    print("\n### All pipelines\n")
    for label in dict.fromkeys(label for of in ratios.values() for label in of):
        logs = [value for of in ratios.values() for value in of.get(label, [])]
        print(f"- {label}: {_over_seeds(logs)}")


def _rows(kept) -> Rows:
    return {
        name: {int(n): np.array(v) for n, v in row.items() if v}
        for name, row in kept["rows"].items()
    }


def _distances(rows: list[Rows]) -> None:
    """Print (1) with the least and the greatest of the seeds."""
    counts = sorted({n for seed in rows for row in seed.values() for n in row})
    print("| sampler | " + " | ".join(f"{n} calls" for n in counts) + " |")
    print("|---" * (len(counts) + 1) + "|")
    for name in sorted({name for seed in rows for name in seed}):
        cells = []
        for n in counts:
            d = [seed[name][n][0] for seed in rows if n in seed.get(name, {})]
            mean = f"{np.exp(np.mean(np.log(d))):.2f}" if d else ""
            cells.append(f"{mean} ({min(d):.2f} to {max(d):.2f})" if len(d) > 1 else mean)
        print(f"| {name} | " + " | ".join(cells) + " |")


def _audits(seeds) -> None:
    """Print what the audits cost and know."""
    print()
    for who in ("our", "tenth", "chosen"):
        told = [kept["audits"][who] for kept in seeds.values() if who in kept.get("audits", {})]
        if not told:
            continue
        width = ", ".join(f"{100 * a['half_width']:.0f} %" for a in told)
        print(
            f"- audit ({who}): {told[0]['calls']} network calls, {told[0]['levels']} levels, "
            f"{told[0]['examples']} examples; the curve is known to {width} (median)"
        )
        for entry in told[0]["ledger_at_8"]:
            value, low, high = (_nats(entry.get(k)) for k in ("value", "low", "high"))
            print(f"    - at 8 calls, first seed, {entry['name']}: {value} [{low}, {high}] nats")


def _nats(value) -> str:
    return "?" if value is None else f"{value:.3g}"


def _goals(rows: list[Rows]) -> dict[str, list[float]]:
    """Print the ratios that the goals are about; return the logarithms of (2) by name."""
    found: dict[str, list[float]] = {}

    def say(label: str, pairs: list[tuple[Row, Row]]) -> None:
        logs = [_log_ratio(a, b) for a, b in pairs if a.keys() & b.keys()]
        if logs:
            found[label] = [float(v[0]) for v in logs]
            alone = f" ± {_jackknife(np.exp(logs[0])):.2f} over samples" if len(logs) == 1 else ""
            print(f"- {label}: {_over_seeds(found[label])}{alone}; by calls {_by_calls(pairs)}")

    print()
    best = [_best(seed, "their") for seed in rows]
    for who in ("our", "tenth", "chosen"):
        mine = [_best(seed, who) for seed in rows]
        say(f"best of {who} to best of theirs", list(zip(mine, best, strict=True)))
    for planned, default in PAIRS.items():
        pair = [(s.get(f"our {planned}", {}), s.get(f"their {default}", {})) for s in rows]
        say(f"planned {planned} to {default}", pair)
    ddim = [seed.get("their DDIM leading", {}) for seed in rows]
    twice = [_halved(_best(seed, "their DDPM")) for seed in rows]
    for kind in STOCHASTIC:
        mine, tenth = ([s.get(f"{who} {kind}", {}) for s in rows] for who in ("our", "tenth"))
        for what, others in (
            ("DDIM leading", ddim),
            ("the best DDPM with twice the calls", twice),
        ):
            say(f"{kind} to {what}", list(zip(mine, others, strict=True)))
        say(f"{kind}: a tenth of the audit to the whole", list(zip(tenth, mine, strict=True)))
    return found


def _chosen(seeds, rows: list[Rows]) -> None:
    """Print what tournaments chose, and where that is worse than the best of theirs for sure."""
    if not any(kept.get("chosen") for kept in seeds.values()):
        return
    print("\n| seed | calls | chosen | network calls | to the best of theirs |")
    print("|---|---|---|---|---|")
    worse = total = 0
    for (seed, kept), own in zip(seeds.items(), rows, strict=True):
        best = _best(own, "their")
        for n in sorted(own.get("chosen", {}).keys() & best.keys()):
            ratio = own["chosen"][n] / best[n]
            half, told = _jackknife(ratio), kept["chosen"][str(n)]
            worse, total = worse + (ratio[0] - half > 1), total + 1
            figures = f"{told['calls']} | {ratio[0]:.2f} ± {half:.2f}"
            print(f"| {seed} | {n} | {told['name']} | {figures} |")
    print(f"\nCertainly worse than the best of theirs, which is picked with hindsight: {worse} of "
          f"{total}.")  # fmt: skip


def _best(rows: Rows, who: str) -> Row:
    """Return the best row at each number of calls."""
    mine = [row for name, row in rows.items() if name.startswith(who)]
    counts = {n for row in mine for n in row}
    return {n: min((row[n] for row in mine if n in row), key=lambda v: v[0]) for n in counts}


def _halved(row: Row) -> Row:
    return {n // 2: v for n, v in row.items() if n % 2 == 0}


def _log_ratio(tops: Row, bottoms: Row) -> np.ndarray:
    """Return the logarithm of (2), whole and without each group."""
    both = tops.keys() & bottoms.keys()
    return np.mean([np.log(tops[n] / bottoms[n]) for n in both], axis=0)


def _by_calls(pairs: list[tuple[Row, Row]]) -> str:
    counts = sorted({n for a, b in pairs for n in a.keys() & b.keys()})
    logs = {n: [np.log(a[n][0] / b[n][0]) for a, b in pairs if n in a and n in b] for n in counts}
    return ", ".join(f"{n}: {np.exp(np.mean(v)):.2f}" for n, v in logs.items())


def _over_seeds(logs: list[float]) -> str:
    mean, count = float(np.mean(logs)), len(logs)
    if count < 2:
        return f"{np.exp(mean):.2f}"
    half = student.ppf(0.975, count - 1) * np.std(logs, ddof=1) / np.sqrt(count)
    low, high = np.exp([mean - half, mean + half])
    return (f"{np.exp(mean):.2f} [{low:.2f}, {high:.2f}] over {count} networks "
            f"({np.exp(min(logs)):.2f} to {np.exp(max(logs)):.2f})")  # fmt: skip


def _jackknife(values: np.ndarray) -> float:
    """Return 1.96 standard errors of a figure from its leave-out values."""
    parts = values[1:]
    return float(
        1.96
        * np.sqrt(
            (JACKKNIFE_GROUPS - 1) / JACKKNIFE_GROUPS * np.square(parts - parts.mean()).sum()
        )
    )
