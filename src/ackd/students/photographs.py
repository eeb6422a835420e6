"""RGB images as a scene student was trained on them: 8 bits, resized, in its order of bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ackd.data.options import PixelOptions
from ackd.data.reading.invalid import blank_invalid, invalid_by_value, refuse_invalid
from ackd.data.reading.multispectral import plain_tifs
from ackd.data.reading.photographs import (
    RGB_WHITE,
    colors_of,
    eight_bits,
    read_rgb,
    resize_rgb,
)
from ackd.data.sensors import RGB_BANDS
from ackd.data.tiles.rasters import Raster, image_of, read_raster
from ackd.errors import ConfigError, ImageError
from ackd.students.given import Given, as_raster, chosen_bands

__all__ = ["OTHER_SCALE", "Invalid", "PhotographReader"]

#: What happens to images with invalid pixels: they are refused, or these pixels become the mean.
Invalid = Literal["error", "zero"]

#: A side that is so many times larger or smaller than in training shows another extent of ground.
OTHER_SCALE: Final = 16
#: What squeezing an image to the size of training may change of its proportions.
_SQUEEZED: Final = 4
#: Files that Pillow reads, and that have no bands to choose from.
_ARRAYS: Final = (".npy", ".npz")


@dataclass(frozen=True)
class PhotographReader:
    """Makes of anything what the network was trained on, by the code that reads for training.

    Attributes:
        size: (H, W) of the images in training, to which all are resized.
        bands: ``R``, ``G`` and ``B`` in the order of training.
        rgb_max: The number that was white in files of more than 8 bits; None where there were none,
            or where it is not known.
        invalid: What happened to images with invalid pixels.
    """

    size: tuple[int, int]
    bands: tuple[str, ...]
    rgb_max: float | None = None
    invalid: Invalid = "error"

    def read(
        self,
        given: Given,
        *,
        bands: Sequence[int] | Sequence[str] | None = None,
        rgb_max: float | None = None,
        invalid: Invalid | None = None,
        check: bool = True,
    ) -> NDArray[Any]:
        """Read one image; options are those of :meth:`ackd.students.SceneStudent.predict`.

        Returns:
            (3, H, W) uint8, or float32 of 0..255 with NaN where invalid.

        Raises:
            ImageError: It cannot be read, or is nothing that the student was trained on.
            ConfigError: An option is wrong.
        """
        white = self.rgb_max if rgb_max is None else rgb_max
        policy = self.invalid if invalid is None else invalid
        if policy not in ("error", "zero"):
            raise ConfigError(f"invalid={policy!r}; expected 'error' or 'zero'.")
        options = PixelOptions(nodata=policy, rgb_max=white)
        pixels = self._pixels(given, bands, options, check)
        if check:
            self.check_size(given.called, pixels.shape[1:])
        return resize_rgb(pixels, self.size)[self._order(bands)]

    def _order(self, bands: Sequence[int] | Sequence[str] | None) -> list[int]:
        """From the order of files to that of training; bands that were said are in it already."""
        return [0, 1, 2] if bands is not None else [RGB_BANDS.index(name) for name in self.bands]

    def ready(
        self,
        called: str,
        raster: Raster,
        *,
        bands: Sequence[int] | Sequence[str] | None = None,
        rgb_max: float | None = None,
        nodata: float | None = None,
        check: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Make photographs of a large image that is read in parts; they are not yet resized.

        Pixels without data are those of :func:`ackd.data.tiles.rasters.image_of`: a nodata value of
        0 says so where all bands have it, for single bands may be black.

        Args:
            called: The image, for messages.
            raster: A part of it, and what its file says of it.
            bands: As for :meth:`read`.
            rgb_max: The same.
            nodata: A number that marks pixels without data although the file does not say so.
            check: Whether numbers that cannot be right are refused.

        Returns:
            (3, H, W) uint8, or float32 of 0..255 with NaN where there is no data; (H, W) bool, True
            where there is data.

        Raises:
            ImageError: It is nothing that the student was trained on.
            ConfigError: An option is wrong.
        """
        white = self.rgb_max if rgb_max is None else rgb_max
        picked = self._picked(called, raster, bands)
        marker = None if nodata == 0 else nodata
        pixels, empty = image_of(raster, called, picked, marker, nodata == 0, "nodata")
        nowhere = np.broadcast_to(empty, pixels.shape)
        levels = _eight_bits(called, pixels, nowhere, white, check)[self._order(bands)]
        if empty.any():
            levels = np.where(empty, np.float32(np.nan), levels.astype(np.float32, copy=False))
        return levels, ~empty

    def _pixels(
        self,
        given: Given,
        bands: Sequence[int] | Sequence[str] | None,
        options: PixelOptions,
        check: bool,
    ) -> NDArray[Any]:
        """(3, H, W) in the size of the image; in the order of files unless ``bands`` are said."""
        image, called = given.image, given.called
        try:
            if isinstance(image, Path):
                if bands is None and image.suffix.lower() not in _ARRAYS:
                    with plain_tifs():
                        return read_rgb(image, None, options)
                return self._of_raster(called, read_raster(image, ("rgb",)), bands, options, check)
            if isinstance(image, np.ndarray):
                raster = as_raster(called, image, len(self.bands))
                return self._of_raster(called, raster, bands, options, check)
            if image.mode in ("I", "I;16", "F"):  # one band of more than 8 bits
                raster = as_raster(called, np.asarray(image), len(self.bands))
                return self._of_raster(called, raster, bands, options, check)
            colors, empty = colors_of(image, called)
            if bands is not None:
                picked = chosen_bands(called, as_raster(called, colors, 3), self.bands, bands)
                colors, empty = colors[picked], None if empty is None else empty[picked]
            return blank_invalid(called, colors, empty, RGB_BANDS, options.nodata, masked=empty)
        except ImageError as error:
            text = _as_argument(str(error))
            if error.kind == "wrong bands" and "bands=[...]" not in text:
                text += (
                    " bands=[...] says which they are: three positions, counted from 0, or the "
                    "names of all bands."
                )
            raise ImageError(text, error.kind, marker=error.marker) from error

    def _of_raster(
        self,
        called: str,
        raster: Raster,
        bands: Sequence[int] | Sequence[str] | None,
        options: PixelOptions,
        check: bool,
    ) -> NDArray[Any]:
        picked = self._picked(called, raster, bands)
        pixels = raster.pixels[picked]
        empty = raster.invalid[picked]
        empty |= invalid_by_value(pixels, [raster.nodata[band] for band in picked])
        if options.nodata != "zero":
            refuse_invalid(called, pixels, empty, RGB_BANDS)
        pixels = _eight_bits(called, pixels, empty, options.rgb_max, check)
        return blank_invalid(called, pixels, empty, RGB_BANDS, options.nodata)

    def _picked(
        self, called: str, raster: Raster, bands: Sequence[int] | Sequence[str] | None
    ) -> list[int]:
        if bands is None and len(raster.pixels) == 1:
            return [0, 0, 0]  # gray
        order = RGB_BANDS if bands is None else self.bands
        return chosen_bands(called, raster, order, bands)

    def check_size(self, called: str, size: tuple[int, ...]) -> None:
        """Refuse what would be resized beyond recognition."""
        ratios = [there / trained for there, trained in zip(size, self.size, strict=True)]
        trained = f"{self.size[0]}x{self.size[1]} pixels"
        if max(ratios) > OTHER_SCALE or min(ratios) < 1 / OTHER_SCALE:
            raise ImageError(
                f"{called} has {size[0]}x{size[1]} pixels, and the student sees whole images "
                f"resized to {trained}, which would shrink or blow it up more than "
                f"{OTHER_SCALE} times. Cut it into windows of the extent that training images "
                "had; check=False takes it as it is.",
                "wrong size",
            )
        if max(ratios) > _SQUEEZED * min(ratios):
            raise ImageError(
                f"{called} has {size[0]}x{size[1]} pixels, and the student sees whole images "
                f"resized to {trained}, which would squeeze it out of shape. Cut it to the "
                "proportions of training images; check=False takes it as it is.",
                "wrong size",
            )


