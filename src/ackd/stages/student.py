"""Stage three: the RGB student, alone or taught."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn

from ackd.alignment import SKA, Projection
from ackd.backbones import Backbone
from ackd.callbacks import DynM, NoiseFloor, RedrawPairs, TransportCost
from ackd.config.targets import instantiate
from ackd.losses import READINGS_OF_TEACHER_LOGITS
from ackd.losses.gathering import gather_batch
from ackd.matching import rematch_epochs, scale_epochs
from ackd.modules import (
    DistillationObjective,
    DistillModule,
    LiveTeacher,
    LossWeights,
    StoredTeacher,
    TeacherOutputs,
    TeacherStore,
    UnpairedDataModule,
)
from ackd.modules.metrics import selection_metric
from ackd.stages.context import Context
from ackd.stages.files import save_tensors
from ackd.stages.fitting import epoch_of, fit, last_checkpoint
from ackd.stages.loggers import run_loggers, watchers
from ackd.stages.pairing import Pairing
from ackd.stages.patch_grid import warn_of_a_single_patch
from ackd.stages.predictions import test_metrics, write_predictions

__all__ = ["StudentResult", "train_student"]

log = logging.getLogger("ackd")

# A reading may need many times the memory of the logits themselves.
_ROWS_READ_AT_ONCE = 8192


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
    student = context.backbone(
        config.student.backbone, len(benchmark.rgb.bands), context.classes, "student.backbone"
    )
    outputs: TeacherOutputs | None = None
    if teacher is not None:
        outputs = LiveTeacher(teacher) if store is None else StoredTeacher(store)
        data.reads_partners = outputs.reads_images
    module = DistillModule(
        student, _objective(context, student, outputs), outputs, context.optimizer("student")
    )
    if teacher is not None and config.aligns and config.ska.ot1:
        warn_of_a_single_patch(benchmark, teacher, student)
    callbacks: list[pl.Callback] = []
    dynm: DynM | None = None
    transport: TransportCost | None = None
    if pairing is not None:
        data.set_pairs(pairing.pairs, version=0)
        callbacks.append(NoiseFloor())
        if config.transport.enabled:
            # Before those that change the pairs at the end of an epoch.
            options = config.transport
            transport = TransportCost(options.sample, options.every, options.seed)
            callbacks.append(transport)
        if config.dynm.enabled:
            dynm = _dynm(context, pairing)
            callbacks.append(dynm)
        if config.matching.redraw:
            gallery = pairing.gallery
            callbacks.append(
                RedrawPairs(pairing.rgb_classes, gallery.classes, gallery.index, config.seed)
            )
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
                *callbacks,
                *watchers(config, loggers, benchmark.classes, pairs=pairing is not None),
            ],
        )  # fmt: skip
        metrics = test_metrics(fitted.trainer, module, data)
    if fitted.trainer.is_global_zero:
        write_predictions(folder / "predictions.csv", module, benchmark.rgb, benchmark.classes)
        _export(folder / "student.pt", context, student, data)
    seconds = {
        "distill": fitted.seconds,
        "dynm": dynm.seconds if dynm is not None else 0.0,
        "planner": module.objective.stopwatch.seconds,
    }
    curves = transport.curves if transport is not None else None
    return StudentResult(metrics, fitted.epoch, seconds, curves)


def _objective(
    context: Context, student: Backbone, teacher: TeacherOutputs | None
) -> DistillationObjective:
    """Build the active terms of eq 21, and only those."""
    config = context.config
    loss = config.loss
    kd_weights: dict[str, float] = {}
    kd: dict[str, nn.Module] = {}
    projection: Projection | None = None
    ska: SKA | None = None
    if teacher is not None:
        if loss.lambda1 > 0:
            for name, term in loss.kd.items():
                if term.weight:
                    kd[name] = instantiate(term.loss, f"loss.kd.{name}.loss")
                    kd_weights[name] = term.weight
        if config.aligns:
            ska = SKA(
                teacher.z_dim, ot1=config.ska.ot1, ot2=config.ska.ot2, scaling=config.ska.coral,
                patches=config.ska.patches, gather=gather_batch if loss.gather else None,
                **config.planner.arguments,
            )  # fmt: skip
        projection = Projection(
            (student.z_dim, student.zbar_dim), (teacher.z_dim, teacher.zbar_dim),
            z=config.aligns and config.ska.ot1,
            zbar=(config.aligns and config.ska.ot2)
            or any(getattr(part, "uses_zbar", False) for part in kd.values()),
        )  # fmt: skip
    weights = LossWeights(loss.task, loss.lambda1, loss.alignment, kd_weights)
    return DistillationObjective(
        weights, kd, projection, ska, gather=loss.gather,
        teacher_logits=READINGS_OF_TEACHER_LOGITS[loss.teacher_logits],
    )  # fmt: skip


def _dynm(context: Context, pairing: Pairing) -> DynM:
    options, length = context.config.dynm, context.config.student.max_epochs
    asked = rematch_epochs(options.e0, options.delta, options.mu, options.count)
    epochs = scale_epochs(asked, length, options.reference_epochs)
    if epochs != asked:
        log.info(
            "DynM: epochs %s of a run of %d are epochs %s of this run of %d",
            asked, options.reference_epochs, epochs, length,
        )  # fmt: skip
    else:
        log.info("DynM: will match again at epochs %s", epochs)
    gallery = pairing.gallery
    if gallery.logits is not None:
        # Pairs by the very distributions that the losses compare.
        reading = READINGS_OF_TEACHER_LOGITS[context.config.loss.teacher_logits]
        parts = torch.split(gallery.logits, _ROWS_READ_AT_ONCE)
        gallery = replace(gallery, logits=torch.cat([reading(part) for part in parts]))
    return DynM(
        gallery, epochs, options.gamma, options.direction, logits=options.logits,
        first=pairing.pairs, class_names=context.benchmark.classes,
    )  # fmt: skip


def _export(path: Path, context: Context, student: Backbone, data: UnpairedDataModule) -> None:
    """Write all that is needed to use the student elsewhere, and nothing of its teacher."""
    normaliser = data.normalisers["rgb"].cpu()
    content: dict[str, Any] = {
        "backbone": context.config.student.backbone.model_dump() | {"pretrained": False},
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
