"""A unit that the numbers of SAR images cannot have is refused, with the tiles' names."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from ackd.data.tiles.units import check_scale, check_unit, in_decibels, look_at
from ackd.errors import DataError

VALID = np.ones((32, 32), bool)


def speckle(decibels: float, seed: int = 0, looks: int = 4) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (10 ** (decibels / 10) * draw.gamma(looks, 1 / looks, (2, 32, 32))).astype(np.float32)


def db(image: np.ndarray) -> np.ndarray:
    return 10 * np.log10(image)


LAND, WATER, CITY = speckle(-10), speckle(-24), speckle(-1)


def looks(**images: np.ndarray) -> Any:
    return {name: look_at(image, VALID) for name, image in images.items()}


@pytest.mark.parametrize("image", [LAND, WATER, CITY], ids=["land", "water", "city"])
def test_intensities_and_decibels_are_told_apart(image: np.ndarray) -> None:
    assert look_at(image, VALID).is_linear
    assert not look_at(image, VALID).is_db
    assert look_at(db(image), VALID).is_db
    assert not look_at(db(image), VALID).is_linear


def test_what_is_said_rightly_passes() -> None:
    check_unit(looks(a=db(LAND), b=db(WATER), c=db(CITY)), "db")
    check_unit(looks(a=LAND, b=WATER, c=CITY), "linear")
    # SpaceNet 6 is not calibrated: 0.1 to 92 dB, nothing negative
    check_unit(looks(a=db(LAND) + 40, b=db(WATER) + 40), "db")
    check_unit(looks(a=LAND, b=db(LAND), c=LAND * 1e6), "other")
    nothing = np.zeros((32, 32), bool)
    check_unit({"empty": look_at(LAND, nothing)}, "db")


def test_what_is_said_wrongly_is_refused() -> None:
    with pytest.raises(DataError, match="2 of 2 tiles hold linear intensities where decibels") as e:
        check_unit(looks(t1=LAND, t2=WATER), "db")
    assert "t1, t2" in str(e.value)
    assert "data.sar_unit=linear converts them" in str(e.value)
    with pytest.raises(DataError, match="hold decibels where linear intensities"):
        check_unit(looks(t1=db(LAND)), "linear")
    with pytest.raises(DataError, match=r"no decibels of a radar: t1: .* to 2"):
        check_unit(looks(t1=np.full((1, 32, 32), 250.0), t2=db(LAND)), "db")
    with pytest.raises(DataError, match=r"data\.sar_nodata=VALUE"):
        check_unit(looks(t1=np.where(LAND > 0.1, -32768, db(LAND))), "db")


def test_decibels_that_are_all_positive_are_not_taken_for_intensities_in_silence() -> None:
    nothing = look_at(LAND, np.zeros((32, 32), bool))
    with pytest.warns(UserWarning, match=r"decibels already: .* \(a, b: .* leave data\.sar_unit"):
        check_unit({**looks(a=db(LAND) + 50, b=db(WATER) + 50), "empty": nothing}, "linear")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_unit(looks(a=db(LAND) + 50, b=LAND * 1e4), "linear")  # one has bright points
        check_unit(looks(a=LAND, b=WATER), "linear")  # most of it below 1
        check_unit(looks(a=speckle(30, looks=1), b=speckle(20)), "linear")
        check_unit(looks(a=db(LAND) + 50), "other")


@pytest.mark.parametrize("unit", ["db", "linear"])
def test_two_units_in_one_set_are_refused(unit: Any) -> None:
    with pytest.raises(DataError) as error:
        check_unit(looks(d1=db(LAND), d2=db(CITY), l1=WATER), unit)
    text = str(error.value)
    assert "2 of 3 tiles hold decibels (d1, d2:" in text
    assert "1 hold linear intensities (l1:" in text


def test_intensities_become_decibels_where_they_are_positive() -> None:
    image = np.array([[[1.0, 10, 0.01]], [[1, 100, -1]]], np.float32)
    found, valid = in_decibels(image, np.array([[True, True, True]]))
    assert valid.tolist() == [[True, True, False]]
    assert found[:, 0, :2].tolist() == [[0, 10], [0, 20]]
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_two_scales_of_optical_images_are_refused() -> None:
    dark = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    check_scale(looks(a=dark, b=dark))
    check_scale(looks(a=dark * 8000, b=dark * 3000))
    check_scale(looks(a=dark * 8000, b=(dark * 2).astype(np.uint16)))  # a night
    with pytest.raises(DataError, match=r"2 of 3 tiles .* and 1 hold digital numbers \(c: "):
        check_scale(looks(a=dark, b=dark, c=dark * 4000))
    with pytest.raises(DataError, match=r"1 of 3 tiles .* reflectance from 0 to 1 \(b: "):
        check_scale(looks(a=dark * 8000, b=dark, c=dark * 4000))
