"""Stage three: the SAR student, which is fine-tuned with labels or tested as it is."""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import TYPE_CHECKING, Self

from ackd.modules import TeacherModule
from ackd.segmentation import SegmentationNetwork
from ackd.stages.segmentation.export import export_student
from ackd.stages.segmentation.reconstruction import ReconstructionStage
from ackd.stages.segmentation.reconstruction2 import SecondStage
from ackd.stages.segmentation.starts import check_start, started
from ackd.stages.segmentation.teacher import TeacherStage
from ackd.stages.segmentation.training import SegmentTraining
from ackd.stages.stage import Done, Stage, StageResult, Workplace
from ackd.tracking.loggers import log_options, watchers

if TYPE_CHECKING:
    from ackd.stages.segmentation.context import SegmentContext

__all__ = ["StudentStage"]

log = logging.getLogger("ackd")


class StudentStage(Stage[SegmentationNetwork]):
    """Trains the student in the run folder, and leaves it alone in ``student.pt``.

    The SAR baseline is a student that starts from random weights, and the controls are students
    that start from the teacher's without a reconstruction.
    """

    name = "student"
    requires = (TeacherStage.name, ReconstructionStage.name, SecondStage.name)

    def __init__(
        self,
        training: SegmentTraining,
        teacher: SegmentationNetwork | None,
        listened: SegmentationNetwork | None,
    ) -> None:
        """Say what is trained.

        Args:
            training: Serves SAR tiles with masks.
            teacher: None where the student has nothing of it.
            listened: What the reconstruction has left; None without one.
        """
        self.training = training
        self.teacher = teacher
        self.listened = listened

    @classmethod
    def check(cls, context: SegmentContext) -> None:
        """See that labels and tiles fit, and that it can begin."""
        training, options = context.training(cls.name), context.config.student
        training.check()
        check_start(training, options.start, options.first, f"{cls.name}.first")

    @classmethod
    def of(cls, context: SegmentContext, done: Done) -> Self:
        """It needs the last network that there is."""
        second = done.product(SecondStage)
        listened = done.product(ReconstructionStage) if second is None else second
        return cls(context.training(cls.name), done.product(TeacherStage), listened)

    def begin(self) -> SegmentationNetwork:
        """The network with which the stage begins; what is not fine-tuned is frozen."""
        options = self.training.config.student
        if self.listened is not None:
            network = deepcopy(self.listened)
        else:
            network = started(self.training, options.start, options.first, self.teacher)
        if options.finetune == "none":
            return network.requires_grad_(False)
        network.train_only(
            network.decoder_layers if options.finetune == "decoder" else network.layers
        )
        return network

    def run(self, work: Workplace) -> StageResult[SegmentationNetwork]:
        """Train and choose the epoch by validation where there are labels; test and export."""
        training, folder = self.training, work.folder
        training.seed_everything()
        task, network = training.task(), self.begin()
        module = TeacherModule(
            network, training.optimizer(), task=task, schedule=training.schedule(),
            side=training.sensor,
        )  # fmt: skip
        with training.session(folder, resume=work.resume) as session:
            if session.checkpoint is not None:
                log.info("going on from %s", session.checkpoint)
            if training.config.student.finetune == "none":
                fitted = session.as_it_is()
            else:
                fitted = session.fit(
                    module, monitor=task.monitor, mode=task.mode,
                    callbacks=watchers(training.config, session.loggers),
                )  # fmt: skip
            measured = session.measure(module, fitted)
            log_options(session.loggers, training.config, measured)
        if fitted.trainer.is_global_zero:
            export_student(folder / "student.pt", training, network, measured, fitted.epoch)
        report = {**measured.entries(), **fitted.entries()}
        return StageResult(network, {"finetune": fitted.seconds}, report)
