"""Splits of images whose places are known: parts that share no ground, and how much they share.

Where strips of images overlap, a random split shows nearly all ground of a test image in training
as well, under another look; what is measured then is memory rather than generalisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL

__all__ = ["UNUSED", "ground_seen", "overlaps", "split_by_place"]

#: In a split, images of no part: they would show ground of another part.
UNUSED: Final = -1

Bounds = NDArray[np.float64]
"""(N, 4) left, bottom, right and top of each image, all in one coordinate system."""

_EDGE: Final = 1e-6
"""Images that overlap by less than this share of their side lie beside each other."""


def split_by_place(bounds: Bounds, val: float, test: float) -> NDArray[np.int8]:
    """Take the easternmost images for test and the westernmost for validation.

    Images of training that overlap any of another part are used for nothing, and so are those of
    validation that overlap any of test. Images that only share an edge do not overlap.

    Args:
        bounds: (N, 4) left, bottom, right and top of each image.
        val: The share of validation among all images, 0 to 1.
        test: The share of test.

    Returns:
        (N,) int8 of ``TRAIN``, ``VAL``, ``TEST`` and :data:`UNUSED`. A part may hold more than its
        share less what overlaps, where images lie at the same place.
    """
    middle = (bounds[:, 0] + bounds[:, 2]) / 2
    split = np.full(len(bounds), TRAIN, dtype=np.int8)
    if val > 0:
        split[middle <= np.quantile(middle, val)] = VAL
    if test > 0:
        split[middle > np.quantile(middle, 1.0 - test)] = TEST
    in_test, in_val = split == TEST, split == VAL
    split[in_val & overlaps(bounds, bounds[in_test])] = UNUSED
    held_out = bounds[in_test | in_val]
    split[(split == TRAIN) & overlaps(bounds, held_out)] = UNUSED
    return split


def overlaps(bounds: Bounds, others: Bounds) -> NDArray[np.bool_]:
    """Whether each image overlaps any of some others.

    Args:
        bounds: (N, 4) of the images.
        others: (M, 4) of the others.

    Returns:
        (N,) bool.
    """
    found = np.zeros(len(bounds), dtype=bool)
    for rows in _blocks(len(bounds), len(others)):
        found[rows] = _meet(bounds[rows], others).any(axis=1)
    return found


def ground_seen(bounds: Bounds, others: Bounds) -> float:
    """The share of some images' ground that others show too.

    Args:
        bounds: (N, 4) of the images, e.g. those of test, N >= 1.
        others: (M, 4) of the others, e.g. those of training.

    Returns:
        The area of each image that lies in the union of all others, summed over the images and
        divided by the sum of their areas; 0 to 1, exact but for rounding.
    """
    area = ((bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])).sum()
    covered = 0.0
    for rows in _blocks(len(bounds), len(others)):
        met = _meet(bounds[rows], others)
        for image, which in zip(bounds[rows], met, strict=True):
            covered += _covered(image, others[which])
    return min(covered / float(area), 1.0)


def _covered(image: Bounds, others: Bounds) -> float:
    """The area of one image, (4,), within the union of others that meet it."""
    if not len(others):
        return 0.0
    left, bottom = np.maximum(others[:, 0], image[0]), np.maximum(others[:, 1], image[1])
    right, top = np.minimum(others[:, 2], image[2]), np.minimum(others[:, 3], image[3])
    # All edges together cut the image into cells, each of which is covered wholly or not at all.
    x, y = np.unique(np.concatenate([left, right])), np.unique(np.concatenate([bottom, top]))
    first_column, last_column = np.searchsorted(x, left), np.searchsorted(x, right)
    first_row, last_row = np.searchsorted(y, bottom), np.searchsorted(y, top)
    # How many of the others cover a cell is a sum of steps at their corners.
    steps = np.zeros((len(y), len(x)), dtype=np.int64)
    for row, column, step in (
        (first_row, first_column, 1),
        (last_row, last_column, 1),
        (first_row, last_column, -1),
        (last_row, first_column, -1),
    ):
        np.add.at(steps, (row, column), step)
    depth = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1]
    return float((np.diff(y) @ (depth > 0)) @ np.diff(x))


def _meet(bounds: Bounds, others: Bounds) -> NDArray[np.bool_]:
    """(N, M) whether two images overlap by more than rounding."""
    edge_x = _EDGE * (bounds[:, 2] - bounds[:, 0])[:, None]
    edge_y = _EDGE * (bounds[:, 3] - bounds[:, 1])[:, None]
    wide = np.minimum(bounds[:, None, 2], others[None, :, 2]) - np.maximum(
        bounds[:, None, 0], others[None, :, 0]
    )
    high = np.minimum(bounds[:, None, 3], others[None, :, 3]) - np.maximum(
        bounds[:, None, 1], others[None, :, 1]
    )
    return np.asarray((wide > edge_x) & (high > edge_y))


def _blocks(count: int, others: int) -> Iterator[slice]:
    """Rows for which a table of all pairs stays small."""
    step = max(1, 4_000_000 // max(others, 1))
    for start in range(0, count, step):
        yield slice(start, start + step)
