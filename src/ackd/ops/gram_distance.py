"""The distance of two covariances without a covariance: value and gradient in few products."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ackd.ops.precision import exact_gram, exact_matmul

__all__ = ["gram_distance", "gram_distance_definition"]


def gram_distance_definition(
    source: Tensor, target: Tensor, scale_s: float = 1.0, scale_t: float = 1.0
) -> Tensor:
    """Return |A^T A - B^T B|^2, A and B centred and scaled, from the two D x D covariances.

    Args and the result as of :func:`gram_distance`; this one has derivatives of every order, and
    the smaller rounding error where the covariances nearly agree.
    """
    a, b = (x - x.mean(dim=0) for x in (source, target))
    return (exact_gram(scale_s * a.mT) - exact_gram(scale_t * b.mT)).square().sum()


def gram_distance(
    source: Tensor, target: Tensor, scale_s: float = 1.0, scale_t: float = 1.0
) -> Tensor:
    """Return |A^T A - B^T B|^2 = |A A^T|^2 + |B B^T|^2 - 2 |A B^T|^2, A and B centred and scaled.

    Its gradient with respect to A is 4 (A A^T A - A B^T B), one product of the small matrices at
    hand with A above B. Nothing has to be done for the centring: the columns of A sum to 0, so do
    those of the gradient. Left to autograd, the same takes two products, an addition and a passage
    of each batch through the centring for every one of the three terms.

    Neither autocast nor TF32 touches the products.

    Args:
        source: (B_s, D) features.
        target: (B_t, D) features, of the same floating-point type.
        scale_s: Factor of the centred source, e.g. 1 / sqrt(B_s - 1).
        scale_t: Factor of the centred target.

    Returns:
        A scalar; below 0 by rounding where the covariances agree.

    Raises:
        NotImplementedError: In the backward pass, if the gradient is to be differentiated again.
    """
    return cast(Tensor, _GramDistance.apply(source, target, scale_s, scale_t))


class _GramDistance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, target: Tensor, scale_s: float, scale_t: float) -> Tensor:
        a, b = (
            (x - x.mean(dim=0)).mul_(scale) for x, scale in ((source, scale_s), (target, scale_t))
        )
        gram_a, gram_b, cross = exact_gram(a), exact_gram(b), exact_matmul(a, b.mT)
        ctx.save_for_backward(a, b, gram_a, gram_b, cross)
        ctx.scales = scale_s, scale_t
        within: Tensor = gram_a.square().sum() + gram_b.square().sum()
        return within - 2 * cross.square().sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "The fast CORAL has no second derivative (create_graph=True); take coral(..., "
                "path='direct') for one."
            )
        a, b, gram_a, gram_b, cross = ctx.saved_tensors
        scale_s, scale_t = ctx.scales
        both = torch.cat((a, b))
        grad_s = grad_t = None
        if ctx.needs_input_grad[0]:
            grad_s = exact_matmul(torch.cat((gram_a, -cross), 1) * (4 * scale_s * gradient), both)
        if ctx.needs_input_grad[1]:
            grad_t = exact_matmul(
                torch.cat((-cross.mT, gram_b), 1) * (4 * scale_t * gradient), both
            )
        return grad_s, grad_t, None, None
