"""One run from images to ``result.json``: teacher, matcher, galleries, student."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ackd.artifacts.cache import Artifact, Stage, obtain
from ackd.artifacts.usage import Usage
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.data.cache import PackedImages
from ackd.modules.execution import runs_on_cpu
from ackd.runs.folder import RESULT
from ackd.runs.interrupts import interruptible
from ackd.runs.ranks import first_rank, meet, part
from ackd.runs.resources import shortages_told
from ackd.runs.result import describe_run
from ackd.stages.context import Context
from ackd.stages.matcher import MatcherStage
from ackd.stages.pairing import compute_device, make_pairing
from ackd.stages.store import StoreStage
from ackd.stages.student import train_student
from ackd.stages.teacher import TeacherStage
from ackd.tasks import task_of_result
from ackd.tracking.loggers import bring_curves
from ackd.utils.io import write_json
from ackd.utils.memory import keep_freed_memory

__all__ = ["run_pipeline"]

log = logging.getLogger("ackd")

P = TypeVar("P")

# One image at a time has been tried by then.
SMALLER = "smaller images (data.size=N) or smaller networks (matcher.backbone.name=NAME)"

# What a stage that learns from labels reports, see Measured.entries.
PARTS = ("task", "metrics", "interval", "validation", "by_class")
SECONDS = ("teacher", "store", "matcher", "galleries", "distill", "dynm", "planner")


def run_pipeline(context: Context, folder: Path, *, resume: bool) -> dict[str, Any]:
    """Run all stages that the configuration asks for.

    Args:
        context: What to do, and with which images.
        folder: The run folder; gets checkpoints, ``metrics.csv`` and ``result.json``.
        resume: Go on from the checkpoints in the folder and in unfinished stages.

    Returns:
        The content of ``result.json``.

    Raises:
        SystemExit: A signal ended it, with 128 + the signal.
    """
    with interruptible(), Usage(folder) as usage:
        return _run(context, folder, usage, resume=resume)


def _run(context: Context, folder: Path, usage: Usage, *, resume: bool) -> dict[str, Any]:
    config = context.config
    for pack in _packs(context):
        usage.begin(pack)
    if runs_on_cpu(config.trainer.get("accelerator")):
        keep_freed_memory()
    meet(config.trainer)
    _introduce(context.benchmark)
    seconds = dict.fromkeys(SECONDS, 0.0)
    reused: list[str] = []

    def finished(stage: Stage[P]) -> Artifact[P]:
        force = stage.name in config.force
        artifact = obtain(stage, context.artifacts, force=force, resume=resume, usage=usage)
        if artifact.reused:
            reused.append(stage.name)
        bring_curves(config, artifact.folder, folder)
        return artifact

    teacher = store = matcher = pairing = None
    fingerprint = ""
    about_teacher: dict[str, Any] | None = None
    about_student: dict[str, Any] | None = None
    if "teacher" in config.stages:
        artifact = finished(TeacherStage(context))
        teacher, report = artifact.product
        fingerprint = artifact.fingerprint
        seconds["teacher"] = report["seconds"]
        about_teacher = {
            "backbone": config.teacher.backbone.name,
            **{name: report.get(name) for name in PARTS if name in report},
            "best_epoch": report["best_epoch"],
            "stopped_early": report.get("stopped_early"),
            "fingerprint": fingerprint,
            "artifact": os.path.relpath(artifact.folder, folder),
        }
        log.info("teacher %s: %s", config.teacher.backbone.name, _say(about_teacher))
    if "matcher" in config.stages:
        matcher, report = finished(MatcherStage(context)).product
        seconds["matcher"] = report["seconds"]
    if "student" in config.stages:
        data = context.data("student", "rgb")
        if teacher is not None:
            if config.student.teacher == "stored":
                stage = StoreStage(context, data, teacher, fingerprint)
                store, report = finished(stage).product
                seconds["store"] = report["seconds"]
            with shortages_told(config, "student", doing="pairing", half=SMALLER):
                pairing = make_pairing(context, data, teacher, matcher, store)
            seconds["galleries"] = pairing.seconds
        student = train_student(
            context, data, folder, teacher=teacher, pairing=pairing, resume=resume, store=store
        )
        seconds |= student.seconds
        about_student = {
            "backbone": config.student.backbone.name,
            **student.measured.entries(),
            "best_epoch": student.best_epoch,
            "stopped_early": student.stopped_early,
            "transport": student.transport,
        }
        log.info("student %s: %s", config.student.backbone.name, _say(about_student))
    result = describe_run(
        config, context.benchmark, teacher=about_teacher, student=about_student,
        seconds=seconds, reused=reused, device=compute_device(context), artifacts=usage.used,
    )  # fmt: skip
    if first_rank():
        write_json(folder / RESULT, result)
        log.info("result: %s", folder / RESULT)
    part()
    return result


def _packs(context: Context) -> set[Path]:
    """The packs that the images are read from, where ackd keeps them; not those of a user."""
    kept = getattr(context.config.data, "packs", None)
    if kept is None:
        return set()
    sides = (context.benchmark.ms.images, context.benchmark.rgb.images)
    folders = {images.path.parent for images in sides if isinstance(images, PackedImages)}
    root = Path(kept).expanduser().resolve()
    return {folder for folder in folders if folder.resolve().parent == root}


def _introduce(benchmark: Benchmark) -> None:
    """Say what the run learns from, and whatever makes its numbers special."""

    def sizes(scenes: SceneSet) -> str:
        return "/".join(str(len(scenes.indices(split))) for split in (TRAIN, VAL, TEST))

    log.info(
        "%s: %d classes; train/val/test: MS %s (%d bands), RGB %s",
        benchmark.name, len(benchmark.classes), sizes(benchmark.ms), len(benchmark.ms.bands),
        sizes(benchmark.rgb),
    )  # fmt: skip
    for reason in benchmark.notes.get("partial_reasons", []):
        log.info("partial: %s", reason)
    if benchmark.validates_on_test:
        log.info(
            "protocol=paper: the best epoch is chosen on the 20 % that are reported, as in the "
            "published tables; such numbers are too high for unseen images"
        )
    leaks = benchmark.notes.get("twins", {}).get("twin_leaks", 0)
    if leaks:
        log.info("twins: %d RGB test images have their MS twin among the teacher's images", leaks)


def _say(measured: Mapping[str, Any]) -> str:
    """Validation and test in one line, a test number with its interval."""
    task, intervals = task_of_result(measured), measured.get("interval") or {}
    validation = ", ".join(task.texts(measured.get("validation"))) or "unknown"
    test = ", ".join(task.texts(measured.get("metrics"), intervals)) or "unknown"
    brackets = " (in brackets: 95 % interval over test images)" if intervals else ""
    return f"validation {validation}; test {test}{brackets}"
