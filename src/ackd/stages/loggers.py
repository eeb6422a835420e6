"""Where numbers go: metrics.csv always, W&B and TensorBoard where they are asked for."""

from __future__ import annotations

import csv
import netrc
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from ackd.config.schema import Config, WandbConfig
from ackd.stages.ranks import first_rank

__all__ = ["run_loggers"]


class ContinuedCSVLogger(CSVLogger):
    """A CSVLogger that keeps the rows of an interrupted run up to the epoch it goes on from."""

    def __init__(self, folder: Path, keep_until_epoch: int = -1) -> None:
        """Write ``metrics.csv`` into ``folder``.

        Args:
            folder: Of the run.
            keep_until_epoch: Rows up to this epoch stay; -1 starts a new file.
        """
        super().__init__(folder, name="", version="", flush_logs_every_n_steps=1)
        if not first_rank():
            return  # the file belongs to rank 0
        path = folder / "metrics.csv"
        kept: list[dict[str, Any]] = []
        keys: list[str] = []
        if keep_until_epoch >= 0 and path.is_file():
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                keys = list(reader.fieldnames or [])
                kept = [row for row in reader if int(float(row["epoch"])) <= keep_until_epoch]
        path.unlink(missing_ok=True)
        with warnings.catch_warnings():
            # It warns that it would delete what lies in the folder; what is wanted was read above.
            warnings.filterwarnings("ignore", message="Experiment logs directory")
            writer = self.experiment
        if kept:
            writer.metrics_keys = keys
            writer.metrics = kept
            writer.save()


@contextmanager
def run_loggers(
    config: Config, stage: str, folder: Path, *, keep_until_epoch: int = -1, resumed: bool = False
) -> Iterator[list[Logger]]:
    """Open the loggers of a stage, and close them whatever happens.

    Args:
        config: Of the run; its ``logger`` says which.
        stage: Job type in W&B.
        folder: Of the stage.
        keep_until_epoch: See :class:`ContinuedCSVLogger`.
        resumed: Noted in W&B, where every attempt is a run of its own.
    """
    loggers: list[Logger] = [ContinuedCSVLogger(folder, keep_until_epoch)]
    if config.logger.tensorboard is not None:
        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
    if config.logger.wandb is not None:
        content = config.model_dump(mode="json") | {"stage": stage, "resumed": resumed}
        loggers.append(_wandb(config.logger.wandb, config, stage, content))
    exit_code = 1
    try:
        yield loggers
        exit_code = 0
    finally:
        if config.logger.wandb is not None:
            # A run that is left open would swallow the next stage, and look finished after a crash.
            import wandb

            wandb.finish(exit_code=exit_code)


def _wandb(
    options: WandbConfig, config: Config, stage: str, content: Mapping[str, Any]
) -> WandbLogger:
    mode = options.mode
    if mode == "auto":
        mode = "online" if _has_account() else "offline"
    shared = stage in ("teacher", "matcher")  # by all methods and student seeds
    name = f"{config.name}-{stage}" if shared else f"{config.name}-{config.method}-s{config.seed}"
    mode = os.environ.get("WANDB_MODE", mode)  # type: ignore[assignment]
    return WandbLogger(
        project=options.project,
        entity=options.entity,
        name=name,
        # One place for all stages of all runs, as W&B has it; a stage's own folder is renamed.
        save_dir=Path(config.outputs).expanduser(),
        group=options.group,
        job_type=stage,
        tags=[*options.tags, config.method, config.recipe, config.data.name],
        config=dict(content),
        mode=mode,
    )


def _has_account() -> bool:
    """Whether wandb would find a key without asking."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc().hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)
