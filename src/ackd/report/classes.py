"""How well each class is recognised."""

from __future__ import annotations

import numpy as np

from ackd.report.conditions import DataSet
from ackd.report.model import Cell, Row, Table, blank, percent
from ackd.report.predictions import confusion

__all__ = ["recall_by_class"]


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
            cells.append(percent(shares) if shares else blank())
        rows.append(Row((Cell(condition.label), *cells)))
    if not rows or not np.size(classes):
        return None
    note = "Percent, mean ± sample standard deviation over seeds: the diagonals of the matrices."
    return Table("recall", "Recall by class", ("Condition", *classes), tuple(rows), (note,))
