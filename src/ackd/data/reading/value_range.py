"""Whether the numbers of MS images can be what their sensor says.

A wrong scale is silent: nothing fails, but pseudo-RGB is black or white, the matcher learns nothing
of it, and the first pairs are random. Reflectance of land, water, snow and clouds is between 0 and
about 1.5, and the brightest band of any scene reflects some percent, so a sample of pixels tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import SceneSet
from ackd.data.reading.invalid import MARKERS
from ackd.data.sensors import SENSORS, Sensor
from ackd.errors import DataError, ImageError

__all__ = ["Verdict", "check_values", "judge_values", "verdict_on"]

_SAMPLE: Final = 64  # images
_PIXELS: Final = 4096  # of each band of an image

#: The 99th percentile of the brightest band of any scene is above, but for that of deep water; that
#: of 8-bit numbers which are taken for reflectance x 10000 is below (255 / 10000 = 0.0255).
_DARKEST: Final = 0.03
#: Water has numbers beyond it somewhere; reflectance of 0..1 or in percent and 8 bits have not.
_FEW_LEVELS: Final = 255.0
#: The median of no band is below: only the least pixels of some are negative.
_NEGATIVE: Final = -0.02
#: The median of no band is above: fresh snow and clouds reflect all light.
_BRIGHTEST: Final = 2.0
#: Sentinel-2's level 2A has shadows and water below it in some band; since processing baseline
#: 04.00 its numbers begin at 1000, which is a reflectance of 0.1.
_OFFSET: Final = 0.09

#: The offset itself, as a reflectance.
_STEP: Final = 0.1

#: Numbers that files use for nodata without saying so.
_MARKERS: Final = (*MARKERS, 65535.0)


@dataclass(frozen=True)
class Verdict:
    """What a sample of pixels says.

    Attributes:
        errors: Why the numbers cannot be what they are taken for, with the ways out.
        warnings: What they may be instead.
        ways_out: Where the numbers do not fit the scale, the options that say what they are, the
            likeliest first, and what each means.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    ways_out: tuple[tuple[dict[str, Any], str], ...] = ()
    marker: float | None = None


def check_values(scenes: SceneSet, scaled: bool = True) -> tuple[str, ...]:
    """Look at a sample of MS images before anything is trained on them.

    Args:
        scenes: The MS side.
        scaled: Whether anything takes the numbers for reflectance at the scale; otherwise only
            values that mark nodata are looked for.

    Returns:
        What a user should be warned of.

    Raises:
        DataError: If the numbers cannot be reflectance at the sensor's scale, or hold values that
            mark nodata.
    """
    verdict = verdict_on(scenes, scaled)
    if verdict.marker is not None:
        raise ImageError(" ".join(verdict.errors), "unstated nodata", marker=verdict.marker)
    if verdict.errors:
        raise DataError(" ".join(verdict.errors))
    return verdict.warnings


def verdict_on(scenes: SceneSet, scaled: bool = True) -> Verdict:
    """Judge a sample of MS images, evenly spread over all of them; see `check_values`."""
    rows = np.unique(np.linspace(0, len(scenes) - 1, _SAMPLE).astype(np.int64))
    images = [np.asarray(scenes.images[int(row)]) for row in rows]
    files = [str(scenes.files[row]) for row in rows]
    stated = scenes.scale is not None
    camera = scenes.camera if scaled else replace(scenes.camera, scale=None)
    return judge_values(images, files, scenes.bands, camera, scenes.offset, stated=stated)


