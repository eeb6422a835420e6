"""Sensors: their bands by name, and the order in which publishers put the bands in a file.

Bands are known by sensor and name everywhere else; only the orders below speak of positions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ackd.errors import ConfigError, DataError, unknown

__all__ = [
    "BIGEARTHNET_STACKED_BANDS",
    "DEFAULT_BANDS",
    "EUROSAT_BANDS",
    "GENERIC",
    "RGB",
    "RGB_BANDS",
    "SENSORS",
    "SENTINEL2",
    "SENTINEL2_UNSCALED",
    "TIANGONG2",
    "TIANGONG2_BANDS",
    "Band",
    "Sensor",
    "find_sensor",
    "rgb_bands",
    "rgb_by_name",
]


@dataclass(frozen=True)
class Band:
    """One spectral band.

    Attributes:
        name: As the sensor's makers write it, such as ``"B8A"``.
        wavelength: Centre wavelength in nanometres; None where no citable source gives it.
        resolution: Ground sampling distance in metres; None where it differs by image.
    """

    name: str
    wavelength: float | None
    resolution: float | None


@dataclass(frozen=True)
class Sensor:
    """A camera: its bands, and what its digital numbers mean.

    Attributes:
        name: The key under which `SENSORS` has it.
        bands: All bands, in the order of the sensor's own documentation; none for a sensor of
            which nothing is known, whose bands may have any name.
        scale: Digital numbers per unit of reflectance (for RGB: of full scale); None where it is
            not known.
        rgb: The bands taken for red, green and blue where the wavelengths are not known.
    """

    name: str
    bands: tuple[Band, ...]
    scale: float | None
    rgb: tuple[str, str, str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all bands."""
        return tuple(band.name for band in self.bands)

    @property
    def verified(self) -> bool:
        """Whether a citable source gives every wavelength, and with them red, green and blue."""
        return bool(self.bands) and all(band.wavelength is not None for band in self.bands)

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """The centre wavelength of every band in nanometres.

        Raises:
            DataError: If one is not known.
        """
        known = tuple(band.wavelength for band in self.bands if band.wavelength is not None)
        if not self.verified:
            raise DataError(
                f"The wavelengths of the bands of sensor {self.name} are not known; expected a "
                "sensor whose makers published them, such as sentinel2."
            )
        return known

    def grey_levels(self, reflectance: float) -> float:
        """Return 8-bit grey levels per digital number, ``reflectance`` being shown as 255.

        Args:
            reflectance: 1 is all light.

        Raises:
            ConfigError: If it is not known what the digital numbers of this sensor mean.
        """
        if self.scale is None:
            raise ConfigError(
                f"The digital numbers of sensor {self.name} per unit of reflectance are not known, "
                "so no fixed reflectance can be shown as white."
            )
        return 255.0 / (reflectance * self.scale)

    def band(self, name: str, option: str | None = "data.bands") -> Band:
        """Return the band of that name.

        Args:
            name: Such as ``"B08"``.
            option: The option the name came from, for the message.

        Raises:
            ConfigError: If the sensor has no such band; the nearest name is offered.
        """
        if not self.bands:
            return Band(name, None, None)
        for band in self.bands:
            if band.name == name:
                return band
        # 'B2' for 'B02' is the usual slip, and by letters alone 'B12' is as near
        meant = [own for own in self.names if own.replace("0", "") == str(name).upper()]
        if meant:
            raise ConfigError(
                f"There is no {self.name} band '{name}'{f' ({option}={name})' if option else ''}. "
                f"Did you mean '{meant[0]}'? Known: {', '.join(self.names)}."
            )
        raise unknown(f"{self.name} band", str(name), self.names, option)

    def check(self, names: Sequence[str], option: str = "data.bands") -> tuple[str, ...]:
        """Return ``names`` as a tuple once each is known to be a band of this sensor, named once.

        Raises:
            ConfigError: If the list is empty, a name is unknown or stands twice.
        """
        if isinstance(names, str):
            raise ConfigError(
                f"{option}={names} is one text; expected a list of band names, such as "
                f"{option}=[{','.join(self.names[:3])}]."
            )
        if not names:
            raise ConfigError(
                f"{option} is empty; expected at least one of "
                f"{', '.join(self.names) or 'the bands of the files'}."
            )
        for name in names:
            self.band(name, option)
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if twice:
            raise ConfigError(
                f"{option} names {', '.join(twice)} more than once; once each will do."
            )
        return tuple(names)


# Centre wavelengths: Sentinel-2A MSI spectral responses (ESA, COPE-GSEG-EOPG-TN-15-0007), rounded
# to 0.1 nm. Sentinel-2B differs by up to 17 nm (B12), which no use made of them here would notice.
SENTINEL2: Final = Sensor(
    name="sentinel2",
    bands=(
        Band("B01", 442.7, 60.0),
        Band("B02", 492.4, 10.0),
        Band("B03", 559.8, 10.0),
        Band("B04", 664.6, 10.0),
        Band("B05", 704.1, 20.0),
        Band("B06", 740.5, 20.0),
        Band("B07", 782.8, 20.0),
        Band("B08", 832.8, 10.0),
        Band("B8A", 864.7, 20.0),
        Band("B09", 945.1, 60.0),
        Band("B10", 1373.5, 60.0),
        Band("B11", 1613.7, 20.0),
        Band("B12", 2202.4, 20.0),
    ),
    scale=10000.0,
)

# Photographs of many cameras: the wavelengths are the usual ones of such filters, not measured.
RGB: Final = Sensor(
    name="rgb",
    bands=(Band("R", 665.0, None), Band("G", 560.0, None), Band("B", 490.0, None)),
    scale=255.0,
)

