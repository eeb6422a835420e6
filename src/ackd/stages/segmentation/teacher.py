"""Stage one: a network that sees optical images, with all labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ackd.modules import TeacherModule
from ackd.segmentation import SegmentationNetwork
from ackd.stages.fitting import finite_weights
from ackd.stages.segmentation.starts import digest_of_start
from ackd.stages.segmentation.training import SegmentTraining
from ackd.stages.stage import Done, KeptStage
from ackd.tracking.loggers import watchers
from ackd.utils.io import save_tensors, write_json

if TYPE_CHECKING:
    from ackd.stages.segmentation.context import SegmentContext

__all__ = ["TeacherStage"]


class TeacherStage(KeptStage[SegmentationNetwork]):
    """Trains the teacher; leaves ``weights.pt``, ``metrics.json`` and ``predictions.csv``."""

    name = "teacher"

    def __init__(self, training: SegmentTraining) -> None:
        self.training = training

    @classmethod
    def check(cls, context: SegmentContext) -> None:
        """See that labels and tiles fit."""
        context.training(cls.name).check()

    @classmethod
    def of(cls, context: SegmentContext, done: Done) -> Self:
        """It needs nothing of earlier stages."""
        return cls(context.training(cls.name))

    def shaped_by(self) -> dict[str, Any]:
        """The optical images, the masks, and the teacher's own options."""
        training = self.training
        return {
            "optical": training.tiles.fingerprint("optical"),
            "masks": training.tiles.fingerprint("masks"),
            **digest_of_start(training.config.teacher.start),
            **training.shape(),
        }

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train, choose the epoch by validation, test."""
        training, task = self.training, self.training.task()
        training.seed_everything()
        network = training.network(start=training.config.teacher.start)
        module = TeacherModule(
            network, training.optimizer(), task=task, schedule=training.schedule(),
            side=training.sensor,
        )  # fmt: skip
        with training.session(folder, resume=resume) as session:
            fitted = session.fit(
                module, monitor=task.monitor, mode=task.mode,
                callbacks=watchers(training.config, session.loggers),
            )  # fmt: skip
            measured = session.measure(module, fitted)
        if fitted.trainer.is_global_zero:
            save_tensors(folder / "weights.pt", network.state_dict())
            write_json(
                folder / "metrics.json",
                measured.entries() | fitted.entries() | {"seconds": fitted.seconds},
            )

    def load(self, folder: Path) -> SegmentationNetwork:
        """Read a finished teacher."""
        network = self.training.network()
        network.load_state_dict(finite_weights(folder / "weights.pt", self.name))
        return network
