"""Reading RGB images: photographs by Pillow, tifs and everything of more than 8 bits by rasterio.

Pillow opens an image of 16 bits per channel as one of 8 and says nothing of it, so the file itself
is asked for its bits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.reading.invalid import blank_invalid, invalid_by_value, mask_of, refuse_invalid
from ackd.data.reading.multispectral import plain_tifs, resize_bands, unreadable
from ackd.errors import ConfigError, ImageError

__all__ = ["RGB_WHITE", "colors_of", "eight_bits", "read_rgb", "resize_rgb", "with_rgb_max"]

log = logging.getLogger("ackd")

#: Full white of an 8-bit channel.
RGB_WHITE: Final = 255.0

_EIGHT_BIT: Final = frozenset({"RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "CMYK", "YCbCr", "1"})
_CHANNELS: Final = ("R", "G", "B")
_COLORS: Final = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
#: Color interpretations of tifs that Pillow turns into red, green and blue.
_CONVERTED: Final = frozenset(
    {ColorInterp.palette, ColorInterp.cyan, ColorInterp.magenta, ColorInterp.Y}
)
_SAMPLE: Final = 64  # files that are looked at to find out what is white
_RASTERS: Final = (".tif", ".tiff")
#: Where a PNG file has the bits per channel, by its specification.
_PNG_DEPTH: Final = 24


def read_rgb(
    path: Path, size: int | tuple[int, int] | None, options: PixelOptions = AS_STORED
) -> NDArray[Any]:
    """Read an image as red, green and blue. Gray ones become gray RGB.

    Pixels whose alpha is 0, that a mask excludes, or that have the file's nodata value are invalid;
    other alpha values are not looked at.

    Args:
        path: jpg, png, tif or anything else that Pillow reads.
        size: Height and width of the result in pixels, one number where they are the same; another
            size is resized (antialiased, bilinear). None leaves the image as it is.
        options: What happens to invalid pixels, and which number is white in files of more than 8
            bits per channel.

    Returns:
        (3, size, size) uint8; float32 of 0..255 with NaN where invalid if ``options.nodata`` is
        ``zero``.

    Raises:
        DataError: If the file is missing, empty, truncated, not an image, has invalid pixels that
            ``options.nodata`` does not allow, or more than 8 bits per channel and ``rgb_max`` is
            not known.
    """
    if _is_raster(path):
        found, invalid = _raster(path, options)
    else:
        found, invalid = _photograph(path)
    pixels = blank_invalid(path, found, invalid, _CHANNELS, options.nodata, masked=invalid)
    return resize_rgb(pixels, size)


def resize_rgb(pixels: NDArray[Any], size: int | tuple[int, int] | None) -> NDArray[Any]:
    """Resize a photograph, antialiased and bilinear, whatever its proportions are.

    Args:
        pixels: (3, H, W) uint8, or float32 with NaN where invalid.
        size: As for :func:`read_rgb`.
    """
    height, width = pixels.shape[1:] if size is None else _pair(size)
    if pixels.shape[1:] == (height, width):
        return np.ascontiguousarray(pixels)
    if pixels.dtype != np.uint8:
        return resize_bands(pixels, (height, width))
    # all three channels at once, as photographs are resized everywhere
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def eight_bits(pixels: NDArray[Any], invalid: NDArray[np.bool_], white: float) -> NDArray[np.uint8]:
    """Turn numbers of more than 8 bits into grey levels 0..255.

    Args:
        pixels: (3, H, W) of any type.
        invalid: (3, H, W) True where invalid; these become 0.
        white: The number that becomes 255; what is brighter does, too.
    """
    levels = np.where(invalid, 0, pixels) * (RGB_WHITE / white)
    return np.clip(np.rint(levels), 0, RGB_WHITE).astype(np.uint8)


def with_rgb_max(paths: Sequence[Path], options: PixelOptions) -> PixelOptions:
    """Find out which number is white in the RGB files of more than 8 bits per channel.

    The bits that a tif states tell it. Else numbers that reach beyond half of what the type of the
    files can hold mean that its largest is white; of floats, numbers up to 1 mean that 1 is.

    Args:
        paths: The RGB files; some, evenly spread, are looked at.
        options: ``rgb_max`` stays where it is given.

    Returns:
        The options with ``rgb_max``; unchanged where no file has more than 8 bits.

    Raises:
        ConfigError: If files have more than 8 bits and their numbers do not tell what is white.
        DataError: If a file cannot be read.
    """
    if options.rgb_max is not None or not paths:
        return options
    chosen = np.unique(np.linspace(0, len(paths) - 1, _SAMPLE).astype(int))
    with plain_tifs():
        found = [depth for depth in (_depth_of(paths[row]) for row in chosen.tolist()) if depth]
    if not found:
        return options
    kinds = sorted({depth.dtype for depth in found})
    low, high = min(depth.low for depth in found), max(depth.high for depth in found)
    bits = {depth.bits for depth in found}
    white = _white(kinds[0], low, high, bits.pop()) if len(kinds) == len(bits) == 1 else None
    if white is None:
        raise ConfigError(
            f"RGB files such as {found[0].path} hold {' and '.join(kinds)} numbers of {low:g} to "
            f"{high:g}, which does not tell what is white. Say it: data.rgb_max=65535 for full "
            "16-bit images, 4095 for 12-bit ones, 1 for reflectance, or the number at which images "
            "should be saturated."
        )
    log.info(
        "RGB files such as %s hold %s numbers: %g is taken as white (data.rgb_max=%g)",
        found[0].path.name, kinds[0], white, white,
    )  # fmt: skip
    return replace(options, rgb_max=white)


@dataclass(frozen=True)
class _Depth:
    """The numbers of an RGB file of more than 8 bits per channel; ``bits`` where it states them."""

    path: Path
    dtype: str
    bits: int | None
    low: float
    high: float


def _depth_of(path: Path) -> _Depth | None:
    """The numbers of a file of more than 8 bits per channel; None for one of 8."""
    if not _is_raster(path):
        return None
    with _opened(path) as dataset:
        if dataset.dtypes[0] == "uint8":
            return None
        pixels = dataset.read(_color_bands(path, dataset))
        invalid = invalid_by_value(pixels, [dataset.nodatavals[0]] * len(pixels))
        bits = _stated_bits(dataset)
    valid = pixels[~invalid]
    low, high = (float(valid.min()), float(valid.max())) if valid.size else (0.0, 0.0)
    return _Depth(path, pixels.dtype.name, bits, low, high)


def _white(dtype: str, low: float, high: float, bits: int | None) -> float | None:
    """The number that is white; None where it cannot be told."""
    if low < 0:
        return None
    if bits is not None:
        return float(2**bits - 1)
    if dtype == "uint16":
        most = float(np.iinfo(np.uint16).max)
        return most if high > most / 2 else None
    if dtype.startswith("float"):
        return next((most for most in (1.0, RGB_WHITE) if most / 2 < high <= most), None)
    return None


def _stated_bits(dataset: Any) -> int | None:
    bits = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    return None if bits is None else int(bits)


def _is_converted(dataset: Any) -> bool:
    """Whether Pillow turns the numbers of a tif into red, green and blue: rasterio does not."""
    bits = _stated_bits(dataset)
    inverted = dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    return (
        bool(_CONVERTED & set(dataset.colorinterp)) or inverted or (bits is not None and bits < 8)
    )


def _is_raster(path: Path) -> bool:
    """Whether rasterio has to read a file: a tif of red, green and blue, or a png of 16 bits."""
    suffix = path.suffix.lower()
    if suffix in _RASTERS:
        with _opened(path) as dataset:
            return not _is_converted(dataset)
    if suffix != ".png":
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_PNG_DEPTH + 1)
    except OSError as error:
        raise unreadable(path, "an image", error) from error
    return head.startswith(b"\x89PNG") and len(head) > _PNG_DEPTH and head[_PNG_DEPTH] == 16


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a raster; what the library refuses is said in our words."""
    try:
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"), rasterio.open(path) as dataset:
            yield dataset
    except RasterioError as error:
        raise unreadable(path, "an image", error) from error