def judge_values(
    images: Sequence[NDArray[Any]],
    files: Sequence[str],
    bands: Sequence[str],
    sensor: Sensor,
    offset: float = 0.0,
    *,
    stated: bool = False,
) -> Verdict:
    """Judge a sample of images.

    Args:
        images: Each (C, H, W) digital numbers as stored, NaN where invalid.
        files: Where each is from, for messages.
        bands: The names of the C bands.
        sensor: Its ``scale`` says what the numbers should mean; without one only values that mark
            nodata are looked for.
        offset: Added to the numbers before they are divided by the scale.
        stated: Whether the user gave the scale: numbers that are merely dark are then what they
            are said to be, and only warned of.
    """
    parts = [_thinned(image) for image in images]
    numbers = np.concatenate(parts, axis=1).astype(np.float64)
    numbers = numbers[:, ~np.isnan(numbers).all(axis=0)]
    if not numbers.size:
        return Verdict((), ())
    marker = _marker(numbers)
    if marker is not None:
        name = next(file for image, file in zip(images, files, strict=True) if _has(image, marker))
        return Verdict(
            (
                f"{name} holds the number {marker:g}, far from all others, which marks nodata in "
                f"many files; if it does, say so: data.nodata_value={marker:g}, and what to do "
                "with such images: data.nodata=drop or data.nodata=zero.",
            ),
            (),
            marker=marker,
        )
    mixed = _two_scales(images, files)
    if mixed is not None:
        return Verdict((mixed,), ())
    if sensor.scale is None:
        return Verdict((), ())
    low, middle, high = np.nanpercentile((numbers + offset) / sensor.scale, (1, 50, 99), axis=1)
    if offset and np.nanmin(middle) < _NEGATIVE:
        band = bands[int(np.nanargmin(middle))]
        return Verdict(
            (
                f"With data.offset={offset:g}, half of band {band} of the MS images is negative, "
                f"below a reflectance of {np.nanmin(middle):.2g}: these numbers do not have the "
                "offset. Leave data.offset out.",
            ),
            (),
        )
    wrong, certain = _wrong_scale(numbers, middle, high, bands, sensor)
    if wrong and (certain or not stated):
        return Verdict((wrong,), (), _ways_out(numbers, sensor))
    if wrong:
        return Verdict((), (wrong.rstrip("."),))
    if np.nanmin(middle) < _NEGATIVE:
        return _subtracted(middle, bands, sensor)
    if sensor.name == "sentinel2" and offset == 0 and np.nanmin(low) > _OFFSET:
        number = np.nanmin(low) * sensor.scale
        return Verdict(
            (),
            (
                f"no MS band has dark pixels: the numbers begin near {number:.0f}. Sentinel-2 "
                "products of processing baseline 04.00 and newer have 1000 added to every number; "
                "if these are such, give data.offset=-1000, or pseudo-RGB is too bright",
            ),
        )
    return Verdict((), ())


