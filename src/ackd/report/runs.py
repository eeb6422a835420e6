"""Every finished run: what was swept, what came out, and where its student is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ackd.config.programs import TRAIN
from ackd.report.collect import FINISHED, Run
from ackd.report.conditions import DataSet, say, short
from ackd.report.model import BEST_EPOCH, Cell, Row, Table, best_of, blank
from ackd.report.predictions import interval_of
from ackd.report.settings import settings_of
from ackd.tasks import MetricDescription, TaskDescription
from ackd.utils.values import dig

__all__ = ["run_tables"]

VALIDATION, TEST = "validation", "metrics"  # parts of result.json
STUDENT = "student.pt"
SHOWN_ELSEWHERE = ("method", "kd")  # have columns of their own


def run_tables(runs: Sequence[Run], found: Sequence[DataSet]) -> list[Table]:
    """Make a table with a row for each finished run, one for each task.

    Args:
        runs: All of them.
        found: Their data sets, which know what varies.
    """
    finished = [run for run in runs if run.state == FINISHED]
    groups: dict[str, list[Run]] = {}
    for run in finished:
        groups.setdefault(run.task.name, []).append(run)
    several = len(groups) > 1
    return [_table(group, found, name if several else "") for name, group in groups.items()]


def _table(runs: Sequence[Run], found: Sequence[DataSet], name: str) -> Table:
    task = runs[0].task.joined(run.task for run in runs)
    names = {run.name for run in runs}
    shown = [
        data for data in found if any(r.name in names for c in data.conditions for r in c.runs)
    ]
    varied = list(
        dict.fromkeys(name for data in shown for name in data.varied if name not in SHOWN_ELSEWHERE)
    )
    of_run = {
        run.name: place
        for place, data in enumerate(found)
        for run in (*(r for c in data.conditions for r in c.runs), *data.repeats)
    }
    losses = ["Losses"] if runs[0].program is TRAIN else []
    words = ["Run", *(["Data"] if len(found) > 1 else []), "Method", *losses]
    words += [short(name) for name in varied]
    columns = [(VALIDATION, metric) for metric in task.in_brief]
    columns += [(TEST, metric) for metric in task.metrics]
    numbers = [
        f"{'Validation ' if part == VALIDATION else ''}{metric.head}{metric.unit}"
        for part, metric in columns
    ]
    intervals = [f"{task[task.image_metric].head} 95 % interval"] if task.image_metric else []
    heads = (
        *words, "Seed", *numbers, *intervals, "Best epoch", "Student", "Device", "Commit",
    )  # fmt: skip
    first = len(words) + 1
    rows = [_row(run, task, varied, columns, several=len(found) > 1) for run in runs]
    # The best of each data set: numbers of different images are not compared.
    for place in range(len(found)):
        own = [i for i, run in enumerate(runs) if of_run.get(run.name) == place]
        for i, row in zip(
            own, best_of([rows[i] for i in own], *range(first, first + len(numbers))), strict=True
        ):
            rows[i] = row
    notes = (
        "Bold: best on the validation images of a data set. Numbers without the word validation "
        "are those of test images, and an interval is over the choice of them.",
        BEST_EPOCH,
        "Student: relative to the folder that the report is of.",
    )
    text = {*range(first), *range(len(heads) - 3, len(heads))}
    title, anchor = "All finished runs", "runs"
    if name:
        title, anchor = f"{title}, {task.title}", f"{anchor}-{name}"
    return Table(anchor, title, heads, tuple(rows), notes, frozenset(text))


def _row(
    run: Run, task: TaskDescription, varied: Sequence[str],
    columns: Sequence[tuple[str, MetricDescription]], *, several: bool,
) -> Row:  # fmt: skip
    settings = settings_of(run.config, run.result)
    cells = [Cell(run.name)]
    if several:
        cells.append(Cell(str(dig(run.result, "data.name") or "–")))
    cells.append(Cell(str(run.result.get("method", "–"))))
    if run.program is TRAIN:
        cells.append(Cell("+".join(map(str, run.result.get("kd") or ())) or "–"))
    cells += [_option(settings.get(name)) for name in varied]
    cells.append(Cell(str(run.seed)))
    for part, metric in columns:
        value = run.number(f"{run.side}.{part}.{metric.name}")
        rank = run.number(f"student.validation.{metric.name}")
        cells.append(
            blank() if value is None else Cell(
                metric.bare(value, more=1), metric.factor * value,
                rank=None if rank is None else metric.better(rank),
            )
        )  # fmt: skip
    if task.image_metric:
        cells.append(_interval(run, task[task.image_metric]))
    epoch = run.number(f"{run.side}.best_epoch")
    cells.append(blank() if epoch is None else Cell(f"{epoch + 1:.0f}", epoch + 1))
    there = (run.folder / STUDENT).is_file()
    cells.append(Cell(f"{run.name}/{STUDENT}") if there else blank())
    cells.append(Cell(str(run.result.get("device", "–"))))
    cells.append(Cell(str(run.result.get("git") or "–")[:9]))
    return Row(tuple(cells))


def _option(value: Any) -> Cell:
    """Blank where an option had no effect in a run."""
    return blank() if value is None else Cell(say(value))


def _interval(run: Run, metric: MetricDescription) -> Cell:
    value, said = run.number(f"student.metrics.{metric.name}"), run.predictions
    return blank() if value is None or said is None else interval_of(metric, [value], [said])
