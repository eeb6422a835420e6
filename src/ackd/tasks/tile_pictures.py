"""Tiles as a picture: what both sensors see, what is true, and what a network says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles import IGNORED, TileSet
from ackd.tasks.base import Answers, Picture
from ackd.tasks.mask_files import GREY, class_colors
from ackd.tasks.tile_sheets import draw_sheet

__all__ = [
    "FALSE_NEGATIVE", "FALSE_POSITIVE", "SHOWN", "choose_by_shares", "choose_tiles", "draw_tiles",
    "visible",
]  # fmt: skip

SHOWN: Final = 5  # tiles at most

# Of Okabe and Ito's palette: errors are told apart with every kind of color vision.
FALSE_POSITIVE: Final = (213, 94, 0)
FALSE_NEGATIVE: Final = (0, 114, 178)

CUT: Final = 2.0  # percent of the pixels at either end that are black or white
RED_GREEN_BLUE: Final = (("R", "G", "B"), ("B04", "B03", "B02"), ("red", "green", "blue"))

Pixels = NDArray[np.uint8]


def draw_tiles(answers: Answers, classes: Sequence[str], data: Any, count: int = SHOWN) -> Picture:
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
    sheet = draw_sheet(columns, lines, [*legend, ("not counted", GREY)])
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
    valid = (truth != IGNORED).reshape(len(truth), -1).mean(axis=1)
    there = ((truth > 0) & (truth < classes)).reshape(len(truth), -1).mean(axis=1)
    return choose_by_shares(valid, there, count)


def choose_by_shares(
    valid: NDArray[np.float64], there: NDArray[np.float64], count: int
) -> NDArray[np.int64]:
    """The same from what is known of each tile.

    Args:
        valid: (N,) how much of each tile is valid, 0 to 1.
        there: (N,) how much of it the classes behind the first cover, 0 to 1.
        count: At most so many.
    """
    whole = np.flatnonzero(valid >= 0.5)
    pool = whole if len(whole) >= count else np.arange(len(valid))
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
