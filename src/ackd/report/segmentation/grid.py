"""The table as a grid: rows by networks, for each share of the labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ackd.report.collect import Run
from ackd.report.conditions import Condition, DataSet
from ackd.report.segmentation.rows import OPTICAL, TableRow, row_of
from ackd.utils.values import dig

__all__ = ["Column", "Entry", "Grid", "column_of", "fraction_of", "grids"]

FRACTION = "labels.fraction"
#: Options that say which network it is, and so are told by its name.
OF_THE_NETWORK = ("network.name", "network._target_", "network.arch", "network.encoder")


@dataclass(frozen=True, order=True)
class Column:
    """A network, with what else was changed for all of its rows or for some.

    Attributes:
        network: Its name.
        variant: Options that vary within a row, with their values; empty where there are none.
    """

    network: str
    variant: str = ""

    @property
    def title(self) -> str:
        """What stands in the head of a table."""
        return " · ".join(part for part in (self.network, self.variant) if part)


@dataclass(frozen=True, eq=False)
class Entry:
    """What stands in one cell: the networks of a row.

    Attributes:
        row: Of the table.
        column: Of the table.
        runs: One run for each network: seeds that share one do not make it more certain.
        side: Of ``result.json``, ``"student"`` or ``"teacher"``.
        condition: What the runs have in common; None of teachers that other runs have had.
    """

    row: TableRow
    column: Column
    runs: tuple[Run, ...]
    side: str
    condition: Condition | None = None

    def numbers(self, metric: str, part: str = "metrics") -> list[float]:
        """A metric of all networks that have it, of test images or of ``validation``."""
        found = (run.number(f"{self.side}.{part}.{metric}") for run in self.runs)
        return [value for value in found if value is not None]

    @property
    def tuned(self) -> bool:
        """Whether labels of SAR images trained it."""
        return self.side == "student" and _finetune(self.runs[0]) != "none"


@dataclass(frozen=True, eq=False)
class Grid:
    """All entries that saw the same share of the SAR labels, and those that saw none.

    Attributes:
        fraction: Of the labelled training tiles; None where no row saw any.
        entries: In the order of the rows.
    """

    fraction: float | None
    entries: tuple[Entry, ...]

    @cached_property
    def rows(self) -> list[TableRow]:
        """In their order."""
        return sorted({entry.row for entry in self.entries})

    @cached_property
    def columns(self) -> list[Column]:
        """In their order."""
        return sorted({entry.column for entry in self.entries})

    def entry(self, row: TableRow, column: Column) -> Entry | None:
        """What stands in a cell; None where nothing does."""
        return next((e for e in self.entries if (e.row, e.column) == (row, column)), None)

    def of(self, column: Column) -> list[Entry]:
        """The entries of a column, in the order of the rows."""
        return [entry for entry in self.entries if entry.column == column]

    @property
    def tiles(self) -> list[int]:
        """How many labelled tiles that was, in the runs that say so."""
        found = {
            number for entry in self.entries if entry.tuned for run in entry.runs
            if isinstance(number := dig(run.result, "labels.tiles"), int)
        }  # fmt: skip
        return sorted(found)

    @property
    def title(self) -> str:
        """E.g. ``10 % of the SAR labels (40 tiles)``."""
        if self.fraction is None:
            return "no SAR labels"
        share = "all" if self.fraction == 1 else f"{100 * self.fraction:g} % of the"
        counted = f" ({' or '.join(map(str, self.tiles))} tiles)" if self.tiles else ""
        return f"{share} SAR labels{counted}"

    @property
    def anchor(self) -> str:
        """The end of names of its tables and figures; empty with all labels."""
        if self.fraction is None or self.fraction == 1:
            return ""
        return f"-labels-{f'{self.fraction:g}'.replace('.', '-')}"


def grids(data: DataSet) -> list[Grid]:
    """Lay out a data set, the largest share of labels first.

    Rows that see no SAR label are in each of the grids.
    """
    conditions = [condition for condition in data.conditions if condition.runs]
    students = [_entry(each) for each in conditions if each.runs[0].side == "student"]
    entries = [e for e in (*_optical(conditions), *students) if e.numbers(data.task.selected_by)]
    entries = _told_apart(entries)
    shares = sorted({fraction_of(entry) for entry in entries if entry.tuned}, reverse=True)
    if entries and not shares:
        return [Grid(None, tuple(entries))]
    return [
        Grid(share, tuple(e for e in entries if not e.tuned or fraction_of(e) == share))
        for share in shares
    ]


def fraction_of(entry: Entry) -> float:
    """The share of the labels of the training tiles that a row with labels saw."""
    run = entry.runs[0]
    known = (run.number(FRACTION), dig(run.config, FRACTION))
    return next((float(share) for share in known if share is not None), 1.0)


def column_of(condition: Condition) -> Column:
    """The network of a condition."""
    network = condition.runs[0].result.get("network") or "unknown network"
    return Column(str(network), condition.rest(FRACTION, *OF_THE_NETWORK))


def _entry(condition: Condition) -> Entry:
    networks: dict[str, Run] = {}
    for run in condition.runs:
        networks.setdefault(_network_of(run), run)
    row = row_of(condition.runs[0])
    return Entry(row, column_of(condition), tuple(networks.values()), "student", condition)


def _network_of(run: Run) -> str:
    """What tells the network of a run from those of other seeds."""
    if _finetune(run) == "none":
        for stage in ("reconstruction2", "reconstruction", "teacher"):
            if known := dig(run.result, f"{stage}.fingerprint"):
                return str(known)
    return f"seed {run.seed}"


def _finetune(run: Run) -> str:
    return str(dig(run.result, "shown.finetune"))


def _optical(conditions: Iterable[Condition]) -> list[Entry]:
    """The teachers of a column, each once, whether runs of their own tell of them or others."""
    found: dict[Column, dict[str, Run]] = {}
    for condition in conditions:
        for run in condition.runs:
            if dig(run.result, "teacher.metrics"):
                name = str(dig(run.result, "teacher.fingerprint") or run.name)
                found.setdefault(column_of(condition), {}).setdefault(name, run)
    return [
        Entry(OPTICAL, column, tuple(by_name.values()), "teacher")
        for column, by_name in found.items()
    ]


def _told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """Sort by rows; of two entries that would stand in one cell the later one gets a column."""
    taken: set[tuple[TableRow, Column, float | None]] = set()
    found = []
    for entry in sorted(entries, key=lambda e: (e.row, e.column)):
        column, number = entry.column, 1
        share = fraction_of(entry) if entry.tuned else None
        while (entry.row, column, share) in taken:
            number += 1
            column = replace(entry.column, variant=f"{entry.column.variant} ({number})".strip())
        taken.add((entry.row, column, share))
        found.append(replace(entry, column=column))
    return found
