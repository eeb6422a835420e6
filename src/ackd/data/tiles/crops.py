"""Windows of tiles for training, and borders around whole tiles for evaluation."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["NO_PADDING", "Padding", "Window", "choose_window", "crop_back", "pad", "padding_for"]

#: Windows that are drawn before the best of them is taken, whatever it shows.
TRIES: Final = 10

Window = tuple[slice, slice]
ArrayT = TypeVar("ArrayT", NDArray[Any], Tensor)


class Padding(NamedTuple):
    """Pixels around an image."""

    top: int
    bottom: int
    left: int
    right: int


NO_PADDING: Final = Padding(0, 0, 0, 0)


def choose_window(
    draw: np.random.Generator,
    valid: NDArray[np.bool_],
    size: tuple[int, int],
    min_valid: float = 0.0,
) -> Window:
    """Draw a window, again where it shows too little.

    Args:
        draw: Its place is drawn from this.
        valid: (H, W) True where the tile has data.
        size: Height and width of the window in pixels, at most those of the tile.
        min_valid: The share of valid pixels that the window should have, 0 to 1.

    Returns:
        Rows and columns. After :data:`TRIES` windows that show too little it is the first of those
        that show most, so that a tile without data costs no time.
    """
    best: Window | None = None
    most = -1.0
    for _ in range(TRIES):
        starts = [
            int(draw.integers(whole - part + 1))
            for whole, part in zip(valid.shape, size, strict=True)
        ]
        rows, cols = (slice(a, a + part) for a, part in zip(starts, size, strict=True))
        if min_valid <= 0:
            return rows, cols
        share = float(valid[rows, cols].mean())
        if share >= min_valid:
            return rows, cols
        if share > most:
            best, most = (rows, cols), share
    assert best is not None  # TRIES is positive
    return best


def padding_for(height: int, width: int, stride: int) -> Padding:
    """The border that makes both sides divisible by a network's stride, e.g. 14 + 14 for 900 at 32.

    Args:
        height: Of the image in pixels.
        width: Of the image in pixels.
        stride: Of the network.
    """
    rows, cols = -height % stride, -width % stride
    return Padding(rows // 2, rows - rows // 2, cols // 2, cols - cols // 2)


def pad(array: NDArray[Any], padding: Padding, value: float | None = None) -> NDArray[Any]:
    """Put a border around images.

    Args:
        array: (..., H, W).
        padding: The border.
        value: What it holds; None mirrors the image at its edge.
    """
    if padding == NO_PADDING:
        return array
    width = [(0, 0)] * (array.ndim - 2) + [padding[:2], padding[2:]]
    if value is None:
        return np.pad(array, width, mode="reflect")
    return np.pad(array, width, constant_values=value)


def crop_back(array: ArrayT, padding: Padding) -> ArrayT:
    """Take the border away again, from an array or a tensor (..., H, W)."""
    height, width = array.shape[-2:]
    rows = slice(padding.top, height - padding.bottom)
    return array[..., rows, padding.left : width - padding.right]
