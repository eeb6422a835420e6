"""Reading multispectral image files by rasterio, and many image files at once."""

from __future__ import annotations

import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import (
    NotGeoreferencedWarning,
    RasterioError,
)

from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.reading.band_names import other_order
from ackd.data.reading.invalid import (
    blank_invalid,
    data_bands,
    invalid_by_value,
    mask_of,
    unstated_marker,
)
from ackd.errors import DataError, ImageError, SizesError, counted, unknown
from ackd.utils.progress import Progress

__all__ = [
    "Progress",
    "check_type",
    "decode",
    "measured",
    "plain_tifs",
    "read_ms",
    "resize_bands",
    "unlike",
    "unreadable",
]


_MEND = (
    "Put the file of the publisher's archive in its place, or take it out of the folder "
    "(the folder is looked for under data.root)."
)
#: Number types that images are stored in as they are; wider ones become float32.
_STORED: Final = frozenset({"uint8", "uint16", "int16", "float32"})
_SAMPLE: Final = 64  # files that tell the most common size


def read_ms(
    path: Path,
    file_bands: Sequence[str],
    bands: Sequence[str],
    size: int | None,
    dtypes: Sequence[str] = ("uint16",),
    options: PixelOptions = AS_STORED,
    described: bool = False,
) -> NDArray[Any]:
    """Read bands of a multispectral tif by name.

    An alpha band is a mask, not a band: it is not among ``file_bands``.

    Args:
        path: The file.
        file_bands: The names of the file's bands in its publisher's order.
        bands: The names wanted, in the order wanted.
        size: Height and width of the result in pixels; another size is resized (antialiased,
            bilinear). None leaves the image as it is.
        dtypes: The number types that the publisher's files have.
        options: What happens to invalid pixels.
        described: Whether ``file_bands`` are the names that the files themselves give their bands:
            a file that names them in another order is refused.

    Returns:
        (len(bands), size, size) digital numbers in the file's own type, float32 where that has
        more than 16 bits; float32 with NaN where invalid if ``options.nodata`` is ``zero``.

    Raises:
        ConfigError: If a name of ``bands`` is not in ``file_bands``.
        DataError: If the file is missing, empty, truncated, not a raster, has other than
            ``len(file_bands)`` bands of one of ``dtypes``, or has invalid pixels that
            ``options.nodata`` does not allow.
    """
    for name in bands:
        if name not in file_bands:
            raise unknown(f"band in {path.name}", name, file_bands, "data.bands")
    try:
        # GDAL lists the folder, of thousands of files, for each file opened unless told not to;
        # masks beside the file are still found
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"),
            rasterio.open(path) as dataset,
        ):
            indexes = data_bands(dataset)
            if len(indexes) != len(file_bands):
                raise ImageError(
                    f"{path} has {counted(len(indexes), 'band')}; expected {len(file_bands)} "
                    f"({', '.join(file_bands)}, in this order). data.bands chooses among these by "
                    "name, so the whole file is needed.",
                    "wrong bands",
                    _MEND,
                )
            contrary = described and other_order(
                [dataset.descriptions[index - 1] for index in indexes], file_bands
            )
            if contrary:
                raise ImageError(
                    f"{path} {contrary}; expected {', '.join(file_bands)}, as the first file names "
                    f"them. data.file_bands=[{','.join(file_bands)}] says that all files have this "
                    "order, whatever they name their bands.",
                    "order of bands",
                )
            # all bands, so that a cut file is found whichever bands are wanted
            pixels = dataset.read(indexes)
            positions = [list(file_bands).index(name) for name in bands]
            wanted = [indexes[position] for position in positions]
            pixels = pixels[positions]
            masked = mask_of(dataset, wanted)
            nodata = [dataset.nodatavals[index - 1] for index in wanted]
    except RasterioError as error:
        raise unreadable(path, "a GeoTIFF", error) from error
    check_type(path, pixels.dtype, dtypes)
    return resize_bands(measured(path, pixels, bands, nodata, masked, options), size)


def check_type(path: Path, dtype: np.dtype[Any], dtypes: Sequence[str]) -> None:
    """Raise ImageError unless the pixels of a file are of one of the number types."""
    if dtype.name not in dtypes:
        raise ImageError(
            f"{path} holds {dtype}; expected {' or '.join(dtypes)} digital numbers.",
            "wrong type",
            "Get the file as its publisher has it, or convert it to one of these types.",
        )


