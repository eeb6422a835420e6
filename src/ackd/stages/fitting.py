"""One way to run Lightning's Trainer for every stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger

from ackd.callbacks import EpochSeed, progress
from ackd.config.schema import Config
from ackd.errors import AckdError
from ackd.modules import UnpairedDataModule

__all__ = ["Fitted", "fit", "last_checkpoint", "step_of"]

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Fitted:
    """What a training left behind; the module has the weights of the chosen epoch."""

    trainer: pl.Trainer
    seconds: float
    epoch: int
    score: float


def last_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the last finished epoch in a stage's folder, if there is one."""
    path = folder / CHECKPOINTS / "last.ckpt"
    return path if path.is_file() else None


def step_of(checkpoint: Path | None) -> int:
    """The optimiser step a checkpoint was written at; -1 without one."""
    if checkpoint is None:
        return -1
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])


def fit(
    module: pl.LightningModule,
    data: UnpairedDataModule,
    config: Config,
    *,
    stage: str,
    folder: Path,
    seed: int,
    max_epochs: int,
    monitor: str,
    mode: str,
    loggers: Sequence[Logger],
    callbacks: Sequence[pl.Callback] = (),
    checkpoint: Path | None = None,
) -> Fitted:
    """Train ``module`` and give it back the weights of its best epoch.

    Args:
        module: What is trained, in place.
        data: What it is trained on.
        config: Its ``trainer`` options go to Lightning.
        stage: A word for progress and errors.
        folder: Gets ``checkpoints/best.ckpt`` and ``checkpoints/last.ckpt``.
        seed: Of dropout and augmentation.
        max_epochs: How long.
        monitor: The logged value that chooses the epoch.
        mode: ``"max"`` or ``"min"``.
        loggers: Where numbers go.
        callbacks: The stage's own.
        checkpoint: Go on from here.

    Raises:
        AckdError: Training was interrupted, or its loss is no number.
    """
    best = ModelCheckpoint(
        folder / CHECKPOINTS, filename="best", monitor=monitor, mode=mode, save_last=True,
        save_top_k=1, save_on_train_epoch_end=True, enable_version_counter=False,
    )  # fmt: skip
    # Everything is logged an epoch at a time, so the interval within one has no effect.
    options = {"log_every_n_steps": 1, "num_sanity_val_steps": 0, **config.trainer}
    options.setdefault("enable_model_summary", False)
    ours = [EpochSeed(seed), progress(stage), *callbacks, best]
    options.setdefault(
        "enable_progress_bar", any(isinstance(c, pl.callbacks.ProgressBar) for c in ours)
    )
    trainer = pl.Trainer(
        **options, max_epochs=max_epochs, logger=list(loggers), callbacks=ours,
        default_root_dir=folder, use_distributed_sampler=False,
    )  # fmt: skip
    began = time.perf_counter()
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    seconds = time.perf_counter() - began
    if trainer.interrupted:
        raise AckdError(
            f"The {stage} was interrupted in epoch {trainer.current_epoch + 1}; the same command "
            "with ckpt_path=auto goes on from the last finished epoch."
        )
    if best.best_model_score is None or not Path(best.best_model_path).is_file():
        raise AckdError(
            f"The {stage} finished without one epoch whose {monitor} is a number; a smaller "
            f"{stage}.optimizer.lr may help."
        )
    chosen = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    module.load_state_dict(chosen["state_dict"])
    return Fitted(trainer, seconds, int(chosen["epoch"]), float(best.best_model_score))
