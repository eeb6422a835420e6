"""How batches are asked for: late, and with or without their partners' images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import MP_STATUS_CHECK_INTERVAL
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from ackd.data.pairs import Request, UnpairedScenes

__all__ = ["Batch", "LateLoader", "PartnerRows", "Side", "partner_index"]

Side = Literal["ms", "rgb"]
Batch = dict[str, Tensor]


class _WatchfulIterator(_MultiProcessingDataLoaderIter):
    """Waits in short steps for a batch, so that a worker that has died is noticed at once.

    torch does so without a time limit only; with one, it waits all of it for an answer from a
    worker that is no longer there.
    """

    def _try_get_data(self, timeout: float = MP_STATUS_CHECK_INTERVAL) -> tuple[bool, Any]:
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, min(end - time.monotonic(), MP_STATUS_CHECK_INTERVAL))
            found: tuple[bool, Any] = super()._try_get_data(left)  # type: ignore[no-untyped-call]
            if found[0] or time.monotonic() >= end:
                return found


class LateLoader(DataLoader[Batch]):
    """A DataLoader that reads nothing before the first batch of an epoch is asked for.

    Lightning opens the first epoch's iterator before it tells the sampler which epoch that is (not
    epoch 0 in a continued run) and before callbacks can choose the first pairs. Workers that read
    ahead from there would go through the wrong order with stale pairs.
    """

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Start an epoch."""
        yield from super().__iter__()

    def _get_iterator(self) -> Any:
        if not self.num_workers:
            return super()._get_iterator()
        self.check_worker_number_rationality()
        return _WatchfulIterator(self)


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
