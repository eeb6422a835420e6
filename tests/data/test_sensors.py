"""Bands by name: the publishers' orders, and red, green and blue by wavelength."""

from __future__ import annotations

import pytest

from ackd.data.sensors import (
    BIGEARTHNET_STACKED_BANDS,
    DEFAULT_BANDS,
    EUROSAT_BANDS,
    GENERIC,
    RGB,
    RGB_BANDS,
    SENTINEL2,
    SENTINEL2_UNSCALED,
    TIANGONG2,
    TIANGONG2_BANDS,
    Band,
    Sensor,
    find_sensor,
    rgb_bands,
)
from ackd.errors import ConfigError, DataError


def test_publishers_orders_hold_sentinel2_bands() -> None:
    assert len(SENTINEL2.names) == 13
    assert set(EUROSAT_BANDS) == set(SENTINEL2.names)
    assert EUROSAT_BANDS[-1] == "B8A"
    assert set(BIGEARTHNET_STACKED_BANDS) == set(SENTINEL2.names) - {"B10"}
    assert len(BIGEARTHNET_STACKED_BANDS) == 12
    assert set(DEFAULT_BANDS) == set(SENTINEL2.names) - {"B01", "B09", "B10"}


def test_wavelengths_ascend_and_the_ten_bands_are_those_of_10_and_20_m() -> None:
    wavelengths = [band.wavelength for band in SENTINEL2.bands]
    assert wavelengths == sorted(wavelengths)
    fine = {band.name for band in SENTINEL2.bands if (band.resolution or 0) <= 20}
    assert fine == set(DEFAULT_BANDS)


@pytest.mark.parametrize("bands", [DEFAULT_BANDS, EUROSAT_BANDS, tuple(reversed(DEFAULT_BANDS))])
def test_rgb_is_found_by_wavelength_whatever_the_order(bands: tuple[str, ...]) -> None:
    assert rgb_bands(SENTINEL2, bands) == ("B04", "B03", "B02")
    assert rgb_bands(RGB, RGB_BANDS) == ("R", "G", "B")


def test_rgb_of_another_sensor() -> None:
    other = Sensor("x", (Band("1", 670, None), Band("2", 550, None), Band("3", 480, None)), 1.0)
    assert rgb_bands(other, ("3", "1", "2")) == ("1", "2", "3")


@pytest.mark.parametrize(("missing", "colour"), [("B04", "red"), ("B03", "green"), ("B02", "blue")])
def test_a_colour_is_not_taken_from_a_band_beside_it(missing: str, colour: str) -> None:
    bands = [band for band in SENTINEL2.names if band != missing]
    with pytest.raises(DataError, match=rf"No {colour} band .* Add {missing} .* to data\.bands"):
        rgb_bands(SENTINEL2, bands)


def test_no_bands_at_all() -> None:
    with pytest.raises(DataError, match="No red band among sentinel2's none"):
        rgb_bands(SENTINEL2, ())


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (("B2",), r"no sentinel2 band 'B2' \(data.bands=B2\). Did you mean 'B02'"),
        (("b8",), r"Did you mean 'B08'"),
        ((), "data.bands is empty"),
        (("B02", "B03", "B02"), "data.bands names B02 more than once"),
        ("B02", r"data.bands=B02 is one text; expected a list"),
    ],
)
def test_wrong_bands_are_told(bands: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SENTINEL2.check(bands)


def test_sensors_by_name() -> None:
    assert find_sensor("sentinel2") is SENTINEL2
    with pytest.raises(ConfigError, match=r"no sensor 'sentinel-2'\. Did you mean 'sentinel2'"):
        find_sensor("sentinel-2")


def test_tiangong2_claims_no_wavelength_and_its_colours_are_unverified() -> None:
    assert len(TIANGONG2_BANDS) == 14
    assert all(band.wavelength is None for band in TIANGONG2.bands)
    assert not TIANGONG2.verified
    assert SENTINEL2.verified
    assert rgb_bands(TIANGONG2, TIANGONG2_BANDS) == TIANGONG2.rgb
    with pytest.raises(DataError, match=r"No red band .* Add VN07 to data\.bands"):
        rgb_bands(TIANGONG2, ("VN01", "VN03", "VN05"))
    with pytest.raises(DataError, match="bands of sensor tiangong2 are not known"):
        _ = TIANGONG2.wavelengths


def test_grey_levels_need_a_scale() -> None:
    assert SENTINEL2.grey_levels(0.255) == pytest.approx(0.1)
    for sensor in (TIANGONG2, GENERIC, SENTINEL2_UNSCALED):
        with pytest.raises(ConfigError, match=r"no fixed reflectance can be shown as white"):
            sensor.grey_levels(0.3)
    assert rgb_bands(SENTINEL2_UNSCALED, DEFAULT_BANDS) == ("B04", "B03", "B02")


def test_a_generic_sensor_takes_any_names_once() -> None:
    assert GENERIC.check(["b1", "nir"]) == ("b1", "nir")
    with pytest.raises(ConfigError, match="names b1 more than once"):
        GENERIC.check(["b1", "b1"])
    with pytest.raises(ConfigError, match="expected at least one of the bands of the files"):
        GENERIC.check([])
