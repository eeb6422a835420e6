"""A raster of any size: what it says of itself, and its pixels a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.windows
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.env import get_gdal_config, set_gdal_config
from rasterio.errors import RasterioError

from ackd.data.reading.band_names import names_in_file
from ackd.data.reading.invalid import data_bands, mask_of
from ackd.data.reading.multispectral import plain_tifs, unreadable
from ackd.data.tiles.rasters import Raster
from ackd.errors import ImageError
from ackd.geo import Window, ground_resolution

__all__ = ["RasterSource", "Strip", "open_source", "small_cache"]

#: Of GDAL, in bytes: a row of blocks of a large image. It would take 5 % of the memory.
_CACHE: Final = 96 << 20
#: Rows that are read and made ready together.
_ROWS: Final = 64
#: Windows that are looked at before anything is computed, and the side of the part of each.
_SAMPLED, _SAMPLED_SIDE = 16, 256
_COLORS: Final = {ColorInterp.red: "R", ColorInterp.green: "G", ColorInterp.blue: "B"}

#: Makes of pixels as stored what a student sees, and says where there is data.
Ready = Callable[[Raster, bool], tuple[NDArray[Any], NDArray[np.bool_]]]


@dataclass(frozen=True, eq=False)
class Strip:
    """The pixels of a row of windows.

    Attributes:
        row: Its number, from 0.
        pixels: (C, h, W) ready for the student.
        valid: (h, W) True where there is data.
    """

    row: int
    pixels: NDArray[Any]
    valid: NDArray[np.bool_]


class RasterSource:
    """An open raster.

    Attributes:
        path: Of the file.
        height: In pixels.
        width: In pixels.
        transform: From pixels (column, row) to coordinates.
        crs: Of the coordinates; None where the file does not say it.
        names: Of its bands, where it says them.
    """

    def __init__(self, path: Path, dataset: Any) -> None:
        self.path = path
        self.dataset = dataset
        self.height, self.width = int(dataset.height), int(dataset.width)
        self.transform: Affine = dataset.transform
        self.crs: CRS | None = dataset.crs or None
        self.indexes = data_bands(dataset)
        self._nodata = tuple(dataset.nodatavals[index - 1] for index in self.indexes)
        self.names = self._named()
        self._refuse_palette_and_complex()

    @property
    def resolution(self) -> float | None:
        """Metres of ground per pixel; None where the place is not known."""
        return ground_resolution(self.transform, self.crs, self.height, self.width)

    def _named(self) -> tuple[str, ...] | None:
        told = names_in_file([self.dataset.descriptions[index - 1] for index in self.indexes])
        if told is not None:
            return told
        kinds = [self.dataset.colorinterp[index - 1] for index in self.indexes]
        if all(kinds.count(color) == 1 for color in _COLORS):
            return tuple(_COLORS.get(kind, f"b{n}") for n, kind in enumerate(kinds, start=1))
        return None

    def _refuse_palette_and_complex(self) -> None:
        if self.dataset.count == 1 and self.dataset.colorinterp[0] == ColorInterp.palette:
            raise ImageError(
                f"{self.path} holds numbers of colors in a palette; expected the colors. "
                "gdal_translate -expand rgb IN OUT writes them.",
                "palette",
            )
        if any("complex" in kind for kind in self.dataset.dtypes):
            raise ImageError(
                f"{self.path} holds complex numbers; expected intensities or decibels. Detect it "
                "first: intensity = real^2 + imaginary^2.",
                "wrong type",
            )

    def read(self, rows: slice, cols: slice) -> Raster:
        """Read a part of all bands.

        Raises:
            ImageError: The file is damaged there.
        """
        window = rasterio.windows.Window(
            cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start
        )
        try:
            pixels = self.dataset.read(self.indexes, window=window)
            masked = mask_of(self.dataset, self.indexes, window)
        except RasterioError as error:
            raise unreadable(self.path, "a GeoTIFF", error) from error
        invalid = np.zeros(pixels.shape, np.bool_) if masked is None else masked
        return Raster(pixels, invalid, self._nodata, self.names, None)

    def _step(self, cols: slice) -> int:
        """Rows that are read together: few, but no block twice that GDAL cannot keep meanwhile."""
        height = int(self.dataset.block_shapes[0][0])
        each = np.dtype(self.dataset.dtypes[0]).itemsize * len(self.indexes)
        kept = height * (cols.stop - cols.start) * each < _CACHE
        return _ROWS if kept else max(_ROWS, min(height, self.height))

    def sample(self, windows: Sequence[Window]) -> Raster:
        """Read some windows, evenly spread, as one image: what they hold together tells the whole.

        Of large windows the middle is read.
        """
        chosen = np.unique(np.linspace(0, len(windows) - 1, _SAMPLED).round().astype(int))
        parts = []
        for place in chosen.tolist():
            one = windows[place]
            sides = []
            for start, length in ((one.row, one.height), (one.col, one.width)):
                kept = min(length, _SAMPLED_SIDE)
                first = start + (length - kept) // 2
                sides.append(slice(first, first + kept))
            parts.append(self.read(*sides))
        return Raster(
            np.concatenate([part.pixels for part in parts], axis=1),
            np.concatenate([part.invalid for part in parts], axis=1),
            self._nodata, self.names, None,
        )  # fmt: skip

    def strips(
        self, starts: Sequence[int], tile: int, cols: slice, ready: Ready
    ) -> Iterator[Strip]:
        """Read rows of windows from top to bottom; rows that two of them share are read once.

        Args:
            starts: The first row of each row of windows.
            tile: Side of a window in pixels.
            cols: The columns that are wanted.
            ready: Makes of pixels as stored what the student sees. Its second argument is whether
                they are to be checked.
        """
        before: Strip | None = None
        end = 0
        for row, start in enumerate(starts):
            stop = min(start + tile, self.height)
            shared = end - start if before is not None else 0
            pixels: NDArray[Any] | None = None
            valid = np.empty((stop - start, cols.stop - cols.start), np.bool_)
            if before is not None and shared > 0:
                pixels = np.empty((len(before.pixels), *valid.shape), before.pixels.dtype)
                pixels[:, :shared] = before.pixels[:, -shared:]
                valid[:shared] = before.valid[-shared:]
            before = None  # its memory is free while the next rows are read
            step = self._step(cols)
            for first in range(start + shared, stop, step):
                rows = slice(first, min(first + step, stop))
                found, known = ready(self.read(rows, cols), False)
                if pixels is None:
                    pixels = np.empty((len(found), *valid.shape), found.dtype)
                elif found.dtype != pixels.dtype:
                    pixels = pixels.astype(np.result_type(found, pixels))
                place = slice(rows.start - start, rows.stop - start)
                pixels[:, place], valid[place] = found, known
            assert pixels is not None  # a window has a row at least
            before, end = Strip(row, pixels, valid), stop
            yield before


@contextmanager
def open_source(path: Path) -> Iterator[RasterSource]:
    """Open a raster.

    Raises:
        ImageError: It is missing, damaged, or not what is expected.
    """
    try:
        # The folder, of thousands of files perhaps, need not be listed.
        with plain_tifs(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"):
            dataset = rasterio.open(path)
            dataset.transform  # noqa: B018 - it warns once, here
    except RasterioError as error:
        raise unreadable(path, "an image", error) from error
    with dataset:
        yield RasterSource(path, dataset)


@contextmanager
def small_cache() -> Iterator[None]:
    """Limit what GDAL keeps of files while inside; it is the process's."""
    before = get_gdal_config("GDAL_CACHEMAX")
    small = isinstance(before, int) and 0 < before < _CACHE
    if not small:
        set_gdal_config("GDAL_CACHEMAX", _CACHE)
    try:
        yield
    finally:
        if not small and isinstance(before, int):
            set_gdal_config("GDAL_CACHEMAX", before)
