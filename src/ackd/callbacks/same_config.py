"""Processes that train one network must have been told the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch.distributed

from ackd.errors import ConfigError

__all__ = ["SameConfig"]


class SameConfig(pl.Callback):
    """Compare the resolved options of all ranks before they train together.

    Every rank composes its configuration by itself, from files and an environment that may differ.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the options of this rank: plain values that shape the training, no paths."""
        self.options = dict(options)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Compare; every rank sees the same and raises or goes on.

        Raises:
            ConfigError: Two ranks have different options.
        """
        if stage != "fit" or trainer.world_size == 1:
            return
        everyone: list[dict[str, Any]] = [{}] * trainer.world_size
        torch.distributed.all_gather_object(everyone, self.options)
        for rank, options in enumerate(everyone):
            names = sorted(everyone[0].keys() | options.keys())
            differing = [n for n in names if everyone[0].get(n) != options.get(n)]
            if differing:
                raise ConfigError(
                    f"Rank {rank} has other options than rank 0 (in {', '.join(differing)}), and "
                    "they would train one network together; give all processes the same command, "
                    "files and environment."
                )
