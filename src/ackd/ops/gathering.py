"""One global batch out of the ranks' shares, for losses that compare the images of a batch.

A covariance, a relation or a set of negatives is not a mean over images: the average of its values
on two halves is not its value on the whole. Such losses therefore gather their inputs first.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ackd.utils.networks import place

__all__ = ["gather_batch"]


def gather_batch(share: Tensor) -> Tensor:
    """Concatenate the ranks' shares of a batch, in the order of the ranks, with gradient.

    Every rank then computes the same loss on the whole batch. Backward sums the ranks' gradients of
    a share, which is world_size times the gradient of that one loss; DistributedDataParallel
    averages over ranks and thereby takes the factor out again, so that parameters get exactly the
    gradient that one process would compute on the whole batch.

    Args:
        share: (B, ...) of this rank; the same shape on every rank.

    Returns:
        (world_size * B, ...); ``share`` itself where there is one process.
    """
    if place()[1] == 1:
        return share
    whole: Tensor = _GatherBatch.apply(share)
    return whole


class _GatherBatch(torch.autograd.Function):
    """All-gather with gradient.

    torch.distributed.nn.functional.all_gather does the same with an all-to-all in backward, into
    buffers that take over the strides of the gradient: a gradient that is not contiguous, as matrix
    products hand out, comes back permuted under gloo (torch 2.15).
    """

    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        ctx.rows = len(share)
        share = share.contiguous()
        shares = [torch.empty_like(share) for _ in range(dist.get_world_size())]
        dist.all_gather(shares, share)
        return torch.cat(shares)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        whole = grads[0].contiguous().clone()
        dist.all_reduce(whole)
        start = dist.get_rank() * ctx.rows
        return whole[start : start + ctx.rows]
