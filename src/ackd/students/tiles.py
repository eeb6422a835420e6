"""SAR and optical images as a segmentation student was trained on them: unit, bands, validity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ackd.data.reading.multispectral import plain_tifs
from ackd.data.tiles.options import SarUnit
from ackd.data.tiles.rasters import Raster, image_of, read_raster
from ackd.data.tiles.units import Look, in_decibels, look_at
from ackd.errors import ConfigError, ImageError, unknown
from ackd.students.given import Given, as_raster, chosen_bands

__all__ = ["TileImage", "TileReader"]

#: Standard deviations of training between the median of a band and its mean in training.
_FAR: Final = 6.0
_KEYS: Final = {"sar": ("sar", "s1"), "optical": ("optical", "s2")}


@dataclass(frozen=True, eq=False)
class TileImage:
    """An image that is ready to be normalised.

    Attributes:
        pixels: (C, H, W) uint8, uint16 or float32 in the unit of training, 0 without data.
        valid: (H, W) True where there is data.
    """

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TileReader:
    """Makes of anything what the network was trained on, by the code that reads for training.

    Attributes:
        sensor: What was trained on.
        bands: Its bands, in order.
        mean: (C,) of valid training pixels.
        std: (C,) of valid training pixels.
        unit: Of SAR files in training, ``"linear"`` becomes decibels; None where the file does not
            say it.
        nodata: A number that marked pixels without data although files do not say so.
        zero_is_nodata: Whether a pixel that is 0 in all bands has no data.
    """

    sensor: Literal["sar", "optical"]
    bands: tuple[str, ...]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    unit: SarUnit | None = "db"
    nodata: float | None = None
    zero_is_nodata: bool = True

    @property
    def trained_unit(self) -> str:
        """What the network sees: decibels, or numbers of another unit; "" of optical images."""
        if self.sensor == "optical":
            return ""
        if self.unit is None:
            # Decibels of calibrated backscatter are negative on average; nothing else is.
            return "db" if bool((self.mean < 0).any()) else "other"
        return "db" if self.unit == "linear" else self.unit

    def read(
        self,
        given: Given,
        *,
        bands: Sequence[int] | Sequence[str] | None = None,
        unit: SarUnit | None = None,
        nodata: float | None = None,
        valid: NDArray[np.bool_] | None = None,
        check: bool = True,
    ) -> TileImage:
        """Read one image; options are those of :meth:`ackd.students.SegmentationStudent.predict`.

        Raises:
            ImageError: It cannot be read, or is nothing that the student was trained on.
            ConfigError: An option is wrong.
        """
        called, image = given.called, given.image
        if isinstance(image, Path):
            with plain_tifs():
                raster = read_raster(image, _KEYS[self.sensor])
        else:
            array = np.asarray(image) if isinstance(image, Image.Image) else image
            raster = as_raster(called, array, len(self.bands))
        return self.ready(
            called, raster, bands=bands, unit=unit, nodata=nodata, valid=valid, check=check
        )

    def ready(
        self,
        called: str,
        raster: Raster,
        *,
        bands: Sequence[int] | Sequence[str] | None = None,
        unit: SarUnit | None = None,
        nodata: float | None = None,
        valid: NDArray[np.bool_] | None = None,
        check: bool = True,
    ) -> TileImage:
        """The same of an image that was read already, or of a part of one.

        Args:
            called: The image, for messages.
            raster: Its pixels, and what its file says of them.
            bands: As for :meth:`read`, and so are all others.
            unit: The same.
            nodata: The same.
            valid: The same.
            check: Whether numbers that cannot be right are refused. Of single parts of a large
                image this would refuse a lake.
        """
        picked = chosen_bands(called, raster, self.bands, bands)
        marker = self.nodata if nodata is None else nodata
        pixels, empty = image_of(raster, called, picked, marker, self.zero_is_nodata, "nodata")
        known = ~empty
        if valid is not None:
            if valid.shape != known.shape:
                raise ConfigError(
                    f"valid has the shape {valid.shape}, but {called} has "
                    f"{known.shape[0]}x{known.shape[1]} pixels."
                )
            known &= np.asarray(valid, dtype=np.bool_)
        if self.sensor == "sar":
            pixels = pixels.astype(np.float32, copy=False)
            pixels, known = self._in_unit(called, pixels, known, unit, check)
        elif unit is not None:
            raise ConfigError(f"unit={unit!r} is for SAR images; the student sees optical ones.")
        if check:
            self._check_range(called, pixels, known)
        return TileImage(np.where(known, pixels, pixels.dtype.type(0)), known)

    def _in_unit(
        self,
        called: str,
        pixels: NDArray[np.float32],
        valid: NDArray[np.bool_],
        unit: SarUnit | None,
        check: bool,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if unit is not None and unit not in get_args(SarUnit):
            raise unknown("unit of SAR images", unit, get_args(SarUnit), "unit")
        trained = self.trained_unit
        said = unit or self.unit or trained
        if trained == "other" and said == "linear":
            raise ConfigError(
                f"unit='linear' turns {called} into decibels, but the student was trained on "
                "numbers of another unit; give the image in that unit."
            )
        if check and trained == "db":
            self._check_unit(called, look_at(pixels, valid), said)
        return in_decibels(pixels, valid) if said == "linear" else (pixels, valid)

    @staticmethod
    def _check_unit(called: str, look: Look, said: str) -> None:
        if said == "db" and look.is_linear:
            raise ImageError(
                f"{called} holds linear intensities ({look.range}), but the student was trained "
                "on decibels. unit='linear' converts them, by 10 log10(x); check=False takes any "
                "numbers as they are.",
                "wrong unit",
            )
        if said == "linear" and look.is_db:
            raise ImageError(
                f"{called} holds decibels ({look.range}) where linear intensities are expected. "
                "unit='db' takes them as they are.",
                "wrong unit",
            )
        if said == "db" and look.is_no_radar:
            raise ImageError(
                f"{called} holds numbers that are no decibels of a radar ({look.range}), but the "
                "student was trained on decibels. nodata=VALUE names a number that marks pixels "
                "without data, unit='linear' converts intensities, and check=False takes any "
                "numbers as they are.",
                "wrong unit",
            )

    def _check_range(self, called: str, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """Refuse numbers that are far from all that was trained on."""
        if not valid.any():
            return
        medians = np.median(pixels[:, valid], axis=1)
        for name, middle, mean, std in zip(self.bands, medians, self.mean, self.std, strict=True):
            if abs(middle - mean) > _FAR * std:
                raise ImageError(
                    f"{called} has the median {middle:.4g} in band {name}, but the student was "
                    f"trained on numbers around {mean:.4g} (standard deviation {std:.3g}). It is "
                    "of another sensor, product or unit, or its bands are in another order "
                    "(bands=[...]); check=False takes any numbers as they are.",
                    "wrong range",
                )
