"""How much of L_ot1 is the noise of two finite samples."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from ackd.alignment import SKA
from ackd.analysis import coral_noise_floor
from ackd.backbones import Outputs
from ackd.modules.distill import DistillModule

__all__ = ["NoiseFloor"]


class NoiseFloor(pl.Callback):
    """Log ``floor/ot1`` beside ``loss/ot1``: what L_ot1 would be if both sides were aligned.

    Estimated from the first batch of every epoch, with the very features that the loss compared.
    Does nothing where L_ot1 is off, and in batches of two, which do not tell.
    """

    def __init__(self) -> None:
        self._floor: Tensor | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Listen to the alignment losses during the first batch."""
        ska = pl_module.objective.ska if isinstance(pl_module, DistillModule) else None
        if batch_idx or not isinstance(ska, SKA) or not ska.ot1:
            return
        ranks = trainer.world_size if ska.gather is not None else 1

        def listen(ska: SKA, inputs: tuple[Outputs, Outputs], losses: object) -> None:
            handle.remove()
            with torch.no_grad():
                teacher, student = ska.compared(*inputs)
            if len(teacher) > 2:
                self._floor = coral_noise_floor(
                    teacher, student, ska.scaling, rows=ranks * len(teacher)
                )

        handle = ska.register_forward_hook(listen)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Log what was heard."""
        if self._floor is not None:
            pl_module.log(
                "floor/ot1", self._floor, on_step=False, on_epoch=True, sync_dist=True,
                batch_size=len(batch["rgb_target"]),
            )  # fmt: skip
            self._floor = None
