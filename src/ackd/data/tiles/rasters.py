"""One file of a tile: GeoTIFF, png, npy or npz, with its place and where it has no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import array_bounds
from rasterio.warp import transform

from ackd.data.reading.band_names import names_in_file
from ackd.data.reading.invalid import data_bands, invalid_by_value, mask_of, unstated_marker
from ackd.data.reading.multispectral import plain_tifs, unreadable
from ackd.errors import ImageError, counted

__all__ = [
    "Head",
    "Place",
    "Raster",
    "bands_first",
    "bounds_in",
    "image_of",
    "read_head",
    "read_image",
    "read_raster",
]

#: Files of NumPy, which know of no place.
_ARRAYS: Final = (".npy", ".npz")
#: Number types that are kept; others become float32.
_KEPT: Final = frozenset({"uint8", "uint16", "float32"})
#: Of a pixel: corners that are farther apart are not the same.
_TOLERANCE: Final = 0.5


@dataclass(frozen=True)
class Place:
    """Where an image lies.

    Attributes:
        transform: From pixels (column, row) to coordinates.
        crs: Of the coordinates.
    """

    transform: Affine
    crs: CRS

    def bounds(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of an image."""
        found: tuple[float, float, float, float] = array_bounds(height, width, self.transform)
        return found

    def corners(self, height: int, width: int) -> list[tuple[float, float]]:
        """The corners of an image, whichever way it is turned."""
        t = self.transform
        pixels = [(0, 0), (width, 0), (0, height), (width, height)]
        return [(t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f) for x, y in pixels]

    def contradicts(self, other: Place | None, height: int, width: int) -> str | None:
        """Why two images of one size do not show the same ground; None where they do.

        An image that does not know its place contradicts nothing.
        """
        if other is None:
            return None
        if self.crs != other.crs:
            return f"{_crs(self.crs)} and {_crs(other.crs)}"
        pixel = max(abs(self.transform.a) + abs(self.transform.b), 1e-12)
        corners = [(0, 0), (width, 0), (0, height), (width, height)]
        apart = max(
            max(
                abs(a - b) for a, b in zip(self.transform * one, other.transform * one, strict=True)
            )
            for one in corners
        )
        return f"corners {apart / pixel:.3g} pixels apart" if apart > _TOLERANCE * pixel else None


@dataclass(frozen=True, eq=False)
class Raster:
    """What a file holds.

    Attributes:
        pixels: (C, H, W) as stored.
        invalid: (C, H, W) True where the file itself says that there is no data.
        nodata: Of each band, the value that says so; None where there is none.
        names: Those that the file gives its bands; None where it does not.
        place: None where it is not known.
    """

    pixels: NDArray[Any]
    invalid: NDArray[np.bool_]
    nodata: tuple[float | None, ...]
    names: tuple[str, ...] | None
    place: Place | None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.pixels.shape[1:]
        return height, width


@dataclass(frozen=True)
class Head:
    """What a file says of itself, before its pixels are read.

    Attributes:
        bands: How many bands hold measurements.
        size: (H, W).
        dtype: The number type.
        names: Those that the file gives its bands; None where it does not.
        place: None where it is not known.
    """

    bands: int
    size: tuple[int, int]
    dtype: str
    names: tuple[str, ...] | None
    place: Place | None


def read_head(path: Path, keys: Sequence[str] = ()) -> Head:
    """Read what a file says of itself; arguments and errors as for :func:`read_raster`."""
    if path.suffix.lower() in _ARRAYS:
        array = bands_first(path, _array(path, keys))
        return Head(len(array), (array.shape[1], array.shape[2]), array.dtype.name, None, None)
    try:
        with _opened(path) as dataset:
            indexes = data_bands(dataset)
            return Head(
                len(indexes),
                (dataset.height, dataset.width),
                dataset.dtypes[indexes[0] - 1] if indexes else "none",
                names_in_file([dataset.descriptions[index - 1] for index in indexes]),
                Place(dataset.transform, dataset.crs) if dataset.crs else None,
            )
    except RasterioError as error:
        raise unreadable(path, "a GeoTIFF or png", error) from error


