"""The figures in print, table by table: what was claimed, what this run came to, what to correct.

The library was written from notes ("theory", sections 0 to 10) whose tables another program made.
A row of a statement whose source is "theory 9.x" is a figure of table 9.x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._typing import Json
    from .outcome import Verification
    from .statement import Row


@dataclass(frozen=True)
class Table:
    """A table in print: its number and title, and in words what is wrong or missing in it."""

    number: str
    title: str
    notes: tuple[str, ...] = ()


TABLES = (
    Table("4.5", "How CLD depends on L"),
    Table("5", "Theorem 7 as an exact table, and its limits"),
    Table(
        "9.1",
        "Path KL: Monte Carlo against the exact formula",
        (
            "Steps that the table leaves out, found by trial: its CLD rows are of T = 2.4 "
            "(h = .2) and T = 2 (h = .1), ddpm without the last step; the extrapolation "
            "is linear in log SNR; the aligned score error is .2 at every step, h = .1, T = 2.",
        ),
    ),
    Table(
        "9.2",
        "Violations of the bounds in random sweeps",
        (
            "The ratios of bound to exact value in print belong to a distribution of cases that "
            "is not stated, so only the violations are compared.",
        ),
    ),
    Table(
        "9.3",
        "The paper's sampler: output against bounds",
        (
            "(2b) of the mixture is 1.317 and .279 where .849 and .242 are printed: those "
            "are below what the formula gives.",
            "Nearby, φ_h ≤ h² fails for long steps: at h = 1.55.",
        ),
    ),
    Table("9.4", "Samplers on SNR grids"),
    Table(
        "9.5",
        "CLD: output, path KL and bounds; its dependence on L",
        ("The column (4a) is of the sharper integral in its proof, not of the short form.",),
    ),
    Table("9.6", "Best grids and the limits of their cost"),
    Table(
        "9.7",
        "Early stopping and projection",
        (
            "The bounds on TV in print (.446, .338, .250) are (2c) at T = 3; at T = 4 it gives "
            ".456, .345 and .254, the exact path KL .387, .283 and .204.",
        ),
    ),
    Table(
        "9.8",
        "Steps that are enough, exact score, TV .1",
        (
            "Up to 2.5 % fewer steps than printed: here the share of the start is chosen best "
            "for every count. Above two million steps the sum over any grid is not made.",
        ),
    ),
    Table(
        "13.9",
        "Steps by intrinsic dimension",
        (
            "The term s_0 V/2 of its first line is not needed: s_0 M_0/2 <= I(X_0; X_{s_0}), so "
            "that D <= (e^x - 1) I(X_0; X_{s_{N-1}}).",
        ),
    ),
)


def rows_of_table(run: Verification, table: Table) -> list[tuple[str, Row]]:
    """Return the rows that compare a figure of `table`, each with its statement's name."""
    source = f"theory {table.number}"
    return [
        (o.statement.name, row)
        for o in run.outcomes
        for row in o.result.rows
        if row.source.partition(",")[0] == source
    ]


def reproduced(run: Verification) -> list[tuple[Table, list[tuple[str, Row]]]]:
    """Return every table of which this run compared something, with those rows."""
    tables = [(table, rows_of_table(run, table)) for table in TABLES]
    return [(table, rows) for table, rows in tables if rows]


def tables_json(run: Verification) -> list[Json]:
    """Return the tables as JSON: how many figures were compared, how many hold, the notes."""
    return [
        {
            "table": table.number,
            "title": table.title,
            "figures": len(rows),
            "sampler": sum(row.holds for _, row in rows),
            "notes": list(table.notes),
        }
        for table, rows in reproduced(run)
    ]
