"""Rows by networks, everything that was measured of each row, and few labels."""

from __future__ import annotations

from collections.abc import Sequence

from ackd.report.conditions import DataSet
from ackd.report.model import Cell, Row, Table, best_of, blank, measured
from ackd.report.segmentation.grid import Entry, Grid
from ackd.report.segmentation.published import Table2
from ackd.report.segmentation.rows import OPTICAL, is_control
from ackd.report.segmentation.words import class_of, measured_as, seen_sentence
from ackd.tasks import MetricDescription
from ackd.utils.values import dig

__all__ = ["few_labels", "measures", "rows_by_networks"]

SPREAD = (
    "Mean ± sample standard deviation over n networks, of test tiles unless validation is named. "
    "Bold: best mean on the validation tiles among the SAR rows, by which alone is to be chosen."
)
WITHOUT_LABELS = (
    "n counts networks: seeds that share teacher and reconstruction are one network in rows "
    "without labels; the spread of all others is then that of their last stage alone."
)
CONTROLS = (
    "Controls: the teacher's weights without a reconstruction, trained by labels for so many "
    "epochs. The paper does not have them."
)


def rows_by_networks(data: DataSet, grid: Grid, paper: Table2 | None) -> Table:
    """The paper's table: the main metric of each row by network, and what was published of it."""
    metric = data.task.selection
    heads = ["Row"]
    ranked: list[int] = []
    published: list[str] = []
    for column in grid.columns:
        ranked.append(len(heads))
        heads += [f"{column.title}, {metric.head}{metric.unit}", f"{column.title}, n"]
        if paper is not None and paper.has(column.network):
            published.append(column.network)
            heads.append(f"{column.network}, published{paper.mark}")
    rows = []
    for row in grid.rows:
        cells = [Cell(row.title)]
        for column in grid.columns:
            entry = grid.entry(row, column)
            cells += [blank(), blank()] if entry is None else [_cell(metric, entry), _count(entry)]
            if paper is not None and column.network in published:
                cells.append(paper.cell(row, column.network))
        rows.append(Row(tuple(cells)))
    notes = [measured_as(data, metric), seen_sentence(data), SPREAD, WITHOUT_LABELS]
    if any(map(is_control, grid.rows)):
        notes.append(CONTROLS)
    if paper is not None and published:
        notes += paper.notes(grid.rows, dict.fromkeys(published))
    return Table(
        f"rows{grid.anchor}", f"{metric.head} by row and network, {grid.title}", tuple(heads),
        (*best_of(rows, *ranked), *_trivial(data, grid, published)), tuple(notes),
    )  # fmt: skip


def _cell(metric: MetricDescription, entry: Entry, part: str = "metrics") -> Cell:
    """A metric of a row, ranked by validation; the optical networks are not among the ranked."""
    ranked_by = [] if entry.row == OPTICAL else entry.numbers(metric.name, "validation")
    return measured(metric, entry.numbers(metric.name, part), ranked_by)


def _count(entry: Entry) -> Cell:
    return Cell(str(len(entry.runs)), len(entry.runs))


def _trivial(data: DataSet, grid: Grid, published: Sequence[str]) -> list[Row]:
    """What a network reaches that says the class everywhere."""
    if data.task.trivial is None:
        return []
    metric = data.task[data.task.trivial]
    cells = [Cell(f"Everything is {class_of(data)}" if class_of(data) else metric.title)]
    for column in grid.columns:
        found = [v for entry in grid.of(column) for v in entry.numbers(metric.name)]
        # All are measured by the same labels, so there is no spread; if they were not, it shows.
        same = bool(found) and max(found) - min(found) < 1e-9
        cells += [measured(metric, found[:1] if same else found), blank()]
        cells += [blank()] if column.network in published else []
    return [Row(tuple(cells))]


