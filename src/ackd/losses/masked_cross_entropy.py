"""Cross-entropy over valid pixels, the loss of segmentation with several classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.losses._checks import require_valid
from ackd.ops.precision import full_precision


@full_precision
def masked_cross_entropy(
    logits: Tensor,
    target: Tensor,
    valid: Tensor,
    weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the mean cross-entropy over all valid pixels of the batch.

        L = -(1 / |V|) sum_{v in V} w_{y_v} log softmax(z_v)_{y_v}

    Pixels that are not valid may hold anything, e.g. 255 in the target or NaN in the logits. Where
    none is valid the loss is 0 with a zero gradient.

    Args:
        logits: (B, C, H, W).
        target: (B, H, W) classes, integers from 0 to C - 1.
        valid: (B, H, W) or (B, 1, H, W) bool: which pixels count.
        weights: (C,) of the classes; None for 1. The mean is divided by the number of pixels all
            the same, unlike in torch, so that batches of few rare pixels weigh less.
        label_smoothing: Share of the target that goes to all classes alike.

    Returns:
        A scalar >= 0, in float32 or better.

    Raises:
        TypeError: The logits are not floating-point numbers, or ``valid`` is not bool.
        ValueError: Shapes do not fit, or a valid pixel's target is not a class.
    """
    if not logits.is_floating_point():
        raise TypeError(f"logits must hold floating-point numbers, but it holds {logits.dtype}.")
    if logits.ndim != 4 or target.shape != (len(logits), *logits.shape[2:]):
        raise ValueError(
            "logits must have the shape (B, C, H, W) and target (B, H, W), but they have "
            f"{tuple(logits.shape)} and {tuple(target.shape)}."
        )
    valid = require_valid(valid, logits)
    if valid.shape != target.shape:
        raise ValueError(
            "target and valid must have the same B, H and W, but they have the shapes "
            f"{tuple(target.shape)} and {tuple(valid.shape)}."
        )
    classes = logits.shape[1]
    labels = target.long().where(valid, 0)
    _require_classes(labels, classes)
    losses = F.cross_entropy(
        logits.where(valid.unsqueeze(1), 0.0), labels.where(valid, -1), weight=weights,
        ignore_index=-1, reduction="sum", label_smoothing=label_smoothing,
    )  # fmt: skip
    return losses / valid.sum().clamp(min=1)


def _require_classes(labels: Tensor, classes: int) -> None:
    # On an accelerator this comparison would wait for the device in every step.
    if labels.device.type != "cpu" or torch.compiler.is_compiling() or not labels.numel():
        return
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(
            f"target holds {int(wrong[0])} at a valid pixel, but classes run from 0 to "
            f"{classes - 1}. If that value means 'ignore', set valid to False there."
        )
