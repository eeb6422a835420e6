"""What one image tells of another, figure 6 of arXiv 2511.08901."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["mutual_information"]

LEVELS = 256


def mutual_information(a: Tensor | NDArray[np.uint8], b: Tensor | NDArray[np.uint8]) -> float:
    """Mutual information of two images from their 256 x 256 joint histogram.

    MI = H(A) + H(B) - H(A, B) over co-located values, the channels pooled into one histogram.

    Args:
        a: uint8 image of any shape, e.g. (H, W, 3).
        b: uint8 image of the same shape.

    Returns:
        MI in nats, >= 0; 0 when one image is constant, H(A) when both are equal.

    Raises:
        TypeError: If an image is not uint8.
        ValueError: If the shapes differ or the images are empty.
    """
    x, y = _levels("a", a), _levels("b", b)
    if x.shape != y.shape or x.size == 0:
        raise ValueError(
            "Mutual information compares co-located values, so both images need one non-empty "
            f"shape, but they have {x.shape} and {y.shape}; bring them to a common grid first."
        )
    pairs = x.ravel().astype(np.int64) * LEVELS + y.ravel()
    joint = np.bincount(pairs, minlength=LEVELS * LEVELS).reshape(LEVELS, LEVELS) / x.size
    information = _entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0)) - _entropy(joint)
    return max(information, 0.0)


def _levels(name: str, image: Tensor | NDArray[np.uint8]) -> NDArray[np.uint8]:
    array = image.cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    if array.dtype != np.uint8:
        raise TypeError(
            f"{name} must be a uint8 image, because a level is a bin of the histogram, but is "
            f"{array.dtype}; stretch it to 0..255 first."
        )
    return array


def _entropy(probabilities: NDArray[np.float64]) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())