def measures(data: DataSet, grid: Grid) -> Table:
    """Each row with all its metrics, and how long labels trained it."""
    task, main = data.task, data.task.selection
    shown = [metric for metric in task.metrics if metric.name != task.trivial]
    intervals = {entry: _interval(main, entry) for entry in grid.entries}
    alone = any(cell.text != blank().text for cell in intervals.values())
    several = len(grid.columns) > 1
    names = ["Row", *(["Network"] if several else [])]
    heads = [
        *names, "Epochs with labels", "n", f"Validation {main.head}{main.unit}",
        *(f"{metric.head}{metric.unit}" for metric in shown),
        *([f"{main.head} 95 % interval"] if alone else []),
    ]  # fmt: skip
    rows = [
        Row(
            (
                Cell(entry.row.title), *([Cell(column.title)] if several else []),
                _epochs(entry), _count(entry), _cell(main, entry, "validation"),
                *(measured(metric, entry.numbers(metric.name)) for metric in shown),
                *([intervals[entry]] if alone else []),
            )
        )
        for column in grid.columns for entry in grid.of(column)
    ]  # fmt: skip
    notes = [measured_as(data, main), seen_sentence(data), SPREAD.partition(" Bold")[0]]
    if alone:
        notes.append("The interval is that of one network alone, over the choice of test tiles.")
    titles = [f"{m.head}: {m.title}" for m in shown if m.head.lower() != m.title.lower()]
    notes += [f"{'; '.join(titles)}."] if titles else []
    return Table(
        f"measures{grid.anchor}", f"All measures, {grid.title}", tuple(heads), tuple(rows),
        tuple(notes), frozenset(range(len(names))),
    )  # fmt: skip


def _epochs(entry: Entry) -> Cell:
    """How long labels trained a network."""
    if entry.row != OPTICAL and not entry.tuned:
        return Cell("0", 0)
    found = {dig(run.config, f"{entry.side}.max_epochs") for run in entry.runs}
    known = sorted(number for number in found if isinstance(number, int))
    return Cell(" or ".join(map(str, known))) if known else blank()


def _interval(metric: MetricDescription, entry: Entry) -> Cell:
    """Of a network that is the only one of its row, where there is no spread."""
    found = dig(entry.runs[0].result, f"{entry.side}.interval.{metric.name}")
    if len(entry.runs) > 1 or not isinstance(found, list) or len(found) != 2:
        return blank()
    return Cell(" to ".join(metric.bare(float(end)) for end in found))


def few_labels(data: DataSet, found: Sequence[Grid]) -> Table | None:
    """The main metric by the share of labels; None where there is one share alone."""
    if len(found) < 2:
        return None
    metric = data.task.selection
    columns = sorted({column for grid in found for column in grid.columns})
    names = ["Row", *(["Network"] if len(columns) > 1 else [])]
    rows = []
    for column in columns:
        for row in sorted({entry.row for grid in found for entry in grid.of(column)}):
            entries = [grid.entry(row, column) for grid in found]
            cells = [Cell(row.title), Cell(column.title)][: len(names)]
            for entry in entries:
                cells.append(blank() if entry is None else _cell(metric, entry))
            counts = sorted({len(entry.runs) for entry in entries if entry is not None})
            ends = dict.fromkeys((counts[0], counts[-1]))
            rows.append(Row((*cells, Cell(" to ".join(map(str, ends))))))
    heads = (*names, *(grid.title for grid in found), "n")
    notes = (
        f"{'In percent. ' if metric.percent else ''}{measured_as(data, metric)}",
        seen_sentence(data),
        "Mean ± sample standard deviation over n networks. Few labels are few labelled SAR tiles: "
        "the optical networks have all of theirs, and a reconstruction sees all pairs. Rows "
        "without labels are the same for every share.",
    )
    return Table(
        "few-labels", f"{metric.head} by the share of SAR labels", heads, tuple(rows), notes,
        frozenset(range(len(names))),
    )  # fmt: skip