def _thinned(image: NDArray[Any]) -> NDArray[Any]:
    pixels = image.reshape(len(image), -1)
    return pixels[:, :: max(1, pixels.shape[1] // _PIXELS)]


def _has(image: NDArray[Any], value: float) -> bool:
    return bool((image == value).any())


def _marker(numbers: NDArray[np.float64]) -> float | None:
    """A nodata marker that no measured number is near."""
    for marker in _MARKERS:
        marked = numbers == marker
        if not marked.any():
            continue
        others = numbers[~marked & ~np.isnan(numbers)]
        if not others.size:
            return marker
        low, high = np.percentile(others, (1, 99))
        width = max(high - low, 1.0)
        if marker < low - width or marker > high + 3 * width:
            return marker
    return None


def _two_scales(images: Sequence[NDArray[Any]], files: Sequence[str]) -> str | None:
    """Say where some images hold reflectance of 0..1 and most hold digital numbers."""
    most = [float(np.nanmax(image, initial=0.0)) for image in images]
    if np.median(most) <= _FEW_LEVELS:
        return None
    # an image of whole numbers up to 1 may be one of the night
    small = [
        row
        for row, (image, high) in enumerate(zip(images, most, strict=True))
        if 0 < high <= _BRIGHTEST and (image[~np.isnan(image)] % 1 != 0).any()
    ]
    if not small:
        return None
    large = int(np.argmax(most))
    return (
        f"{files[small[0]]} holds numbers up to {most[small[0]]:.4g} and {files[large]} numbers up "
        f"to {most[large]:.4g}, which cannot be one scale: some MS images hold reflectance from 0 "
        "to 1 and others digital numbers. Convert them to one of the two."
    )


def _subtracted(middle: NDArray[np.float64], bands: Sequence[str], sensor: Sensor) -> Verdict:
    """The verdict on numbers of which an offset was subtracted that they did not have."""
    assert sensor.scale is not None
    least = int(np.nanargmin(middle))
    offset = round(_STEP * sensor.scale)
    text = (
        f"Half of band {bands[least]} of the MS images is negative, below a reflectance of "
        f"{middle[least]:.2g}. If {offset} was subtracted from numbers that did not have it, "
        f"data.offset={offset} adds it again; or say that the scale is not known "
        f"({_unknown_scale(sensor)})."
    )
    added = ({"data.offset": offset}, f"{offset} was subtracted, and is added again")
    options = {"data.sensor": _unscaled(sensor)}
    return Verdict((text,), (), (added, (options, "the scale is not known")))


def _wrong_scale(
    numbers: NDArray[np.float64],
    middle: NDArray[np.float64],
    high: NDArray[np.float64],
    bands: Sequence[str],
    sensor: Sensor,
) -> tuple[str, bool]:
    """Say why the numbers are not reflectance at the sensor's scale; "" where they can be.

    The second value says whether that is certain: dark numbers may be a dark place.
    """
    certain = True
    least, most = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    if np.nanmax(middle) < 0:
        found = "the median of every band is below 0, as in decibels"
    elif np.nanmax(high) < _DARKEST and np.nanpercentile(numbers, 99.9) <= _FEW_LEVELS:
        certain = False
        band = bands[int(np.nanargmax(high))]
        found = f"the brightest band, {band}, would reflect {100 * np.nanmax(high):.2g} %"
    elif np.nanmax(middle) > _BRIGHTEST:
        band = bands[int(np.nanargmax(middle))]
        found = f"half of band {band} would reflect more than {100 * np.nanmax(middle):.0f} %"
    else:
        return "", False
    text = (
        f"The MS images hold numbers of {least:g} to {most:g}, which cannot be reflectance x "
        f"{sensor.scale:g}, the scale of {sensor.name}: {found}. Give the number that is a "
        f"reflectance of 1, {_suggestion(least, most)}; or say that the scale is not known "
        f"({_unknown_scale(sensor)})."
    )
    return text, certain


def _suggestion(least: float, most: float) -> str:
    likely = _likely_scale(least, most)
    return "data.scale=N, if there is one" if likely is None else f"probably data.scale={likely}"


def _likely_scale(least: float, most: float) -> int | None:
    if least < 0:
        return None
    return next((scale for top, scale in ((2, 1), (110, 100), (255, 255)) if most <= top), 10000)


def _ways_out(
    numbers: NDArray[np.float64], sensor: Sensor
) -> tuple[tuple[dict[str, Any], str], ...]:
    options: dict[str, Any] = {"data.sensor": _unscaled(sensor)}
    if sensor.scale != SENSORS[sensor.name].scale:
        options["data.scale"] = "null"  # the one that was given would be taken on
    unknown = (options, "the scale is not known")
    scale = _likely_scale(float(np.nanmin(numbers)), float(np.nanmax(numbers)))
    if scale is None or scale == sensor.scale:
        return (unknown,)
    return (({"data.scale": scale}, f"a reflectance of 1 is stored as {scale}"), unknown)


def _unscaled(sensor: Sensor) -> str:
    return "sentinel2_unscaled" if sensor.name.startswith("sentinel2") else "generic"


def _unknown_scale(sensor: Sensor) -> str:
    return (
        f"data.sensor={_unscaled(sensor)} for your own folders, data.pseudo_rgb=image_max for any "
        "data"
    )
