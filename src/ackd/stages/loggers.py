"""Where numbers go: metrics.csv always, W&B and TensorBoard where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from ackd.callbacks import ConfusionMatrix, MatchedPairs
from ackd.config.schema import Config
from ackd.stages.metrics_csv import ContinuedCSVLogger
from ackd.stages.wandb_run import wandb_run

__all__ = ["run_loggers", "watchers"]


@contextmanager
def run_loggers(
    config: Config,
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

    Raises:
        AckdError: W&B cannot open a run.
    """
    with ExitStack() as stack:
        loggers: list[Logger] = [ContinuedCSVLogger(folder, keep_until_epoch)]
        if config.logger.tensorboard is not None:
            loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
        if config.logger.wandb is not None:
            partial = bool((notes or {}).get("partial", False))
            run = wandb_run(config, stage, folder, resumed=resumed, partial=partial)
            loggers.append(stack.enter_context(run))
        yield loggers


def watchers(
    config: Config, loggers: Sequence[Logger], classes: Sequence[str], *, pairs: bool = False
) -> list[pl.Callback]:
    """What shows a stage on dashboards; to be put behind the callbacks that change pairs.

    Args:
        config: Of the run.
        loggers: As :func:`run_loggers` opened them.
        classes: Names in the order of the labels.
        pairs: Whether there are pairs to show.
    """
    if not any(isinstance(logger, WandbLogger | TensorBoardLogger) for logger in loggers):
        return []
    options = (config.logger.wandb, WandbLogger), (config.logger.tensorboard, TensorBoardLogger)
    kinds = tuple(kind for chosen, kind in options if chosen is not None and chosen.pictures)
    with_pictures = [logger for logger in loggers if isinstance(logger, kinds)]
    found: list[pl.Callback] = [ConfusionMatrix(classes)]
    if pairs and with_pictures:
        found.append(MatchedPairs(with_pictures))
    return found
