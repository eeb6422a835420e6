"""Binary cross-entropy over valid pixels, the loss of supervised segmentation.

Nair and Haensch (CVPR Workshops) take it between "softmax predictions" and masks. A softmax over
two channels with one-hot masks has the value and the gradient of one logit, their difference.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.losses._checks import require_valid
from ackd.ops.precision import full_precision


@full_precision
def masked_bce(
    logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean binary cross-entropy over all valid pixels of the batch.

        L = (1 / |V|) sum_{v in V} w_1 y_v softplus(-z_v) + w_0 (1 - y_v) softplus(z_v)

    Pixels that are not valid may hold anything, e.g. 255 in the target or NaN in the logits. Where
    none is valid the loss is 0 with a zero gradient.

    Args:
        logits: (B, H, W) or (B, 1, H, W), one raw logit for each pixel.
        target: (B, H, W) or (B, 1, H, W), 1 where the class is and 0 elsewhere; bool, integers, or
            floating-point numbers between 0 and 1.
        valid: (B, H, W) or (B, 1, H, W) bool: which pixels count.
        weights: (2,) w_0 and w_1, of pixels without and with the class; None for 1. The mean is
            divided by the number of pixels all the same.

    Returns:
        A scalar >= 0, in float32 or better.

    Raises:
        TypeError: The logits are not floating-point numbers, or ``valid`` is not bool.
        ValueError: Shapes do not fit, or a valid pixel's target is not between 0 and 1.
    """
    if not logits.is_floating_point():
        raise TypeError(f"logits must hold floating-point numbers, but it holds {logits.dtype}.")
    scores = _pixels("logits", logits)
    labels = _pixels("target", target)
    if labels.shape != scores.shape:
        raise ValueError(
            "logits and target must have the same B, H and W, but they have the shapes "
            f"{tuple(logits.shape)} and {tuple(target.shape)}."
        )
    valid = require_valid(valid, logits)
    if valid.shape != scores.shape:
        raise ValueError(
            "logits and valid must have the same B, H and W, but they have the shapes "
            f"{tuple(logits.shape)} and {tuple(valid.shape)}."
        )
    labels = labels.to(scores.dtype).where(valid, 0.0)
    _require_shares(labels)
    counted, positive = valid.to(scores.dtype), None
    if weights is not None:
        counted, positive = counted * weights[0], weights[1] / weights[0]
    losses = F.binary_cross_entropy_with_logits(
        scores.where(valid, 0.0), labels, weight=counted, pos_weight=positive, reduction="sum"
    )
    return losses / valid.sum().clamp(min=1)


def _pixels(name: str, value: Tensor) -> Tensor:
    """(B, H, W), without the channel."""
    if value.ndim == 4 and value.shape[1] == 1:
        return value.squeeze(1)
    if value.ndim != 3:
        raise ValueError(
            f"{name} must have the shape (B, H, W) or (B, 1, H, W), but it has "
            f"{tuple(value.shape)}. Several classes need a cross-entropy."
        )
    return value


def _require_shares(labels: Tensor) -> None:
    # On an accelerator this comparison would wait for the device in every step.
    if labels.device.type != "cpu" or torch.compiler.is_compiling() or not labels.numel():
        return
    wrong = labels[~((labels >= 0) & (labels <= 1))]
    if len(wrong):
        raise ValueError(
            f"target holds {wrong[0].item():g} at a valid pixel, but it must be between 0 and 1. "
            "If that value means 'ignore', set valid to False there."
        )
