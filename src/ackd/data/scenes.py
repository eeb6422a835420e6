"""Reading image files: multispectral tifs by rasterio, photographs by Pillow, many at once."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rasterio.errors import (
    NotGeoreferencedWarning,
    RasterioError,
)

from ackd.errors import DataError, ImageError, unknown
from ackd.utils.progress import Progress

__all__ = [
    "Progress",
    "check_pixels",
    "decode",
    "read_ms",
    "read_rgb",
    "resize_bands",
    "unreadable",
]


_MEND = (
    "Put the file of the publisher's archive in its place, or take it out of the folder "
    "(the folder is looked for under data.root)."
)
_EIGHT_BIT: Final = frozenset({"RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "CMYK", "YCbCr", "1"})


def read_ms(
    path: Path,
    file_bands: Sequence[str],
    bands: Sequence[str],
    size: int | None,
    dtypes: Sequence[str] = ("uint16",),
) -> NDArray[Any]:
    """Read bands of a multispectral tif by name.

    Args:
        path: The file.
        file_bands: The names of the file's bands in its publisher's order.
        bands: The names wanted, in the order wanted.
        size: Height and width of the result in pixels; another size is resized (antialiased,
            bilinear). None leaves the image as it is.
        dtypes: The number types that the publisher's files have.

    Returns:
        (len(bands), size, size) digital numbers in the file's own type.

    Raises:
        ConfigError: If a name of ``bands`` is not in ``file_bands``.
        DataError: If the file is missing, empty, truncated, no raster, has other than
            ``len(file_bands)`` bands of one of ``dtypes``, or holds NaN, infinite or nodata
            pixels.
    """
    for name in bands:
        if name not in file_bands:
            raise unknown(f"band in {path.name}", name, file_bands, "data.bands")
    positions = [list(file_bands).index(name) + 1 for name in bands]
    try:
        # a folder of thousands of files is listed by GDAL for each file opened, unless told not to
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(path) as dataset,
        ):
            if dataset.count != len(file_bands):
                raise ImageError(
                    f"{path} has {_count(dataset.count, 'band')}; expected {len(file_bands)} "
                    f"({', '.join(file_bands)}, in this order). data.bands chooses among these by "
                    "name, so the whole file is needed.",
                    "wrong bands",
                    _MEND,
                )
            # all bands, so that a cut file is found whichever bands are wanted
            pixels = dataset.read()[[position - 1 for position in positions]]
            nodata = [dataset.nodatavals[position - 1] for position in positions]
    except RasterioError as error:
        raise unreadable(path, "a GeoTIFF", error) from error
    check_pixels(path, pixels, bands, nodata, dtypes)
    return resize_bands(pixels, size)


def check_pixels(
    path: Path,
    pixels: NDArray[Any],
    bands: Sequence[str],
    nodata: Sequence[float | None],
    dtypes: Sequence[str],
) -> None:
    """Refuse bands with pixels that were not measured, or of an unexpected number type.

    Args:
        path: The file, for the message.
        pixels: (len(bands), H, W).
        bands: The names of the bands.
        nodata: The value that marks a missing pixel, for each band; None where there is none.
        dtypes: The number types that are expected.

    Raises:
        DataError: If there is a NaN, an infinite or a nodata pixel, or the type is another one.
    """
    for name, band, marker in zip(bands, pixels, nodata, strict=True):
        for what, test in (("NaN", np.isnan), ("infinite", np.isinf)):
            missing = int(test(band).sum()) if band.dtype.kind == "f" else 0
            if missing:
                raise ImageError(
                    f"{path} has {_count(missing, f'{what} pixel')} in band {name}; expected a "
                    "measured value in each.",
                    "NaN",
                    _MEND,
                )
        missing = int((band == marker).sum()) if marker is not None else 0
        if missing:
            raise ImageError(
                f"{path} has {_count(missing, 'pixel')} in band {name} marked as nodata "
                f"({marker:g}); expected a measured value in each.",
                "nodata",
                _MEND,
            )
    if pixels.dtype.name not in dtypes:
        raise ImageError(
            f"{path} holds {pixels.dtype}; expected {' or '.join(dtypes)} digital numbers.",
            "wrong type",
            _MEND,
        )


def resize_bands(pixels: NDArray[Any], size: int | None) -> NDArray[Any]:
    """Resize (C, H, W) to (C, size, size), antialiased and bilinear, in its own number type.

    Args:
        pixels: uint8, uint16, int16 or float32.
        size: Height and width in pixels; None leaves the image as it is.
    """
    if size is None or pixels.shape[1:] == (size, size):
        return pixels
    resized = np.empty((len(pixels), size, size), pixels.dtype)
    for target, band in zip(resized, pixels, strict=True):
        # Pillow resizes 16 bits as float32 only, which holds every one of them exactly
        image = Image.fromarray(band.astype(np.float32))
        values = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
        if pixels.dtype.kind in "iu":
            limits = np.iinfo(pixels.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        target[:] = values
    return resized


def read_rgb(path: Path, size: int | None) -> NDArray[np.uint8]:
    """Read a photograph as red, green and blue.

    Args:
        path: The file; anything Pillow reads at eight bits a channel. Grey ones become grey RGB.
        size: Height and width of the result in pixels; another size is resized (antialiased,
            bilinear). None leaves the image as it is.

    Returns:
        (3, size, size) uint8.

    Raises:
        DataError: If the file is missing, empty, truncated, no image, or has more than eight bits
            a channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT:
                raise ImageError(
                    f"{path} is an image of Pillow's mode {image.mode}; expected a photograph of "
                    "eight bits per channel.",
                    "wrong type",
                    _MEND,
                )
            photograph = image.convert("RGB")
    except UnidentifiedImageError as error:
        raise unreadable(path, "a photograph", None) from error
    # Pillow's decoders also raise SyntaxError and ValueError on broken files
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise unreadable(path, "a photograph", error) from error
    if size is not None and photograph.size != (size, size):
        photograph = photograph.resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(photograph).transpose(2, 0, 1))


