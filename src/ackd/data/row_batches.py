"""Which rows make a batch: one order a (seed, epoch), shared among the ranks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

__all__ = ["Indices", "RowBatches"]

Indices = NDArray[np.int64]
RequestT = TypeVar("RequestT", covariant=True)


class RowBatches(Sampler[RequestT]):
    """Batches of rows.

    Shuffling is a pure function of (seed, epoch); every rank takes its own share of one global
    order. Training sets have equal shares (``drop_last``); evaluation covers every image once, in
    equally many batches a rank, because ranks talk to each other in every batch.
    """

    def __init__(
        self,
        indices: Indices,
        batch_size: int,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Describe the batches.

        Args:
            indices: (N,) the rows.
            batch_size: Images a batch and rank.
            shuffle: Another order each epoch.
            drop_last: Leave out a last batch that is not full on every rank.
            seed: Of the order.
            rank: This process.
            world_size: How many processes share the images.
        """
        self.indices = np.asarray(indices, dtype=np.int64)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def _share(self) -> Indices:
        """Positions in ``indices`` that this rank goes through, in order."""
        order = np.arange(len(self.indices))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        if self.drop_last:
            whole = self.batch_size * self.world_size
            order = order[: len(order) // whole * whole]
        return order[self.rank :: self.world_size]

    def __len__(self) -> int:
        if self.drop_last:
            return len(self.indices) // (self.batch_size * self.world_size)
        largest_share = -(-len(self.indices) // self.world_size)
        return -(-largest_share // self.batch_size)

    def positions(self) -> Iterator[Indices]:
        """Positions in ``indices`` of each batch of this rank.

        Raises:
            ValueError: There are fewer images than ranks.
        """
        order, count = self._share(), len(self)
        if not count:
            return
        cuts = np.arange(self.batch_size, len(order), self.batch_size)
        # A rank with one image less than others may fill a batch less; it cuts smaller ones.
        for chosen in np.array_split(order, count if len(cuts) + 1 < count else cuts):
            if not len(chosen):
                raise ValueError(
                    f"{len(self.indices)} images cannot be shared among {self.world_size} "
                    "processes; use fewer of them (trainer.devices)."
                )
            yield chosen

    @abstractmethod
    def __iter__(self) -> Iterator[RequestT]: ...