#: Sentinel-2 bands whose numbers somebody rescaled without saying how.
SENTINEL2_UNSCALED: Final = Sensor("sentinel2_unscaled", SENTINEL2.bands, scale=None)

# The wide-band imaging spectrometer (also: Moderate-resolution Wide-wavelengths Imager) of the
# space laboratory Tiangong-2 has 14 visible and near-infrared bands. He et al. (Optics Express 25,
# 2017) report results at 413, 443, 490, 565, 665, 682.5, 750 and 865 nm, which is eight of them,
# and nothing we could cite says in which order NaSC-TG2's files hold the 14: so no wavelength is
# stated. Red, green and blue are a guess on the assumption that the bands ascend and that 520 and
# 620 nm are among the other six; `Sensor.verified` is False because of it.
TIANGONG2: Final = Sensor(
    name="tiangong2",
    bands=tuple(Band(f"VN{number:02}", None, 100.0) for number in range(1, 15)),
    scale=None,
    rgb=("VN07", "VN05", "VN03"),
)

#: A camera of which nothing is known; its bands go by the names that the user gives.
GENERIC: Final = Sensor(name="generic", bands=(), scale=None)

SENSORS: Final[dict[str, Sensor]] = {
    sensor.name: sensor for sensor in (SENTINEL2, SENTINEL2_UNSCALED, TIANGONG2, GENERIC, RGB)
}

#: The ten 10 m and 20 m bands of Sentinel-2: those that look at the ground, not at the air.
DEFAULT_BANDS: Final = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")

RGB_BANDS: Final = RGB.names

#: EuroSAT's 13-band tifs: B8A comes last, not after B08.
EUROSAT_BANDS: Final = (
    *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12"),
    "B8A",
)

#: BigEarthNet patches stacked to one tif: level 2A, so there is no B10.
BIGEARTHNET_STACKED_BANDS: Final = (
    *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"),
)

#: NaSC-TG2's 14-band tifs, numbered in the order of the file.
TIANGONG2_BANDS: Final = TIANGONG2.names

_PRIMARIES: Final = {"red": 665.0, "green": 560.0, "blue": 490.0}
_TOLERANCE = 30.0  # nm; red must not be found in the red edge, 39 nm further


def find_sensor(name: str) -> Sensor:
    """Return the sensor of that name.

    Raises:
        ConfigError: If there is none; the nearest name is offered.
    """
    if name not in SENSORS:
        raise unknown("sensor", name, SENSORS)
    return SENSORS[name]


def rgb_bands(sensor: Sensor, bands: Sequence[str]) -> tuple[str, str, str]:
    """Choose the red, green and blue among ``bands``.

    Args:
        sensor: The sensor that the bands belong to.
        bands: The names at hand, in any order.

    Returns:
        The names of the bands nearest to 665, 560 and 490 nm. Where the wavelengths are not known:
        those of `Sensor.rgb`, unverified; else the bands that are called ``red``, ``green`` and
        ``blue``; else the first three.

    Raises:
        ConfigError: If a name is not a band of the sensor, or there are fewer than three bands.
        DataError: If a colour is not at hand: no band lies within 30 nm of it.
    """
    at_hand = [sensor.band(name) for name in bands]
    listed = ", ".join(bands) or "none"
    if not sensor.verified:
        return _stated_rgb(sensor, bands, listed)
    chosen = [_nearest_band(sensor, at_hand, colour, listed) for colour in _PRIMARIES]
    red, green, blue = chosen
    return red, green, blue


def _stated_rgb(sensor: Sensor, bands: Sequence[str], listed: str) -> tuple[str, str, str]:
    if sensor.rgb is None:
        return _named_rgb(sensor, bands, listed)
    for colour, name in zip(_PRIMARIES, sensor.rgb, strict=True):
        if name not in bands:
            raise DataError(
                f"No {colour} band among {sensor.name}'s {listed}: {name} stands for it. Add "
                f"{name} to data.bands, or name three others by data.pseudo_rgb_bands."
            )
    return sensor.rgb


def _named_rgb(sensor: Sensor, bands: Sequence[str], listed: str) -> tuple[str, str, str]:
    """The bands that are called by their colours; else the first three of the files."""
    called = rgb_by_name(bands)
    if called is not None:
        return called
    if len(bands) < 3:
        raise ConfigError(
            f"The {sensor.name} bands {listed} are fewer than three, so none can stand for red, "
            "green and blue. Choose a first pairing that needs no pseudo-RGB: matching=random."
        )
    return bands[0], bands[1], bands[2]


def rgb_by_name(bands: Sequence[str]) -> tuple[str, str, str] | None:
    """The bands that are called red, green and blue; None unless there is one of each."""
    called = [[name for name in bands if _calls(name, colour)] for colour in _PRIMARIES]
    if any(len(names) != 1 for names in called):
        return None
    red, green, blue = (names[0] for names in called)
    return red, green, blue


def _calls(band: str, colour: str) -> bool:
    words = re.split(r"[^a-z]+", band.lower())
    return words == [colour[0]] or (colour in words and "edge" not in words)


def _nearest_band(sensor: Sensor, at_hand: Sequence[Band], colour: str, listed: str) -> str:
    primary = _PRIMARIES[colour]

    def distance(band: Band) -> float:
        return float("inf") if band.wavelength is None else abs(band.wavelength - primary)

    near = min(at_hand, key=distance, default=None)
    if near is None or distance(near) > _TOLERANCE:
        best = min(sensor.bands, key=distance)
        raise DataError(
            f"No {colour} band among {sensor.name}'s {listed}: expected one within "
            f"{_TOLERANCE:g} nm of {primary:g} nm. Add {best.name} "
            f"({best.wavelength:g} nm) to data.bands."
        )
    return near.name
