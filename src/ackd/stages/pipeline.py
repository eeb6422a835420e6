"""One run from images to ``result.json``: a loop over its stages."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd.artifacts.usage import Usage
from ackd.config.schema import Config
from ackd.config.schema.stages import timed, trained_stages
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.data.cache import PackedImages
from ackd.modules.execution import runs_on_cpu
from ackd.runs.folder import RESULT
from ackd.runs.interrupts import interruptible
from ackd.runs.ranks import compute_device, first_rank, meet, part
from ackd.runs.result import describe_run
from ackd.stages.context import Context
from ackd.stages.plan import plan
from ackd.stages.stage import Done, Workplace
from ackd.tasks import task_of_result
from ackd.tracking.loggers import bring_curves
from ackd.utils.io import write_json
from ackd.utils.memory import keep_freed_memory

__all__ = ["run_pipeline"]

log = logging.getLogger("ackd")


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
    work = Workplace(folder, context.artifacts, resume, config.force, usage)
    done = Done()
    for stage in plan(config):
        result = stage.of(context, done.only(stage.requires)).run(work)
        done.add(stage.name, result)
        if result.artifact is not None:
            bring_curves(config, result.artifact, folder)
        if result.report.get("validation"):
            log.info("%s %s: %s", stage.name, _backbone(config, stage.name), _say(result.report))
    described = describe_run(
        config, context.benchmark, stages=_entries(config, done, folder),
        seconds=_seconds(done), reused=[name for name, r in done.results.items() if r.reused],
        device=compute_device(config.trainer), artifacts=usage.used,
    )  # fmt: skip
    if first_rank():
        write_json(folder / RESULT, described)
        log.info("result: %s", folder / RESULT)
    part()
    return described


def _entries(config: Config, done: Done, folder: Path) -> dict[str, dict[str, Any] | None]:
    """What result.json says of each stage that trains a network; None for one that is left out."""
    entries: dict[str, dict[str, Any] | None] = {}
    for name in trained_stages():
        result = done.results.get(name)
        if result is None:
            entries[name] = None
            continue
        # What an earlier version of a kept stage did not know.
        unknown = dict.fromkeys(("metrics", "interval", "validation", "stopped_early"))
        entry = {"backbone": _backbone(config, name), **unknown, **result.report}
        if result.artifact is not None:
            entry["fingerprint"] = result.fingerprint
            entry["artifact"] = os.path.relpath(result.artifact, folder)
        entries[name] = entry
    return entries


def _seconds(done: Done) -> dict[str, float]:
    """What each stage took; 0 for one that is left out."""
    seconds = dict.fromkeys(timed(), 0.0)
    for result in done.results.values():
        seconds |= result.seconds
    return seconds


def _backbone(config: Config, stage: str) -> str:
    name: str = getattr(config, stage).backbone.name
    return name


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
