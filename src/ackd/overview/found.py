"""Every run below a folder: what it is, how far it is, what it has reached."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ackd.artifacts.found import STAGES, TRAINING
from ackd.artifacts.usage import ARTIFACTS
from ackd.config.programs import TRAIN, Program
from ackd.errors import DamagedError
from ackd.report.collect import Run, collect, read_metrics
from ackd.runs.folder import FAILED, RESULT, RunFolder
from ackd.students.file import STUDENT
from ackd.tasks import (
    MulticlassSegmentation,
    MultiLabelClassification,
    SceneClassification,
    SegmentationTask,
    TaskDescription,
)
from ackd.utils.values import dig

__all__ = ["FoundRun", "State", "artifact_roots", "best_runs", "find_runs"]

TAIL = 64_000  # bytes of train.log that are looked at
#: In train.log: where an attempt begins, and how one ends that has no result.
BEGINS, INTERRUPTED = "run folder: ", "was interrupted"


class State(StrEnum):
    """How far a run is."""

    FINISHED = "finished"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    STOPPED = "stopped"  # killed, or of a version that wrote no reason
    UNREADABLE = "cannot be read"


@dataclass(frozen=True)
class FoundRun:
    """A run folder.

    Attributes:
        folder: Where it is.
        name: Relative to the folder that was searched.
        state: How far it is.
        detail: The stage and its epochs where it has not finished, and why it failed.
        program: ``"train"`` or ``"segment"``.
        method: Of scene classification, or the row of segmentation.
        network: Of teacher and student.
        data: Name of the data set.
        seed: Of the student; None where it is not known.
        epochs: The student's, (done, of how many); None where it is not known.
        task: What its numbers are called.
        validation: By metric, of the validation images; of the best epoch so far where the run has
            not finished.
        test: By metric, of the test images.
        interval: (low, high) by metric, 95 % over the choice of test images.
        student: The file; None where there is none.
        artifacts: Folders of the stages that it uses.
        validates_on_test: Whether its validation images are its test images (``protocol=paper``).
    """

    folder: Path
    name: str
    state: State
    detail: str
    program: str
    method: str
    network: str
    data: str
    seed: int | None
    epochs: tuple[int, int] | None
    task: TaskDescription
    validation: Mapping[str, float]
    test: Mapping[str, float]
    interval: Mapping[str, Sequence[float]]
    student: Path | None
    artifacts: tuple[Path, ...]
    validates_on_test: bool

    @property
    def score(self) -> float | None:
        """What it is compared by, a number of validation images; larger is better."""
        value = self.validation.get(self.task.selected_by)
        return None if value is None else self.task.selection.better(value)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for other programs."""
        return {
            "folder": str(self.folder), "name": self.name, "state": str(self.state),
            "detail": self.detail, "program": self.program, "method": self.method,
            "network": self.network, "data": self.data, "seed": self.seed,
            "epochs": None if self.epochs is None else list(self.epochs),
            "task": self.task.name, "selected_by": self.task.selected_by,
            "validation": dict(self.validation), "test": dict(self.test),
            "interval": {name: list(ends) for name, ends in self.interval.items()},
            "student": None if self.student is None else str(self.student),
            "artifacts": [str(path) for path in self.artifacts],
            "validates_on_test": self.validates_on_test,
        }  # fmt: skip


def find_runs(root: Path) -> list[FoundRun]:
    """Read every run folder under ``root``, to any depth, sorted by name.

    Nothing is raised for what is missing or damaged: such a run is told as far as it can be.
    """
    return [_found(run) for run in collect(root, predictions=False)]


def _found(run: Run) -> FoundRun:
    folder = run.folder.absolute()
    stamp, whole = _stamp(folder)
    state, why = _state(folder, run, stamp, whole)
    task = run.task if run.result else _task_by_columns(run)
    side = dig(run.result, run.side)
    side = side if isinstance(side, Mapping) else {}
    validation = _numbers(side.get("validation")) or _best_so_far(run, task)
    epochs = _epochs(run)
    progress = "" if state is State.FINISHED else _progress(folder, run, stamp, epochs)
    student = folder / STUDENT
    return FoundRun(
        folder, run.name, state, "; ".join(filter(None, (progress, why))), run.program.primary,
        str(run.result.get("method") or run.config.get("method") or ""), _networks(run),
        str(dig(run.result, "data.name") or dig(run.config, "data.name") or ""),
        run.seed if run.seed >= 0 else None, epochs, task, validation,
        _numbers(side.get("metrics")), _intervals(side.get("interval")),
        student if student.is_file() else None, _artifacts(folder, run, stamp),
        (run.result.get("protocol") or dig(run.config, "data.protocol")) == "paper",
    )  # fmt: skip


def _stamp(folder: Path) -> tuple[RunFolder | None, bool]:
    """``run.json``, and whether it can be read."""
    try:
        return RunFolder.at(folder), True
    except (DamagedError, OSError):
        return None, False


