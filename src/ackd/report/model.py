"""What a report consists of, before it becomes HTML, Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ackd.report.statistics import Spread, spread

__all__ = [
    "Cell",
    "Figure",
    "Panel",
    "Report",
    "Row",
    "Section",
    "Table",
    "best_of",
    "blank",
    "of",
    "percent",
]


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, and the numbers behind it for the CSV file."""

    text: str
    value: float | None = None
    sd: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One row; ``published`` ones stand below what was measured and look different."""

    cells: tuple[Cell, ...]
    published: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first column names the rows.

    Attributes:
        name: Anchor and file name.
        title: What it shows.
        columns: Heads.
        rows: Each as long as ``columns``.
        notes: Sentences below it.
        words: Columns that hold words rather than numbers, by position.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    words: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Panel:
    """One picture with one pair of axes."""

    title: str
    svg: str


@dataclass(frozen=True)
class Figure:
    """Panels that share a legend of (colour class, label)."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    legend: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page: tables and figures with a heading and an introduction."""

    name: str
    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    mark: str = ""


@dataclass(frozen=True)
class Report:
    """The whole page."""

    title: str
    text: tuple[str, ...]
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...] = field(default=())


def blank(text: str = "–") -> Cell:
    """A cell without a number."""
    return Cell(text)


def of(values: Sequence[float], digits: int = 1) -> Cell:
    """Mean and sample standard deviation over seeds, e.g. ``93.7 ± 0.2``."""
    return _cell(spread(values), digits) if values else blank()


def percent(values: Sequence[float], digits: int = 1) -> Cell:
    """The same for shares of one, shown in percent."""
    return of([100 * value for value in values], digits)


def _cell(value: Spread, digits: int) -> Cell:
    sd = "" if value.sd is None else f" ± {value.sd:.{digits}f}"
    return Cell(f"{value.mean:.{digits}f}{sd}", value.mean, value.sd)


def best_of(rows: Sequence[Row], column: int) -> tuple[Row, ...]:
    """Mark the highest measured value of a column, where there are several."""
    values = [
        (cell.value, position)
        for position, row in enumerate(rows)
        if not row.published and (cell := row.cells[column]).value is not None
    ]
    if len(values) < 2:
        return tuple(rows)
    highest = max(value for value, _ in values)
    chosen = {position for value, position in values if value == highest}
    return tuple(
        Row(
            tuple(
                Cell(cell.text, cell.value, cell.sd, best=True) if i == column else cell
                for i, cell in enumerate(row.cells)
            ),
            row.published,
        )
        if position in chosen
        else row
        for position, row in enumerate(rows)
    )
