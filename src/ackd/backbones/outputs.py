"""What a backbone gives: the paper's z, zbar and p."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["Outputs"]


class Outputs(NamedTuple):
    """The three outputs that distillation reads, for a batch of B images.

    Attributes:
        z: (B, N, D_z) unfused features of the N = h * w patches, row-major.
        zbar: (B, D_zbar) fused features, the input of the classifier.
        logits: (B, C) raw logits p, before softmax or sigmoid; (B, 0) without a classifier.
        grid: (h, w), the patches' rows and columns.
    """

    z: Tensor
    zbar: Tensor
    logits: Tensor
    grid: tuple[int, int]
