"""What a network says of the test images, on the dashboards."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from ackd.callbacks.lenient import lenient
from ackd.modules.supervised import SupervisedModule
from ackd.tasks import ConfusionChart, Picture

__all__ = ["PredictionPictures"]


class PredictionPictures(pl.Callback):
    """Show the pictures that the task makes of a test, in W&B and in TensorBoard.

    A confusion matrix is a chart in W&B and a table in TensorBoard.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show them, on rank 0; the predictions of all ranks are together by now."""
        if not trainer.is_global_zero or not isinstance(pl_module, SupervisedModule):
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        pictures = pl_module.task.pictures(pl_module.answers(), data)
        for logger in trainer.loggers:
            for picture in pictures:
                with lenient("the dashboard"):
                    _show(logger, picture, trainer.global_step)


def _show(logger: Logger, picture: Picture | ConfusionChart, step: int) -> None:
    if isinstance(logger, WandbLogger):
        if isinstance(picture, Picture):
            logger.log_image(picture.name, [picture.image], step=step, caption=[picture.caption])
        else:
            import wandb

            chart = wandb.plot.confusion_matrix(
                y_true=picture.true.tolist(), preds=picture.predicted.tolist(),
                class_names=list(picture.classes), title="Test images",
            )  # fmt: skip
            logger.experiment.log({picture.name: chart, "trainer/global_step": step})
    elif isinstance(logger, TensorBoardLogger):
        if isinstance(picture, Picture):
            board = logger.experiment
            board.add_image(picture.name, picture.image, step, dataformats="HWC")
            board.add_text(f"{picture.name}/caption", picture.caption, step)
        else:
            logger.experiment.add_text(picture.name, _table(picture), step)


def _table(chart: ConfusionChart) -> str:
    """The matrix in Markdown."""
    lines = [["true \\ predicted", *chart.classes], ["---"] * (len(chart.classes) + 1)]
    for name, row in zip(chart.classes, chart.counts.tolist(), strict=True):
        lines.append([name, *map(str, row)])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
