"""The multispectral teacher's training, step 1 of the method."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ackd.backbones import Backbone
from ackd.modules.classifier import SceneClassifier
from ackd.modules.schedules import OptimizerFactory, Schedule

__all__ = ["TeacherModule"]


class TeacherModule(SceneClassifier):
    """Cross-entropy on MS scenes; binary cross-entropy where an image bears several labels."""

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        *,
        multilabel: bool = False,
        schedule: Schedule | None = None,
        **target: Any,
    ) -> None:
        super().__init__(
            backbone, "ms", optimizer, multilabel=multilabel, schedule=schedule, **target
        )

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Classify the MS images."""
        del batch_idx
        loss = self.task_loss(self(batch["ms"]), batch["ms_target"])
        self.log(
            "train/loss",
            loss,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(batch["ms"]),
            sync_dist=True,
        )
        return loss
