"""What a student says of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MaskPrediction", "ScenePrediction"]


@dataclass(frozen=True, eq=False)
class ScenePrediction:
    """What a student says of a whole image.

    Attributes:
        classes: All names.
        logits: (C,) float32, what the network said.
        probabilities: (C,) float32: the softmax of the logits where classes exclude each other,
            else the sigmoid of each.
        labels: The names it gives the image: the most probable one; or all whose probability is
            above 0.5, possibly none, where an image has several.
    """

    classes: tuple[str, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    labels: tuple[str, ...]

    @property
    def label(self) -> str:
        """The most probable name."""
        return self.classes[int(self.logits.argmax())]

    @property
    def probability(self) -> float:
        """Of the most probable name."""
        return float(self.probabilities[int(self.logits.argmax())])

    @property
    def ranked(self) -> dict[str, float]:
        """The probability of each name, most probable first."""
        order = np.argsort(-self.logits, kind="stable").tolist()
        return {self.classes[row]: float(self.probabilities[row]) for row in order}

    def __repr__(self) -> str:
        first = ", ".join(f"{name} {value:.3f}" for name, value in list(self.ranked.items())[:3])
        return f"ScenePrediction({', '.join(self.labels) or 'no class'}; {first})"


@dataclass(frozen=True, eq=False)
class MaskPrediction:
    """What a student says of the pixels of an image.

    Attributes:
        classes: All names; a value of the mask is a position in them.
        mask: (H, W) uint8, the class of each pixel, 255 where the image has no data.
        probabilities: (C, H, W) float32 of each class, NaN where the image has no data.
        valid: (H, W) True where the image has data.
    """

    classes: tuple[str, ...]
    mask: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    valid: NDArray[np.bool_]

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class among the pixels with data; NaN where there is none."""
        counts = np.bincount(self.mask[self.valid], minlength=len(self.classes))
        total = int(self.valid.sum())
        return {
            name: float(count) / total if total else float("nan")
            for name, count in zip(self.classes, counts.tolist(), strict=False)
        }

    def __repr__(self) -> str:
        height, width = self.mask.shape
        told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in self.shares.items())
        return f"MaskPrediction({height}x{width} pixels; {told})"
