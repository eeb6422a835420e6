"""Stage three: the RGB student, alone or taught."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ackd.backbones import Backbone
from ackd.modules import TeacherStore, UnpairedDataModule
from ackd.modules.metrics import selection_metric
from ackd.stages.checkpoints import epoch_of, last_checkpoint
from ackd.stages.context import Context
from ackd.stages.fitting import fit
from ackd.stages.lesson import make_lesson
from ackd.stages.loggers import run_loggers, watchers
from ackd.stages.pairing import Pairing
from ackd.stages.predictions import test_metrics, write_predictions
from ackd.stages.trial import image_size
from ackd.utils.io import save_tensors

__all__ = ["StudentResult", "train_student"]

log = logging.getLogger("ackd")


@dataclass(frozen=True)
class StudentResult:
    """What was measured.

    Attributes:
        metrics: On the test images.
        best_epoch: The chosen one, counted from 0.
        seconds: Of the stage and of its parts.
        transport: Curves of the transport cost by name, and their ``"epoch"``; None where it was
            not measured.
    """

    metrics: dict[str, float | None]
    best_epoch: int
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
            max_epochs=config.student.max_epochs, monitor=selection_metric(multilabel=False),
            mode="max", loggers=loggers, checkpoint=checkpoint, callbacks=[
                *lesson.callbacks,
                *watchers(config, loggers, benchmark.classes, pairs=pairing is not None),
            ],
        )  # fmt: skip
        metrics = test_metrics(fitted.trainer, module, data)
    if fitted.trainer.is_global_zero:
        write_predictions(folder / "predictions.csv", module, benchmark.rgb, benchmark.classes)
        _export(folder / "student.pt", context, module.backbone, data)
    seconds = {
        "distill": fitted.seconds,
        "dynm": lesson.dynm.seconds if lesson.dynm is not None else 0.0,
        "planner": module.objective.stopwatch.seconds,
    }
    curves = lesson.transport.curves if lesson.transport is not None else None
    return StudentResult(metrics, fitted.epoch, seconds, curves)


def _export(path: Path, context: Context, student: Backbone, data: UnpairedDataModule) -> None:
    """Write all that is needed to use the student elsewhere, and nothing of its teacher."""
    normaliser = data.normalisers["rgb"].cpu()
    content: dict[str, Any] = {
        "backbone": context.config.student.backbone.model_dump()
        | {"pretrained": False, "size": list(image_size(context.benchmark.rgb))},
        "bands": list(context.benchmark.rgb.bands),
        "classes": list(context.benchmark.classes),
        "size": context.benchmark.rgb.images.shape[-1],
        "mean": normaliser.mean,
        "std": normaliser.std,
        "state_dict": {
            name: tensor.cpu().contiguous() for name, tensor in student.state_dict().items()
        },
    }
    save_tensors(path, content)
