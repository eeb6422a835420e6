"""What data modules share: full batches in training, every image once in evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.row_batches import RowBatches
from ackd.errors import ConfigError
from ackd.modules.loading import Batch, LateLoader

__all__ = ["ServingDataModule"]


class ServingDataModule(pl.LightningDataModule, ABC):
    """Serves the rows of a data set in an order that is a function of seed and epoch.

    Ranks share the batches of one global order. The training loader lives as long as the module,
    and its workers with it; order, and what is drawn for each image, come to it with the requests
    of the sampler. A training that goes on from a checkpoint therefore goes on bit for bit.
    """

    def __init__(
        self,
        batch_size: int,
        *,
        seed: int = 0,
        stage: str = "student",
        num_workers: int = 0,
        pin_memory: bool = False,
        prefetch_factor: int | None = None,
        timeout: int = 0,
    ) -> None:
        """Describe the batches.

        Args:
            batch_size: Images a batch and rank.
            seed: Of the order in training.
            stage: Whose ``batch_size`` option an error should name.
            num_workers: Loader processes; they stay alive over epochs.
            pin_memory: For copies to a GPU.
            prefetch_factor: Batches a worker reads ahead.
            timeout: Seconds to wait for a worker's batch; 0 waits without end.
        """
        super().__init__()
        self.batch_size = batch_size
        self.seed = seed
        self.stage = stage
        self.loader_options: dict[str, Any] = {
            "num_workers": num_workers,
            "pin_memory": pin_memory,
            "prefetch_factor": prefetch_factor if num_workers else None,
            "persistent_workers": num_workers > 0,
            "timeout": timeout if num_workers else 0,
        }
        self._train_loader: LateLoader | None = None

    # -- what is served ------------------------------------------------------------------------

    @abstractmethod
    def rows(self, split: int) -> NDArray[np.int64]:
        """Rows of a split."""

    @abstractmethod
    def names(self, split: int) -> dict[int, str]:
        """The file of each image of a split by its row."""

    @abstractmethod
    def reads(self) -> Dataset[Batch]:
        """What makes batches of the requests of the sampler."""

    @abstractmethod
    def training_batches(self, **how: Any) -> RowBatches[Any]:
        """The sampler of training.

        Args:
            **how: Order and share of :class:`~ackd.data.row_batches.RowBatches`.
        """

    @abstractmethod
    def batches_of(self, split: int, **share: Any) -> RowBatches[Any]:
        """The sampler that goes through a split in order.

        Args:
            split: ``VAL`` or ``TEST``.
            **share: Rank and world size.
        """

    @property
    @abstractmethod
    def kind(self) -> str:
        """What its training rows are called in errors, e.g. ``"images of the RGB side"``."""

    def require_a_batch(self) -> None:
        """See that one process has a batch.

        Raises:
            ConfigError: There are too few images, as the last partial batch is dropped.
        """
        count = len(self.rows(TRAIN))
        if count < self.batch_size:
            raise ConfigError(
                f"{self.stage}.batch_size={self.batch_size} is more than the {count} training "
                f"{self.kind}, and a last partial batch is dropped; choose "
                f"{self.stage}.batch_size={max(2, count // 2)} or less."
            )

    # -- loaders -------------------------------------------------------------------------------

    def train_dataloader(self) -> LateLoader:
        """Shuffled full batches; one loader for the whole run, whose workers stay alive.

        Raises:
            ConfigError: There are too few images for a full batch on every process.
        """
        if self._train_loader is None:
            place = self._place()
            batches = self.training_batches(shuffle=True, drop_last=True, seed=self.seed, **place)
            if not len(batches):
                world = place["world_size"]
                raise ConfigError(
                    f"{self.stage}.batch_size={self.batch_size} on {world} processes needs "
                    f"{self.batch_size * world} training {self.kind}, but there are "
                    f"{len(self.rows(TRAIN))}; choose a smaller {self.stage}.batch_size or fewer "
                    "trainer.devices."
                )
            self._train_loader = self._loader(batches)
        return self._train_loader

    def val_dataloader(self) -> LateLoader:
        """Every validation image once."""
        return self._loader(self.batches_of(VAL, **self._place()))

    def test_dataloader(self) -> LateLoader:
        """Every test image once."""
        return self._loader(self.batches_of(TEST, **self._place()))

    def _loader(self, batches: RowBatches[Any]) -> LateLoader:
        # A generator of its own: the loader then draws nothing from the global random state.
        return LateLoader(
            self.reads(), sampler=batches, batch_size=None,
            generator=torch.Generator().manual_seed(self.seed), **self.loader_options,
        )  # fmt: skip

    def _place(self) -> dict[str, int]:
        trainer = self.trainer
        if trainer is None:
            return {"rank": 0, "world_size": 1}
        return {"rank": trainer.global_rank, "world_size": trainer.world_size}