def unreadable(path: Path, expected: str, error: Exception | None) -> ImageError:
    """Build the error for a file that a library refused: it says more than the library does.

    Args:
        path: The file.
        expected: What it should be, such as ``"a GeoTIFF"``.
        error: What the library raised.
    """
    if not path.is_file():
        return ImageError(f"{path} is not there (any more); expected {expected}.", "missing", _MEND)
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip().lower()
    except OSError as denied:
        return ImageError(
            f"{path} cannot be opened ({denied.strerror}); make it readable.", "no permission"
        )
    length = path.stat().st_size
    if length == 0:
        return ImageError(f"{path} is empty (0 bytes); expected {expected}.", "empty file", _MEND)
    if head.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return ImageError(
            f"{path} is a web page, not {expected}: a download that failed and left the server's "
            "answer.",
            "web page",
            _MEND,
        )
    # of a message of several lines the last one has the cause; the path stands in ours already
    lines = str(error.__cause__ or error).strip().splitlines() if error else []
    said = f" The library said: {lines[-1].strip()}" if lines else ""
    return ImageError(
        f"{path} cannot be read: truncated, damaged, or another kind of file ({length} bytes; "
        f"expected {expected}).{said.rstrip('.')}{'.' if said else ''}",
        "unreadable",
        _MEND,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def decode(
    paths: Sequence[Path],
    reader: Callable[[Path], NDArray[Any]],
    workers: int | None = None,
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Read many files with a pool of threads into one array.

    Args:
        paths: The files; at least one.
        reader: Reads one file to an array; all of one shape and type.
        workers: Number of threads; one a processor, at most 8, where None.
        progress: Called in the calling thread as ``progress(done, total)``.

    Returns:
        (len(paths), ...) in the order of ``paths``, C-contiguous.

    Raises:
        DataError: The first error in the order of ``paths``, however the threads ran.
        ValueError: If there are no paths or fewer than one worker.
    """
    if not paths:
        raise ValueError("decode got no files; expected at least one.")
    threads = min(8, os.cpu_count() or 1) if workers is None else workers
    if threads < 1:
        raise ValueError(f"workers is {threads}; expected at least 1 thread.")
    images: NDArray[Any] | None = None
    # the filter is the process's, and set here once because threads setting it would race
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        waiting: deque[Future[NDArray[Any]]] = deque()
        upcoming = iter(paths)
        try:
            for done, path in enumerate(paths):
                # read a little ahead only: the images of a whole archive would fill the memory
                while len(waiting) < 4 * threads and (following := next(upcoming, None)):
                    waiting.append(pool.submit(reader, following))
                image = waiting.popleft().result()
                if images is None:
                    images = np.empty((len(paths), *image.shape), image.dtype)
                if image.shape != images.shape[1:] or image.dtype != images.dtype:
                    raise DataError(
                        f"{path} is {image.dtype} {image.shape}; expected {images.dtype} "
                        f"{images.shape[1:]} like {paths[0]}. Where only the size differs, "
                        "data.size=N resizes all images."
                    )
                images[done] = image
                if progress is not None:
                    progress(done + 1, len(paths))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    assert images is not None  # there is at least one path
    return images
