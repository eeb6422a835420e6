"""One way to run Lightning's Trainer for every stage."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger

from ackd.callbacks import (
    EMA,
    BestEpoch,
    Clock,
    EndsEarly,
    EpochSeed,
    Finite,
    Patience,
    SameConfig,
    not_finite,
    progress,
    why_ended,
)
from ackd.config.launch.callbacks import callbacks_of
from ackd.config.launch.processes import cluster_environment
from ackd.config.schema import RunConfig
from ackd.config.schema.identity import identity
from ackd.errors import AckdError, DamagedError, DivergedError
from ackd.modules.supervised import SupervisedModule
from ackd.runs.checkpoints import CHECKPOINTS, WholeCheckpoints
from ackd.runs.interrupts import GOES_ON, left_to_lightning
from ackd.runs.ranks import first_rank
from ackd.runs.resources import shortages_told
from ackd.tasks import mode_of
from ackd.tracking.metrics_csv import EpochRow
from ackd.utils.io import load_tensors, remove_drafts

__all__ = ["Fitted", "as_it_is", "finite_weights", "fit"]

log = logging.getLogger("ackd")


@dataclass(frozen=True)
class Fitted:
    """What a training left behind; the module has the weights of the chosen epoch.

    Attributes:
        trainer: To go on with, e.g. to test.
        seconds: All attempts together.
        epoch: The chosen one, counted from 0; None where nothing was trained.
        score: What it was chosen by.
        stopped_early: ``{"epochs", "max_epochs", "reason"}`` where the training has ended before
            its last epoch because that was asked for; otherwise None.
    """

    trainer: pl.Trainer
    seconds: float
    epoch: int | None
    score: float
    stopped_early: dict[str, Any] | None = None

    def entries(self) -> dict[str, Any]:
        """The entries of ``result.json`` and of a stage's ``metrics.json``."""
        return {"best_epoch": self.epoch, "stopped_early": self.stopped_early}


def finite_weights(path: Path, stage: str) -> dict[str, Any]:
    """Read the weights of a finished stage.

    Raises:
        DamagedError: The file is cut off or damaged, or some of them are not finite, as an older
            version may have stored them.
    """
    weights = load_tensors(path)
    broken = not_finite(weights)
    if broken:
        raise DamagedError(
            f"The stored {stage} has weights that are not finite ({path}, first {broken[0]})."
        )
    return weights


