"""Answers of windows that overlap, blended into one image without seams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blend", "blend_weights"]


def blend_weights(starts: Sequence[int], tile: int, size: int) -> NDArray[np.float32]:
    """Weigh the windows along one axis, so that those of each pixel add up to 1.

    A window weighs sin^2(pi (i + 1/2) / tile) at its pixel i: most in its middle, where a network
    sees all around a pixel, and nearly nothing at its ends, where the next window takes over.
    Where windows lie on a grid, the weight of a pixel is the product of those of its row and its
    column.

    Args:
        starts: The first pixel of each window, ascending.
        tile: The length of each, cut off at the end of the image.
        size: Of the image in pixels.

    Returns:
        (windows, min(tile, size)) the weights of each window's pixels; exactly 1 where it is alone.
    """
    length = min(tile, size)
    rise = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    total = np.zeros(size)
    for start in starts:
        total[start : start + length] += rise
    return np.stack([(rise / total[s : s + length]).astype(np.float32) for s in starts])


class Blend:
    """Adds up what windows say, and gives rows away as soon as no later window reaches them.

    Only as many rows as a window has are in memory.
    """

    def __init__(
        self,
        channels: int,
        starts: tuple[Sequence[int], Sequence[int]],
        tile: int,
        size: tuple[int, int],
        cols: slice,
    ) -> None:
        """Say where the windows lie.

        Args:
            channels: K, of what windows say.
            starts: The first rows and the first columns of the windows, each ascending.
            tile: Side of a window in pixels.
            size: (H, W) of the image.
            cols: The columns that are wanted; windows may reach beyond them.
        """
        self._rows, self._left = starts[0], cols.start
        self._down, self._across = (
            blend_weights(one, tile, side) for one, side in zip(starts, size, strict=True)
        )
        self._of_col = {start: place for place, start in enumerate(starts[1])}
        self._height = size[0]
        length = self._down.shape[1]
        self._sum = np.zeros((channels, length, cols.stop - cols.start), np.float32)

    def add(self, row: int, start: int, shares: NDArray[np.float32]) -> None:
        """Add what a window says.

        Args:
            row: The number of its row of windows; one is finished before the next begins.
            start: Its first column.
            shares: (K, h, w) probabilities.
        """
        width = shares.shape[2]
        first = max(start, self._left)
        last = min(start + width, self._left + self._sum.shape[2])
        if first >= last:
            return
        part = slice(first - start, last - start)
        weight = self._down[row][:, None] * self._across[self._of_col[start]][None, part]
        self._sum[:, :, first - self._left : last - self._left] += shares[:, :, part] * weight

    def finish(self, row: int) -> NDArray[np.float32]:
        """Give the rows that are complete once all windows of a row of windows were added.

        Returns:
            (K, n, W) probabilities of the rows from the start of these windows to that of the next
            ones, or to the end of the image.
        """
        following = self._rows[row + 1] if row + 1 < len(self._rows) else self._height
        done = following - self._rows[row]
        rows = self._sum[:, :done].copy()
        self._sum[:, :-done] = self._sum[:, done:].copy()
        self._sum[:, -done:] = 0
        return rows
