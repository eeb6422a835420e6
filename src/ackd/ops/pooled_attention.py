"""Attention averaged over its queries, with its gradient in few passes."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["attention", "pooled_attention", "pooled_attention_definition"]


def attention(queries: Tensor, keys: Tensor) -> Tensor:
    """Softmax over keys of Q K^T / sqrt(d), eq 17: (B, H, N, d), (B, H, M, d) to (B, H, N, M)."""
    return (queries @ keys.mT / math.sqrt(queries.shape[-1])).softmax(dim=-1)


def pooled_attention_definition(queries: Tensor, keys: Tensor) -> Tensor:
    """Mean over the queries of their attention: (B, H, M, d), (B, H, N, d) to (B, H, N)."""
    return attention(queries, keys).mean(dim=-2)


def pooled_attention(queries: Tensor, keys: Tensor) -> Tensor:
    """Mean over the queries of softmax over the keys of Q K^T / sqrt(d), eq 17.

    With P the attention and g the gradient of the result, that of the scores is
    P (g - sum_keys P g) / (M sqrt(d)). Heads are many and patches few, so the small operations
    between the products, and the transposed products that autograd would choose, cost more than
    the arithmetic.

    Args:
        queries: (B, H, M, d).
        keys: (B, H, N, d).

    Returns:
        (B, H, N), each row summing to 1.

    Raises:
        NotImplementedError: In the backward pass, if the gradient is to be differentiated again.
    """
    return cast(Tensor, _PooledAttention.apply(queries, keys))


class _PooledAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor) -> Tensor:
        queries, keys = queries.contiguous(), keys.contiguous()
        attention = (queries @ keys.mT).mul_(1 / math.sqrt(queries.shape[-1])).softmax(dim=-1)
        ctx.save_for_backward(queries, keys, attention)
        return attention.mean(dim=-2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "The Planner's attention has no second derivative (create_graph=True)."
            )
        queries, keys, attention = ctx.saved_tensors
        weighted = attention * gradient[..., None, :]
        scores = weighted - attention * weighted.sum(dim=-1, keepdim=True)
        scores = scores.mul_(1 / (queries.shape[-2] * math.sqrt(queries.shape[-1])))
        scores = scores.to(queries.dtype)  # autocast on GPUs takes the softmax in float32
        grad_queries = scores @ keys if ctx.needs_input_grad[0] else None
        grad_keys = scores.mT @ queries if ctx.needs_input_grad[1] else None
        return grad_queries, grad_keys
