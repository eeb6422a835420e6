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
from torch.utils.data import Dataset

from ackd.data.benchmark import Benchmark
from ackd.data.row_batches import Indices, RowBatches

__all__ = ["Request", "SceneBatches", "UnpairedScenes"]


class Request(NamedTuple):
    """The rows of each modality that one batch is made of; None where a side is not needed."""

    ms: Indices | None
    rgb: Indices | None


class SceneBatches(RowBatches[Request]):
    """Batches of one modality, each row optionally with a partner of the other one."""

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
        super().__init__(
            indices,
            batch_size,
            shuffle=shuffle,
            drop_last=drop_last,
            seed=seed,
            rank=rank,
            world_size=world_size,
        )
        self.side = side
        self.partners: Indices | None = None

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

    def __iter__(self) -> Iterator[Request]:
        for chosen in self.positions():
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
