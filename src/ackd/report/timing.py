"""Training time and loss terms: what a condition costs, and what it is made of."""

from __future__ import annotations

from ackd.config.schema import Config
from ackd.report.conditions import Condition, DataSet
from ackd.report.curves import metric_names
from ackd.report.model import Cell, Row, Table, blank, of
from ackd.report.pairing import plain_of
from ackd.report.published import Reference, published_row

__all__ = ["loss_terms", "training_time"]


def training_time(data: DataSet, paper: Reference | None) -> Table:
    """Table 8: Δ = (DynM + Planner) / Vanilla KD, in seconds of ours."""
    rows = []
    for condition in data.conditions:
        plain = plain_of(data, condition)
        distill, dynm, planner = (_seconds(condition, n) for n in ("distill", "dynm", "planner"))
        base = _mean(_seconds(plain, "distill")) if plain else None
        printed = measured = blank()
        if base and condition.method == "sembridge" and dynm and planner and distill:
            share = 100 * ((_mean(dynm) or 0) + (_mean(planner) or 0)) / base
            longer = 100 * ((_mean(distill) or 0) / base - 1)
            printed, measured = (Cell(f"{value:+.1f}", value) for value in (share, longer))
        stages = [of(_seconds(condition, name)) for name in Config.timed()]
        alone = Cell(f"{base:.1f}", base) if base else blank()
        rows.append(Row((Cell(condition.label), *stages, alone, printed, measured)))
    notes = [
        "Seconds, mean ± sample standard deviation over seeds. Δ by the definition of Table 8: "
        "(DynM + Planner) / distillation of the same loss without SemBridge. The last column is "
        "how much longer the distillation stage really took. A reused teacher or matcher counts "
        "what it took when it was trained.",
        "Devices: " + ", ".join(_devices(data)) + ".",
    ]
    if len(_devices(data)) > 1:
        notes.append("Runs on different devices cannot be compared in time.")
    if paper and (values := paper.table(8)):
        dynm_, planner_, base_, share_ = (v * 60 for v in [*values[:3], values[3] / 60])
        known = {"dynm": dynm_, "planner": planner_}
        printed_row = [*(known.get(name) for name in Config.timed()), base_, share_, None]
        rows.append(published_row(paper, "one 2080Ti, 200 epochs", printed_row, words=1))
        notes.append(paper.note)
    columns = ("Condition", *Config.timed().values(), "Plain KD", "Δ %", "measured %")
    return Table("time", "Table 8: training time", columns, tuple(rows), tuple(notes))


def _seconds(condition: Condition, name: str) -> list[float]:
    return [value for value in condition.values(f"seconds.{name}") if value > 0]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _devices(data: DataSet) -> list[str]:
    runs = [run for condition in data.conditions for run in condition.runs]
    return sorted({str(run.result.get("device", "unknown")) for run in runs})


def loss_terms(data: DataSet) -> list[Table]:
    """The terms of eq 21 in the last epoch, as they are and as they weigh in the sum."""
    names = [key.removeprefix("loss/") for key in metric_names(data.conditions, "loss/")]
    note = "Mean ± sample standard deviation over seeds, over the last epoch of training."
    kinds = (
        ("loss", "terms", "Loss terms in the last epoch, raw"),
        ("weighted", "terms-weighted", "Loss terms in the last epoch, weighted"),
    )
    made = []
    for prefix, anchor, title in kinds:
        rows = []
        for condition in data.conditions:
            cells = [of(_last(condition, f"{prefix}/{name}"), 4) for name in names]
            total = of(_last(condition, "train/loss"), 4)
            if any(cell.value is not None for cell in cells):
                rows.append(Row((Cell(condition.label), *cells, total)))
        if rows:
            columns = ("Condition", *names, "whole loss")
            made.append(Table(anchor, title, columns, tuple(rows), (note,)))
    return made


def _last(condition: Condition, key: str) -> list[float]:
    found = []
    for run in condition.runs:
        values = [(row["epoch"], row[key]) for row in run.metrics if key in row]
        if values:
            found.append(max(values, key=lambda pair: pair[0])[1])
    return found
