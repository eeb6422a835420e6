"""Predicted masks as files: one PNG per tile that any viewer shows, and a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ackd.data.tiles import IGNORED
from ackd.tasks.base import Answers
from ackd.utils.io import write_bytes, write_text

__all__ = ["GREY", "class_colors", "mask_png", "write_masks", "write_table"]

#: Of pixels that do not count.
GREY: Final = (128, 128, 128)

# Okabe and Ito's palette: told apart with every kind of color vision.
_PALETTE: Final = (
    (0, 158, 115), (0, 114, 178), (230, 159, 0), (213, 94, 0), (86, 180, 233), (240, 228, 66),
    (204, 121, 167), (34, 34, 34),
)  # fmt: skip


def class_colors(classes: int) -> NDArray[np.uint8]:
    """The color of each value of a mask, (256, 3).

    Two classes are dark and light; more have colors that come again after eight, each time
    lighter. Values without a class are grey, :data:`~ackd.data.tiles.IGNORED` among them.

    Args:
        classes: How many there are.
    """
    colors = np.full((256, 3), GREY, dtype=np.uint8)
    if classes == 2:
        colors[:2] = ((24, 24, 24), (245, 245, 245))
        return colors
    for label in range(classes):
        turn, place = divmod(label, len(_PALETTE))
        lighter = 1 - 0.6**turn
        base = np.array(_PALETTE[place], dtype=np.float64)
        colors[label] = np.round(base + (255 - base) * lighter)
    return colors


def mask_png(mask: NDArray[np.uint8], colors: NDArray[np.uint8]) -> bytes:
    """Encode a mask as a PNG whose values are the classes, with a palette.

    Args:
        mask: (H, W).
        colors: (256, 3) of each value.
    """
    picture = Image.fromarray(mask)
    picture.putpalette(colors.tobytes())  # from 'L' to 'P'; values stay as they are
    encoded = io.BytesIO()
    picture.save(encoded, format="PNG", optimize=True)
    return encoded.getvalue()


def write_masks(folder: Path, answers: Answers, files: Sequence[str], classes: int) -> None:
    """Write ``predictions/<file>.png`` for each tile.

    Args:
        folder: Of the run or the stage.
        answers: Masks (N, H, W) of what was predicted and of what is true.
        files: N names.
        classes: How many there are.
    """
    colors = class_colors(classes)
    for file, said, true in zip(files, answers.outputs, answers.targets, strict=True):
        mask = said.where(true != IGNORED, IGNORED).numpy()
        write_bytes(folder / "predictions" / f"{file}.png", mask_png(mask, colors))


def write_table(folder: Path, files: Sequence[str], columns: Mapping[str, Sequence[str]]) -> None:
    """Write ``predictions.csv``: a line for each tile.

    Args:
        folder: Of the run or the stage.
        files: N names, the first column.
        columns: N texts each, by the head of the column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *columns])
    writer.writerows(zip(files, *columns.values(), strict=True))
    write_text(folder / "predictions.csv", text.getvalue())
