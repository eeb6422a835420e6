"""Progress of a long stage: a live bar in a terminal, a line an epoch in a log."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import RichProgressBar

__all__ = ["EpochLines", "StageBar", "progress"]

log = logging.getLogger("ackd")


class StageBar(RichProgressBar):
    """Lightning's rich bar with the version of the pairs in force beside the loss terms."""

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


class EpochLines(pl.Callback):
    """One line an epoch: time, losses, validation metrics and the version of the pairs."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._began = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._began = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the line."""
        del pl_module
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
            time.perf_counter() - self._began, values, pairs,
        )  # fmt: skip


def _metrics_of_all_ranks(trainer: pl.Trainer) -> dict[str, Any]:
    """Read the logged values on every rank, not on the one that shows them alone.

    The first reading averages them over the ranks, which all have to take part before anything else
    is exchanged.
    """
    return dict(trainer.callback_metrics)


def progress(stage: str) -> pl.Callback:
    """Choose the bar for a terminal, the lines for anything else."""
    return StageBar(leave=False) if sys.stdout.isatty() else EpochLines(stage)
