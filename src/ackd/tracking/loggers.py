"""Where numbers go: metrics.csv always, W&B and TensorBoard where they are asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from ackd.callbacks import MatchedPairs, PredictionPictures
from ackd.callbacks.lenient import lenient
from ackd.config.schema import RunConfig
from ackd.config.schema.identity import identity
from ackd.runs.predictions import Measured
from ackd.runs.ranks import first_rank
from ackd.tracking.lenient import LenientTensorBoardLogger
from ackd.tracking.metrics_csv import ContinuedCSVLogger
from ackd.tracking.wandb_run import wandb_run

__all__ = ["bring_curves", "log_options", "run_loggers", "watchers"]

TENSORBOARD = "tensorboard"


@contextmanager
def run_loggers(
    config: RunConfig,
    stage: str,
    folder: Path,
    *,
    keep_until_epoch: int = -1,
    resumed: bool = False,
    notes: Mapping[str, Any] | None = None,
) -> Iterator[list[Logger]]:
    """Open the loggers of a stage, and close them whatever happens.

    Args:
        config: Of the run; its ``logger`` says which.
        stage: Job type in W&B.
        folder: Of the stage.
        keep_until_epoch: See :class:`ContinuedCSVLogger`.
        resumed: Noted in W&B, where every attempt is a run of its own.
        notes: What is special about the images, see ``Benchmark.notes``.
    """
    with ExitStack() as stack:
        loggers: list[Logger] = [ContinuedCSVLogger(folder, keep_until_epoch)]
        if config.logger.tensorboard is not None:
            # A folder for each stage, which TensorBoard shows as a run of its own.
            version = f"{TENSORBOARD}/{stage}"
            board = LenientTensorBoardLogger(
                folder, name="", version=version, default_hp_metric=False
            )
            board.log_hyperparams(identity(config))
            # Its thread writes on; a finished stage is renamed under it.
            stack.callback(board.finalize, "success")
            loggers.append(board)
        if config.logger.wandb is not None:
            partial = bool((notes or {}).get("partial", False))
            run = wandb_run(config, stage, folder, resumed=resumed, partial=partial)
            opened = stack.enter_context(run)
            loggers += [] if opened is None else [opened]
        yield loggers


def log_options(loggers: Sequence[Logger], config: RunConfig, measured: Measured) -> None:
    """Give TensorBoard's hparams the options of a run with what came of them.

    W&B has the options since its run was opened.

    Args:
        loggers: Of the student's stage.
        config: Of the run.
        measured: By the chosen weights.
    """
    parts = {"validation": measured.validation, "test": measured.test}
    metrics = {
        f"hparams/{part}_{name}": value
        for part, values in parts.items()
        for name, value in values.items()
        if value is not None
    }
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(identity(config), metrics)


def bring_curves(config: RunConfig, artifact: Path, folder: Path) -> None:
    """Put TensorBoard's files of a finished stage, e.g. a reused teacher, beside the student's.

    Args:
        config: Of the run; without ``logger.tensorboard`` nothing is done.
        artifact: Folder of the stage.
        folder: Of the run.
    """
    if config.logger.tensorboard is None or not first_rank():
        return
    for stage in (artifact / TENSORBOARD).glob("*/"):
        with lenient("TensorBoard"):
            shutil.copytree(stage, folder / TENSORBOARD / stage.name, dirs_exist_ok=True)


def watchers(
    config: RunConfig, loggers: Sequence[Logger], *, pairs: bool = False
) -> list[pl.Callback]:
    """What shows a stage on dashboards; to be put behind the callbacks that change pairs.

    Args:
        config: Of the run.
        loggers: As :func:`run_loggers` opened them.
        pairs: Whether there are pairs to show.
    """
    if not any(isinstance(logger, WandbLogger | TensorBoardLogger) for logger in loggers):
        return []
    options = (config.logger.wandb, WandbLogger), (config.logger.tensorboard, TensorBoardLogger)
    kinds = tuple(kind for chosen, kind in options if chosen is not None and chosen.pictures)
    with_pictures = [logger for logger in loggers if isinstance(logger, kinds)]
    found: list[pl.Callback] = [PredictionPictures()]
    if pairs and with_pictures:
        found.append(MatchedPairs(with_pictures))
    return found
