"""A training that ends before its last epoch because that was asked for, by option or callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from torch import Tensor

from ackd.errors import ConfigError, did_you_mean

__all__ = ["EndsEarly", "Patience", "why_ended"]


class Patience(EarlyStopping):
    """Lightning's early stopping, as an option of a stage.

    A value that is not finite counts as one without improvement: the validation loss may be
    infinite for once, and whether the training has diverged is looked at elsewhere. The patience is
    that of the options, not of the checkpoint: a run that goes on with more goes on.
    """

    def __init__(
        self,
        stage: str,
        patience: int,
        *,
        monitor: str,
        mode: Literal["min", "max"],
        min_delta: float = 0.0,
    ) -> None:
        """Say what has to improve.

        Args:
            stage: Whose options name it in errors.
            patience: Epochs in a row without an improvement that end the training.
            monitor: A logged value.
            mode: Whether it should become less or more.
            min_delta: An improvement is a change by more than this.
        """
        super().__init__(monitor, min_delta, patience, mode=mode, check_finite=False)
        self.stage = stage

    @property
    def exhausted(self) -> bool:
        """Whether the training has ended by this."""
        return self.wait_count >= self.patience

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting with the patience of the options."""
        super().load_state_dict({**state_dict, "patience": self.patience})
        self.stopping_reason = (
            EarlyStoppingReason.PATIENCE_EXHAUSTED
            if self.exhausted
            else EarlyStoppingReason.NOT_STOPPED
        )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stay ended where a checkpoint says so."""
        trainer.should_stop = trainer.should_stop or self.exhausted

    def _validate_condition_metric(self, logs: dict[str, Tensor]) -> bool:
        if self.monitor in logs:
            return True
        known = sorted(logs)
        meant = did_you_mean(self.monitor, known, f"{self.stage}.early_stopping.monitor={{}}")
        raise ConfigError(
            f"{self.stage}.early_stopping.monitor={self.monitor} is not a value that the "
            f"{self.stage} logs.{meant} Known: {', '.join(known)}."
        )


class EndsEarly(pl.Callback):
    """Keeps in checkpoints that a callback has asked the training to end.

    Lightning does not: a process that is killed after its last checkpoint, and before there is a
    result, would go on training.
    """

    def __init__(self) -> None:
        self.ended = False
        self._trainer: pl.Trainer | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Know the trainer when a checkpoint is written."""
        self._trainer = trainer

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stay ended where a checkpoint says so."""
        trainer.should_stop = trainer.should_stop or self.ended

    def state_dict(self) -> dict[str, Any]:
        """Whether any callback has asked, other than :class:`Patience`, which knows by itself."""
        trainer = self._trainer
        if trainer is None or any(
            isinstance(c, Patience) and c.exhausted for c in _callbacks(trainer)
        ):
            return {"ended": self.ended}
        return {"ended": bool(trainer.should_stop)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Know what the checkpoint knows."""
        self.ended = bool(state_dict["ended"])


def why_ended(trainer: pl.Trainer) -> str | None:
    """Say why a training has ended early, e.g. "val/oa has not improved for 3 epochs".

    Returns:
        None where neither an option nor a callback of the user's has asked for it.
    """
    if not trainer.should_stop:
        return None
    for callback in _callbacks(trainer):
        if not isinstance(callback, EarlyStopping):
            continue
        if callback.stopping_reason is EarlyStoppingReason.PATIENCE_EXHAUSTED:
            count = callback.wait_count
            epochs = "epoch" if count == 1 else "epochs"
            return f"{callback.monitor} has not improved for {count} {epochs}"
        if callback.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            return str(callback.stopping_reason_message)
    watched = any(isinstance(callback, EndsEarly) for callback in _callbacks(trainer))
    return "a callback has asked for it" if watched else None


def _out_of_patience(trainer: pl.Trainer) -> bool:
    return any(isinstance(c, Patience) and c.exhausted for c in _callbacks(trainer))


def _callbacks(trainer: pl.Trainer) -> list[pl.Callback]:
    return trainer.callbacks  # type: ignore[attr-defined, no-any-return]
