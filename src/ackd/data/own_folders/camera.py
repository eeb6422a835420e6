"""Which camera took a user's own MS images: told by options, by the files, or asked for.

The order of the bands in a file cannot be seen from its pixels. It is taken from the options or
from the files' own band descriptions; where numbers only suggest a sensor, that is a question with
the answers that would fit, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ackd.data.own_folders.first_look import FirstLook, pixels_of
from ackd.data.own_folders.questions import Answer, Question
from ackd.data.reading.band_names import names_in_file
from ackd.data.sensors import (
    BIGEARTHNET_STACKED_BANDS,
    DEFAULT_BANDS,
    EUROSAT_BANDS,
    GENERIC,
    SENTINEL2,
    SENTINEL2_UNSCALED,
    TIANGONG2_BANDS,
    Band,
    Sensor,
    find_sensor,
)
from ackd.errors import ConfigError

__all__ = ["Camera", "camera_of", "numbered_camera"]

#: The band orders of well-known products, by sensor: order -> who writes files so.
_ORDERS: Final[Mapping[str, Mapping[tuple[str, ...], str]]] = {
    "sentinel2": {
        SENTINEL2.names: "ESA's order, B8A after B08",
        EUROSAT_BANDS: "EuroSAT's order, B8A last",
        BIGEARTHNET_STACKED_BANDS: "level 2A, without B10",
        DEFAULT_BANDS: "the 10 m and 20 m bands by wavelength",
        ("B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12"): (
            "the 10 m bands first, then those of 20 m"
        ),
        ("B02", "B03", "B04", "B08"): "the 10 m bands by wavelength",
        ("B04", "B03", "B02", "B08"): "red, green, blue, near infrared",
    },
    "tiangong2": {TIANGONG2_BANDS: "NaSC-TG2's order"},
}

#: Numbers of bands that Sentinel-2 products have and hardly any other camera does.
_TELLING: Final = (10, 12, 13)

_DESCRIBED: Final = "by the files' band descriptions"


@dataclass(frozen=True)
class Camera:
    """The camera of the MS side.

    Attributes:
        sensor: With its bands.
        file_bands: The names of the bands in the order of the files.
        told_by: Where the names come from, in a few words.
    """

    sensor: Sensor
    file_bands: tuple[str, ...]
    told_by: str

    @property
    def described(self) -> bool:
        """Whether the files themselves name their bands, so that each must name them alike."""
        return self.told_by == _DESCRIBED


def camera_of(
    look: FirstLook, sensor: str | None = None, file_bands: Sequence[str] | None = None
) -> Camera | Question:
    """Find out the camera and the order of its bands.

    Args:
        look: At the MS side.
        sensor: ``data.sensor``; None where the user did not say.
        file_bands: ``data.file_bands``; None where the user did not say.

    Returns:
        The camera, or what must be asked.

    Raises:
        ConfigError: If there is no such sensor, a name is none of its bands, or the number of names
            is not that of the bands in the file.
    """
    known = find_sensor(sensor) if sensor is not None else None
    if file_bands is not None:
        told = known or GENERIC
        names = told.check(file_bands, "data.file_bands")
        if len(names) != look.bands:
            raise ConfigError(
                f"data.file_bands names {len(names)} bands, but {look.file} has {look.bands}; name "
                "all bands of the files in their order (data.bands chooses among them)."
            )
        return _camera(told, names, "by data.file_bands")
    described = names_in_file(look.descriptions)
    if known is not None and known.bands:
        if described and set(described) <= set(known.names):
            return _camera(known, described, _DESCRIBED)
        return _order(look, known)
    if known is None and described and _is_sentinel2(described):
        return _camera(SENTINEL2, described, _DESCRIBED)
    if described:
        return _camera(GENERIC, described, _DESCRIBED)
    unit = _unit(look)
    if known is None and look.bands in _TELLING and unit is not None:
        return _suggestion(look, unit)
    return numbered_camera(look)


def numbered_camera(look: FirstLook) -> Camera:
    """A camera of which nothing is known; its bands are called ``b1``, ``b2``, ..."""
    return _camera(GENERIC, tuple(f"b{n}" for n in range(1, look.bands + 1)), "by their numbers")


def _camera(sensor: Sensor, names: tuple[str, ...], told_by: str) -> Camera:
    if not sensor.bands:
        sensor = Sensor(sensor.name, tuple(Band(name, None, None) for name in names), sensor.scale)
    return Camera(sensor, names, told_by)


def _is_sentinel2(names: Sequence[str]) -> bool:
    return set(names) <= set(SENTINEL2.names)


def _unit(look: FirstLook) -> tuple[str, str] | None:
    """What the values could be, and the sensor whose numbers these are."""
    if look.dtype != "uint8" and 255 < look.high < 30000:
        return "reflectance x 10000", SENTINEL2.name
    if look.dtype.startswith("float") and 0.02 < look.high <= 3 and look.low > -0.5:
        return "reflectance from 0 to 1", SENTINEL2_UNSCALED.name
    return None


def _order(look: FirstLook, sensor: Sensor) -> Question:
    family = "sentinel2" if sensor.name.startswith("sentinel2") else sensor.name
    orders = _fitting(family, look)
    if not orders:
        example = ",".join(sensor.names[: min(3, len(sensor.names))])
        return Question(
            f"data.sensor={sensor.name} says what the bands are, but not which {look.bands} of "
            f"them {look.file} holds, and in which order; name them in that order: "
            f"data.file_bands=[{example},...], out of {', '.join(sensor.names)}.",
            "order of bands",
        )
    return Question(
        f"data.sensor={sensor.name} says what the bands are, but not in which order "
        f"{look.file} holds its {look.bands}; name them in that order: data.file_bands=[...], out "
        f"of {', '.join(sensor.names)}.",
        "order of bands",
        tuple(
            Answer({"data.file_bands": list(names)}, f"{who}{_evidence(names, look)}")
            for names, who in orders
        ),
    )


def _fitting(sensor: str, look: FirstLook) -> list[tuple[tuple[str, ...], str]]:
    """The known orders of so many bands, the likeliest first."""
    orders = [order for order in _ORDERS.get(sensor, {}).items() if len(order[0]) == look.bands]
    # B10 sees next to nothing but cirrus, so that the darkest band tells orders with it apart
    return sorted(orders, key=lambda order: order[0][look.darkest] != "B10")


def _suggestion(look: FirstLook, unit: tuple[str, str]) -> Question:
    meaning, sensor = unit
    sentinel2 = {"data.sensor": sensor}
    orders = [
        Answer(
            sentinel2 | {"data.file_bands": list(names)},
            f"Sentinel-2, {who}{_evidence(names, look)}",
        )
        for names, who in _fitting("sentinel2", look)
    ]
    unknown = Answer({"data.sensor": GENERIC.name}, "another camera, bands by number")
    return Question(
        f"{look.file} ({pixels_of(look)}) looks like Sentinel-2 {meaning}, but the file "
        "does not say which band is which; the bands that stand for red, green and blue, and what "
        "the numbers mean, depend on it.",
        "camera not known",
        (*orders, unknown),
    )


def _evidence(names: Sequence[str], look: FirstLook) -> str:
    if names[look.darkest] != "B10":
        return ""
    return f" (band {look.darkest + 1}, the darkest one, is then B10, which shows cirrus alone)"
