"""Stage one: a network that sees every band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ackd.backbones import Backbone
from ackd.modules import TeacherModule
from ackd.runs.result import validation_of_epoch
from ackd.stages.fitting import finite_weights
from ackd.stages.scene_training import SceneTraining
from ackd.stages.stage import Done, KeptStage
from ackd.stages.trial import Role
from ackd.tracking.loggers import watchers
from ackd.utils.io import save_tensors, write_json

if TYPE_CHECKING:
    from ackd.stages.context import SceneContext

__all__ = ["TeacherStage"]


class TeacherStage(KeptStage[Backbone]):
    """Trains the teacher; leaves ``weights.pt``, ``metrics.json`` and ``predictions.csv``."""

    name = "teacher"

    def __init__(self, training: SceneTraining) -> None:
        self.training = training

    @classmethod
    def check(cls, context: SceneContext) -> None:
        """See that labels and images fit."""
        context.training(cls.name).check()

    @classmethod
    def networks(cls, context: SceneContext) -> Sequence[Role]:
        """The teacher alone."""
        return (Role.of_classifier(context.training(cls.name)),)

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        """It needs nothing of earlier stages."""
        return cls(context.training(cls.name))

    def shaped_by(self) -> dict[str, Any]:
        """The MS images with their splits, and the teacher's own options."""
        training = self.training
        return {
            "ms": training.scenes.fingerprint, "classes": list(training.classes),
            **training.shape(),
        }  # fmt: skip

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train, choose the epoch by validation, test."""
        training, task = self.training, self.training.task()
        training.seed_everything()
        module = TeacherModule(
            training.network(), training.optimizer(), task=task, schedule=training.schedule()
        )
        with training.session(folder, resume=resume) as session:
            fitted = session.fit(
                module, monitor=task.monitor, mode=task.mode,
                callbacks=watchers(training.config, session.loggers),
            )  # fmt: skip
            measured = session.measure(module, fitted)
        if fitted.trainer.is_global_zero:
            save_tensors(folder / "weights.pt", module.backbone.state_dict())
            write_json(
                folder / "metrics.json",
                measured.entries() | fitted.entries() | {"seconds": fitted.seconds},
            )

    def load(self, folder: Path) -> Backbone:
        """Read a finished teacher."""
        backbone = self.training.network(fresh=False)
        backbone.load_state_dict(finite_weights(folder / "weights.pt", self.name))
        return backbone

    def report(self, folder: Path) -> dict[str, Any]:
        """Read what was measured."""
        report = super().report(folder)
        if "validation" not in report:  # of an earlier version
            epoch = report["best_epoch"]
            report["validation"] = validation_of_epoch(folder / "metrics.csv", epoch)
        return report
