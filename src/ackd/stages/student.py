"""Stage three: the RGB student, alone or taught."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ackd.backbones import Backbone
from ackd.data.benchmark import TEST
from ackd.modules import TeacherStore, UnpairedDataModule
from ackd.runs.checkpoints import epoch_of, last_checkpoint
from ackd.runs.predictions import Measured, measure, write_predictions
from ackd.runs.resources import shortages_of_test_told
from ackd.stages.context import Context
from ackd.stages.export import export_student
from ackd.stages.fitting import fit
from ackd.stages.lesson import make_lesson
from ackd.stages.pairing import Pairing
from ackd.tracking.loggers import log_options, run_loggers, watchers

__all__ = ["StudentResult", "train_student"]

log = logging.getLogger("ackd")


@dataclass(frozen=True)
class StudentResult:
    """What was measured.

    Attributes:
        measured: By the weights of the chosen epoch.
        best_epoch: The chosen one, counted from 0.
        stopped_early: See :class:`ackd.stages.fitting.Fitted`.
        seconds: Of the stage and of its parts.
        transport: Curves of the transport cost by name, and their ``"epoch"``; None where it was
            not measured.
    """

    measured: Measured
    best_epoch: int
    stopped_early: dict[str, Any] | None
    seconds: dict[str, float]
    transport: dict[str, list[float]] | None


def train_student(
    context: Context,
    data: UnpairedDataModule,
    folder: Path,
    *,
    teacher: Backbone | None,
    pairing: Pairing | None,
    resume: bool,
    store: TeacherStore | None = None,
) -> StudentResult:
    """Train, choose the epoch by validation, test, and leave the student alone in ``student.pt``.

    Args:
        context: Of the run.
        data: Serves RGB batches.
        folder: Of the run.
        teacher: None for the baseline.
        pairing: Its galleries and first pairs; None for the baseline.
        resume: Go on from the last checkpoint in ``folder``, if there is one.
        store: What the teacher says of the MS training images; without it, it looks at each batch.
    """
    config, benchmark = context.config, context.benchmark
    pl.seed_everything(config.seed, workers=True, verbose=False)
    lesson = make_lesson(context, data, teacher, pairing, store)
    module = lesson.module
    task = module.task
    checkpoint = last_checkpoint(folder) if resume else None
    if checkpoint is not None:
        log.info("going on from %s", checkpoint)
    with run_loggers(
        config, "student", folder,
        keep_until_epoch=epoch_of(checkpoint), resumed=checkpoint is not None,
        notes=benchmark.notes,
    ) as loggers:  # fmt: skip
        fitted = fit(
            module, data, config, stage="student", folder=folder, seed=config.seed,
            max_epochs=config.student.max_epochs, monitor=task.monitor, mode=task.mode,
            loggers=loggers, checkpoint=checkpoint, callbacks=[
                *lesson.callbacks,
                *watchers(config, loggers, pairs=pairing is not None),
            ],
        )  # fmt: skip
        names = data.names(TEST)
        with shortages_of_test_told(config, "student"):
            measured = measure(fitted.trainer, module, data, names, "student")
        log_options(loggers, config, measured)
    if fitted.trainer.is_global_zero:
        write_predictions(folder, module, names)
        export_student(
            folder / "student.pt", context, module.backbone, data, measured=measured,
            epoch=fitted.epoch,
        )  # fmt: skip
    seconds = {
        "distill": fitted.seconds,
        "dynm": lesson.dynm.seconds if lesson.dynm is not None else 0.0,
        "planner": module.objective.stopwatch.seconds,
    }
    curves = lesson.transport.curves if lesson.transport is not None else None
    return StudentResult(measured, fitted.epoch, fitted.stopped_early, seconds, curves)