def _state(folder: Path, run: Run, stamp: RunFolder | None, whole: bool) -> tuple[State, str]:
    idle = RunFolder(folder, {}).idle
    if not idle:
        return State.RUNNING, ""
    if not whole or ((folder / RESULT).is_file() and not run.result):
        return State.UNREADABLE, "; ".join(f"{p.file}: {p.reason}" for p in run.problems)
    finished = bool(run.result) if stamp is None else stamp.finished and bool(run.result)
    return (State.FINISHED, "") if finished else _end_of_log(folder / "train.log")


def _end_of_log(path: Path) -> tuple[State, str]:
    """How the last attempt at a run ended, by its own log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return State.STOPPED, ""
    last = text[text.rfind(BEGINS) + 1 :]
    if FAILED in last:
        said = last[last.rfind(FAILED) + len(FAILED) :].strip().splitlines()
        return State.FAILED, said[0] if said else ""
    return (State.INTERRUPTED if INTERRUPTED in last else State.STOPPED), ""


def _networks(run: Run) -> str:
    """``teacher > student``; one name where they are the same or there is one."""
    shared = _name(dig(run.config, "network"))
    names = [
        str(dig(run.result, f"{side}.backbone") or shared or _name(dig(run.config, place)))
        for side, place in (("teacher", "teacher.backbone"), ("student", "student.backbone"))
        if not run.result or run.result.get(side) is not None
    ]
    if not run.result and run.config.get("method") == "baseline":
        names = names[1:]
    return " > ".join(dict.fromkeys(name for name in names if name))


def _name(network: object) -> str:
    if not isinstance(network, Mapping):
        return ""
    return str(network.get("_target_") or network.get("name") or "")


def _epochs(run: Run) -> tuple[int, int] | None:
    total = dig(run.config, "student.max_epochs")
    if not isinstance(total, int):
        return None
    return _done(run.metrics), total


def _done(rows: Sequence[Mapping[str, float]]) -> int:
    return 1 + max((int(row["epoch"]) for row in rows if "val/loss" in row), default=-1)


def _progress(
    folder: Path, run: Run, stamp: RunFolder | None, epochs: tuple[int, int] | None
) -> str:
    """The stage that is or was at work, and its epochs."""
    if epochs is not None and epochs[0]:
        return f"student epoch {epochs[0]} of {epochs[1]}"
    for path in _artifacts(folder, run, stamp):
        draft = path.with_name(f"{path.name}{TRAINING}")
        if not draft.is_dir():
            continue
        stage = path.parent.name
        total = dig(run.config, f"{stage}.max_epochs")
        try:
            done = _done(read_metrics(draft / "metrics.csv"))
        except (OSError, ValueError, csv.Error):
            done = 0
        return f"{stage} epoch {done} of {total}" if total else stage
    return "" if epochs is None else f"student epoch 0 of {epochs[1]}"


def _artifacts(folder: Path, run: Run, stamp: RunFolder | None) -> tuple[Path, ...]:
    named: dict[str, Any] = {}
    for content in (stamp.stamp if stamp else {}, run.result):
        used = content.get(ARTIFACTS)
        named |= used if isinstance(used, Mapping) else {}
    paths = [Path(os.path.normpath(folder / str(path))) for path in named.values()]
    return tuple(path for path in paths if path.parent.name in STAGES)


def _task_by_columns(run: Run) -> TaskDescription:
    """Of a run without a result: the task whose choosing metric it has logged."""
    logged = {name for row in run.metrics for name in row}
    tasks = _tasks(run.program)
    return next((task for task in tasks if task.monitor in logged), tasks[0])


def _tasks(program: Program) -> list[TaskDescription]:
    scenes = (SceneClassification, MultiLabelClassification)
    known = scenes if program is TRAIN else (SegmentationTask, MulticlassSegmentation)
    return [task.description() for task in known]


def _best_so_far(run: Run, task: TaskDescription) -> dict[str, float]:
    rows = [row for row in run.metrics if task.monitor in row]
    if not rows:
        return {}
    best = max(rows, key=lambda row: task.selection.better(row[task.monitor]))
    return {m.name: best[f"val/{m.name}"] for m in task.metrics if f"val/{m.name}" in best}


def _numbers(values: object) -> dict[str, float]:
    if not isinstance(values, Mapping):
        return {}
    return {
        str(name): float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _intervals(values: object) -> dict[str, Sequence[float]]:
    if not isinstance(values, Mapping):
        return {}
    return {str(name): ends for name, ends in values.items() if _is_pair(ends)}


def _is_pair(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(isinstance(end, int | float) for end in value)


def best_runs(runs: Sequence[FoundRun]) -> list[FoundRun]:
    """The best finished run of each data set and task, by validation images."""
    best: dict[tuple[str, str, str], FoundRun] = {}
    for run in runs:
        if run.state is not State.FINISHED or run.score is None:
            continue
        key = (run.program, run.data, run.task.name)
        other = best.get(key)
        if other is None or other.score is None or run.score > other.score:
            best[key] = run
    return list(best.values())


def artifact_roots(runs: Sequence[FoundRun]) -> list[Path]:
    """The artifacts folders that some runs use, each once."""
    roots = dict.fromkeys(path.parent.parent for run in runs for path in run.artifacts)
    return [root for root in roots if root.is_dir()]
