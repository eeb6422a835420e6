"""Random pairs that are drawn anew each epoch (matching.redraw)."""

from __future__ import annotations

import lightning.pytorch as pl
from torch import Tensor

from ackd.matching import random_pairs

__all__ = ["RedrawPairs", "draw"]


def draw(rgb_classes: Tensor, ms_classes: Tensor, ms_rows: Tensor, seed: int, epoch: int) -> Tensor:
    """Draw the pairs of an epoch: (N,) MS rows, a function of seed and epoch alone."""
    # Seeds of neighbouring runs and epochs must not meet: 0/1 and 1/0 are different draws.
    return ms_rows[random_pairs(rgb_classes, ms_classes, seed=seed * 1_000_003 + epoch)]


class RedrawPairs(pl.Callback):
    """Give every RGB image another MS image of its class at each epoch."""

    def __init__(self, rgb_classes: Tensor, ms_classes: Tensor, ms_rows: Tensor, seed: int) -> None:
        """Take what is drawn from.

        Args:
            rgb_classes: (N,) of the RGB training images.
            ms_classes: (K,) of the MS training images.
            ms_rows: (K,) their rows in the MS set.
            seed: Of the draws.
        """
        self.rgb_classes = rgb_classes
        self.ms_classes = ms_classes
        self.ms_rows = ms_rows
        self.seed = seed

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw for the coming epoch."""
        epoch = trainer.current_epoch + 1
        pairs = draw(self.rgb_classes, self.ms_classes, self.ms_rows, self.seed, epoch)
        trainer.datamodule.set_pairs(pairs, version=epoch)  # type: ignore[attr-defined]
