"""Pixels are measured on the ground, whatever coordinates an image has."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.transform import from_origin

from ackd.geo import ground_resolution, pixel_areas


@pytest.mark.parametrize(
    ("crs", "place", "metres"),
    [
        ("EPSG:32631", from_origin(592000, 5749000, 0.5, 0.5), 0.5),
        ("EPSG:32631", from_origin(592000, 5749000, 0.5, 0.5) * Affine.rotation(30), 0.5),
        ("EPSG:32631", from_origin(592000, 5749000, 0.25, 1.0), 0.5),
        # A degree is 111.3 km of latitude here, and cos(60) of 111.3 km of longitude.
        ("EPSG:4326", from_origin(10, 60, 2e-4, 1e-4), 11.15),
        # Web Mercator is twice as large as the ground.
        ("EPSG:3857", from_origin(1113194, 8399737, 10, 10), 5.0),
        ("EPSG:2263", from_origin(980000, 200000, 1, 1), 0.3048),  # feet
    ],
)
def test_metres_per_pixel(crs: str, place: Affine, metres: float) -> None:
    found = ground_resolution(place, CRS.from_string(crs), 100, 100)
    assert found == pytest.approx(metres, rel=0.005)


def test_where_nobody_knows() -> None:
    assert ground_resolution(Affine.identity(), None, 10, 10) is None
    assert ground_resolution(None, CRS.from_epsg(4326), 10, 10) is None
    local = CRS.from_wkt('LOCAL_CS["drawing",UNIT["metre",1]]')
    assert ground_resolution(Affine.identity(), local, 10, 10) is None


def test_areas_shrink_towards_the_pole() -> None:
    place = from_origin(0, 80, 0.01, 0.01)
    areas = pixel_areas(place, CRS.from_epsg(4326), np.array([0, 2000, 8000]), 5)
    ratios = areas / areas[2]
    expected = [math.cos(math.radians(80)), 0.5, 1]
    assert ratios == pytest.approx(expected, rel=0.02)
