"""How well each class is recognised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ackd.report.conditions import DataSet
from ackd.report.model import Cell, Row, Table, blank, measured, of
from ackd.report.predictions import confusion
from ackd.utils.values import dig

__all__ = ["class_tables", "recall_by_class"]


def recall_by_class(data: DataSet) -> Table | None:
    """Share of each class's test images that were named correctly, a row a condition."""
    classes = tuple(data.about.get("classes", ()))
    rows = []
    for condition in data.conditions:
        said = [p for run in condition.runs if (p := run.predictions) and p.classes == classes]
        if not said:
            continue
        counts = [confusion([one]) for one in said]
        cells = []
        for row in range(len(classes)):
            shares = [float(c[row, row] / c[row].sum()) for c in counts if c[row].sum()]
            cells.append(of([100 * share for share in shares]) if shares else blank())
        rows.append(Row((Cell(condition.label), *cells)))
    if not rows or not np.size(classes):
        return None
    note = "Percent, mean ± sample standard deviation over seeds: the diagonals of the matrices."
    return Table("recall", "Recall by class", ("Condition", *classes), tuple(rows), (note,))


def class_tables(data: DataSet) -> list[Table]:
    """The metrics of each class that the task has, a row per condition."""
    classes = tuple(data.about.get("classes", ()))
    tables = []
    for metric in data.task.class_metrics:
        rows = []
        for condition in data.conditions:
            entries = [dig(run.result, f"student.by_class.{metric.name}") for run in condition.runs]
            known = [entry for entry in entries if isinstance(entry, Mapping)]
            values = [[v for e in known if (v := e.get(name)) is not None] for name in classes]
            if any(values):
                rows.append(
                    Row((Cell(condition.label), *(measured(metric, each) for each in values)))
                )
        if rows:
            title = f"{metric.head}{metric.unit} by class"
            note = "Test images, mean ± sample standard deviation over seeds."
            heads = ("Condition", *classes)
            tables.append(Table(f"by-class-{metric.name}", title, heads, tuple(rows), (note,)))
    return tables
