"""Stage three: the RGB student, alone or taught."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from ackd.backbones import Backbone, Outputs
from ackd.modules import TeacherStore
from ackd.stages.export import export_student
from ackd.stages.lesson import make_lesson
from ackd.stages.objective import try_losses
from ackd.stages.pairing import Pairing, PairingStage
from ackd.stages.scene_training import SceneTraining
from ackd.stages.stage import Done, Stage, StageResult, Workplace
from ackd.stages.store import StoreStage
from ackd.stages.teacher import TeacherStage
from ackd.stages.trial import Role
from ackd.tracking.loggers import log_options, watchers

if TYPE_CHECKING:
    from ackd.stages.context import SceneContext

__all__ = ["StudentStage"]

log = logging.getLogger("ackd")


class StudentStage(Stage[Backbone]):
    """Trains the student in the run folder, and leaves it alone in ``student.pt``."""

    name = "student"
    requires = (TeacherStage.name, StoreStage.name, PairingStage.name)

    def __init__(
        self,
        training: SceneTraining,
        *,
        teacher: Backbone | None = None,
        pairing: Pairing | None = None,
        store: TeacherStore | None = None,
    ) -> None:
        """Say what is trained.

        Args:
            training: Serves RGB batches.
            teacher: None for the baseline.
            pairing: Its galleries and first pairs; None for the baseline.
            store: What the teacher says of the MS training images; without it, it looks at each
                batch.
        """
        self.training = training
        self.teacher = teacher
        self.pairing = pairing
        self.store = store

    @classmethod
    def check(cls, context: SceneContext) -> None:
        """See that labels and images fit."""
        context.training(cls.name).check()

    @classmethod
    def networks(cls, context: SceneContext) -> Sequence[Role]:
        """The student alone."""
        return (Role.of_classifier(context.training(cls.name)),)

    @classmethod
    def try_losses(cls, context: SceneContext, outputs: Mapping[str, Outputs]) -> None:
        """Try every term of the loss, where there is a teacher."""
        student, teacher = (
            outputs.get(f"{name}.backbone") for name in (cls.name, TeacherStage.name)
        )
        if student is not None and teacher is not None:
            try_losses(context.config, context.classes, student, teacher)

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        """It needs whatever there is of a teacher, its outputs and pairs."""
        return cls(
            context.training(cls.name),
            teacher=done.product(TeacherStage),
            pairing=done.product(PairingStage),
            store=done.product(StoreStage),
        )

    def run(self, work: Workplace) -> StageResult[Backbone]:
        """Train, choose the epoch by validation, test and export."""
        training, folder = self.training, work.folder
        training.seed_everything()
        lesson = make_lesson(training, self.teacher, self.pairing, self.store)
        module = lesson.module
        with training.session(folder, resume=work.resume) as session:
            if session.checkpoint is not None:
                log.info("going on from %s", session.checkpoint)
            pairs = self.pairing is not None
            shown = watchers(training.config, session.loggers, pairs=pairs)
            fitted = session.fit(
                module, monitor=module.task.monitor, mode=module.task.mode,
                callbacks=[*lesson.callbacks, *shown],
            )  # fmt: skip
            measured = session.measure(module, fitted)
            log_options(session.loggers, training.config, measured)
        if fitted.trainer.is_global_zero:
            export_student(
                folder / "student.pt", training.config, module.backbone, training.data,
                measured=measured, epoch=fitted.epoch,
            )  # fmt: skip
        seconds = {
            "distill": fitted.seconds,
            "dynm": lesson.dynm.seconds if lesson.dynm is not None else 0.0,
            "planner": module.objective.stopwatch.seconds,
        }
        curves = lesson.transport.curves if lesson.transport is not None else None
        report = {**measured.entries(), **fitted.entries(), "transport": curves}
        return StageResult(module.backbone, seconds, report)