def measured(
    path: Path,
    pixels: NDArray[Any],
    bands: Sequence[str],
    nodata: Sequence[float | None],
    masked: NDArray[np.bool_] | None,
    options: PixelOptions,
) -> NDArray[Any]:
    """Treat invalid pixels as ``data.nodata`` says, and make the numbers ones that can be stored.

    Args:
        path: The file, for the message.
        pixels: (len(bands), H, W) as in the file.
        bands: The names of the bands.
        nodata: The value that marks an invalid pixel, for each band; None where there is none.
        masked: (len(bands), H, W) True where the file's masks say invalid; None without masks.
        options: See `ackd.data.options.PixelOptions`.

    Returns:
        (len(bands), H, W): uint8, int16 and uint16 as they are, everything wider as float32.

    Raises:
        ImageError: If a pixel is invalid and the policy does not allow it.
    """
    invalid = invalid_by_value(pixels, nodata, options.nodata_value)
    if masked is not None:
        invalid |= masked
    marker = unstated_marker(pixels, invalid)
    if marker is not None:
        raise ImageError(
            f"{path} holds the number {marker:g}, far below all others, which marks nodata in many "
            f"files; this one does not say so. Say it by data.nodata_value={marker:g}, and what to "
            "do with such images by data.nodata=drop or data.nodata=zero.",
            "unstated nodata",
            marker=marker,
        )
    found = blank_invalid(path, pixels, invalid, bands, options.nodata, masked)
    return found if found.dtype.name in _STORED else found.astype(np.float32)


def resize_bands(pixels: NDArray[Any], size: int | tuple[int, int] | None) -> NDArray[Any]:
    """Resize (C, H, W) to another H and W, antialiased and bilinear, in its own number type.

    Args:
        pixels: uint8, uint16, int16 or float32. Where float32 is NaN, a pixel is invalid: it has no
            weight in the result, which is NaN where less than half of the weight is valid.
        size: Height and width in pixels, one number where they are the same; None leaves the image
            as it is.
    """
    if size is None:
        return pixels
    wanted = (size, size) if isinstance(size, int) else size
    if pixels.shape[1:] == wanted:
        return pixels
    resized = np.empty((len(pixels), *wanted), pixels.dtype)
    for target, band in zip(resized, pixels, strict=True):
        # Pillow resizes 16 bits as float32 only, which holds every one of them exactly
        values = _resized(band.astype(np.float32), wanted)
        if pixels.dtype.kind in "iu":
            limits = np.iinfo(pixels.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        target[:] = values
    return resized


def _resized(band: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    valid = ~np.isnan(band)
    if valid.all():
        image = Image.fromarray(band)
        return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    weight = _resized(valid.astype(np.float32), size)
    values = _resized(np.where(valid, band, np.float32(0)), size)
    return np.where(weight >= 0.5, values / np.maximum(weight, 0.5), np.nan).astype(np.float32)


@contextmanager
def plain_tifs() -> Iterator[None]:
    """Take tifs without coordinates, as benchmarks have them, without a warning about each.

    The filter is the process's: it is set once around threads, which would race to set it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


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


def unlike(
    path: Path,
    image: NDArray[Any],
    paths: Sequence[Path],
    first: NDArray[Any],
    reader: Callable[[Path], NDArray[Any]],
) -> DataError:
    """Build the error for an image that does not fit into one array with the first one.

    Args:
        path: Its file.
        image: (C, H, W).
        paths: All files.
        first: The first image of ``paths``.
        reader: Reads one file; some, evenly spread, are read to find the most common size.

    Returns:
        A SizesError where nothing but the size differs: one option resizes all of them.
    """
    if image.dtype != first.dtype or len(image) != len(first):
        return DataError(
            f"{path} is {image.dtype} {image.shape}; expected {first.dtype} {first.shape} like "
            f"{paths[0]}."
        )
    sizes: Counter[tuple[int, ...]] = Counter()
    for other in paths[:: max(1, len(paths) // _SAMPLE)]:
        with suppress(DataError):
            sizes[reader(other).shape[1:]] += 1
    usual = min(sizes.most_common(1)[0][0] if sizes else first.shape[1:])
    return SizesError(
        f"{path} is {_size(image)} pixels and {paths[0]} is {_size(first)}; data.size={usual} "
        "resizes all images of both sides to the most common size.",
        usual,
    )


def _size(image: NDArray[Any]) -> str:
    return "x".join(map(str, image.shape[1:]))


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
    with plain_tifs(), ThreadPoolExecutor(threads) as pool:
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
                    raise unlike(path, image, paths, images[0], reader)
                images[done] = image
                if progress is not None:
                    progress(done + 1, len(paths))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    assert images is not None  # there is at least one path
    return images
