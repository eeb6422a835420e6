"""From classes of windows that overlap to a class for each pixel."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles import IGNORED
from ackd.geo import blend_weights

__all__ = ["ClassMap"]

#: Columns that are worked on together, so that they stay in the cache of the processor.
_COLUMNS = 512


class ClassMap:
    """Blends the probabilities of windows, and gives rows away that no later window reaches.

    The weight of a window at a pixel is the product of those of its row and its column, so that
    what all windows say of a block of pixels is a product of three small matrices for each class.
    """

    def __init__(
        self, starts: tuple[tuple[int, ...], tuple[int, ...]], tile: int, size: tuple[int, int]
    ) -> None:
        """Say where the windows lie.

        Args:
            starts: The first rows and the first columns of the windows, each ascending.
            tile: Side of a window in pixels.
            size: (H, W) of the image.
        """
        self._rows, self._cols = starts
        self._size = size
        self._down, self._across = (
            blend_weights(one, tile, side) for one, side in zip(starts, size, strict=True)
        )
        self._said: deque[tuple[int, NDArray[np.float32]]] = deque()

    def add(self, row: int, shares: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Add what a row of windows says.

        Args:
            row: Its number; rows come in order.
            shares: (windows, C) probabilities, 0 for a window without data.

        Returns:
            (n, W) the most probable class of each pixel of the rows that are complete now, from the
            start of these windows to that of the next; 255 where no window has an answer.
        """
        self._said.append((row, shares))
        first = self._rows[row]
        stop = self._rows[row + 1] if row + 1 < len(self._rows) else self._size[0]
        length = self._down.shape[1]
        while self._rows[self._said[0][0]] + length <= first:
            self._said.popleft()
        down = np.zeros((stop - first, len(self._said)), np.float32)
        for place, (earlier, _) in enumerate(self._said):
            start, weights = self._rows[earlier], self._down[earlier]
            reach = min(start + length, stop) - first
            down[:reach, place] = weights[first - start : first - start + reach]
        said = np.stack([shares for _, shares in self._said])
        found = np.empty((stop - first, self._size[1]), np.uint8)
        for left in range(0, self._size[1], _COLUMNS):
            right = min(left + _COLUMNS, self._size[1])
            found[:, left:right] = self._block(down, said, left, right)
        return found

    def _block(
        self, down: NDArray[np.float32], said: NDArray[np.float32], left: int, right: int
    ) -> NDArray[np.uint8]:
        length = self._across.shape[1]
        over = [j for j, c in enumerate(self._cols) if c < right and c + length > left]
        across = np.zeros((len(over), right - left), np.float32)
        for place, j in enumerate(over):
            start = self._cols[j]
            begin, end = max(start, left), min(start + length, right)
            across[place, begin - left : end - left] = self._across[j, begin - start : end - start]
        best = np.zeros((len(down), right - left), np.float32)
        found = np.full(best.shape, IGNORED, np.uint8)
        for label in range(said.shape[2]):
            shares = down @ (said[:, over, label] @ across)
            better = shares > best
            found[better] = label
            np.maximum(best, shares, out=best)
        return found
