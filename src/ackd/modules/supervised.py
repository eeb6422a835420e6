"""What every network that learns from labels shares: loss, validation, test, predictions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.utilities.distributed import gather_all_tensors

from ackd.data.tiles import crop_back
from ackd.modules.schedules import OptimizerFactory, Schedule, ScheduledModule
from ackd.modules.sharding import weighted_over_ranks
from ackd.tasks import Answers, SceneClassification, Task

__all__ = ["OptimizerFactory", "SupervisedModule"]


class SupervisedModule(ScheduledModule):
    """A network that sees one modality and is measured as its task says."""

    def __init__(
        self,
        backbone: nn.Module,
        side: str,
        optimizer: OptimizerFactory,
        *,
        task: Task | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        """Take the network, what it looks at, and what its labels are.

        Args:
            backbone: Gives logits of the task's classes: a tensor, or in ``.logits`` of what it
                returns.
            side: The modality that it sees. A batch has images ``<side>``, labels
                ``<side>_target`` and rows ``<side>_index``. Where images were padded, it also has
                their ``padding``, which predictions are without.
            optimizer: Builds the optimizer from the trainable parameters.
            task: Of the labels; None for scene classification with the backbone's ``classes``.
            schedule: Of the learning rate; None for a constant one.
        """
        super().__init__(optimizer, schedule)
        self.backbone = backbone
        self.side = side
        if task is None:
            task = SceneClassification([str(label) for label in range(_classes_of(backbone))])
        self.task = task
        self.criterion = task.criterion()
        self.val_metrics = task.measures("val/")
        self.test_metrics = task.measures("test/")
        self._test: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images (B, C, H, W) to logits, (B, classes) for scenes."""
        outputs = self.backbone(images)
        logits: Tensor = outputs if isinstance(outputs, Tensor) else outputs.logits
        return logits

    def task_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The task's loss against the labels; weights of classes and smoothing act in training."""
        loss: Tensor = self.criterion(logits, target)
        return loss

    def training_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The same for a step of training: its mean over ranks is that of all their labels."""
        loss, counted = self.task_loss(logits, target), self.task.counted(target)
        return loss if counted is None else weighted_over_ranks(loss, counted)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Update the task's metrics."""
        target = batch[f"{self.side}_target"]
        logits = self(batch[self.side])
        self.val_metrics.update(logits, target)
        counted = self.task.counted(target)
        weight = len(target) if counted is None else int(counted)
        self.log("val/loss", self.task_loss(logits, target), batch_size=weight, sync_dist=True)
        self.log_dict(self.val_metrics, prog_bar=True, batch_size=len(target))

    def on_test_epoch_start(self) -> None:
        """Forget the predictions of an earlier test."""
        self._test = []

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Update the task's metrics, and keep the predictions."""
        target = batch[f"{self.side}_target"]
        logits = self(batch[self.side])
        self.test_metrics.update(logits, target)
        self.log_dict(self.test_metrics, batch_size=len(target))
        finite = logits.isfinite().flatten(1).all(dim=1)
        rows, answer = batch[f"{self.side}_index"], self.task.answer(logits)
        if "padding" in batch:
            answer, target = (crop_back(maps, batch["padding"]) for maps in (answer, target))
        self._test.append((rows, answer, target, finite))

    def on_test_epoch_end(self) -> None:
        """Bring the predictions of all ranks together."""
        parts: list[Tensor] = [torch.cat(part) for part in zip(*self._test, strict=True)]
        if self.trainer.world_size > 1:
            parts = [torch.cat(gather_all_tensors(part)) for part in parts]
        rows, outputs, targets, finite = (part.cpu() for part in parts)
        self._test = [(rows, outputs, targets, finite)]

    def answers(self) -> Answers:
        """What the network said of all images of the last test."""
        rows, outputs, targets, _ = self._tested()
        order = rows.argsort()
        return Answers(rows[order], outputs[order], targets[order])

    def not_finite_rows(self) -> Tensor:
        """The rows of the last test's images, ascending, for which a logit was not finite."""
        rows, _, _, finite = self._tested()
        return rows[~finite].sort().values

    def _tested(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if len(self._test) != 1:
            raise RuntimeError("no test has been run to its end")
        return self._test[0]


def _classes_of(backbone: Any) -> int:
    classes = getattr(backbone, "classes", None)
    if not isinstance(classes, int):
        raise TypeError(
            f"{type(backbone).__name__} does not say how many classes it has (an int in "
            "`.classes`), so the module needs task=..., e.g. SceneClassification(class_names)."
        )
    return classes
