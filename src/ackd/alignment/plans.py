"""Transport plans between patches, eqs 15-19 of arXiv 2511.08901, as pure functions.

Shapes: B images, N_T and N_S patches, D channels, H heads of d = D / H consecutive channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ackd.ops.pooled_attention import pooled_attention

__all__ = [
    "apply_plan",
    "coupling_plan",
    "cross_plans",
    "energy_scale",
    "patch_epsilon",
    "plan_epsilon",
    "pooled_plan",
    "split_heads",
]

MIN_EPSILON = 1e-6
MIN_ENERGY = 1e-30


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Cut (B, N, D) into (B, H, N, d), consecutive channels to a head.

    Raises:
        ValueError: If D is no multiple of ``heads``.
    """
    if heads < 1 or x.shape[-1] % heads:
        raise ValueError(
            f"{x.shape[-1]} channels cannot be cut into {heads} equal heads; choose a divisor."
        )
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-3, -2)


def pooled_plan(z: Tensor, w_q: Tensor, w_k: Tensor, heads: int) -> Tensor:
    """The intra-modal plan of eq 17, pooled over queries as eq 18 needs it.

    Args:
        z: (B, N, D) patches.
        w_q: (D, D) query weights, applied as x W^T.
        w_k: (D, D) key weights.
        heads: H, a divisor of D.

    Returns:
        (B, H, N), each row summing to 1.

    Raises:
        ValueError: If D is no multiple of ``heads``.
    """
    return pooled_attention(split_heads(z @ w_q.mT, heads), split_heads(z @ w_k.mT, heads))


def plan_epsilon(pooled: Tensor) -> Tensor:
    """The epsilon of eq 18 read as the mean of the pooled plan: (B, H, N) to (B, H, 1).

    It equals 1/N, so that the cross plan's weights sum to N_T / N_S.
    """
    return pooled.mean(dim=-1, keepdim=True)


def patch_epsilon(z: Tensor) -> Tensor:
    """The epsilon of eq 18 read as the scalar mean of the patches, detached: (B, 1, 1).

    In print it is the mean patch, a vector where a number is needed. Means closer to 0 than
    1e-6 are moved to 1e-6, keeping the sign, so that the quotient stays finite.
    """
    mean = z.detach().mean(dim=(1, 2))[:, None, None]
    return torch.where(mean < 0, mean.clamp_max(-MIN_EPSILON), mean.clamp_min(MIN_EPSILON))


def cross_plans(
    pooled_t: Tensor, pooled_s: Tensor, epsilon_t: Tensor, epsilon_s: Tensor
) -> tuple[Tensor, Tensor]:
    """The cross-modal plans of eq 18 from the pooled plans of both modalities.

    pi_T^x is the outer product of both plans, averaged over the student's patches, over
    epsilon_T. The average goes into the product: pi_T^x = pooled_T * mean(pooled_S) / epsilon_T,
    so that no N_S x N_T matrix is built; pi_S^x likewise.

    Args:
        pooled_t: (B, H, N_T).
        pooled_s: (B, H, N_S).
        epsilon_t: Broadcastable to ``pooled_t``, e.g. from :func:`plan_epsilon`.
        epsilon_s: Broadcastable to ``pooled_s``.

    Returns:
        pi_T^x (B, H, N_T) and pi_S^x (B, H, N_S).
    """
    cross_t = pooled_t * (pooled_s.mean(dim=-1, keepdim=True) / epsilon_t)
    cross_s = pooled_s * (pooled_t.mean(dim=-1, keepdim=True) / epsilon_s)
    return cross_t, cross_s


def coupling_plan(queries: Tensor, keys: Tensor) -> Tensor:
    """A plan in which one modality really weighs the other's patches.

    pi(n) = N * mean over the queries of softmax over n of Q K^T / sqrt(d), with the queries of
    the other modality and the keys of the own one.

    Args:
        queries: (B, H, M, d) of the other modality.
        keys: (B, H, N, d) of the modality to weigh.

    Returns:
        (B, H, N), each row summing to N; the same for any order of the queries.
    """
    return keys.shape[-2] * pooled_attention(queries, keys)


def apply_plan(plan: Tensor, z: Tensor) -> Tensor:
    """Weigh patches, eq 19: (B, H, N) averaged over heads times (B, N, D)."""
    return plan.mean(dim=1)[..., None] * z


def energy_scale(z: Tensor, weighted: Tensor) -> Tensor:
    """The factor of the authors' code that gives the mean patch its energy back.

    sqrt(|mean_n z|^2 / |mean_n weighted|^2); it cancels any constant factor of the plan.

    Args:
        z: (B, N, D) patches.
        weighted: (B, N, D) the same patches after :func:`apply_plan`.

    Returns:
        (B, 1, 1) factor; 1 with gradient 0 where all patches are 0.
    """
    before, after = (x.mean(dim=1).square().sum(dim=-1) for x in (z, weighted))
    ratio = before.clamp_min(MIN_ENERGY) / after.clamp_min(MIN_ENERGY)
    return ratio.sqrt()[:, None, None]
