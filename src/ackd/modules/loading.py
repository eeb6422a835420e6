"""How batches are asked for: late, and with or without their partners' images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ackd.data.pairs import Request, UnpairedScenes

__all__ = ["Batch", "LateLoader", "PartnerRows", "Side", "partner_index"]

Side = Literal["ms", "rgb"]
Batch = dict[str, Tensor]


class LateLoader(DataLoader[Batch]):
    """A DataLoader that reads nothing before the first batch of an epoch is asked for.

    Lightning opens the first epoch's iterator before it tells the sampler which epoch that is (not
    epoch 0 in a continued run) and before callbacks can choose the first pairs. Workers that read
    ahead from there would go through the wrong order with stale pairs.
    """

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Start an epoch."""
        yield from super().__iter__()


class PartnerRows(Dataset[Batch]):
    """Batches of one side that say which images their partners are, and do not read them."""

    def __init__(self, scenes: UnpairedScenes, side: Side) -> None:
        self.scenes = scenes
        self.side = side

    def __getitem__(self, request: Request) -> Batch:
        if request.ms is None or request.rgb is None:
            return self.scenes[request]
        if self.side == "ms":
            return self.scenes[Request(request.ms, None)] | {
                "rgb_index": torch.from_numpy(request.rgb)
            }
        return self.scenes[Request(None, request.rgb)] | {"ms_index": torch.from_numpy(request.ms)}


def partner_index(side: Side) -> str:
    """The key under which batches of a side name the rows of their partners."""
    return "rgb_index" if side == "ms" else "ms_index"
