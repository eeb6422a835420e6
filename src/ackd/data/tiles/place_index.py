"""Places of tiles whose files do not say them: an ``index.csv`` with bounds."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import from_bounds

from ackd.data.tiles.faults import some_of
from ackd.data.tiles.rasters import Place
from ackd.errors import DataError, counted

__all__ = ["INDEX", "find_index", "place_of", "read_places"]

log = logging.getLogger("ackd")

INDEX: Final = "index.csv"
_BOUNDS: Final = ("left", "bottom", "right", "top")
_COLUMNS: Final = ("tile", *_BOUNDS, "crs")


def place_of(line: Mapping[str, str | None], size: tuple[int, int]) -> Place | None:
    """The place of a tile from a line of an index; None where the line does not say it.

    Args:
        line: Column -> text; the columns ``left``, ``bottom``, ``right``, ``top`` and ``crs``.
        size: (H, W) of the tile.

    Raises:
        ValueError: A bound is not a number, or they enclose nothing.
        CRSError: The coordinate system is not known.
    """
    given = [line.get(name) for name in _BOUNDS]
    crs = line.get("crs")
    if crs is None or not crs or not all(given):
        return None
    left, bottom, right, top = (float(value or "") for value in given)
    if not (left < right and bottom < top):
        raise ValueError(f"bounds {left:g}, {bottom:g}, {right:g}, {top:g} enclose nothing")
    height, width = size
    transform = from_bounds(left, bottom, right, top, width, height)
    return Place(transform, CRS.from_user_input(crs))


def find_index(folders: Sequence[Path]) -> Path | None:
    """The first ``index.csv`` of some folders that has the columns of places."""
    for path in (folder / INDEX for folder in folders):
        if not path.is_file():
            continue
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                there = csv.DictReader(file).fieldnames or ()
        except (OSError, UnicodeDecodeError, csv.Error):
            there = ()
        if set(_COLUMNS) <= set(there):
            return path
        log.info("%s says no places: it has not the columns %s", path, ", ".join(_COLUMNS))
    return None


def read_places(path: Path, tiles: Sequence[str], size: tuple[int, int]) -> dict[str, Place]:
    """Read the places of tiles.

    Args:
        path: An index that has a line for each tile, see :func:`place_of`, with its name in the
            column ``tile``. Lines of other tiles are left out.
        tiles: Their names.
        size: (H, W) of all tiles.

    Raises:
        DataError: It cannot be understood, or says nothing of some tiles.
    """
    wanted, found = set(tiles), dict[str, Place]()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(csv.DictReader(file), start=2):
                name = (line["tile"] or "").strip()
                if name not in wanted:
                    continue
                if name in found:
                    raise DataError(f"{path}, line {number}: the tile '{name}' is listed twice.")
                try:
                    place = place_of(line, size)
                except (ValueError, CRSError) as error:
                    raise DataError(f"{path}, line {number} ({name}): {error}.") from error
                if place is not None:
                    found[name] = place
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error
    missing = [name for name in tiles if name not in found]
    if missing:
        raise DataError(
            f"{path} does not say where {counted(len(missing), 'tile')} of {len(tiles)} "
            f"{'lies' if len(missing) == 1 else 'lie'}: {some_of(missing)}. Add them, or take the "
            "file away where places are not known."
        )
    return found
