"""The labels of own pairs: a mask or footprints per tile, or the footprints of all in one file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles.faults import Faults, some_of, told
from ackd.data.tiles.footprints import Footprints, read_footprints
from ackd.data.tiles.mask_classes import BACKGROUND, FOREGROUND, MaskCode, code_of_values
from ackd.data.tiles.matching import IMAGES, VECTORS, Named, files_in, match_masks
from ackd.data.tiles.options import REST, PairsOptions
from ackd.data.tiles.rasters import Place, Raster, read_raster
from ackd.errors import ConfigError, DataError, ImageError, counted, nearest_path

__all__ = ["PairsMasks", "mask_files_of"]

_KEYS = ("masks", "mask", "labels", "label")


def mask_files_of(options: PairsOptions, tiles: Sequence[str]) -> Named | Path:
    """Find the label of each tile, by name; nothing is opened.

    Returns:
        The files by tile; or the one file that has the footprints of all.

    Raises:
        ConfigError: There is no ``data.masks``.
        DataError: It does not exist, or a tile has no file.
    """
    if options.masks is None:
        raise ConfigError(
            "data.masks is not given, but this stage needs labels; give data.masks=DIR, or "
            "data.masks=FILE for the footprints of all tiles in one file."
        )
    given = Path(options.masks).expanduser()
    if given.is_file():
        if given.suffix.lower() not in VECTORS:
            raise DataError(
                f"data.masks={given} is one file, but no file of footprints "
                f"({', '.join(VECTORS)}); expected such a file, or a folder with a mask per tile."
            )
        return given
    if not given.exists():
        raise DataError(
            f"data.masks={given} does not exist.{nearest_path(given)} Expected a folder with one "
            "mask or file of footprints per tile, or one file with the footprints of all."
        )
    named, missing = match_masks(
        tiles, files_in(given, "data.masks", (*IMAGES, *VECTORS)), options.mask_names
    )
    if missing:
        hint = "" if named.files else " Where names differ, say them: data.mask_names='*_mask'."
        raise DataError(
            f"{len(missing)} of {counted(len(tiles), 'tile')} "
            f"{'has' if len(missing) == 1 else 'have'} no mask in {given}: {some_of(missing)}. A "
            "tile without the class needs an empty mask, or a GeoJSON file without features: no "
            f"file is never taken for it.{hint}"
        )
    return named


class PairsMasks:
    """Reads the labels of own pairs. A :class:`~ackd.data.tiles.source.MaskReader`."""

    def __init__(
        self,
        options: PairsOptions,
        tiles: Sequence[str],
        size: tuple[int, int],
        place: Callable[[str], Place | None],
    ) -> None:
        """List the files, and find out the classes.

        Args:
            options: ``masks``, ``mask_names``, ``classes``, ``ignore``, ``masks_crs``.
            tiles: Names of the tiles, in the order of the rows.
            size: (H, W) of the tiles.
            place: Of a tile, by its name.

        Raises:
            DataError: A file is missing, or the values of masks cannot be understood.
        """
        self.options = options
        self.tiles = tiles
        self.size = size
        self.place = place
        self.files = mask_files_of(options, tiles)
        self._all: Footprints | None = None
        self._drawn = 0
        self._outside = 0
        self._counting = threading.Lock()  # tiles are read by several threads
        if isinstance(self.files, Path):
            self._all = read_footprints(self.files, options.masks_crs)
            vectors = True
        else:
            vectors = any(_is_vector(path) for path in self.files.files.values())
        self.code = self._code(vectors)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, the background first."""
        return self.code.classes

    @property
    def notes(self) -> Mapping[str, Any]:
        """How many footprints were drawn, where there are footprints."""
        return {"footprints": self._drawn} if self._drawn else {}

    def _code(self, vectors: bool) -> MaskCode:
        chosen = self.options
        if chosen.classes is not None:
            code = MaskCode.of(chosen.classes, chosen.ignore)
            if vectors and len(code.classes) != 2:
                raise ConfigError(
                    f"data.classes names {len(code.classes)} classes, but footprints are one class "
                    "against everything else; name two, e.g. data.classes={background:0,building:1}"
                )
            return code
        if vectors:
            return MaskCode((BACKGROUND, FOREGROUND), {0: 0, 1: 1})
        return self._code_of_files()

    def _code_of_files(self) -> MaskCode:
        assert isinstance(self.files, Named)
        values: dict[float, str] = {}
        stated: dict[float, str] = {}
        faults = Faults(len(self.tiles))
        for tile, path in self.files.files.items():
            try:
                raster = _one_band(path)
            except ImageError as error:
                faults.add("have a mask that cannot be read", tile, told(error))
                continue
            mask = raster.pixels[0]
            known = mask[~np.isnan(mask)] if mask.dtype.kind == "f" else mask
            for value in np.unique(known).tolist():
                # 0 and 1 are classes, whatever a file says of nodata
                none = value == raster.nodata[0] and value not in (0, 1)
                (stated if none else values).setdefault(value, tile)
        faults.raise_any()
        return code_of_values(values, self.options.ignore)

    def read(self, row: int) -> NDArray[np.uint8]:
        """Read the mask of a tile."""
        tile = self.tiles[row]
        if self._all is not None:
            return self._draw(self._all, tile)
        assert isinstance(self.files, Named)
        path = self.files.files[tile]
        if _is_vector(path):
            return self._draw(read_footprints(path, self.options.masks_crs), tile)
        raster = _one_band(path)
        if raster.size != self.size:
            raise ImageError(
                f"{path} is {raster.size[0]}x{raster.size[1]} pixels, but the images of the tile "
                f"are {self.size[0]}x{self.size[1]}.",
                "wrong shape",
            )
        place = self.place(tile) if raster.place is not None else None
        apart = place.contradicts(raster.place, *self.size) if place is not None else None
        if apart:
            raise ImageError(
                f"{path} does not lie where the images of the tile do: {apart}.", "wrong place"
            )
        found, strangers = self.code.encode(raster.pixels[0], raster.nodata[0])
        if strangers:
            shown = ", ".join(f"{value:g}" for value in strangers[:5])
            rest = ", ".join(f"{name}:[...]" for name in self.code.classes[1:])
            raise ImageError(
                f"{path} holds {shown}, which is no class; classes have the values "
                f"{', '.join(map(str, sorted(self.code.values)))}. Give data.ignore="
                f"{strangers[0]:g} where it means that nothing is known, or "
                f"data.classes={{{self.code.classes[0]}:{REST},{rest}}} where it is background.",
                "unknown value",
            )
        return found

    def _draw(self, footprints: Footprints, tile: str) -> NDArray[np.uint8]:
        place = self.place(tile)
        if place is None:
            raise ImageError(
                f"Footprints ({footprints.path}) need tiles with coordinates, but the images of "
                f"{tile} have none; use GeoTIFF images, or masks on their grid.",
                "no coordinates",
            )
        found, count = footprints.mask(place, self.size)
        with self._counting:
            self._drawn += count
            self._outside += bool(len(footprints) and not count)
        return found

    def finish(self) -> None:
        """Refuse footprints none of which lies where the tiles are."""
        if self._outside and not self._drawn:
            path = self.files if isinstance(self.files, Path) else self.files.pattern
            one = self.place(self.tiles[0])
            where = "" if one is None else f" Tile {self.tiles[0]} is in {one.crs.to_string()}."
            raise DataError(
                f"No footprint of data.masks ({path}) lies in any tile, so all masks would be "
                f"empty.{where} Are the coordinates of the footprints in the system that their "
                "file says? data.masks_crs=EPSG:CODE is for files that say none."
            )


def _is_vector(path: Path) -> bool:
    return path.suffix.lower() in VECTORS


def _one_band(path: Path) -> Raster:
    raster = read_raster(path, _KEYS)
    if len(raster.pixels) != 1:
        raise ImageError(
            f"{path} has {len(raster.pixels)} bands; expected one band of class numbers.",
            "wrong bands",
        )
    return raster