def read_raster(path: Path, keys: Sequence[str] = ()) -> Raster:
    """Read a file as it is.

    Args:
        path: A tif, png, npy or npz file. Arrays are (C, H, W), (H, W), or (H, W, C) where the last
            axis is the shortest.
        keys: Names of the array that is meant in an npz file of several.

    Raises:
        ImageError: It is missing, truncated, damaged, or not what is expected.
    """
    if path.suffix.lower() in _ARRAYS:
        pixels = bands_first(path, _array(path, keys))
        nothing = np.zeros(pixels.shape, np.bool_)
        return Raster(pixels, nothing, (None,) * len(pixels), None, None)
    try:
        with _opened(path) as dataset:
            indexes = data_bands(dataset)
            if dataset.count == 1 and _has_palette(dataset):
                raise ImageError(
                    f"{path} holds numbers of colors in a palette; expected the colors, or class "
                    "numbers without a palette. gdal_translate -expand rgb IN OUT writes them.",
                    "palette",
                )
            pixels = dataset.read(indexes)
            masked = mask_of(dataset, indexes)
            nodata = tuple(dataset.nodatavals[index - 1] for index in indexes)
            names = names_in_file([dataset.descriptions[index - 1] for index in indexes])
            place = Place(dataset.transform, dataset.crs) if dataset.crs else None
    except RasterioError as error:
        raise unreadable(path, "a GeoTIFF or png", error) from error
    if pixels.dtype.kind == "c":
        raise ImageError(
            f"{path} holds complex numbers; expected intensities or decibels. Detect it first: "
            "intensity = real^2 + imaginary^2.",
            "wrong type",
        )
    invalid = np.zeros(pixels.shape, np.bool_) if masked is None else masked
    return Raster(pixels, invalid, nodata, names, place)


def read_image(
    path: Path,
    *,
    keys: Sequence[str],
    bands: Sequence[int],
    nodata: float | None,
    zero_is_nodata: bool,
    option: str,
) -> tuple[NDArray[Any], NDArray[np.bool_], Place | None]:
    """Read the image of a sensor, and where it has no data.

    A pixel has none where any of its bands is NaN, infinite, has the file's nodata value or the
    given one, or is excluded by the file's masks or alpha band. Zero is a number that single bands
    may have: it says so where all bands have it.

    Args:
        path: The file.
        keys: Names of the array in an npz file.
        bands: Positions of the bands that are wanted.
        nodata: A number that marks pixels without data although the file does not say so.
        zero_is_nodata: Whether 0 in all bands does.
        option: That gives ``nodata``, for the message.

    Returns:
        (C, H, W) uint8, uint16 or float32; (H, W) bool, True where there is no data; the place.

    Raises:
        ImageError: The file cannot be read, or holds a number that looks like nodata and is not
            said to be.
    """
    raster = read_raster(path, keys)
    pixels, empty = image_of(raster, path, bands, nodata, zero_is_nodata, option)
    return pixels, empty, raster.place