def fit(
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    config: RunConfig,
    *,
    stage: str,
    folder: Path,
    seed: int,
    max_epochs: int,
    monitor: str,
    mode: Literal["min", "max"],
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
        AckdError: The training has diverged, ended before its last epoch or ran out of memory, or
            its processes have different options.
        SystemExit: Training was interrupted; 143 after SIGTERM, 138 after SIGUSR1 and 130 after
            Ctrl-C, as in a shell.
    """
    if first_rank():
        for place in (folder, folder / CHECKPOINTS):
            remove_drafts(place)  # of an attempt that was killed
    best = BestEpoch(
        folder / CHECKPOINTS, filename="best", monitor=monitor, mode=mode,
        save_on_train_epoch_end=True, enable_version_counter=False,
    )  # fmt: skip
    # Not save_last of the above, which only writes in epochs that are better than all before. It
    # comes after it, so that it holds what is best so far.
    last = ModelCheckpoint(
        folder / CHECKPOINTS, filename="last", save_on_train_epoch_end=True,
        enable_version_counter=False,
    )  # fmt: skip
    clock = Clock()
    users = callbacks_of(config, stage)
    bar = not any(isinstance(callback, pl.callbacks.ProgressBar) for callback in users)
    # After the user's, whose numbers of an epoch they show and keep, and whose weights they see.
    ours = [SameConfig(identity(config)), EpochSeed(seed), clock, *users, Finite(stage)]
    ours += progress(stage, bar=bar and bool(config.trainer.get("enable_progress_bar", True)))
    ours += [*callbacks, EpochRow(), *_asked_for(module, config, stage, monitor, mode)]
    ours += [*([EndsEarly()] if users else []), best, last]
    trainer = _trainer(config, folder, max_epochs, loggers, ours)
    with left_to_lightning() as received, shortages_told(config, stage):
        try:
            with warnings.catch_warnings():
                # That is what it is for when a run goes on.
                warnings.filterwarnings("ignore", message="Checkpoint directory .* is not empty")
                # Only early stopping may have been there before and not be wanted any more.
                warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")
                # Frozen layers are, or their statistics would not stay.
                warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
            if trainer.received_sigterm:  # too late for Lightning
                raise SystemExit
        except SystemExit as leaving:
            # Lightning's answer to Ctrl-C and to SIGTERM; it also ends a sweep, as it should.
            done = trainer.current_epoch
            where = f"in epoch {done + 1}" if done < max_epochs else "after its last epoch"
            log.error("The %s was interrupted %s; %s", stage, where, GOES_ON)
            # Lightning leaves with 0 after SIGTERM, and a scheduler would take the run for
            # finished.
            number = received.number or (SIGTERM if trainer.received_sigterm else SIGINT)
            raise SystemExit(128 + number) from leaving
    stopped_early = _stopped_early(trainer, max_epochs, stage)
    epoch, score = _chosen(module, best, stage, monitor)
    return Fitted(trainer, clock.seconds, epoch, score, stopped_early)


def as_it_is(config: RunConfig, folder: Path, loggers: Sequence[Logger]) -> Fitted:
    """A network that is measured without any training, by the Trainer that would train it.

    Args:
        config: Its ``trainer`` options go to Lightning.
        folder: Of the run.
        loggers: Where numbers go.
    """
    return Fitted(_trainer(config, folder, 1, loggers, []), 0.0, None, math.nan)


def _trainer(
    config: RunConfig,
    folder: Path,
    max_epochs: int,
    loggers: Sequence[Logger],
    callbacks: list[pl.Callback],
) -> pl.Trainer:
    # Everything is logged an epoch at a time, so the interval within one has no effect.
    options = {"log_every_n_steps": 1, "num_sanity_val_steps": 0, **config.trainer}
    options.setdefault("enable_model_summary", False)
    bars = any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks)
    options.setdefault("enable_progress_bar", bars)
    plugins: list[Any] = [p for p in (cluster_environment(), WholeCheckpoints()) if p is not None]
    return pl.Trainer(
        **options, max_epochs=max_epochs, logger=list(loggers), callbacks=callbacks,
        plugins=plugins, use_distributed_sampler=False,
        # Not the folder itself: under Slurm, Lightning prefers a checkpoint that it finds there
        # (hpc_ckpt_1.ckpt, of an older version's requeue) to any other, also for the test.
        default_root_dir=folder / CHECKPOINTS,
    )  # fmt: skip


def _asked_for(
    module: pl.LightningModule, config: RunConfig, stage: str, chooses: str,
    mode: Literal["min", "max"],
) -> list[pl.Callback]:  # fmt: skip
    """The callbacks that options of the stage ask for."""
    early, ema = (getattr(getattr(config, stage), name) for name in ("early_stopping", "ema"))
    found: list[pl.Callback] = []
    if ema.decay is not None:
        found.append(EMA(stage, ema.decay, warmup=ema.warmup))
    if early.patience is None:
        return found
    monitor = early.monitor or chooses
    task = module.task.description() if isinstance(module, SupervisedModule) else None
    direction = mode if monitor == chooses else mode_of(monitor, task)
    patience = Patience(
        stage, early.patience, monitor=monitor, mode=early.mode or direction,
        min_delta=early.min_delta,
    )  # fmt: skip
    return [*found, patience]


def _stopped_early(trainer: pl.Trainer, max_epochs: int, stage: str) -> dict[str, Any] | None:
    """Say that a training has ended before its last epoch, if somebody has asked for that.

    Raises:
        AckdError: It has, and nobody has.
    """
    # Not current_epoch, which is one behind where the checkpoint of this end was gone on from.
    epochs: int = trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]
    if epochs >= max_epochs:
        return None
    reason = why_ended(trainer)
    if reason is None:
        raise AckdError(
            f"The {stage} ended after {epochs} of {max_epochs} epochs, so it is not finished and "
            f"nothing of it is kept; give {stage}.max_epochs={epochs} if that is its length."
        )
    trainer.fit_loop.epoch_progress.current.completed = epochs  # as after the last epoch
    log.info("the %s stopped early, after %d of %d epochs: %s", stage, epochs, max_epochs, reason)
    return {"epochs": epochs, "max_epochs": max_epochs, "reason": reason}


def _chosen(
    module: pl.LightningModule, best: ModelCheckpoint, stage: str, monitor: str
) -> tuple[int, float]:
    """Give the module the weights of its best epoch; that epoch, and what it was chosen by."""
    score = float("nan") if best.best_model_score is None else float(best.best_model_score)
    if not math.isfinite(score) or not Path(best.best_model_path).is_file():
        raise DivergedError(
            f"The {stage} finished without one epoch whose {monitor} and validation loss are "
            f"finite; try a smaller {stage}.optimizer.lr."
        )
    chosen = load_tensors(Path(best.best_model_path))
    broken = not_finite(chosen["state_dict"])
    if broken:
        raise DivergedError(
            f"The best epoch of the {stage} ({best.best_model_path}) has weights that are not "
            f"finite, first {broken[0]}; start again without ckpt_path, with a smaller "
            f"{stage}.optimizer.lr."
        )
    module.load_state_dict(chosen["state_dict"])
    return int(chosen["epoch"]), score
