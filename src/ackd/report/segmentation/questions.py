"""What the table is asked: rows against the controls and against SAR alone, paired over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ackd.report.comparisons import table_of
from ackd.report.conditions import Condition, DataSet
from ackd.report.model import Table
from ackd.report.pairing import agree
from ackd.report.segmentation.grid import Entry, Grid
from ackd.report.segmentation.rows import OPTICAL, SAR, is_control
from ackd.report.segmentation.words import seen_sentence
from ackd.utils.values import dig

__all__ = ["differences"]

#: What makes a row a row, and so differs between two of them.
OF_THE_ROW = (
    "method", "reconstruction", "reconstruction2", "student.start", "student.first",
    "student.finetune", "student.max_epochs",
)  # fmt: skip

AS_LONG = (
    "Both start from the teacher's weights, and labels train both for as many epochs; the row has "
    "listened to the teacher in between. This is what reconstruction adds."
)
LONGER = (
    "The control has as many labelled epochs as reconstruction and fine-tuning have together where "
    "its number says so: whether reconstruction is worth the epochs that it takes."
)
ALONE = "SAR alone starts from random weights and has nothing of the teacher."
SHARED = (
    "Seeds that share teacher and reconstruction share what these have by chance: an interval over "
    "seeds covers the last stage alone. A row without labels is then one network for all seeds."
)

Pair = tuple[str, Condition, Condition]


def differences(data: DataSet, found: Sequence[Grid]) -> list[Table]:
    """One table per question and share of labels, each with its own correction.

    Args:
        data: Whose rows they are.
        found: Its grids.
    """
    questions: tuple[tuple[str, str, Callable[[Grid], Iterator[Pair]], str], ...] = (
        ("control", "Against the control that is fine-tuned as long", _as_long, AS_LONG),
        ("control-long", "Against controls that are fine-tuned longer", _longer, LONGER),
        ("sar", "Against SAR alone", _against_sar, ALONE),
    )
    made = []
    for grid in found:
        for name, title, pairs, note in questions:
            table = table_of(
                data.task, f"gain-{name}{grid.anchor}", f"{title}, {grid.title}",
                list(pairs(grid)), (note, SHARED, seen_sentence(data)),
            )  # fmt: skip
            if table is not None:
                made.append(table)
    return made


def _as_long(grid: Grid) -> Iterator[Pair]:
    for ours, theirs in _against_controls(grid):
        if _epochs(ours) == _epochs(theirs):
            yield _pair(grid, ours, theirs)


def _longer(grid: Grid) -> Iterator[Pair]:
    for ours, theirs in _against_controls(grid):
        if _epochs(ours) < _epochs(theirs):
            yield _pair(grid, ours, theirs)


def _against_controls(grid: Grid) -> Iterator[tuple[Entry, Entry]]:
    """Rows with a reconstruction and labels, the most thorough ones first."""
    for ours, theirs in _pairs(grid):
        listens = ours.row != SAR and not is_control(ours.row)
        if listens and ours.tuned and theirs.tuned and is_control(theirs.row):
            yield ours, theirs


def _against_sar(grid: Grid) -> Iterator[Pair]:
    for ours, theirs in _pairs(grid):
        if theirs.row == SAR and ours.row != SAR:
            yield _pair(grid, ours, theirs)


def _pairs(grid: Grid) -> Iterator[tuple[Entry, Entry]]:
    """Entries of one network that agree in all that does not make a row a row."""
    students = [entry for entry in grid.entries if entry.row != OPTICAL]
    controls = [entry for entry in students if is_control(entry.row)]
    # Of each network the most thorough rows come first, and the controls last.
    ordered = [*(e for e in reversed(students) if e not in controls), *controls]
    for ours in sorted(ordered, key=lambda entry: entry.column):
        for theirs in students:
            if ours is theirs or ours.column.network != theirs.column.network:
                continue
            assert ours.condition is not None
            assert theirs.condition is not None
            if agree(ours.condition, theirs.condition, OF_THE_ROW):
                yield ours, theirs


def _pair(grid: Grid, ours: Entry, theirs: Entry) -> Pair:
    assert ours.condition is not None
    assert theirs.condition is not None
    network = f"{ours.column.title}: " if len(grid.columns) > 1 else ""
    name = theirs.row.title
    theirs_name = name[0].lower() + name[1:] if is_control(theirs.row) else name
    return f"{network}{ours.row.title} − {theirs_name}", ours.condition, theirs.condition


def _epochs(entry: Entry) -> int:
    """With labels."""
    value = dig(entry.runs[0].config, "student.max_epochs")
    return value if isinstance(value, int) else 0
