"""``result.json``: one run in one file."""

from __future__ import annotations

import csv
import math
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ackd import __version__
from ackd.config.schema import RunConfig
from ackd.tasks import task_of_result
from ackd.utils.io import read_json

__all__ = [
    "SCHEMA_VERSION", "commit", "describe_run", "read_result", "score",
    "validation_of_epoch", "with_validation",
]  # fmt: skip

SCHEMA_VERSION = 1

VALIDATION = "val/"
LOSS = "val/loss"

PACKAGES = ("torch", "torchvision", "timm", "lightning", "torchmetrics", "hydra-core", "numpy")


def describe_run(
    config: RunConfig,
    about: Mapping[str, Any],
    *,
    stages: Mapping[str, Mapping[str, Any] | None],
    seconds: Mapping[str, float],
    reused: list[str],
    device: torch.device,
    artifacts: Mapping[str, str],
) -> dict[str, Any]:
    """Collect what a run was and what came out.

    Args:
        config: Of the run.
        about: What the run's context says of its images and of its kind, see
            ``ackd.stages.stage.Context``: ``{"kd", "data", "protocol"}``, and what else there is.
        stages: What came out of each stage that trains a network, by name; None for one that the
            run does not have. ``{"backbone", "task", "metrics", "interval", "validation",
            "best_epoch"}``: ``task`` says what the metrics are called; ``metrics`` are those of
            the test images, with ``interval``; ``validation`` those of the validation images, by
            which alone is to be chosen. A stage that is kept also has ``"fingerprint"`` and
            ``"artifact"``, the student ``"transport"``, the curves of the transport cost or None.
        seconds: Per stage. A reused stage counts what it took when it was trained;
            ``distill`` contains ``dynm`` and ``planner`` (its forward pass and the SKA losses').
        reused: Names of stages that were found instead of trained by the attempt that finished.
        device: Where it ran.
        artifacts: Folders of what was used, by stage, relative to the run's.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        **({} if config.TASK is None else {"task": config.TASK}),
        "experiment": config.name,
        "method": config.method,
        "recipe": config.recipe,
        "seed": config.seed,
        **about,
        **stages,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "reused": reused,
        "artifacts": dict(artifacts),
        "device": _device_name(device),
        "git": commit(),
        "versions": {"python": platform.python_version(), "ackd": __version__}
        | {name: version(name) for name in PACKAGES},
    }


def score(result: dict[str, Any]) -> float | None:
    """What a sweeper is told of a run: the validation metric that chose its student's epoch.

    Another metric of the task where that is not defined; the teacher's where there is no student;
    None of a run that has neither. Never a number of the test images: whoever chooses by them
    measures their own choice.

    Args:
        result: See :func:`read_result`.
    """
    side = result["student"] or result["teacher"] or {}
    return task_of_result(side).score(side.get("validation"))


def read_result(path: Path) -> dict[str, Any]:
    """Read a ``result.json``; one of an earlier version gets its validation from the run's epochs.

    Args:
        path: The file, beside the ``metrics.csv`` of the student.
    """
    return with_validation(read_json(path), path.parent)


def with_validation(result: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fill in what the student reached on validation images, where an earlier version left it out.

    Args:
        result: Content of a ``result.json``, of whatever version.
        folder: Of the run.
    """
    student = result.get("student")
    if not isinstance(student, Mapping) or "validation" in student:
        return dict(result)
    known = validation_of_epoch(folder / "metrics.csv", student.get("best_epoch"))
    return {**result, "student": {**student, "validation": known}}


def validation_of_epoch(path: Path, epoch: int | None) -> dict[str, float | None] | None:
    """Look up what a stage logged of the validation images after an epoch.

    Args:
        path: Its ``metrics.csv``.
        epoch: Counted from 0.

    Returns:
        The metrics of the validation images by name, None where one has no finite value; None where
        the file does not know.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return None
    for row in rows:
        measured = {
            name.removeprefix(VALIDATION): _number(text)
            for name, text in row.items()
            if name and name.startswith(VALIDATION) and name != LOSS
        }
        if _number(row.get("epoch")) == epoch and any(v is not None for v in measured.values()):
            return measured
    return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


@lru_cache(maxsize=1)
def commit() -> str | None:
    """The commit of the checkout that ackd runs from, with ``+`` where it was changed since."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    # An installed wheel may lie inside somebody else's repository: only our own file counts.
    if not git("ls-files", "--error-unmatch", Path(__file__).name):
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+" if commit and git("status", "--porcelain", "--", str(folder)) else commit
