"""What teacher and student share: they classify scenes and are measured alike."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from ackd.backbones import Backbone
from ackd.modules.metrics import classification_metrics
from ackd.modules.schedules import OptimizerFactory, Schedule, ScheduledModule

__all__ = ["OptimizerFactory", "SceneClassifier"]


class SceneClassifier(ScheduledModule):
    """A backbone on one modality with task loss, validation and test."""

    class_weights: Tensor | None

    def __init__(
        self,
        backbone: Backbone,
        side: Literal["ms", "rgb"],
        optimizer: OptimizerFactory,
        *,
        multilabel: bool = False,
        schedule: Schedule | None = None,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
    ) -> None:
        """Take the network and what it looks at.

        Args:
            backbone: Gives logits of its ``classes``.
            side: The modality it classifies.
            optimizer: Builds the optimiser from the trainable parameters.
            multilabel: Whether an image bears several labels.
            schedule: Of the learning rate; None for a constant one.
            label_smoothing: Share of the target that goes to all classes alike, in training.
            class_weights: (classes,) weights of the classes in training; for several labels an
                image, of their positives.
        """
        super().__init__(optimizer, schedule)
        self.backbone = backbone
        self.side = side
        self.multilabel = multilabel
        self.label_smoothing = label_smoothing
        # Of the options, so that checkpoints are without it.
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.val_metrics = classification_metrics(
            backbone.classes, multilabel=multilabel, prefix="val/"
        )
        self.test_metrics = self.val_metrics.clone(prefix="test/")
        self.test_rows: list[Tensor] = []
        self.test_logits: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Classify normalised images (B, C, H, W): logits (B, classes)."""
        logits: Tensor = self.backbone(images).logits
        return logits

    def task_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy, or binary cross-entropy on logits for several labels an image.

        Weights and smoothing belong to training; the loss of validation is that of every run.
        """
        weights = self.class_weights if self.training else None
        if self.multilabel:
            target = target.to(logits.dtype)
            return F.binary_cross_entropy_with_logits(logits, target, pos_weight=weights)
        smoothing = self.label_smoothing if self.training else 0.0
        return F.cross_entropy(logits, target, weight=weights, label_smoothing=smoothing)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Update OA and F1."""
        del batch_idx
        target = batch[f"{self.side}_target"]
        logits = self(batch[self.side])
        self.val_metrics.update(logits, target)
        self.log("val/loss", self.task_loss(logits, target), batch_size=len(target), sync_dist=True)
        self.log_dict(self.val_metrics, prog_bar=True, batch_size=len(target))

    def on_test_epoch_start(self) -> None:
        """Forget the predictions of an earlier test."""
        self.test_rows, self.test_logits = [], []

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Update OA and F1, and keep the predictions."""
        del batch_idx
        target = batch[f"{self.side}_target"]
        logits = self(batch[self.side])
        self.test_metrics.update(logits, target)
        self.log_dict(self.test_metrics, batch_size=len(target))
        self.test_rows.append(batch[f"{self.side}_index"])
        self.test_logits.append(logits.float())

    def on_test_epoch_end(self) -> None:
        """Bring the predictions of all ranks together."""
        rows, logits = torch.cat(self.test_rows), torch.cat(self.test_logits)
        if self.trainer.world_size > 1:
            rows = torch.cat(gather_all_tensors(rows))
            logits = torch.cat(gather_all_tensors(logits))
        self.test_rows, self.test_logits = [rows.cpu()], [logits.cpu()]

    def predictions(self) -> tuple[Tensor, Tensor]:
        """Rows (N,) and logits (N, classes) of all images of the last test, on the CPU."""
        return torch.cat(self.test_rows), torch.cat(self.test_logits)
