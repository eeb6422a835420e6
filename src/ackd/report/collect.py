"""Find the runs under a folder, whatever state they are in."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ackd.config.programs import TRAIN, Program, program_for
from ackd.errors import ConfigError
from ackd.report.predictions import Predictions, read_predictions
from ackd.runs.result import with_validation
from ackd.tasks import TaskDescription, task_of_result
from ackd.utils.values import dig

__all__ = ["FINISHED", "OPTICAL", "Problem", "Run", "collect", "read_metrics"]

FINISHED, UNFINISHED, BROKEN = "finished", "unfinished", "cannot be read"
KNOWN_SCHEMA = 1
MARKS = ("result.json", "run.json")
OPTICAL = "optical"  # the method of a run that ends with its teacher, which is what it is about


@dataclass(frozen=True)
class Problem:
    """A file that could not be used, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        folder: Where it is.
        name: The folder relative to the one that was searched.
        state: ``finished``, ``unfinished`` or ``cannot be read``.
        config: The resolved configuration; empty where it is missing or corrupt.
        result: Content of ``result.json``; empty where the run has not finished.
        images: Which images it ran on, by their fingerprints; empty where unknown.
        metrics: The rows of ``metrics.csv``, without empty cells.
        problems: Files of the run that could not be used.
        detail: How far an unfinished run came.
    """

    folder: Path
    name: str
    state: str
    config: Mapping[str, Any]
    result: Mapping[str, Any]
    images: str
    metrics: tuple[Mapping[str, float], ...]
    problems: tuple[Problem, ...] = ()
    detail: str = ""
    written: float = field(default=0.0, compare=False)

    @property
    def seed(self) -> int:
        """The seed of the student; -1 where none is recorded."""
        value = self.result.get("seed", self.config.get("seed"))
        return value if isinstance(value, int) else -1

    @cached_property
    def program(self) -> Program:
        """What trained it; the first one for a program that is not known here."""
        try:
            return program_for(self.result.get("task", self.config.get("task")))
        except ConfigError:
            return TRAIN

    @property
    def side(self) -> str:
        """Whose numbers it is about: the student's, or the teacher's where it is a row alone."""
        alone = self.program is not TRAIN and self.result.get("method") == OPTICAL
        return "teacher" if alone else "student"

    @cached_property
    def task(self) -> TaskDescription:
        """What its numbers are called."""
        return task_of_result(_mapping(self.result.get(self.side)))

    @cached_property
    def teacher_task(self) -> TaskDescription:
        """What its teacher's numbers are called."""
        return task_of_result(_mapping(self.result.get("teacher")))

    def number(self, path: str) -> float | None:
        """A finite number of ``result.json`` by its dotted path, e.g. ``student.metrics.oa``."""
        return _number(dig(self.result, path))

    def stage_folder(self, stage: str) -> Path | None:
        """Where a stage is that it used, e.g. its teacher; None where that is not at hand."""
        place = dig(self.result, f"{stage}.artifact")
        folder = self.folder / str(place)
        return folder if isinstance(place, str) and folder.is_dir() else None

    @cached_property
    def predictions(self) -> Predictions | None:
        """What the student said of each test image; None where that is not at hand."""
        try:
            return read_predictions(self.folder / "predictions.csv")
        except (OSError, ValueError):
            return None


def collect(root: Path, *, predictions: bool = True) -> list[Run]:
    """Read every run folder under ``root``, sorted by name.

    A folder is one of a run if it holds ``run.json`` or ``result.json``. Nothing is raised for what
    is missing or corrupt: it is named in :attr:`Run.problems`.

    Args:
        root: Searched to any depth.
        predictions: Whether to see that ``predictions.csv``, which may be long, can be read.
    """
    folders = {path.parent for mark in MARKS for path in root.rglob(mark) if path.is_file()}
    return [_read_run(folder, root, predictions) for folder in sorted(folders, key=_natural)]


def _natural(folder: Path) -> list[tuple[int, str]]:
    """Sweeps number their jobs: 2 comes before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in folder.parts]


def _read_run(folder: Path, root: Path, predictions: bool) -> Run:
    name = folder.relative_to(root).as_posix()
    name = folder.name if name == "." else name
    problems: list[Problem] = []

    def read(file: str, parse: Any, empty: Any) -> Any:
        path = folder / file
        if not path.is_file():
            return empty
        try:
            return parse(path)
        except (OSError, ValueError, yaml.YAMLError, csv.Error) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            problems.append(Problem(f"{name}/{file}", reason))
            return empty

    result = with_validation(read("result.json", _json, {}), folder)
    stamp = read("run.json", _json, {})
    config = read("config.yaml", _yaml, None) or dict(_mapping(stamp.get("options")))
    metrics = read("metrics.csv", read_metrics, ())
    if predictions:
        read("predictions.csv", read_predictions, None)
    state = FINISHED if result else UNFINISHED
    if not result and (folder / "result.json").is_file():
        state = BROKEN
    schema = result.get("schema_version", KNOWN_SCHEMA)
    if schema != KNOWN_SCHEMA:
        reason = (
            f"has schema_version {schema}, this report knows {KNOWN_SCHEMA}; it shows what it finds"
        )
        problems.append(Problem(f"{name}/result.json", reason))
    images = json.dumps(stamp["images"], sort_keys=True) if stamp.get("images") else ""
    files = [path for path in folder.iterdir() if path.is_file()]
    written = max((path.stat().st_mtime for path in files), default=0.0)
    return Run(
        folder, name, state, config, result, images, metrics, tuple(problems),
        detail=_progress(config, metrics, written) if state == UNFINISHED else "", written=written,
    )  # fmt: skip


def _progress(config: Mapping[str, Any], metrics: Any, written: float) -> str:
    epochs = dig(config, "student.max_epochs")
    done = 1 + max((int(row["epoch"]) for row in metrics if "val/loss" in row), default=-1)
    when = datetime.fromtimestamp(written, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{done} of {epochs} student epochs, last written {when}"


def _mapping(content: Any) -> Mapping[str, Any]:
    return content if isinstance(content, Mapping) else {}


def _json(path: Path) -> Mapping[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, Mapping) or not content:
        raise ValueError("is not a JSON object with something in it")
    return content


def _yaml(path: Path) -> Mapping[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, Mapping):
        raise ValueError("is not a YAML mapping")
    return content


def read_metrics(path: Path) -> tuple[Mapping[str, float], ...]:
    """Read the rows of a ``metrics.csv``, without empty cells.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It has no column ``epoch``.
        csv.Error: It is damaged.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        if "epoch" not in (reader.fieldnames or []):
            raise ValueError("has no column 'epoch'")
        rows = []
        for line in reader:
            cells = {key: _number(value) for key, value in line.items() if key}
            row = {key: value for key, value in cells.items() if value is not None}
            if "epoch" in row:
                rows.append(row)
    return tuple(rows)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
