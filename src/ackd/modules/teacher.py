"""Training with labels alone: the multispectral teacher, step 1 of the method."""

from __future__ import annotations

from torch import Tensor, nn

from ackd.modules.schedules import OptimizerFactory, Schedule
from ackd.modules.supervised import SupervisedModule
from ackd.tasks import Task

__all__ = ["TeacherModule"]


class TeacherModule(SupervisedModule):
    """A network that learns from the labels of one modality, by default of MS scenes."""

    def __init__(
        self,
        backbone: nn.Module,
        optimizer: OptimizerFactory,
        *,
        task: Task | None = None,
        side: str = "ms",
        schedule: Schedule | None = None,
    ) -> None:
        """Take the network and what its labels are, see :class:`SupervisedModule`."""
        super().__init__(backbone, side, optimizer, task=task, schedule=schedule)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Learn from the labels of the batch."""
        images = batch[self.side]
        loss = self.training_loss(self(images), batch[f"{self.side}_target"])
        self.log(
            "train/loss",
            loss,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(images),
            sync_dist=True,
        )
        return loss