def _eight_bits(
    called: str, pixels: NDArray[Any], empty: NDArray[np.bool_], white: float | None, check: bool
) -> NDArray[Any]:
    """Numbers of any type as grey levels 0..255, where it is known what is white."""
    kind = pixels.dtype.kind
    if pixels.dtype == np.uint8:
        return pixels
    if white is not None:
        return eight_bits(pixels, empty, white)
    known = pixels[~empty]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    fits = low >= 0 and high <= RGB_WHITE
    # Floats up to 1 are mostly levels that were divided, and a black photograph at best.
    levels = pixels.dtype != np.uint16 and fits and (kind != "f" or high > 1)
    if check and known.size and not levels:
        raise ImageError(
            f"{called} holds {pixels.dtype} numbers of {low:g} to {high:g}, but the student was "
            f"trained on 8-bit RGB images, 0 to {RGB_WHITE:g}. {_way_out(low, high)} "
            "check=False takes any numbers as they are.",
            "wrong type",
        )
    whole = kind != "f" or bool((known % 1 == 0).all())
    if fits and whole:
        return np.where(empty, 0, pixels).astype(np.uint8)
    return pixels.astype(np.float32)


def _way_out(low: float, high: float) -> str:
    if low < 0:
        return (
            "Numbers below 0 look as if they were normalized already: give the image itself, the "
            "student normalizes it."
        )
    likely = "1" if high <= 1 else "255" if high <= RGB_WHITE else "65535 (or 4095 for 12 bits)"
    return f"rgb_max=N says which number is white, here probably {likely}."


def _as_argument(text: str) -> str:
    """A sentence of the readers, whose options of a run are arguments here."""
    drop = "data.nodata=drop leaves such images out; "
    text = text.replace(drop, "").replace("data.nodata=zero keeps them", "invalid='zero' keeps it")
    return text.replace("and their invalid pixels", "and its invalid pixels").replace(
        "data.rgb_max", "rgb_max"
    )
