"""A second step of the reconstruction, which begins where the first one ended: M&F."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ackd.stages.segmentation.reconstruction import ListeningStage, ReconstructionStage
from ackd.stages.segmentation.teacher import TeacherStage
from ackd.stages.stage import Done

if TYPE_CHECKING:
    from ackd.stages.segmentation.context import SegmentContext

__all__ = ["SecondStage"]


class SecondStage(ListeningStage):
    """Trains the decoder alone on the logits, and leaves the encoder as it is, bit for bit."""

    name = "reconstruction2"
    requires = (TeacherStage.name, ReconstructionStage.name)

    @classmethod
    def of(cls, context: SegmentContext, done: Done) -> Self:
        """It needs the teacher, and what the first step has left."""
        teacher, first = done.result(TeacherStage), done.result(ReconstructionStage)
        if teacher is None or first is None:
            raise ValueError("a second step needs a teacher and a first one")
        made_of = {"teacher": teacher.fingerprint, "reconstruction": first.fingerprint}
        return cls(context.training(cls.name), teacher.product, first.product, made_of)
