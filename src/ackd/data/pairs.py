"""Which images make a batch: one modality alone, or RGB images with their matched MS images.

The pairs live in the sampler, which runs in the main process. A worker only ever loads the
indices it is handed, so pairs that change between two epochs can never be stale in a worker,
however long it stays alive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ackd.data.benchmark import Benchmark

__all__ = ["Request", "SceneBatches", "UnpairedScenes"]

Indices = NDArray[np.int64]


class Request(NamedTuple):
    """The rows of each modality that one batch is made of; None where a side is not needed."""

    ms: Indices | None
    rgb: Indices | None


class SceneBatches(Sampler[Request]):
    """Batches of one modality, each row optionally with a partner of the other one.

    Shuffling is a pure function of (seed, epoch); every rank takes its own share of one global
    order. Training sets have equal shares (``drop_last``); evaluation covers every image once, in
    equally many batches a rank, because ranks talk to each other in every batch.
    """

    def __init__(
        self,
        side: Literal["ms", "rgb"],
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
            side: The modality that is iterated over.
            indices: (N,) rows of that modality.
            batch_size: Images a batch and rank.
            shuffle: Another order each epoch.
            drop_last: Leave out a last batch that is not full on every rank.
            seed: Of the order.
            rank: This process.
            world_size: How many processes share the images.
        """
        self.side = side
        self.indices = np.asarray(indices, dtype=np.int64)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.partners: Indices | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def set_partners(self, partners: Indices) -> None:
        """Put pairs in force from the next epoch on.

        Args:
            partners: (N,) rows of the other modality, one for each entry of ``indices``.
        """
        if len(partners) != len(self.indices):
            raise ValueError(
                f"{len(partners)} partners for {len(self.indices)} images; every image needs one"
            )
        self.partners = np.asarray(partners, dtype=np.int64)

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

    def __iter__(self) -> Iterator[Request]:
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
            rows = self.indices[chosen]
            other = None if self.partners is None else self.partners[chosen]
            yield Request(rows, other) if self.side == "ms" else Request(other, rows)


class UnpairedScenes(Dataset[dict[str, Tensor]]):
    """Both modalities of a benchmark; a request of rows gives a batch.

    A batch has, for each side asked for, ``<side>`` (B, C, H, W) in the stored integer type,
    ``<side>_target`` (B,) or (B, K) and ``<side>_index`` (B,), the rows.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark

    def __getitem__(self, request: Request) -> dict[str, Tensor]:
        batch: dict[str, Tensor] = {}
        for side, rows in request._asdict().items():
            if rows is not None:
                scenes = getattr(self.benchmark, side)
                batch[side] = _gather(scenes.images, rows)
                batch[f"{side}_target"] = _gather(scenes.labels, rows)
                batch[f"{side}_index"] = torch.from_numpy(rows)
        return batch

    def __len__(self) -> int:
        return len(self.benchmark.rgb.images)


def _gather(array: NDArray[Any], rows: Indices) -> Tensor:
    # Fancy indexing copies, so the tensor owns its memory and the store stays read-only.
    return torch.from_numpy(np.ascontiguousarray(array[rows]))
