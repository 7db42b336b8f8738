"""Text files as people write them: which columns come out right, by girsanov, pandas and pyarrow.

Two files of the same 400 rows, one as an American office writes it (commas, points, months first),
one as a German office does (semicolons, decimal commas, days first). A column is right where every
value is: numbers as numbers, dates as dates, times of day as minutes after midnight. `told` is a
reader that was given every option for such files that it has (what parts cells, decimals,
thousands, days first). Then the seconds that 200,000 plain rows take.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from _table import table
from pyarrow import csv as arrow_csv

import girsanov as gv

Columns = dict[str, Any]


def offices(folder: Path, rows: int) -> tuple[dict[str, Path], Columns]:
    """Write both files; return them, and the values of each column."""
    rng = np.random.default_rng(0)
    price = (rng.gamma(2.0, 4000.0, rows) + 1).round(2)
    truth: Columns = {
        "plain": rng.normal(0, 9, rows).round(2), "count": rng.poisson(40_000, rows), "price":
        price, "balance": rng.normal(0, 3000, rows).round(2), "share": rng.integers(0, 100, rows),
        "weight": rng.gamma(3.0, 4.0, rows).round(1), "change": rng.integers(-50, 50, rows),
        "day": np.datetime64("2023-01-01") + rng.integers(0, 700, rows).astype("m8[D]"),
        "named": np.datetime64("2023-01-01") + rng.integers(0, 700, rows).astype("m8[D]"),
        "clock": rng.integers(0, 1440, rows), "code": rng.choice(["A1", "B2", "C3"], rows),
    }  # fmt: skip
    swap = str.maketrans(",.", ".,")
    files = {"american": folder / "us.csv", "german": folder / "de.csv"}
    for office, path in files.items():
        german = office == "german"

        def number(text: str, german: bool = german) -> str:
            return text.translate(swap) if german else text

        def cells(
            k: int, german: bool = german, number: Callable[[str], str] = number
        ) -> list[str]:
            t = {name: values[k] for name, values in truth.items()}
            day, named = t["day"].item(), t["named"].item()
            money = number(f"{t['price']:,.2f}")
            owed = number(f"{abs(t['balance']):,.2f}")
            owed = f"({owed})" if t["balance"] < 0 else owed
            hour, minute = divmod(int(t["clock"]), 60)
            clock = f"{hour % 12 or 12}:{minute:02d} {'AP'[hour // 12]}M"
            return [
                number(f"{t['plain']:.2f}"), number(f"{t['count']:,}"),
                f"{money} €" if german else f"${money}", owed, f"{t['share']}%",
                f"{number(str(t['weight']))} kg", str(t["change"]).replace("-", "\u2212"),
                f"{day:%d.%m.%Y}" if german else f"{day.month}/{day.day}/{day.year}",
                f"{named:%d %b %Y}" if german else f"{named:%b %d, %Y}",
                f"{hour:02d}:{minute:02d}" if german else clock, str(t["code"]),
            ]  # fmt: skip

        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";" if german else ",")
            writer.writerow(truth)
            writer.writerows(cells(k) for k in range(rows))
    return files, truth


def ours(path: Path, told: bool) -> Columns:
    rows = gv.load_data(path).raw(slice(None))
    return {name: rows[name] for name in rows.dtype.names}


def of_pandas(path: Path, told: bool) -> Columns:
    german = path.stem == "de"
    options: dict[str, Any] = {"thousands": ".", "decimal": ","} if german else {"thousands": ","}
    options |= {"sep": ";"} if german else {}
    if told:
        options |= {"parse_dates": ["day", "named"], "dayfirst": german}
    else:
        options = {"sep": None, "engine": "python"}  # which finds semicolons
    frame = pd.read_csv(path, **options)
    return {name: frame[name].to_numpy() for name in frame}


def of_pyarrow(path: Path, told: bool) -> Columns:
    german = path.stem == "de"
    parse = arrow_csv.ParseOptions(delimiter=";" if german and told else ",")
    forms = ["%d.%m.%Y", "%d %b %Y"] if german else ["%m/%d/%Y", "%b %d, %Y"]
    convert = arrow_csv.ConvertOptions(
        decimal_point="," if german and told else ".", timestamp_parsers=forms if told else None
    )
    read = arrow_csv.read_csv(path, parse_options=parse, convert_options=convert)
    return {name: read[name].to_numpy() for name in read.column_names}


def right(found: Any, truth: Any) -> bool:
    values = np.asarray(found)
    if truth.dtype.kind == "U":
        return values.tolist() == truth.tolist()
    if truth.dtype.kind == "M":
        return values.dtype.kind == "M" and bool((values == truth).all())
    return values.dtype.kind in "iuf" and bool(np.allclose(values, truth))


READERS: dict[str, Callable[[Path, bool], Columns]] = {
    "girsanov": ours, "pandas": of_pandas, "pyarrow": of_pyarrow,
}  # fmt: skip


def columns_right(rows: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        files, truth = offices(Path(place), rows)
        lines = []
        for told in (False, True):
            for name, read in READERS.items():
                if told and name == "girsanov":
                    continue
                cells = [name + (", told" if told else "")]
                for path in files.values():
                    try:
                        found = read(path, told)
                    except (pa.ArrowException, ValueError) as cause:
                        cells.append(f"refused: {' '.join(str(cause).split())[:40]}")
                        continue
                    good = [n for n, v in truth.items() if n in found and right(found[n], v)]
                    lost = ", ".join(n for n in truth if n not in good)
                    cells.append(f"{len(good)} of {len(truth)}" + (f" (not {lost})" * bool(lost)))
                lines.append(cells)
    table(["reader", *files], lines)


PLAIN = """
import sys, time
start = time.process_time()
{code}
print(time.process_time() - start)
"""
CODES = {
    "girsanov": "import girsanov as gv; gv.load_data(sys.argv[1])",
    "pandas": "import pandas as pd; pd.read_csv(sys.argv[1])",
    "pyarrow": "from pyarrow import csv; csv.read_csv(sys.argv[1])",
}


def plain_rows(rows: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        path, rng = Path(place) / "plain.csv", np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(rows, 4)).round(3), columns=list("abcd"))
        frame["n"], frame["town"] = rng.integers(0, 99, rows), rng.choice(["Ulm", "Bonn"], rows)
        frame.to_csv(path, index=False)
        lines = []
        for name, code in CODES.items():
            words = [sys.executable, "-c", PLAIN.format(code=code), str(path)]
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            lines.append([name, f"{float(said):.2f}"])
    table(["reader", "CPU seconds, import and read"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--plain", type=int, default=200_000)
    asked = parser.parse_args()
    columns_right(asked.rows)
    plain_rows(asked.plain)


if __name__ == "__main__":
    main()
