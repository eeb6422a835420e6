"""Contrastive losses that train the semantic matcher (eqs 5-7 of the paper).

InfoNCE in its symmetric form is that of CLIP, Radford et al. 2021, arXiv 2103.00020.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.losses._checks import require_features, require_positive
from ackd.ops.precision import full_precision

_WHY_TWO = "with a single pair there is no negative to contrast it with"


def info_nce(ms: Tensor, rgb: Tensor, logit_scale: float | Tensor = 1.0) -> Tensor:
    """Return the mean of both directions of InfoNCE; row i of both sides is a pair.

    Args:
        ms: (B, D) multispectral embeddings v as they come: normalise them outside, if at all.
        rgb: (B, D) RGB embeddings g of the same scenes.
        logit_scale: Factor k > 0 on the inner products, one over the temperature; 1 in the paper.
            A scalar tensor may carry a gradient.

    Returns:
        A scalar >= 0 in nats; log(B) when all similarities agree.

    Raises:
        ValueError: Shapes differ, there are fewer than two pairs, or the scale is a
            number that is not > 0.
    """
    terms = info_nce_terms(ms, rgb, logit_scale)
    return (terms["ms_to_rgb"] + terms["rgb_to_ms"]) / 2


@full_precision
def info_nce_terms(ms: Tensor, rgb: Tensor, logit_scale: float | Tensor = 1.0) -> dict[str, Tensor]:
    """Return both directions: ``ms_to_rgb`` (L_V2G, eq 5) and ``rgb_to_ms`` (L_G2V, eq 6).

    Args:
        ms: (B, D) multispectral embeddings.
        rgb: (B, D) RGB embeddings of the same scenes.
        logit_scale: Factor k > 0, a number or a tensor with one element.

    Returns:
        Two scalars: the cross-entropies of k v g^T and of its transpose, with the diagonal as
        classes.

    Raises:
        ValueError: Shapes differ, there are fewer than two pairs, or the scale is a
            number that is not > 0.
    """
    require_features("ms", ms, "rgb", rgb, _WHY_TWO)
    if isinstance(logit_scale, Tensor):
        if logit_scale.numel() != 1:
            raise ValueError(
                "logit_scale must be a number or a tensor with one element, "
                f"but its shape is {tuple(logit_scale.shape)}."
            )
        logit_scale = logit_scale.reshape(())
    else:
        require_positive("logit_scale", logit_scale)
    logits = logit_scale * (ms @ rgb.mT)
    pairs = torch.arange(ms.shape[0], device=ms.device)
    return {
        "ms_to_rgb": F.cross_entropy(logits, pairs),
        "rgb_to_ms": F.cross_entropy(logits.mT, pairs),
    }


@full_precision
def soft_target_info_nce(ms: Tensor, rgb: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the contrastive loss with soft targets with which the ACKD release trains its matcher.

    With L = g v^T / tau and the targets P = row-softmax(tau (v v^T + g g^T) / 2) it is
    mean_b 1/2 [-(P * log-softmax rows of L) - (P^T * log-softmax rows of L^T)], summed over the
    row. The gradient flows through P too, and the rows of P^T do not sum to 1.

    Args:
        ms: (B, D) multispectral embeddings v as they come.
        rgb: (B, D) RGB embeddings g of the same scenes.
        temperature: tau > 0; 1 in the release. It divides L and multiplies the similarities of P.

    Returns:
        A scalar > 0 in nats.

    Raises:
        ValueError: Shapes differ, there are fewer than two pairs, or tau is not > 0.
    """
    require_features("ms", ms, "rgb", rgb, _WHY_TWO)
    require_positive("temperature", temperature)
    logits = rgb @ ms.mT / temperature
    targets = F.softmax((ms @ ms.mT + rgb @ rgb.mT) / 2 * temperature, dim=1)
    by_rgb = -(targets * F.log_softmax(logits, dim=1)).sum(dim=1)
    by_ms = -(targets.mT * F.log_softmax(logits.mT, dim=1)).sum(dim=1)
    return (by_rgb + by_ms).mean() / 2
