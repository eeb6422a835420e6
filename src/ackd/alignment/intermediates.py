"""Every step of the authors' Planner under its own name, for inspection and comparison."""

from __future__ import annotations

from torch import Tensor

from ackd.alignment.plans import split_heads
from ackd.losses import coral
from ackd.ops.pooled_attention import attention

__all__ = ["planner_intermediates"]


def planner_intermediates(
    z_T: Tensor,
    z_S: Tensor,
    Wq_T: Tensor,
    Wk_T: Tensor,
    Wq_S: Tensor,
    Wk_S: Tensor,
    heads: int,
) -> dict[str, Tensor]:
    """Compute the official reading of eqs 15-20 literally, step by step.

    It divides by the mean of the pooled plan, restores the mean patch's energy and takes CORAL
    in the official scaling. :class:`ackd.alignment.SKA` with ``rescale="energy"`` and
    ``scaling="official"`` gives the same loss without the large intermediates.

    Args:
        z_T: (B, N_T, D) teacher patches.
        z_S: (B, N_S, D) student patches.
        Wq_T: (D, D) query weights of the teacher's Planner, applied as x W^T.
        Wk_T: (D, D) key weights of the teacher's Planner.
        Wq_S: (D, D) query weights of the student's Planner.
        Wk_S: (D, D) key weights of the student's Planner.
        heads: H, a divisor of D.

    Returns:
        For X in T, S: ``attn_X`` (B, H, N, N), ``pooled_X`` (B, H, N), ``cross_X`` (B, H, N),
        ``headmean_X`` (B, N), ``eng_org_X``, ``eng_aft_X`` and ``scalar_X`` (B,), ``D_X``
        (B, N, D); ``outer_S_T`` (B, H, N_S, N_T); and, where N_T = N_S, the scalar
        ``loss_ot1_official``.

    Raises:
        ValueError: If D is no multiple of ``heads``.
    """
    steps: dict[str, Tensor] = {}
    for side, z, w_q, w_k in (("T", z_T, Wq_T, Wk_T), ("S", z_S, Wq_S, Wk_S)):
        attn = attention(split_heads(z @ w_q.mT, heads), split_heads(z @ w_k.mT, heads))
        steps[f"attn_{side}"] = attn
        steps[f"pooled_{side}"] = attn.mean(dim=-2)
    outer = steps["pooled_S"][..., :, None] * steps["pooled_T"][..., None, :]
    steps["outer_S_T"] = outer
    steps["cross_T"] = outer.mean(dim=-2) / steps["pooled_T"].mean(dim=-1, keepdim=True)
    steps["cross_S"] = outer.mean(dim=-1) / steps["pooled_S"].mean(dim=-1, keepdim=True)
    for side, z in (("T", z_T), ("S", z_S)):
        headmean = steps[f"cross_{side}"].mean(dim=1)
        weighted = headmean[..., None] * z
        before = z.mean(dim=1).square().sum(dim=-1)
        after = weighted.mean(dim=1).square().sum(dim=-1)
        scalar = (before / after).sqrt()
        steps[f"headmean_{side}"] = headmean
        steps[f"eng_org_{side}"] = before
        steps[f"eng_aft_{side}"] = after
        steps[f"scalar_{side}"] = scalar
        steps[f"D_{side}"] = scalar[:, None, None] * weighted
    if z_T.shape[1] == z_S.shape[1]:
        flat_t, flat_s = steps["D_T"].flatten(1), steps["D_S"].flatten(1)
        steps["loss_ot1_official"] = coral(flat_t, flat_s, scaling="official")
    return steps
