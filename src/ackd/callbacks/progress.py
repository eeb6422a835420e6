"""Progress of a long stage: a live bar in a terminal, a line for each epoch in the log."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import RichProgressBar

from ackd.utils.progress import FILE_ONLY

__all__ = ["EpochLines", "StageBar", "progress"]

log = logging.getLogger("ackd")


class StageBar(RichProgressBar):
    """Lightning's rich bar with the version of the pairs in force beside the loss terms.

    Epochs are counted from 1, as in the log.
    """

    def __init__(self, stage: str) -> None:
        """Name the stage whose epochs are shown."""
        super().__init__(leave=False)
        self.stage = stage

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the epoch's numbers."""
        _metrics_of_all_ranks(trainer)
        super().on_train_epoch_end(trainer, pl_module)

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Add ``pairs``, leave out the logger's version number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        version = getattr(trainer.datamodule, "version", -1)  # type: ignore[attr-defined]
        if version >= 0:
            metrics["pairs"] = version
        return metrics

    def _get_train_description(self, current_epoch: int) -> str:
        last = self.trainer.max_epochs
        described = f"{self.stage} epoch {current_epoch + 1}" + (f"/{last}" if last else "")
        # As wide as the bar of the validation, so that it does not jump.
        return f"{described:{len(self.validation_description)}}"


class EpochLines(pl.Callback):
    """A line for each epoch: time, losses, validation metrics and the version of the pairs."""

    def __init__(self, stage: str, *, file_only: bool = False) -> None:
        """Write the lines of a stage; ``file_only`` keeps them from the terminal."""
        self.stage = stage
        self.file_only = file_only
        self._began = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the line."""
        metrics = _metrics_of_all_ranks(trainer)
        if not trainer.is_global_zero:
            return
        shown = {k: v for k, v in metrics.items() if not k.startswith("weighted/")}
        values = "  ".join(f"{name} {float(value):.4f}" for name, value in shown.items())
        version = getattr(trainer.datamodule, "version", -1)  # type: ignore[attr-defined]
        pairs = f"  pairs v{version}" if version >= 0 else ""
        log.info(
            "%s epoch %d/%s  %.1f s  %s%s",
            self.stage, trainer.current_epoch + 1, trainer.max_epochs,
            time.perf_counter() - self._began, values, pairs, extra={FILE_ONLY: self.file_only},
        )  # fmt: skip


def _metrics_of_all_ranks(trainer: pl.Trainer) -> dict[str, Any]:
    """Read the logged values on every rank, not on the one that shows them alone.

    The first reading averages them over the ranks, which all have to take part before anything else
    is exchanged.
    """
    return dict(trainer.callback_metrics)


def progress(stage: str, *, bar: bool = True) -> list[pl.Callback]:
    """Choose what shows the progress of a stage.

    ``train.log`` always gets a line for each epoch. A terminal has the bar, anything else the
    lines.

    Args:
        stage: Its name.
        bar: Whether a bar is wanted (``trainer.enable_progress_bar``).
    """
    if bar and sys.stdout.isatty():
        return [EpochLines(stage, file_only=True), StageBar(stage)]
    return [EpochLines(stage)]