def _raster(path: Path, options: PixelOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    with _opened(path) as dataset:
        indexes = _color_bands(path, dataset)
        pixels = dataset.read(indexes)
        invalid = invalid_by_value(pixels, [dataset.nodatavals[index - 1] for index in indexes])
        masked = mask_of(dataset, indexes)
    if masked is not None:
        invalid |= masked
    if options.nodata != "zero":
        refuse_invalid(path, pixels, invalid, _CHANNELS, masked)
    if pixels.dtype.kind == "c":
        raise ImageError(
            f"{path} holds complex numbers; expected those of a photograph.", "wrong type"
        )
    if pixels.dtype == np.uint8:
        return pixels, invalid
    if options.rgb_max is None:
        raise ImageError(
            f"{path} holds {pixels.dtype} numbers, and data.rgb_max does not say which of them is "
            "white. Give data.rgb_max=65535 for full 16-bit images, 4095 for 12-bit ones, 1 for "
            "reflectance.",
            "wrong type",
        )
    return eight_bits(pixels, invalid, options.rgb_max), invalid


def _color_bands(path: Path, dataset: Any) -> list[int]:
    """The indexes (from 1) of red, green and blue; one gray band stands for all three."""
    kinds = list(dataset.colorinterp)
    if all(color in kinds for color in _COLORS):
        return [kinds.index(color) + 1 for color in _COLORS]
    plain = [index for index, kind in enumerate(kinds, 1) if kind != ColorInterp.alpha]
    if len(plain) == 1:
        return plain * 3
    if len(plain) == 3:
        return plain
    raise ImageError(
        f"{path} has {len(plain)} bands, and it does not say which are red, green and blue; "
        "expected three, or one gray band. An infrared band can be taken out by "
        "gdal_translate -b 1 -b 2 -b 3 -colorinterp red,green,blue IN OUT.",
        "wrong bands",
    )


def _photograph(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    try:
        with Image.open(path) as image:
            return colors_of(image, path)
    except UnidentifiedImageError as error:
        raise unreadable(path, "a photograph", None) from error
    # Pillow's decoders also raise SyntaxError and ValueError on broken files
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise unreadable(path, "a photograph", error) from error


def colors_of(
    image: Image.Image, called: object
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Red, green and blue of an image of Pillow, and where its alpha is 0.

    Args:
        image: Of 8 bits per channel; gray ones become gray RGB.
        called: The file, or what else the message should call it.

    Returns:
        (3, H, W) pixels, and (3, H, W) True where invalid; None where no pixel is.

    Raises:
        ImageError: It has more than 8 bits per channel.
    """
    if image.mode not in _EIGHT_BIT:
        raise ImageError(
            f"{called} is an image of Pillow's mode {image.mode}; expected 8 bits per "
            "channel, or a png or tif of more.",
            "wrong type",
        )
    transparent = "A" in image.getbands() or "transparency" in image.info
    alpha = np.asarray(image.convert("RGBA"))[..., 3] if transparent else None
    pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    if alpha is None or (alpha != 0).all():
        return pixels, None
    return pixels, np.broadcast_to(alpha == 0, pixels.shape)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
