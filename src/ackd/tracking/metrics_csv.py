"""``metrics.csv``: every number that was logged, also over several attempts at one run."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from ackd.runs.ranks import first_rank
from ackd.utils.io import full_disk_told, sync, write_text

__all__ = ["ContinuedCSVLogger", "EpochRow", "read_rows"]

log = logging.getLogger("ackd")


class ContinuedCSVLogger(CSVLogger):
    """A CSVLogger that keeps the rows of an interrupted run up to the epoch it goes on from."""

    def __init__(self, folder: Path, keep_until_epoch: int = -1) -> None:
        """Write ``metrics.csv`` into ``folder``.

        Args:
            folder: Of the run.
            keep_until_epoch: Rows up to this epoch stay; -1 starts a new file.
        """
        super().__init__(folder, name="", version="", flush_logs_every_n_steps=1)
        self.kept: list[dict[str, Any]] = []
        self.epoch: Callable[[], int] | None = None
        if not first_rank():
            return  # the file belongs to rank 0
        path = folder / ExperimentWriter.NAME_METRICS_FILE
        keys, rows = read_rows(path) if keep_until_epoch >= 0 else ([], [])
        kept = [row for row in rows if int(float(row["epoch"])) <= keep_until_epoch]
        self.kept = kept
        writer = _Writer(str(folder))
        if kept:
            writer.metrics_keys = keys
            writer.rewrite(kept)
        else:
            path.unlink(missing_ok=True)
        self._experiment = writer

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Write a row; one of a callback that does not name the epoch has it all the same."""
        if self.epoch is not None and "epoch" not in metrics:
            metrics = {**metrics, "epoch": self.epoch()}
        super().log_metrics(metrics, step)


class EpochRow(pl.Callback):
    """Keeps the losses of an epoch in its checkpoint.

    Lightning writes their row after the checkpoint of the epoch. A process that is killed between
    the two would go on without it.
    """

    MARK = "train/loss"

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.row: dict[str, float] = {}
        self.step = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Tell the file which epoch it is: rows without one are not kept when a run goes on."""
        for logger in trainer.loggers:
            if isinstance(logger, ContinuedCSVLogger):
                logger.epoch = lambda: trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note what Lightning is about to log; checkpoints come after this."""
        self.row = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if not name.startswith("val/")
        }
        self.row["epoch"] = trainer.current_epoch
        self.step = trainer.global_step - 1  # as in Lightning's own rows

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the row of the checkpoint that is gone on from, if it is missing."""
        for logger in trainer.loggers:
            if not self.row or not isinstance(logger, ContinuedCSVLogger):
                continue
            known = [row for row in logger.kept if row.get(self.MARK)]
            if not any(float(row["epoch"]) == self.row["epoch"] for row in known):
                logger.log_metrics(dict(self.row), self.step)

    def state_dict(self) -> dict[str, Any]:
        """The row and its step."""
        return {"row": self.row, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The row of the checkpoint that is gone on from."""
        self.row, self.step = state_dict["row"], state_dict["step"]


def read_rows(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the columns and rows of a ``metrics.csv``, without what a crash has left of others.

    A power cut may leave a row cut off, or bytes of zero where the disk was not written any more.
    """
    if not path.is_file():
        return [], []
    lines = path.read_bytes().decode("utf-8", errors="replace").splitlines(keepends=True)
    # Zeros before a row take the place of rows that were lost; inside of one it is not whole.
    lines = [line.lstrip("\0") for line in lines]
    whole = [line for line in lines if line.endswith("\n") and "\0" not in line]
    table = csv.DictReader(io.StringIO("".join(whole)))
    keys = list(table.fieldnames or [])
    rows = [row for row in table if _is_row(row)]
    lost = len(lines) - 1 - len(rows)
    if lost > 0:
        log.warning("%s: left out %d lines that a crash has cut off or damaged", path, lost)
    return keys, rows


def _is_row(row: dict[str, Any]) -> bool:
    if None in row or None in row.values():  # more or fewer cells than columns
        return False
    try:
        return float(row["epoch"]) >= 0
    except (KeyError, ValueError):
        return False


class _Writer(ExperimentWriter):
    """Leaves what is there alone until it is told to, and brings every row to the disk."""

    def _check_log_dir_exists(self) -> None:
        """The rows to keep were read before."""

    def save(self) -> None:
        """Write the rows that were logged since the last time."""
        path = Path(self.metrics_file_path)
        with full_disk_told(path):
            super().save()
            if path.is_file():
                with path.open("rb+") as file:
                    # Before the checkpoint of the epoch, so that none is without its rows.
                    sync(file)

    def rewrite(self, rows: list[dict[str, Any]]) -> None:
        """Replace all rows, at once."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=self.metrics_keys)
        writer.writeheader()
        writer.writerows(rows)
        write_text(Path(self.metrics_file_path), text.getvalue())

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        self.rewrite(read_rows(Path(self.metrics_file_path))[1])
