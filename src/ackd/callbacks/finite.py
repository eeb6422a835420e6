"""A training whose numbers are no longer finite ends at once, and none of them is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from ackd.errors import DivergedError

__all__ = ["BestEpoch", "Finite", "not_finite"]

NAMES_SHOWN = 3


def not_finite(tensors: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors that have a NaN or an infinity, e.g. of a state dict."""
    floats = {
        name: tensor
        for name, tensor in tensors.items()
        if isinstance(tensor, Tensor) and tensor.is_floating_point()
    }
    if not floats:
        return []
    # One answer from the device instead of one for each tensor.
    whole = torch.stack([tensor.detach().isfinite().all() for tensor in floats.values()])
    return [name for name, fine in zip(floats, whole.tolist(), strict=True) if not fine]


class Finite(pl.Callback):
    """Looks at the losses and the weights at the end of every epoch.

    A prediction of NaN has a class all the same, the first one, and so an overall accuracy: the
    metrics alone do not tell. The epoch that broke is not written to any checkpoint, as long as
    this callback comes before those that write.
    """

    def __init__(self, stage: str) -> None:
        """Take the word for errors, which is also the group of the stage's options."""
        self.stage = stage

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End the training where it has diverged, on all ranks alike.

        Raises:
            DivergedError: A loss or a weight is not finite.
        """
        # The losses of validation may be infinite for once, while running statistics settle.
        losses = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith(("train/", "loss/")) and not math.isfinite(float(value))
        }
        weights = not_finite(pl_module.state_dict())
        if trainer.strategy.reduce_boolean_decision(not losses and not weights, all=True):
            return
        found = [f"{name} is {value}" for name, value in losses.items()]
        found = found or [f"{name} has values that are not finite" for name in weights]
        shown = ", ".join(found[:NAMES_SHOWN]) or "seen by another process"
        more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
        raise DivergedError(
            f"The training of the {self.stage} has diverged in epoch {trainer.current_epoch + 1} "
            f"of {trainer.max_epochs} ({shown}{more}). {self._advice(trainer)}"
        )

    def _advice(self, trainer: pl.Trainer) -> str:
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        rate = groups[0].get("lr") if groups else None
        ways = []
        if isinstance(rate, int | float) and rate > 0:
            lower = min(float(rate) / 10, 0.01)
            ways.append(f"{self.stage}.optimizer.lr={lower:.2g} (it is {rate:g})")
        else:
            ways.append(f"a smaller {self.stage}.optimizer.lr")
        if trainer.gradient_clip_val is None:
            ways.append("+trainer.gradient_clip_val=1.0")
        if str(trainer.precision).startswith("16"):
            ways.append("trainer.precision=bf16-mixed")
        return f"Try {' or '.join(ways)}."


class BestEpoch(ModelCheckpoint):
    """A checkpoint of the best epoch, among those whose validation loss is finite.

    Attributes:
        epoch: The best one so far, counted from 0; it is in every later checkpoint's state.
    """

    epoch: int | None = None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the epoch with the best one, if its numbers are any."""
        loss = trainer.callback_metrics.get("val/loss")
        if loss is None or math.isfinite(float(loss)):
            super().on_train_epoch_end(trainer, pl_module)

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        self.epoch = trainer.current_epoch
        super()._save_checkpoint(trainer, filepath)

    def state_dict(self) -> dict[str, Any]:
        """Lightning's, and which epoch it is."""
        return {**super().state_dict(), "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best epoch of a checkpoint."""
        super().load_state_dict(state_dict)
        self.epoch = state_dict.get("epoch")
