"""What a student is taught with: its teacher, its loss, and what happens between its epochs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import lightning.pytorch as pl
import torch

from ackd.backbones import Backbone
from ackd.callbacks import DynM, NoiseFloor, RedrawPairs, TransportCost
from ackd.losses import READINGS_OF_TEACHER_LOGITS
from ackd.matching import rematch_epochs
from ackd.modules import (
    DistillModule,
    LiveTeacher,
    StoredTeacher,
    TeacherOutputs,
    TeacherStore,
)
from ackd.runs.lengths import matching_epochs
from ackd.stages.objective import make_objective
from ackd.stages.pairing import Pairing
from ackd.stages.patch_grid import warn_of_a_single_patch
from ackd.stages.scene_training import SceneTraining

__all__ = ["Lesson", "make_lesson"]

log = logging.getLogger("ackd")

# A reading may need many times the memory of the logits themselves.
ROWS_READ_AT_ONCE = 8192


@dataclass(frozen=True)
class Lesson:
    """A student with everything that it is trained with.

    Attributes:
        module: The student and its loss.
        callbacks: In the order in which they have to act at the end of an epoch.
        dynm: The one that matches again, if one does.
        transport: The one that measures the transport cost, if one does.
    """

    module: DistillModule
    callbacks: list[pl.Callback] = field(default_factory=list)
    dynm: DynM | None = None
    transport: TransportCost | None = None


def make_lesson(
    training: SceneTraining,
    teacher: Backbone | None,
    pairing: Pairing | None,
    store: TeacherStore | None,
) -> Lesson:
    """Build an untrained student with its loss and callbacks, and give the data its first pairs.

    Args:
        training: Of the student.
        teacher: None for the baseline.
        pairing: Its galleries and first pairs; None for the baseline.
        store: What the teacher says of the MS training images; without it, it looks at each batch.
    """
    config = training.config
    student = training.network()
    outputs: TeacherOutputs | None = None
    if teacher is not None:
        outputs = LiveTeacher(teacher) if store is None else StoredTeacher(store)
        training.data.reads_partners = outputs.reads_images
        if config.aligns and config.ska.ot1:
            warn_of_a_single_patch(training.benchmark, teacher, student)
    objective = make_objective(config, student, outputs)
    module = DistillModule(
        student, objective, outputs, training.optimizer(),
        task=training.task(), schedule=training.schedule(),
    )  # fmt: skip
    if pairing is None:
        return Lesson(module)
    training.data.set_pairs(pairing.pairs, version=0)
    callbacks: list[pl.Callback] = [NoiseFloor()]
    transport = dynm = None
    if config.transport.enabled:
        # Before those that change the pairs at the end of an epoch.
        options = config.transport
        transport = TransportCost(options.sample, options.every, options.seed)
        callbacks.append(transport)
    if config.dynm.enabled:
        dynm = _make_dynm(training, pairing)
        callbacks.append(dynm)
    if config.matching.redraw:
        gallery = pairing.gallery
        callbacks.append(
            RedrawPairs(pairing.rgb_classes, gallery.classes, gallery.index, config.seed)
        )
    return Lesson(module, callbacks, dynm, transport)


def _make_dynm(training: SceneTraining, pairing: Pairing) -> DynM:
    options, length = training.config.dynm, training.options.max_epochs
    asked = rematch_epochs(options.e0, options.delta, options.mu, options.count)
    epochs = matching_epochs(options, length)
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
        reading = READINGS_OF_TEACHER_LOGITS[training.config.loss.teacher_logits]
        parts = torch.split(gallery.logits, ROWS_READ_AT_ONCE)
        gallery = replace(gallery, logits=torch.cat([reading(part) for part in parts]))
    return DynM(
        gallery,
        epochs,
        options.gamma,
        options.direction,
        first=pairing.pairs,
        class_names=training.classes,
    )
