"""What everything that runs networks needs: eval mode for a while, and the place among ranks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist
from torch import nn

__all__ = ["eval_mode", "place", "together"]


@contextmanager
def eval_mode(*networks: nn.Module) -> Iterator[None]:
    """Put networks into eval mode and give every part its own mode back afterwards."""
    modes = [(part, part.training) for network in networks for part in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def together() -> bool:
    """Whether this process is connected to others that do the same work."""
    return dist.is_available() and dist.is_initialized()


def place() -> tuple[int, int]:
    """(rank, world size) of this process; (0, 1) of one that is alone."""
    return (dist.get_rank(), dist.get_world_size()) if together() else (0, 1)
