"""The logits that images got while they were trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from ackd.modules.sharding import sum_over_ranks

__all__ = ["PastLogits"]


class PastLogits:
    """Keeps the logits of an epoch's batches where they are, and brings them together at its end.

    They are those of training: augmented images, dropout, batch statistics, and weights that
    changed from batch to batch.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, Tensor]] = []

    def forget(self) -> None:
        """Start an epoch."""
        self._kept = []

    def keep(self, rows: Tensor, logits: Tensor) -> None:
        """Take a batch: (B,) rows and (B, C) logits of this rank. Waits for no accelerator."""
        self._kept.append((rows, logits))

    def collect(self, rows: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        """Bring together what all ranks have kept; every rank has to ask.

        Args:
            rows: (N,) ascending rows of all images.
            classes: C.

        Returns:
            (N, C) float32 logits in the order of ``rows``, 0 for an image that came in no batch,
            and (N,) bool, which images did.
        """
        logits = torch.zeros(len(rows), classes)
        times = torch.zeros(len(rows))
        for seen, values in self._kept:
            positions = torch.searchsorted(rows, seen.cpu())
            logits[positions] = values.float().cpu()
            times[positions] = 1
        # No image is in the shares of two ranks, so a sum puts the shares beside each other.
        return sum_over_ranks(logits), sum_over_ranks(times) > 0
