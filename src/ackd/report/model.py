"""What a report consists of, before it becomes HTML, Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ackd.analysis.statistics import Spread, spread
from ackd.tasks import MetricDescription

__all__ = [
    "BEST_EPOCH",
    "Cell",
    "Figure",
    "Panel",
    "Report",
    "Row",
    "Section",
    "Table",
    "best_along",
    "best_of",
    "blank",
    "measured",
    "of",
]

BEST_EPOCH = "Best epoch: counted from 1, as the log does; best_epoch of result.json counts from 0."


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, and the numbers behind it for the CSV file.

    ``rank`` is what the cell is compared with others by: a number of validation images, also where
    ``value`` is one of test images. Without it, nothing is said to be the best.
    """

    text: str
    value: float | None = None
    sd: float | None = None
    best: bool = False
    rank: float | None = None


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
    """Panels that share a legend of (colour, label).

    A colour is a class of the page (``s1`` ...), which changes with its scheme, or ``#rrggbb``.
    ``strips`` are below each other, with their titles at the side.
    """

    name: str
    title: str
    panels: tuple[Panel, ...]
    legend: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    strips: bool = False


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


def measured(
    metric: MetricDescription, values: Sequence[float], ranked_by: Sequence[float] = ()
) -> Cell:
    """The same for the values of a metric, as it is shown.

    Args:
        metric: Says how; its unit is in the head of the table.
        values: As stored.
        ranked_by: The same of the validation images, over the same seeds.
    """
    cell = of([metric.factor * value for value in values], metric.digits)
    if not ranked_by or not values:
        return cell
    return replace(cell, rank=metric.better(spread(ranked_by).mean))


def _cell(value: Spread, digits: int) -> Cell:
    sd = "" if value.sd is None else f" ± {value.sd:.{digits}f}"
    return Cell(f"{value.mean:.{digits}f}{sd}", value.mean, value.sd)


def best_of(rows: Sequence[Row], *columns: int) -> tuple[Row, ...]:
    """Mark the measured cells of a column that rank highest, where they are not all alike."""
    for column in columns:
        ranks = [None if row.published else row.cells[column].rank for row in rows]
        chosen = _highest(ranks)
        rows = [_marked(row, column) if place in chosen else row for place, row in enumerate(rows)]
    return tuple(rows)


def best_along(row: Row) -> Row:
    """The same along a row."""
    for place in sorted(_highest([cell.rank for cell in row.cells])):
        row = _marked(row, place)
    return row


def _highest(ranks: Sequence[float | None]) -> set[int]:
    known = [rank for rank in ranks if rank is not None]
    if len(set(known)) < 2:
        return set()
    return {place for place, rank in enumerate(ranks) if rank == max(known)}


def _marked(row: Row, column: int) -> Row:
    cells = list(row.cells)
    cells[column] = replace(cells[column], best=True)
    return replace(row, cells=tuple(cells))