def image_of(
    raster: Raster,
    called: object,
    bands: Sequence[int],
    nodata: float | None,
    zero_is_nodata: bool,
    option: str,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Take the bands of a sensor out of what a file holds, and see where they have no data.

    ``called`` is the file, or what else messages should call it; all else is as for
    :func:`read_image`.

    Returns:
        (C, H, W) uint8, uint16 or float32; (H, W) bool, True where there is no data.
    """
    wanted = list(bands)
    pixels = raster.pixels[wanted]
    tags = [raster.nodata[band] for band in wanted]
    told = [None if tag == 0 else tag for tag in tags]
    invalid = raster.invalid[wanted] | invalid_by_value(pixels, told, nodata)
    marker = unstated_marker(pixels, invalid)
    if marker is not None:
        raise ImageError(
            f"{called} holds the number {marker:g}, far below all others, which marks pixels "
            "without data in many files; this one does not say so. Say it: "
            f"{option}={marker:g}.",
            "unstated nodata",
            marker=marker,
        )
    empty = np.asarray(invalid.any(axis=0), dtype=np.bool_)
    if zero_is_nodata or 0 in tags:
        empty |= (pixels == 0).all(axis=0)
    kept = pixels if pixels.dtype.name in _KEPT else pixels.astype(np.float32)
    return np.where(empty, kept.dtype.type(0), kept), empty


def bounds_in(
    places: Sequence[Place | None], size: tuple[int, int]
) -> tuple[NDArray[np.float64] | None, str | None]:
    """The bounds of images of one size in one coordinate system.

    Args:
        places: One per image.
        size: (H, W) of all images.

    Returns:
        (N, 4) left, bottom, right and top, and the coordinate system: that of the images where all
        have the same, else longitude and latitude (EPSG:4326). None where a place is not known.
    """
    known = [place for place in places if place is not None]
    if len(known) < len(places) or not known:
        return None, None
    bounds = [place.bounds(*size) for place in known]
    crs = known[0].crs
    if any(place.crs != crs for place in known):
        boxes = [_in_degrees(place.crs, *one) for place, one in zip(known, bounds, strict=True)]
        return np.array(boxes), "EPSG:4326"
    return np.array(bounds), _crs(crs)


def _in_degrees(crs: CRS, left: float, bottom: float, right: float, top: float) -> list[float]:
    """A box in longitude and latitude through the middles of its sides.

    The box around all four corners, which are turned by some degrees, would overlap those of its
    neighbours, and a split would take them for the same ground.
    """
    x, y = (left + right) / 2, (bottom + top) / 2
    lon, lat = transform(crs, "EPSG:4326", [left, x, right, x], [y, bottom, y, top])
    return [lon[0], lat[1], lon[2], lat[3]]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # GDAL lists the folder, of thousands of files, for each file opened unless told not to
    with (
        plain_tifs(),
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"),
        rasterio.open(path) as dataset,
    ):
        yield dataset


def _crs(crs: CRS) -> str:
    """How a coordinate system is called, by its number where it has one."""
    return str(crs.to_string())


def _has_palette(dataset: Any) -> bool:
    try:
        dataset.colormap(1)
    except ValueError:  # "NULL color table"
        return False
    return True


def _array(path: Path, keys: Sequence[str]) -> NDArray[Any]:
    try:
        # a header is enough for whoever asks for the shape alone
        found = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
        if isinstance(found, np.ndarray):
            return found
        with found as file:
            names = list(file.files)
            key = names[0] if len(names) == 1 else next((k for k in keys if k in names), None)
            if key is not None:
                return np.asarray(file[key])
    except Exception as error:  # NumPy, zipfile and zlib each have errors of their own
        raise unreadable(path, "an array of NumPy", error) from error
    raise ImageError(
        f"{path} holds the arrays {', '.join(names)}; expected one, or one that is called "
        f"{' or '.join(keys)}.",
        "wrong arrays",
    )


def bands_first(called: object, array: NDArray[Any]) -> NDArray[Any]:
    """Bring an array to (C, H, W): from (H, W), or from (H, W, C) where that is the shortest axis.

    Raises:
        ImageError: It has other axes, or holds no numbers; ``called`` is what it is called then.
    """
    if array.dtype.kind not in "biuf":
        raise ImageError(f"{called} holds {array.dtype}; expected numbers.", "wrong type")
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.ndim == 2:
        return array[None]
    if array.ndim == 3:
        last = array.shape[2] < min(array.shape[:2])
        return np.moveaxis(array, 2, 0) if last else array
    raise ImageError(
        f"{called} holds an array of {counted(array.ndim, 'axis').replace('axises', 'axes')}; "
        "expected (C, H, W) or (H, W).",
        "wrong shape",
    )
