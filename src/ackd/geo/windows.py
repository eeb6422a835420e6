"""Windows that cover an image which is too large for one pass of a network."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Window", "plan_windows"]


class Window(NamedTuple):
    """A part of an image, in pixels.

    Attributes:
        row: Its first row.
        col: Its first column.
        height: How many rows of the image it has.
        width: How many columns of the image it has.
        pad_bottom: Rows to add below, where the image is lower than a tile.
        pad_right: Columns to add on the right, where the image is narrower than a tile.
    """

    row: int
    col: int
    height: int
    width: int
    pad_bottom: int = 0
    pad_right: int = 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array (..., H, W) with ``array[..., *window.slices]``."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)


def plan_windows(height: int, width: int, tile: int, stride: int) -> list[Window]:
    """Plan square windows that cover an image, row by row.

    Along each axis of n pixels they start at 0, stride, 2 stride, ...; the last one is moved back
    to n - tile, so that it ends with the image. Only an image that is smaller than a tile along an
    axis needs padding: there is one window along that axis then, and it has all of the image.

    Args:
        height: Of the image in pixels, >= 1.
        width: Of the image in pixels, >= 1.
        tile: Side of a window in pixels, >= 1.
        stride: From the start of a window to that of the next in pixels, 1 to ``tile``.

    Returns:
        The windows, without duplicates. Each pixel of the image is in at least one; with its
        padding each window has ``tile`` x ``tile`` pixels.

    Raises:
        TypeError: A size is not an integer.
        ValueError: A size is below 1, or the stride is above the tile and would leave gaps.
    """
    for name, value in (("height", height), ("width", width), ("tile", tile), ("stride", stride)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an integer in pixels, but it is {value!r}.")
        if value < 1:
            raise ValueError(f"{name} must be at least 1 pixel, but it is {value}.")
    if stride > tile:
        raise ValueError(
            f"stride={stride} is larger than tile={tile}: the pixels between two windows would be "
            f"in none of them. Set it to at most {tile}."
        )
    down, across = min(tile, height), min(tile, width)
    return [
        Window(row, col, down, across, tile - down, tile - across)
        for row in _starts(height, tile, stride)
        for col in _starts(width, tile, stride)
    ]


def _starts(size: int, tile: int, stride: int) -> list[int]:
    last = max(size - tile, 0)
    return [*range(0, last, stride), last]
