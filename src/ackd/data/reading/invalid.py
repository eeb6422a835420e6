"""Pixels that were not measured: how files mark them, and what is done about them.

A pixel is invalid where it is NaN or infinite, where it has the file's nodata value or the one of
``data.nodata_value``, where the file's mask or alpha band says so, or where it has the magnitude
of a fill value (1e30 and more, such as the -3.4e38 of float32 files).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ackd.errors import ImageError, counted

__all__ = [
    "MARKERS",
    "blank_invalid",
    "data_bands",
    "invalid_by_value",
    "mask_of",
    "refuse_invalid",
    "unstated_marker",
]

#: No sensor measures such numbers; fill values do.
_FILL: Final = 1e30
#: A tag that was written as a decimal fraction differs from float32 pixels in the last digits.
_RELATIVE: Final = 1e-6
_NAMED: Final = 3  # values in a message
#: Negative numbers that files use for nodata without saying so.
MARKERS: Final = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0)


def data_bands(dataset: DatasetReader) -> list[int]:
    """The indexes (from 1) of the bands that hold measurements: all but alpha bands."""
    kinds = zip(dataset.indexes, dataset.colorinterp, strict=True)
    return [index for index, kind in kinds if kind != ColorInterp.alpha]


def mask_of(
    dataset: DatasetReader, indexes: Sequence[int], window: Window | None = None
) -> NDArray[np.bool_] | None:
    """Where a file's own masks (internal, beside it, per band, alpha) say that a pixel is invalid.

    Args:
        dataset: An open file.
        indexes: The C bands wanted, counted from 1.
        window: The part of the file that is wanted; all of it where None.

    Returns:
        (C, H, W) True where invalid; None where the file has no mask. Nodata values are not masks
        here: see `invalid_by_value`.
    """
    height, width = (
        (dataset.height, dataset.width) if window is None else (window.height, window.width)
    )
    invalid = np.zeros((len(indexes), height, width), dtype=np.bool_)
    for mask, index in zip(invalid, indexes, strict=True):
        flags = set(dataset.mask_flag_enums[index - 1])
        if not flags & {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}:
            mask |= dataset.read_masks(index, window=window) == 0
    for index in set(dataset.indexes) - set(data_bands(dataset)):
        invalid |= (
            dataset.read(index, window=window) == 0
        )  # GDAL's own mask ignores alpha of other than 8 bits
    return invalid if invalid.any() else None


def invalid_by_value(
    pixels: NDArray[Any], nodata: Sequence[float | None], extra: float | None = None
) -> NDArray[np.bool_]:
    """Where numbers mark a pixel as invalid.

    Args:
        pixels: (C, H, W) as stored.
        nodata: The value that the file states for each band; None where it states none.
        extra: One more value for all bands.

    Returns:
        (C, H, W) True where invalid.
    """
    invalid = np.zeros(pixels.shape, dtype=np.bool_)
    for found, band, stated in zip(invalid, pixels, nodata, strict=True):
        if band.dtype.kind == "f":
            found |= ~np.isfinite(band) | (np.abs(band) >= _FILL)
        for value in (stated, extra):
            if value is None or not np.isfinite(value):
                continue
            if band.dtype.kind == "f":
                found |= np.abs(band - value) <= _RELATIVE * abs(value)
            else:
                found |= band == value
    return invalid


def unstated_marker(pixels: NDArray[Any], invalid: NDArray[np.bool_] | None = None) -> float | None:
    """A negative number that files use for nodata, where an image has it without saying so.

    Args:
        pixels: (C, H, W) as stored.
        invalid: (C, H, W) True where known to be invalid.

    Returns:
        The number, where all others of the image are far above it; else None. Numbers such as 0 and
        65535 are left to a look at many images together: here they may be black and saturated.
    """
    if pixels.dtype.kind not in "if":
        return None
    known = pixels if invalid is None or not invalid.any() else pixels[~invalid]
    least = float(known.min()) if known.size else 0.0
    if least not in MARKERS:
        return None
    others = known[known != least]
    return least if not others.size or float(others.min()) > least / 2 else None


def blank_invalid(
    path: Path | str,
    pixels: NDArray[Any],
    invalid: NDArray[np.bool_] | None,
    bands: Sequence[str],
    policy: str,
    masked: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Do what ``data.nodata`` says.

    Args:
        path: The file, for the message.
        pixels: (C, H, W).
        invalid: (C, H, W) True where invalid; None where every pixel is valid.
        bands: The names of the C bands.
        policy: ``zero`` makes the image float32 with NaN where invalid; any other refuses it.
        masked: (C, H, W) True where a mask says that a pixel is invalid, whatever its value.

    Raises:
        ImageError: If a pixel is invalid and the policy is not ``zero``; it names the file, the
            share and the value, or the mask.
    """
    if policy == "zero":
        return np.where(False if invalid is None else invalid, np.nan, pixels).astype(np.float32)
    if invalid is not None:
        refuse_invalid(path, pixels, invalid, bands, masked)
    return pixels


def refuse_invalid(
    path: Path | str,
    pixels: NDArray[Any],
    invalid: NDArray[np.bool_],
    bands: Sequence[str],
    masked: NDArray[np.bool_] | None = None,
) -> None:
    """Raise ImageError where a pixel is invalid.

    Args:
        path: The file.
        pixels: (C, H, W) as stored.
        invalid: (C, H, W) True where invalid.
        bands: The names of the C bands.
        masked: (C, H, W) True where a mask says so.
    """
    if not invalid.any():
        return
    where = [name for name, band in zip(bands, invalid, strict=True) if band.any()]
    anywhere = invalid.any(axis=0)
    count = int(anywhere.sum())
    by_value = invalid if masked is None else invalid & ~masked
    values = np.unique(pixels[by_value])[:_NAMED].tolist()
    why = [", ".join(f"{value:g}" for value in values)] if values else []
    if by_value is not invalid and masked is not None and masked.any():
        why.append("excluded by the mask or alpha band of the file")
    raise ImageError(
        f"{path} has {counted(count, 'invalid pixel')} ({_percent(anywhere)} of the image) in "
        f"band{'' if len(where) == 1 else 's'} {', '.join(where)}: {'; others '.join(why)}. "
        "data.nodata=drop leaves such images out; data.nodata=zero keeps them, and their invalid "
        "pixels are 0 after normalization.",
        "NaN" if values and np.isnan(values).all() else "nodata",
    )


def _percent(chosen: Any) -> str:
    share = 100 * float(chosen.mean())
    return f"{share:.2g} %" if share < 99 else f"{share:.0f} %"
