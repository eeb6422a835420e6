"""Several processes that train one network: who writes, and how they agree."""

from __future__ import annotations

from typing import TypeVar

import torch.distributed
from lightning.pytorch.utilities import rank_zero_only

__all__ = ["agree", "barrier", "first_rank", "part"]

T = TypeVar("T")


def first_rank() -> bool:
    """Whether this process writes the files of a run; a single process does."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


def agree(value: T) -> T:
    """Return the first rank's value on every rank; a process alone keeps its own."""
    if not _together():
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def barrier() -> None:
    """Wait for all ranks; a process alone goes on."""
    if _together():
        torch.distributed.barrier()


def part() -> None:
    """Wait for all ranks at the end of a run and close their connections.

    Lightning leaves them open, and a process that exits while another still holds its end may hang.
    """
    if _together():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
