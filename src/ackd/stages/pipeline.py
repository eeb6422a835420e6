"""One run from images to ``result.json``: a loop over its stages."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd.artifacts.usage import Usage
from ackd.config.schema import RunConfig
from ackd.modules.execution import runs_on_cpu
from ackd.runs.folder import RESULT
from ackd.runs.interrupts import interruptible
from ackd.runs.ranks import compute_device, first_rank, meet, part
from ackd.runs.result import describe_run
from ackd.stages.plan import plan
from ackd.stages.stage import Context, Done, Workplace
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
    for pack in context.packs():
        usage.begin(pack)
    if runs_on_cpu(config.trainer.get("accelerator")):
        keep_freed_memory()
    meet(config.trainer)
    context.introduce()
    work = Workplace(folder, context.artifacts, resume, config.force, usage)
    done = Done()
    for stage in plan(config):
        result = stage.of(context, done.only(stage.requires)).run(work)
        done.add(stage.name, result)
        if result.artifact is not None:
            bring_curves(config, result.artifact, folder)
        if result.report.get("validation"):
            network = config.network_name(stage.name)
            log.info("%s %s: %s", stage.name, network, _say(result.report))
    described = describe_run(
        config, context.describe(), stages=_entries(config, done, folder),
        seconds=_seconds(config, done),
        reused=[name for name, result in done.results.items() if result.reused],
        device=compute_device(config.trainer), artifacts=usage.used,
    )  # fmt: skip
    if first_rank():
        write_json(folder / RESULT, described)
        log.info("result: %s", folder / RESULT)
    part()
    return described


def _entries(config: RunConfig, done: Done, folder: Path) -> dict[str, dict[str, Any] | None]:
    """What result.json says of each stage that trains a network; None for one that is left out."""
    entries: dict[str, dict[str, Any] | None] = {}
    for name in config.trained():
        result = done.results.get(name)
        if result is None:
            entries[name] = None
            continue
        # What an earlier version of a kept stage did not know.
        unknown = dict.fromkeys(("metrics", "interval", "validation", "stopped_early"))
        entry = {"backbone": config.network_name(name), **unknown, **result.report}
        if result.artifact is not None:
            entry["fingerprint"] = result.fingerprint
            entry["artifact"] = os.path.relpath(result.artifact, folder)
        entries[name] = entry
    return entries


def _seconds(config: RunConfig, done: Done) -> dict[str, float]:
    """What each stage took; 0 for one that is left out."""
    seconds = dict.fromkeys(config.timed(), 0.0)
    for result in done.results.values():
        seconds |= result.seconds
    return seconds


def _say(measured: Mapping[str, Any]) -> str:
    """Validation and test in one line, a test number with its interval."""
    task, intervals = task_of_result(measured), measured.get("interval") or {}
    validation = ", ".join(task.texts(measured.get("validation"))) or "unknown"
    test = ", ".join(task.texts(measured.get("metrics"), intervals)) or "unknown"
    brackets = " (in brackets: 95 % interval over test images)" if intervals else ""
    return f"validation {validation}; test {test}{brackets}"
