"""Whether SAR images hold decibels or intensities, told from their numbers.

A wrong unit is silent: everything trains, and the network sees images that are black but for a few
points, or decibels of decibels. Backscatter on land is 0.001 to 10, most of it far below 1; the
same in decibels is -30 to 10, and negative for the most part. Products that are not calibrated,
such as SpaceNet 6 with 0 to 93 dB, are above 1 for the most part.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles.faults import some_of
from ackd.data.tiles.options import SarUnit
from ackd.errors import DataError

__all__ = ["Look", "check_scale", "check_unit", "in_decibels", "look_at"]

#: No radar measures beyond these, in decibels.
_LOWEST: Final = -100.0
_HIGHEST: Final = 150.0
#: The brightest intensity of a tile of Sentinel-1 or SpaceNet 6 is 20 to 50,000 times its median;
#: their decibels, moved until all are positive, end below 3 times theirs.
_SPREAD: Final = 4.0
#: Fewer valid pixels of a tile tell nothing.
_FEW: Final = 16
#: So many tell the median.
_ENOUGH: Final = 4096
#: Reflectance is below, 8-bit numbers go up to the second, and digital numbers beyond it.
_BRIGHTEST: Final = 2.0
_EIGHT_BITS: Final = 255.0


@dataclass(frozen=True)
class Look:
    """What the valid numbers of a tile are like; NaN where there are too few of them.

    Attributes:
        low: The smallest number.
        middle: The median of the band whose median is smallest, over a sample of pixels.
        high: The largest number.
        whole: Whether those of the sample are whole numbers.
    """

    low: float
    middle: float
    high: float
    whole: bool

    @property
    def is_empty(self) -> bool:
        """Whether the tile has too few valid pixels to tell anything."""
        return bool(np.isnan(self.middle))

    @property
    def is_linear(self) -> bool:
        """Whether these can only be intensities: nothing negative, and most of it below 1."""
        return self.low >= 0 and self.middle < 1

    @property
    def is_db(self) -> bool:
        """Whether these can only be decibels: most of it is negative."""
        return self.middle < 0

    @property
    def is_level(self) -> bool:
        """Whether nothing stands out, as in decibels of images that are not calibrated."""
        return (
            self.low >= 0 and self.middle > 1 and self.high < min(_SPREAD * self.middle, _HIGHEST)
        )

    @property
    def is_no_radar(self) -> bool:
        """Whether these cannot be decibels of any radar."""
        return self.low < _LOWEST or self.high > _HIGHEST

    @property
    def range(self) -> str:
        """For messages, e.g. ``"-31.2 to 3.9, median -14.1"``."""
        return f"{self.low:.4g} to {self.high:.4g}, median {self.middle:.4g}"


def look_at(image: NDArray[Any], valid: NDArray[np.bool_]) -> Look:
    """Look at a tile.

    Args:
        image: (C, H, W) numbers as stored.
        valid: (H, W).
    """
    pixels = image[:, valid]
    if pixels.shape[1] < _FEW:
        return Look(np.nan, np.nan, np.nan, True)
    some = pixels[:, :: max(1, pixels.shape[1] // _ENOUGH)]
    middle = np.median(some, axis=1).min()
    whole = pixels.dtype.kind in "iu" or bool((some % 1 == 0).all())
    return Look(float(pixels.min()), float(middle), float(pixels.max()), whole)


def in_decibels(
    sar: NDArray[np.float32], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Turn intensities into decibels, 10 log10(x).

    Args:
        sar: (C, H, W) intensities.
        valid: (H, W).

    Returns:
        (C, H, W) decibels, 0 where there is no data, and (H, W): pixels that are not above 0 in
        some band have no decibels, and are not valid any more.
    """
    positive: NDArray[np.bool_] = valid & (sar > 0).all(axis=0)
    decibels = 10 * np.log10(np.where(positive, sar, 1), dtype=np.float64)
    return decibels.astype(np.float32), positive


def check_unit(looks: dict[str, Look], unit: SarUnit) -> None:
    """See whether all tiles can have the unit that was said.

    Args:
        looks: By the names of the tiles.
        unit: What was said.

    Raises:
        DataError: Some tiles can only have the other one, with their names and the option.

    Warns:
        UserWarning: Intensities are expected, and all tiles look like positive decibels.
    """
    linear = [name for name, look in looks.items() if look.is_linear]
    decibels = [name for name, look in looks.items() if look.is_db]
    if linear and decibels and unit != "other":
        raise DataError(
            f"The SAR images are of two units: {len(decibels)} of {len(looks)} tiles hold decibels "
            f"({some_of(decibels)}: {looks[decibels[0]].range}), and {len(linear)} hold linear "
            f"intensities ({some_of(linear)}: {looks[linear[0]].range}). Convert them to one of "
            "the two; decibels are 10 log10(intensity)."
        )
    if unit == "db" and linear:
        raise DataError(
            f"{len(linear)} of {len(looks)} tiles hold linear intensities where decibels are "
            f"expected: {some_of(linear)}: {looks[linear[0]].range}. data.sar_unit=linear "
            "converts them to decibels. Numbers that were scaled to 0..1 are neither: "
            "data.sar_unit=other takes any as they are."
        )
    if unit == "linear" and decibels:
        raise DataError(
            f"{len(decibels)} of {len(looks)} tiles hold decibels where linear intensities are "
            f"expected (data.sar_unit=linear): {some_of(decibels)}: {looks[decibels[0]].range}. "
            "Leave data.sar_unit out, or give data.sar_unit=db."
        )
    level = [name for name, look in looks.items() if look.is_level]
    if (
        unit == "linear"
        and level
        and all(look.is_level or look.is_empty for look in looks.values())
    ):
        warnings.warn(
            "data.sar_unit=linear turns these SAR images into decibels, but they look as if they "
            f"were decibels already: nothing is far above the median ({some_of(level)}: "
            f"{looks[level[0]].range}), while intensities have speckle and bright points. If they "
            "are decibels, leave data.sar_unit out.",
            stacklevel=2,
        )
    beyond = [name for name, look in looks.items() if look.is_no_radar]
    if unit == "db" and beyond:
        raise DataError(
            f"{len(beyond)} of {len(looks)} tiles hold numbers that are no decibels of a radar: "
            f"{some_of(beyond)}: {looks[beyond[0]].range}. Where pixels without data have such a "
            "number, give data.sar_nodata=VALUE; data.sar_unit=linear is for intensities, and "
            "data.sar_unit=other takes any numbers as they are."
        )


def check_scale(looks: dict[str, Look]) -> None:
    """See whether all optical images can have one scale.

    Args:
        looks: By the names of the tiles.

    Raises:
        DataError: Some hold reflectance from 0 to 1, and others digital numbers.
    """
    small = [name for name, look in looks.items() if 0 < look.high <= _BRIGHTEST and not look.whole]
    large = [name for name, look in looks.items() if look.high > _EIGHT_BITS]
    if small and large:
        raise DataError(
            f"The optical images are of two scales: {len(small)} of {len(looks)} tiles hold "
            f"numbers as of a reflectance from 0 to 1 ({some_of(small)}: "
            f"{looks[small[0]].range}), and {len(large)} hold digital numbers "
            f"({some_of(large)}: {looks[large[0]].range}). Convert them to one of the two."
        )
