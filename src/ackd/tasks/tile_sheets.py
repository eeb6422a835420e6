"""A sheet of tiles: columns of pictures with titles, a caption below each row, and a legend.

Drawn with Pillow alone, since training needs no matplotlib. What was drawn can be taken apart again
(:func:`cut_sheet`), so that a report shows the tiles of many runs beside each other without the
data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["COLUMNS", "TILE", "cut_sheet", "draw_sheet"]

TILE: Final = 200  # pixels a side of a tile in the picture
GAP: Final = 8
HEAD: Final = 30
FOOT: Final = 34  # for each line of the legend
CAPTION: Final = 22  # below each row
INK: Final = (34, 34, 34)
PAPER: Final = (255, 255, 255)

#: What a sheet of test tiles has; truth and prediction alone where no images were at hand.
COLUMNS: Final = ("SAR", "Optical", "Truth", "Prediction")

Pixels = NDArray[np.uint8]


def draw_sheet(
    columns: Sequence[tuple[str, Pixels]], captions: Sequence[str],
    legend: Sequence[tuple[str, tuple[int, ...]]],
) -> Pixels:  # fmt: skip
    """Lay tiles out in rows with a caption each; the last two columns are masks.

    Args:
        columns: Titles with tiles (N, H, W, 3), of one size.
        captions: N of them.
        legend: Names with colors.
    """
    count, height, width, _ = columns[0][1].shape
    grid = _Grid.of(height, width)
    across = GAP + len(columns) * grid.right
    lines = _legend_lines(legend, across)
    below = HEAD + count * grid.down
    paper = Image.new("RGB", (across, below + FOOT * len(lines)), PAPER)
    text = _Text(ImageDraw.Draw(paper))
    for column, (title, tiles) in enumerate(columns):
        left, top = grid.corner(0, column)
        text((left + grid.width / 2, top / 2), text.fit(title, 15, grid.width), 15, "mm")
        mask = column >= len(columns) - 2
        larger = grid.width > width
        for row, tile in enumerate(tiles):
            how = Image.Resampling.NEAREST if mask or larger else Image.Resampling.BOX
            resized = Image.fromarray(tile).resize((grid.width, grid.height), how)
            paper.paste(resized, grid.corner(row, column))
    for row, caption in enumerate(captions):
        left, top = grid.corner(row, 0)
        place = (left, top + grid.height + 5)
        text(place, text.fit(caption, 13, across - 2 * GAP), 13, "lt")
    for number, line in enumerate(lines):
        _draw_legend(text, line, below + (number + 0.5) * FOOT)
    return np.asarray(paper)


def cut_sheet(sheet: Pixels, height: int, width: int, count: int) -> dict[str, Pixels]:
    """Take a sheet of test tiles apart.

    Args:
        sheet: (H, W, 3) as :func:`draw_sheet` made it.
        height: Of a tile in pixels, before it was drawn.
        width: Likewise.
        count: How many tiles there are in a column.

    Returns:
        (N, h, w, 3) of the :data:`COLUMNS` that it has, as they were drawn.

    Raises:
        ValueError: It is not a sheet of tiles of this size.
    """
    grid = _Grid.of(height, width)
    columns, beside = divmod(sheet.shape[1] - GAP, grid.right)
    lines, below = divmod(sheet.shape[0] - HEAD - count * grid.down, FOOT)
    if beside or below or columns not in (2, len(COLUMNS)) or lines < 1 or count < 1:
        raise ValueError(
            f"A picture of {sheet.shape[1]}x{sheet.shape[0]} pixels is no sheet of {count} tiles "
            f"of {width}x{height} pixels."
        )
    return {
        title: np.stack([grid.of_sheet(sheet, row, column) for row in range(count)])
        for column, title in enumerate(COLUMNS[-columns:])
    }


@dataclass(frozen=True)
class _Grid:
    """Where the tiles of a sheet are, each ``width`` by ``height`` pixels large in it."""

    width: int
    height: int

    @classmethod
    def of(cls, height: int, width: int) -> _Grid:
        """Fit tiles of a size: the longer side has :data:`TILE` pixels."""
        scale = TILE / max(height, width)
        return cls(max(1, round(width * scale)), max(1, round(height * scale)))

    @property
    def right(self) -> int:
        """From one column to the next."""
        return self.width + GAP

    @property
    def down(self) -> int:
        """From one row to the next."""
        return self.height + CAPTION

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Of a tile, from the left and from the top."""
        return GAP + column * self.right, HEAD + row * self.down

    def of_sheet(self, sheet: Pixels, row: int, column: int) -> Pixels:
        """A tile, (h, w, 3)."""
        left, top = self.corner(row, column)
        return sheet[top : top + self.height, left : left + self.width]


@dataclass(frozen=True)
class _Text:
    """Writes on a picture."""

    draw: ImageDraw.ImageDraw

    def __call__(self, place: tuple[float, float], text: str, size: int, anchor: str) -> None:
        self.draw.text(place, text, fill=INK, font=_font(size), anchor=anchor)

    def width(self, text: str, size: int) -> float:
        return self.draw.textlength(text, font=_font(size))

    def fit(self, text: str, size: int, width: float) -> str:
        """Shorten a text in its middle."""
        if self.width(text, size) <= width:
            return text
        for kept in range(len(text) - 1, 1, -1):
            shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
            if self.width(shorter, size) <= width:
                return shorter
        return text[:1]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _legend_lines(
    legend: Sequence[tuple[str, tuple[int, ...]]], width: int
) -> list[list[tuple[str, tuple[int, ...]]]]:
    """Entries of the legend, as many in a line as fit."""
    text = _Text(ImageDraw.Draw(Image.new("RGB", (1, 1))))
    lines: list[list[tuple[str, tuple[int, ...]]]] = [[]]
    used = float(GAP)
    for name, color in legend:
        needed = 16 + 6 + text.width(name, 13) + 18
        if lines[-1] and used + needed > width:
            lines.append([])
            used = float(GAP)
        lines[-1].append((name, color))
        used += needed
    return lines


def _draw_legend(text: _Text, line: Sequence[tuple[str, tuple[int, ...]]], middle: float) -> None:
    left = float(GAP)
    for name, color in line:
        box = (left, middle - 8, left + 16, middle + 8)
        text.draw.rectangle(box, fill=tuple(int(level) for level in color), outline=INK)
        text((left + 22, middle), name, 13, "lm")
        left += 16 + 6 + text.width(name, 13) + 18
