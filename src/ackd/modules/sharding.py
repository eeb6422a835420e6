"""Passes over many images outside of training steps, shared among the ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ackd.utils.networks import place

__all__ = ["same_buffers", "share_batches", "sum_over_ranks", "weighted_over_ranks"]

T = TypeVar("T")


def share_batches(
    batches: Sequence[T], sizes: Sequence[int], compute: Callable[[T], tuple[Tensor, ...]]
) -> Iterator[tuple[Tensor, ...]]:
    """Let the ranks take turns at batches, and give every rank the outputs of all of them.

    Batch i is computed by rank i modulo world size. The batches are those of a process alone, so
    equal weights give equal outputs, bit for bit, however many ranks there are. At any time one
    batch a rank is held. Every rank has to go through all of it.

    Args:
        batches: The same on every rank.
        sizes: Images in each of them.
        compute: A batch to tensors (size, ...) of float32 or float64, of one shape and type but
            for the size.

    Yields:
        The outputs of each batch in order, on the CPU, the same on every rank.
    """
    rank, world = place()
    for start in range(0, len(batches), world):
        turn = range(start, min(start + world, len(batches)))
        # In the last turn a rank without a batch repeats one, so that its outputs have a shape.
        outputs = compute(batches[min(start + rank, turn[-1])])
        if world == 1:
            yield tuple(part.cpu() for part in outputs)
            continue
        rows = max(sizes[i] for i in turn)
        gathered = [_gather(part, rows) for part in outputs]
        for position, i in enumerate(turn):
            yield tuple(parts[position][: sizes[i]].cpu() for parts in gathered)


def same_buffers(network: nn.Module) -> None:
    """Give every rank rank 0's buffers, as DistributedDataParallel does before each forward pass.

    After a training step the running statistics of BatchNorm are those of each rank's own share.
    """
    if place()[1] > 1:
        for buffer in network.buffers():
            dist.broadcast(buffer, src=0)


def sum_over_ranks(count: Tensor) -> Tensor:
    """Add something up that has no gradient, such as numbers of pixels.

    Args:
        count: Any shape, the same on every rank.
    """
    if place()[1] == 1:
        return count
    total = count.detach().clone()
    dist.all_reduce(total)
    return total


def weighted_over_ranks(mean: Tensor, count: Tensor) -> Tensor:
    """Weight a rank's loss, so that the mean over ranks is the mean over everything.

    DistributedDataParallel averages gradients over the ranks, as if each of them had seen as much
    as any other. Where losses are means over valid pixels, that would give the pixels of a rank
    with few of them more weight.

    Args:
        mean: A scalar, the mean over what this rank has.
        count: A scalar, how much that is.
    """
    world = place()[1]
    if world == 1:
        return mean
    return mean * (count * world / sum_over_ranks(count).clamp(min=1))


def _device_of_ranks() -> torch.device:
    """Where tensors have to be to travel between the ranks."""
    if dist.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def _gather(share: Tensor, rows: int) -> list[Tensor]:
    """Every rank's tensor, filled up to ``rows`` rows."""
    share = share.detach().to(_device_of_ranks())[:rows]
    whole = share.new_zeros(rows, *share.shape[1:])
    whole[: len(share)] = share
    shares = [torch.empty_like(whole) for _ in range(dist.get_world_size())]
    dist.all_gather(shares, whole)
    return shares
