"""Tiles as a picture: what both sensors see, what is true, and what a network says.

Drawn with Pillow alone, since training needs no matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ackd.data.tiles import IGNORED, TileSet
from ackd.tasks.base import Answers, Picture
from ackd.tasks.mask_files import GREY, class_colors

__all__ = ["choose_tiles", "draw_tiles", "visible"]

TILE: Final = 200  # pixels a side of a tile in the picture
GAP: Final = 8
HEAD: Final = 30
FOOT: Final = 34
CAPTION: Final = 22  # below each row
INK: Final = (34, 34, 34)
PAPER: Final = (255, 255, 255)

# Of Okabe and Ito's palette: errors are told apart with every kind of color vision.
FALSE_POSITIVE: Final = (213, 94, 0)
FALSE_NEGATIVE: Final = (0, 114, 178)

CUT: Final = 2.0  # percent of the pixels at either end that are black or white
RED_GREEN_BLUE: Final = (("R", "G", "B"), ("B04", "B03", "B02"), ("red", "green", "blue"))

Pixels = NDArray[np.uint8]


def draw_tiles(answers: Answers, classes: Sequence[str], data: Any, count: int = 5) -> Picture:
    """Draw some test tiles, one row each: SAR, optical, truth, prediction.

    Where one class stands against everything else, its false positives and false negatives have
    colors of their own in the prediction. Pixels that do not count are grey.

    Args:
        answers: With masks (N, H, W) of classes.
        classes: Their names.
        data: The data module, whose ``tiles`` are a :class:`~ackd.data.tiles.TileSet`; without
            them truth and prediction are shown alone.
        count: Of the tiles, at most; see :func:`choose_tiles`.
    """
    said, true = answers.outputs.numpy(), answers.targets.numpy()
    chosen = choose_tiles(true, len(classes), count)
    rows = answers.rows.numpy()[chosen]
    tiles = getattr(data, "tiles", None)
    columns: list[tuple[str, Pixels]] = []
    names = [str(row) for row in rows]
    if isinstance(tiles, TileSet):
        names = [str(name) for name in tiles.ids[rows]]
        for sensor, images, bands in (
            ("SAR", tiles.sar, tiles.sar_bands), ("Optical", tiles.optical, tiles.optical_bands),
        ):  # fmt: skip
            shown = shown_bands(bands)
            title = f"{sensor} ({' '.join(bands[band] for band in dict.fromkeys(shown))})"
            pixels = np.stack([images[row][list(shown)] for row in rows])
            columns.append((title, visible(pixels, np.stack([tiles.valid[r] for r in rows]))))
    colors = class_colors(len(classes))
    truth = colors[true[chosen]]
    prediction = colors[np.where(true[chosen] == IGNORED, IGNORED, said[chosen])]
    legend = [(name, tuple(colors[label])) for label, name in enumerate(classes)]
    captions = [_caption(said[i], true[i], len(classes)) for i in chosen]
    if len(classes) == 2:
        wrong = (true[chosen] != IGNORED) & (true[chosen] != said[chosen])
        prediction[wrong & (said[chosen] == 1)] = FALSE_POSITIVE
        prediction[wrong & (said[chosen] == 0)] = FALSE_NEGATIVE
        legend += [("false positive", FALSE_POSITIVE), ("false negative", FALSE_NEGATIVE)]
    columns += [("Truth", truth), ("Prediction", prediction)]
    lines = [f"{name}: {text}" for name, text in zip(names, captions, strict=True)]
    sheet = _sheet(columns, lines, [*legend, ("not counted", GREY)])
    titles = ", ".join(title for title, _ in columns)
    return Picture("test/tiles", sheet, f"{len(chosen)} test tiles; columns: {titles}")


def choose_tiles(truth: Pixels, classes: int, count: int) -> NDArray[np.int64]:
    """Choose tiles by what is true alone, so that all networks are shown on the same ones.

    Args:
        truth: (N, H, W) masks.
        classes: How many there are.
        count: At most so many.

    Returns:
        Ascending positions: from the tiles that are at least half valid, or from all where there
        are not enough, evenly spread over how much of them the classes behind the first cover.
    """
    valid = truth != IGNORED
    share_valid = valid.reshape(len(truth), -1).mean(axis=1)
    there = ((truth > 0) & (truth < classes)).reshape(len(truth), -1).mean(axis=1)
    whole = np.flatnonzero(share_valid >= 0.5)
    pool = whole if len(whole) >= count else np.arange(len(truth))
    showing = pool[there[pool] > 0]
    pool = showing if len(showing) >= count else pool
    order = pool[np.argsort(there[pool], kind="stable")]
    count = min(count, len(order))
    # Middles of equal shares.
    places = (2 * np.arange(count) + 1) * len(order) // (2 * max(count, 1))
    return np.sort(order[places]).astype(np.int64)


def shown_bands(bands: Sequence[str]) -> tuple[int, int, int]:
    """Red, green and blue where there are such bands; otherwise the first one as grey."""
    for names in RED_GREEN_BLUE:
        if set(names) <= set(bands):
            red, green, blue = (bands.index(name) for name in names)
            return red, green, blue
    return 0, 0, 0


def visible(images: NDArray[Any], valid: NDArray[np.bool_]) -> Pixels:
    """Stretch digital numbers or decibels to what the eye can see, alike for all tiles.

    Each band goes from its 2nd percentile to its 98th; invalid pixels are grey.

    Args:
        images: (N, 3, H, W).
        valid: (N, H, W).

    Returns:
        (N, H, W, 3).
    """
    levels = np.empty((*valid.shape, 3), dtype=np.uint8)
    for band in range(3):
        values = images[:, band].astype(np.float32)
        known = values[valid & np.isfinite(values)]
        low, high = np.percentile(known, (CUT, 100 - CUT)) if len(known) else (0.0, 1.0)
        scaled = (np.nan_to_num(values) - low) / max(float(high - low), 1e-6)
        levels[..., band] = np.round(255 * scaled.clip(0, 1))
    levels[~valid] = GREY
    return levels


def _caption(said: Pixels, true: Pixels, classes: int) -> str:
    """The IoU of a tile, or the share of pixels that are right where there are several classes."""
    valid = true != IGNORED
    if classes != 2:
        right = (said == true)[valid]
        return f"{100 * right.mean():.0f} % of the pixels right" if len(right) else "no valid pixel"
    both, either = (((said == 1) & (true == 1) & valid).sum(), ((said == 1) | (true == 1)) & valid)
    return f"IoU {100 * both / either.sum():.1f} %" if either.any() else "nothing there"


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


def _sheet(
    columns: Sequence[tuple[str, Pixels]], captions: Sequence[str],
    legend: Sequence[tuple[str, tuple[int, ...]]],
) -> Pixels:  # fmt: skip
    """Lay columns of (title, (N, H, W, 3)) out in rows with a caption each."""
    count, height, width, _ = columns[0][1].shape
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    step_x, step_y = size[0] + GAP, size[1] + CAPTION
    across = GAP + len(columns) * step_x
    lines = _legend_lines(legend, across)
    down = HEAD + count * step_y + FOOT * len(lines)
    paper = Image.new("RGB", (across, down), PAPER)
    text = _Text(ImageDraw.Draw(paper))
    for column, (title, tiles) in enumerate(columns):
        left = GAP + column * step_x
        text((left + size[0] / 2, HEAD / 2), text.fit(title, 15, size[0]), 15, "mm")
        mask = column >= len(columns) - 2
        for row, tile in enumerate(tiles):
            how = Image.Resampling.NEAREST if mask or scale > 1 else Image.Resampling.BOX
            paper.paste(Image.fromarray(tile).resize(size, how), (left, HEAD + row * step_y))
    for row, caption in enumerate(captions):
        place = (GAP, HEAD + row * step_y + size[1] + 5)
        text(place, text.fit(caption, 13, across - 2 * GAP), 13, "lt")
    for number, line in enumerate(lines):
        _draw_legend(text, line, HEAD + count * step_y + (number + 0.5) * FOOT)
    return np.asarray(paper)


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
