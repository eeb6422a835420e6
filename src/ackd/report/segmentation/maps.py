"""Error maps: the same test tiles under every row, from the pictures that runs leave behind.

A run's ``pictures/test_tiles.png`` shows tiles that were chosen by the truth alone, so all rows of
a data set have the same ones, and their predictions can be put below each other.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ackd.report.conditions import DataSet
from ackd.report.model import Figure, Panel
from ackd.report.predictions import Predictions, read_predictions
from ackd.report.segmentation.grid import Column, Entry, Grid
from ackd.report.segmentation.words import class_of
from ackd.report.svg import pictures
from ackd.tasks.mask_files import GREY, class_colors
from ackd.tasks.tile_pictures import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    SHOWN,
    choose_by_shares,
)
from ackd.tasks.tile_sheets import COLUMNS, cut_sheet

__all__ = ["error_maps"]

TILES = 4  # across the page
SAR, OPTICAL, TRUTH, PREDICTION = COLUMNS
FILE = Path("pictures") / "test_tiles.png"
NOTE = (
    "The same test tiles, chosen by the truth alone; of each row the network of the first seed. "
    "IoU of a tile is of all its valid pixels, of the tile as it is stored; pictures are scaled."
)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """The picture of one network, taken apart.

    Attributes:
        columns: (N, h, w, 3) of SAR, optical, truth and prediction, as far as they are there.
        names: Of the N tiles; empty where they are not known.
        scores: What stands below each prediction; empty where it is not known.
    """

    columns: dict[str, Pixels]
    names: tuple[str, ...]
    scores: tuple[str, ...]


def error_maps(data: DataSet, place: str, grid: Grid) -> list[Figure]:
    """One figure per network: what both sensors see, what is true, and what each row says.

    Rows whose picture is not at hand, or shows other tiles, are left out and named.
    """
    figures = []
    for number, column in enumerate(grid.columns, 1):
        name = f"{place}-maps{grid.anchor}-{number}"
        figure = _figure(data, grid, column, name)
        if figure is not None:
            figures.append(figure)
    return figures


def _figure(data: DataSet, grid: Grid, column: Column, name: str) -> Figure | None:
    sheets = [(entry, _sheet(entry)) for entry in grid.of(column)]
    known = [(entry, sheet) for entry, sheet in sheets if sheet is not None]
    if not known:
        return None
    first = known[0][1]
    count = len(first.columns[TRUTH])
    chosen = np.unique(np.linspace(0, count - 1, min(TILES, count)).round().astype(int)).tolist()
    panels = [
        _strip(words, first.columns[title], chosen, first.names, kind)
        for title, words, kind in (
            (SAR, "SAR image", "JPEG"), (OPTICAL, "Optical image", "JPEG"), (TRUTH, TRUTH, "PNG"),
        ) if title in first.columns
    ]  # fmt: skip
    missing = [entry.row.title for entry, sheet in sheets if sheet is None]
    for entry, sheet in known:
        if not np.array_equal(sheet.columns[TRUTH], first.columns[TRUTH]):
            missing.append(entry.row.title)
            continue
        tiles = sheet.columns[PREDICTION]
        panels.append(_strip(entry.row.title, tiles, chosen, sheet.scores, "PNG"))
    notes = [NOTE]
    if missing:
        notes.append(f"Without a picture of these tiles: {', '.join(missing)}.")
    return Figure(
        name, f"Error maps, {column.title}, {grid.title}", tuple(panels), _legend(data),
        tuple(notes), strips=True,
    )  # fmt: skip


def _legend(data: DataSet) -> tuple[tuple[str, str], ...]:
    classes = [str(each) for each in data.about.get("classes") or ()]
    colors = class_colors(len(classes))
    shown = [(tuple(colors[i].tolist()), each) for i, each in enumerate(classes)]
    if class_of(data):
        shown += [(FALSE_POSITIVE, "false positive"), (FALSE_NEGATIVE, "false negative")]
    return tuple(
        ("#" + "".join(f"{level:02x}" for level in color), title)
        for color, title in [*shown, (GREY, "not counted")]
    )


def _strip(
    title: str, tiles: Pixels, chosen: Sequence[int], texts: Sequence[str], kind: str
) -> Panel:
    """Tiles in a row: images as JPEG, masks as PNG, which loses nothing."""
    shown = [(_encoded(tiles[i], kind), texts[i] if texts else "") for i in chosen]
    height, width = tiles.shape[1:3]
    return pictures(title, shown, f"image/{kind.lower()}", (width, height))


def _encoded(tile: Pixels, kind: str) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(tile).save(encoded, kind, optimize=True, quality=85)
    return encoded.getvalue()


def _sheet(entry: Entry) -> Sheet | None:
    """Read the picture of the first network of a row; None where there is none that can be used."""
    run = entry.runs[0]
    folder = run.folder if entry.side == "student" else run.stage_folder(entry.side)
    if folder is None or not (folder / FILE).is_file():
        return None
    try:
        said = read_predictions(folder / "predictions.csv")
        height, width = _size(folder / "predictions" / f"{said.files[0]}.png")
        with Image.open(folder / FILE) as picture:
            columns = cut_sheet(
                np.asarray(picture.convert("RGB")), height, width, min(SHOWN, len(said.files))
            )
        names, scores = _told(said, height * width, columns)
    except (OSError, ValueError, UnidentifiedImageError):
        return None
    return Sheet(columns, names, scores)


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.height, picture.width


def _told(
    said: Predictions, pixels: int, columns: dict[str, Pixels]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and IoU of the tiles of a sheet, as far as the table of predictions tells of them.

    They are chosen as the picture chose them, and held against what the picture shows.
    """
    if not {"tp", "fp", "fn", "valid", "iou_tile_mean"} <= set(said.head):
        return (), ()
    tp, fp, fn, valid = (
        np.array([float(text) for text in said.columns[said.head.index(name)]])
        for name in ("tp", "fp", "fn", "valid")
    )
    chosen = choose_by_shares(valid / pixels, (tp + fn) / pixels, SHOWN)
    wrong = [(columns[PREDICTION] == np.array(color)).all(axis=3).mean(axis=(1, 2))
             for color in (FALSE_POSITIVE, FALSE_NEGATIVE)]  # fmt: skip
    if not all(
        np.allclose(shown, counts[chosen] / pixels, atol=0.02)
        for shown, counts in zip(wrong, (fp, fn), strict=True)
    ):
        return (), ()  # of a version that chose others
    scores = said.columns[said.head.index("iou_tile_mean")]
    return (
        tuple(said.files[i] for i in chosen),
        tuple(
            f"IoU {100 * float(scores[i]):.1f} %" if scores[i] else "nothing there" for i in chosen
        ),
    )
