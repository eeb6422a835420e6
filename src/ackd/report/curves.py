"""Numbers over epochs, from ``metrics.csv``: mean and band over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ackd.report.collect import Run
from ackd.report.conditions import Condition

__all__ = ["Curve", "curve", "metric_names"]


@dataclass(frozen=True)
class Curve:
    """Mean, lowest and highest value over the seeds, at epochs that all of them have."""

    epochs: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def metric_names(conditions: Sequence[Condition], prefix: str = "") -> list[str]:
    """Columns of ``metrics.csv`` that start with ``prefix`` and hold a number in some run."""
    runs = [run for condition in conditions for run in condition.runs]
    return sorted(
        {key for run in runs for row in run.metrics for key in row if key.startswith(prefix)}
    )


def curve(condition: Condition, metric: str, axis: str = "epoch") -> Curve | None:
    """Read a metric of all seeds of a condition.

    Args:
        condition: Its runs need not have the metric; those without are left out.
        metric: A column of ``metrics.csv``.
        axis: The column that says when, e.g. ``dynm/epoch``.

    Returns:
        None where no run has it, or no epoch is common to those that do.
    """
    found = [values for run in condition.runs if (values := _values(run, metric, axis))]
    if not found:
        return None
    epochs = sorted(set(found[0]).intersection(*found[1:]))
    if not epochs:
        return None
    table = np.array([[values[epoch] for epoch in epochs] for values in found])
    return Curve(
        tuple(epochs), tuple(table.mean(axis=0).tolist()), tuple(table.min(axis=0).tolist()),
        tuple(table.max(axis=0).tolist()),
    )  # fmt: skip


def _values(run: Run, metric: str, axis: str) -> dict[float, float]:
    return {row[axis]: row[metric] for row in run.metrics if metric in row and axis in row}
