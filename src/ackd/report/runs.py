"""Every finished run: what was swept, what came out, and where its student is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ackd.analysis.statistics import wilson
from ackd.report.collect import FINISHED, Run
from ackd.report.conditions import DataSet, say, short
from ackd.report.model import Cell, Row, Table, best_of, blank
from ackd.report.settings import settings_of
from ackd.utils.values import dig

__all__ = ["run_table"]

STUDENT = "student.pt"
SHOWN_ELSEWHERE = ("method", "kd")  # have columns of their own
NUMBERS = (
    ("Validation OA %", "validation.oa"), ("Validation F1 %", "validation.f1"),
    ("OA %", "metrics.oa"), ("F1 %", "metrics.f1"),
)  # fmt: skip


def run_table(runs: Sequence[Run], found: Sequence[DataSet]) -> Table:
    """Make a table with a row for each finished run.

    Args:
        runs: All of them.
        found: Their data sets, which know what varies.
    """
    finished = [run for run in runs if run.state == FINISHED]
    varied = list(
        dict.fromkeys(name for data in found for name in data.varied if name not in SHOWN_ELSEWHERE)
    )
    of_run = {
        run.name: place
        for place, data in enumerate(found)
        for run in (*(r for c in data.conditions for r in c.runs), *data.repeats)
    }
    words = ["Run", *(["Data"] if len(found) > 1 else []), "Method", "Losses"]
    words += [short(name) for name in varied]
    heads = (
        *words, "Seed", *(head for head, _ in NUMBERS), "OA 95 % interval", "Best epoch, from 0",
        "Student", "Device", "Commit",
    )  # fmt: skip
    first = len(words) + 1
    rows = [_row(run, varied, several=len(found) > 1) for run in finished]
    # The best of each data set: numbers of different images are not compared.
    for place in range(len(found)):
        own = [i for i, run in enumerate(finished) if of_run.get(run.name) == place]
        for i, row in zip(
            own, best_of([rows[i] for i in own], *range(first, first + len(NUMBERS))), strict=True
        ):
            rows[i] = row
    notes = (
        "Bold: highest on the validation images of a data set. OA, F1 and the interval (Wilson's, "
        "over the choice of images) without the word validation are those of test images.",
        "Student: relative to the folder that the report is of.",
    )
    text = {*range(first), *range(len(heads) - 3, len(heads))}
    return Table("runs", "All finished runs", heads, tuple(rows), notes, frozenset(text))


def _row(run: Run, varied: Sequence[str], *, several: bool) -> Row:
    settings = settings_of(run.config, run.result)
    cells = [Cell(run.name)]
    if several:
        cells.append(Cell(str(dig(run.result, "data.name") or "–")))
    cells.append(Cell(str(run.result.get("method", "–"))))
    cells.append(Cell("+".join(map(str, run.result.get("kd") or ())) or "–"))
    cells += [_option(settings.get(name)) for name in varied]
    cells.append(Cell(str(run.seed)))
    for _, path in NUMBERS:
        value = run.number(f"student.{path}")
        rank = run.number(f"student.validation.{path.rpartition('.')[2]}")
        cells.append(
            blank() if value is None else Cell(f"{100 * value:.2f}", 100 * value, rank=rank)
        )
    epoch = run.number("student.best_epoch")
    cells += [_interval(run), blank() if epoch is None else Cell(f"{epoch:.0f}", epoch)]
    there = (run.folder / STUDENT).is_file()
    cells.append(Cell(f"{run.name}/{STUDENT}") if there else blank())
    cells.append(Cell(str(run.result.get("device", "–"))))
    cells.append(Cell(str(run.result.get("git") or "–")[:9]))
    return Row(tuple(cells))


def _option(value: Any) -> Cell:
    """Blank where an option had no effect in a run."""
    return blank() if value is None else Cell(say(value))


def _interval(run: Run) -> Cell:
    share, said = run.number("student.metrics.oa"), run.predictions
    if share is None or said is None or not 0 <= share <= 1:
        return blank()
    low, high = wilson(share, len(said.files))
    return Cell(f"{100 * low:.1f} to {100 * high:.1f}")
