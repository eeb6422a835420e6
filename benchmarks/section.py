"""What a benchmark found: rows of numbers, which of them are ratios, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

__all__ = ["SPREAD", "Row", "Section", "markdown", "table"]

Row = dict[str, float]
SPREAD = " ±"
"""What follows a column's name where the number is its spread."""


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        name: Of the benchmark.
        title: What the rows are.
        rows: Row -> column -> number.
        absolute: Columns in units of this machine: seconds, bytes, rates. All others are ratios.
    """

    name: str
    title: str
    rows: dict[str, Row]
    absolute: frozenset[str]

    def ratios(self) -> dict[str, Row]:
        """The rows without what is of this machine alone."""
        return {
            name: {column: round(x, 4) for column, x in row.items() if column not in self.absolute}
            for name, row in self.rows.items()
        }


def table(section: Section, before: Mapping[str, Row]) -> Table:
    """Show a section; behind each ratio, in brackets, how it differs from the one ``before``."""
    columns = _columns(section)
    shown = Table("", title=section.title)
    for column in columns:
        shown.add_column(column, justify="right")
    for name, row in section.rows.items():
        known = before.get(name, {})
        shown.add_row(name, *(_cell(section, row, column, known) for column in columns))
    return shown


def markdown(section: Section) -> str:
    """The same without differences, for the documentation."""
    columns = _columns(section)
    lines = [["", *columns], ["---", *("---:" for _ in columns)]]
    for name, row in section.rows.items():
        lines.append([name, *(_cell(section, row, column, {}) for column in columns)])
    shown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{section.title}:\n\n{shown}\n"


def _columns(section: Section) -> list[str]:
    every = dict.fromkeys(column for row in section.rows.values() for column in row)
    return [column for column in every if not column.endswith(SPREAD)]


def _cell(section: Section, row: Row, column: str, before: Row) -> str:
    if column not in row:
        return ""
    text = f"{row[column]:.3g}"
    if column + SPREAD in row:
        text += f" ±{row[column + SPREAD]:.2g}"
    if column not in section.absolute and column in before:
        text += f" ({row[column] - before[column]:+.2g})"
    return text
