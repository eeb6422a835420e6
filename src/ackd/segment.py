"""The command line of segmentation: ``python -m ackd.segment``."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from ackd.command import check, command_line, run_job, train
from ackd.config.programs import SEGMENT

__all__ = ["check", "cli", "main", "train"]


@hydra.main(version_base="1.3", config_path=str(SEGMENT.config_dir), config_name=SEGMENT.primary)
def main(cfg: DictConfig) -> float | None:
    """Run one job; a sweeper gets the IoU of the student on validation tiles."""
    return run_job(cfg)


def cli() -> None:
    """Run the command line; the last word is never a stack trace."""
    command_line(SEGMENT, main)


if __name__ == "__main__":
    cli()
