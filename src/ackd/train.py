"""The command line of scene classification: ``python -m ackd.train``."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from ackd.command import check, command_line, run_job, train
from ackd.config.programs import TRAIN

__all__ = ["check", "cli", "main", "train"]


@hydra.main(version_base="1.3", config_path=str(TRAIN.config_dir), config_name=TRAIN.primary)
def main(cfg: DictConfig) -> float | None:
    """Run one job; a sweeper gets the student's validation OA (macro F1 where there is none)."""
    return run_job(cfg)


def cli() -> None:
    """Run the command line; the last word is never a stack trace."""
    command_line(TRAIN, main)


if __name__ == "__main__":
    cli()
