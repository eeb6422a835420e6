"""A first look at a folder of class folders: counts by listing it, the rest from one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from ackd.data.reading.invalid import data_bands, invalid_by_value, mask_of
from ackd.data.reading.multispectral import plain_tifs, unreadable
from ackd.data.sources.folders import is_image, visible
from ackd.errors import DataError, ImageError, nearest_path

__all__ = ["PHOTOGRAPHS", "TIFS", "FirstLook", "look_at", "pixels_of"]

#: Endings of the files of an MS side and of an RGB side.
TIFS: Final = (".tif", ".tiff")
PHOTOGRAPHS: Final = (".jpg", ".jpeg", ".png", *TIFS)

_CANDIDATES: Final = 10  # files of a class that are tried in turn where the first ones are broken
_SAMPLES: Final = 8  # files that are read where one does not tell enough


@dataclass(frozen=True)
class FirstLook:
    """What one side of a user's own data is, as far as listing it and opening one file tells.

    Attributes:
        folder: The folder of class folders.
        option: The option that leads there, ``data.ms`` or ``data.rgb``.
        images: Class folder -> image files in it.
        formats: Ending of the image files, lower case -> how many.
        file: The file that was opened; the first of the first class that has one.
        bands: How many bands it has, without alpha.
        descriptions: What the file calls its bands; "" where it has no name for one.
        dtype: Its number type, such as ``"uint16"``.
        height: In pixels.
        width: In pixels.
        low: The 1st percentile of its pixels, all bands together, of valid pixels; NaN where
            nothing is left.
        high: The 99th percentile.
        darkest: Which band has the smallest median, counted from 0.
        nodata: The value that marks a missing pixel, where the file states one.
        samples: The first image of each class, of at most `_SAMPLES` classes.
    """

    folder: Path
    option: str
    images: Mapping[str, int]
    formats: Mapping[str, int]
    file: Path
    bands: int
    descriptions: tuple[str, ...]
    dtype: str
    height: int
    width: int
    low: float
    high: float
    darkest: int
    nodata: float | None
    samples: tuple[Path, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The class folders, sorted."""
        return tuple(self.images)

    @property
    def size(self) -> str:
        """Height and width as text, such as ``"64x64"``."""
        return f"{self.height}x{self.width}"


def look_at(
    folder: Path, option: str, suffixes: tuple[str, ...], *, skip_broken: bool = False
) -> FirstLook:
    """List a folder of class folders and open its first image.

    Args:
        folder: With one folder per class.
        option: The option that leads there, for messages.
        suffixes: Endings of the images that the side uses, lower case.
        skip_broken: Open the next image where the first cannot be read.

    Raises:
        DataError: If the folder is missing, has no class folder or images beside them, no class
            folder has an image of these endings, or the first image cannot be read.
    """
    images: dict[str, int] = {}
    formats: Counter[str] = Counter()
    candidates: list[Path] = []
    samples: list[Path] = []
    for label in _classes(folder, option):
        files = [path for path in visible(folder / label) if is_image(path) and path.is_file()]
        formats.update(path.suffix.lower() for path in files)
        usable = [path for path in files if path.suffix.lower() in suffixes]
        images[label] = len(usable)
        candidates += usable[:_CANDIDATES]
        samples += usable[:1]
    if not candidates:
        found = ", ".join(f"{count} {suffix}" for suffix, count in formats.items()) or "no image"
        raise DataError(
            f"No class folder of {folder} has a file that ends in {' or '.join(suffixes)} (found: "
            f"{found}); expected the images of {option} there.{_deeper(folder, option)}"
        )
    first, contents = _first_readable(candidates, option, skip_broken)
    taken = tuple(samples[:_SAMPLES])
    return FirstLook(folder, option, images, dict(formats), first, **contents, samples=taken)


def pixels_of(look: FirstLook) -> str:
    """Say in a few words what the file that was opened holds."""
    bands = f"{look.bands} band{'' if look.bands == 1 else 's'}"
    values = "no valid pixel" if np.isnan(look.low) else f"values {look.low:.4g} to {look.high:.4g}"
    nodata = "" if look.nodata is None else f", nodata {look.nodata:g}"
    return f"{look.size} pixels, {bands}, {look.dtype}, {values}{nodata}"


def _classes(folder: Path, option: str) -> tuple[str, ...]:
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder} ({option}={folder}).{nearest_path(folder)} Set {option} "
            "to a folder with one folder per class."
        )
    classes = _folders(folder)
    loose = [path.name for path in visible(folder) if path.is_file() and is_image(path)]
    if loose or not classes:
        what = f"holds images itself, such as {loose[0]}" if loose else "holds no folder"
        raise DataError(
            f"{folder} {what}; expected one folder per class in it, and the images in those "
            f"({option}={folder})."
        )
    return classes


def _deeper(folder: Path, option: str) -> str:
    """What to do where the class folders are one level deeper, as in ``train/`` and ``test/``."""
    for label in _folders(folder):
        for child in _folders(folder / label):
            if any(is_image(path) for path in visible(folder / label / child)):
                return (
                    f" There are images one folder deeper, in {label}/{child}: if {child} is a "
                    f"class, give {option}={folder / label}; images of several parts belong in "
                    "one folder, because the split is made here."
                )
    return ""


def _folders(parent: Path) -> tuple[str, ...]:
    return tuple(path.name for path in visible(parent) if path.is_dir())


def _first_readable(
    candidates: list[Path], option: str, skip_broken: bool
) -> tuple[Path, dict[str, Any]]:
    for path in candidates:
        try:
            return path, _contents(path)
        except ImageError as error:
            if not skip_broken or path is candidates[-1]:
                advice = f"Replace the file, or take it out of the folder ({option})."
                raise ImageError(error.text, error.kind, advice, error.marker) from error
    raise AssertionError("there is at least one candidate")


def _contents(file: Path) -> dict[str, Any]:
    """What one file holds, by the names of the attributes of `FirstLook`."""
    try:
        with (
            plain_tifs(),
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"),
            rasterio.open(file) as dataset,
        ):
            indexes = data_bands(dataset)
            pixels = dataset.read(indexes)
            masked = mask_of(dataset, indexes)
            stated = [dataset.nodatavals[index - 1] for index in indexes]
            names = tuple((dataset.descriptions[i - 1] or "").strip() for i in indexes)
    except RasterioError as error:
        raise unreadable(file, "an image", error) from error
    nodata = next((value for value in stated if value is not None), None)
    invalid = invalid_by_value(pixels, stated)
    valid = pixels[~invalid if masked is None else ~(invalid | masked)]
    # of complex numbers, the type is what will be said
    known = valid if valid.dtype.kind in "iuf" else valid[:0].real
    low, high = np.percentile(known, (1, 99)) if known.size else (np.nan, np.nan)
    return {
        "bands": len(pixels),
        "descriptions": names,
        "dtype": pixels.dtype.name,
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "low": float(low),
        "high": float(high),
        "darkest": int(np.argmin([np.median(np.nan_to_num(band.real)) for band in pixels])),
        "nodata": nodata,
    }
