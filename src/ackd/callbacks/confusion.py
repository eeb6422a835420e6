"""Which classes a classifier takes for which, on the test images."""

from __future__ import annotations

from collections.abc import Sequence

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from torch import Tensor

from ackd.callbacks.lenient import lenient
from ackd.modules.classifier import SceneClassifier

__all__ = ["ConfusionMatrix", "confusion_counts"]

KEY = "test/confusion"


class ConfusionMatrix(pl.Callback):
    """Show the confusion matrix of a test: a chart in W&B, a table in TensorBoard.

    Where an image bears several labels there is no such matrix, and nothing is shown.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        """Take the class names in the order of the labels."""
        self.classes = tuple(classes)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show it, on rank 0; the predictions of all ranks are together by now."""
        if not trainer.is_global_zero or not isinstance(pl_module, SceneClassifier):
            return
        if pl_module.multilabel:
            return
        rows, logits = pl_module.predictions()
        scenes = getattr(trainer.datamodule.benchmark, pl_module.side)  # type: ignore[attr-defined]
        true = torch.as_tensor(scenes.labels)[rows]
        predicted = logits.argmax(dim=1)
        for logger in trainer.loggers:
            with lenient("the dashboard"):
                self._show(logger, true, predicted, trainer.global_step)

    def _show(self, logger: Logger, true: Tensor, predicted: Tensor, step: int) -> None:
        if isinstance(logger, WandbLogger):
            import wandb

            chart = wandb.plot.confusion_matrix(
                y_true=true.tolist(), preds=predicted.tolist(), class_names=list(self.classes),
                title="Test images",
            )  # fmt: skip
            logger.experiment.log({KEY: chart, "trainer/global_step": step})
        elif isinstance(logger, TensorBoardLogger):
            counts = confusion_counts(true, predicted, len(self.classes))
            logger.experiment.add_text(KEY, self._table(counts), step)

    def _table(self, counts: Tensor) -> str:
        """The matrix in Markdown."""
        lines = [["true \\ predicted", *self.classes], ["---"] * (len(self.classes) + 1)]
        for name, row in zip(self.classes, counts.tolist(), strict=True):
            lines.append([name, *map(str, row)])
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def confusion_counts(true: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Count how often a class is taken for another.

    Args:
        true: (N,) int64 classes.
        predicted: (N,) int64 classes.
        classes: How many there are, C.

    Returns:
        (C, C) int64, rows the true class, columns the predicted one.
    """
    return torch.bincount(true * classes + predicted, minlength=classes**2).view(classes, classes)
