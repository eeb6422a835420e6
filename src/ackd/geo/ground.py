"""How large pixels are on the ground, whatever coordinates an image has."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.warp import transform as reproject

__all__ = ["ground_resolution", "pixel_areas"]

#: The ellipsoid of WGS84: its larger radius in metres, and the square of its eccentricity.
_RADIUS: Final = 6_378_137.0
_ECCENTRICITY: Final = 6.694379990141e-3
#: Pixels whose common step is measured: that of one would drown in rounding.
_STEP: Final = 16


def pixel_areas(
    transform: Affine, crs: CRS, rows: ArrayLike, cols: ArrayLike
) -> NDArray[np.float64]:
    """Measure what pixels cover on the ground.

    Coordinates are turned into longitude and latitude, so that degrees, feet and projections that
    stretch the ground (Web Mercator) need no rules of their own.

    Args:
        transform: From pixels (column, row) to coordinates.
        crs: Of the coordinates.
        rows: (N,) of the pixels.
        cols: (N,) of the pixels.

    Returns:
        (N,) square metres; NaN where coordinates lie outside of what their system is for.
    """
    rows, cols = np.broadcast_arrays(np.asarray(rows, float), np.asarray(cols, float))
    x = np.concatenate([cols, cols + _STEP, cols]).ravel()
    y = np.concatenate([rows, rows, rows + _STEP]).ravel()
    try:
        found = reproject(
            crs,
            "EPSG:4326",
            transform.a * x + transform.b * y + transform.c,
            transform.d * x + transform.e * y + transform.f,
        )
    except Exception:  # GDAL has many for coordinates that are nowhere on the earth
        return np.full(rows.size, np.nan)
    lon, lat = (np.radians(np.asarray(part)).reshape(3, -1) for part in found)
    with np.errstate(invalid="ignore"):
        curved = 1 - _ECCENTRICITY * np.sin(lat[0]) ** 2
        east = (lon[1:] - lon[0]) * np.cos(lat[0]) * _RADIUS / np.sqrt(curved)
        north = (lat[1:] - lat[0]) * _RADIUS * (1 - _ECCENTRICITY) / curved**1.5
        areas = np.abs(east[0] * north[1] - east[1] * north[0]) / _STEP**2
    found_areas: NDArray[np.float64] = np.where(np.isfinite(areas), areas, np.nan)
    return found_areas


def ground_resolution(
    transform: Affine | None, crs: CRS | None, height: int, width: int
) -> float | None:
    """Measure the pixel in the middle of an image: the root of its area on the ground.

    Args:
        transform: From pixels (column, row) to coordinates.
        crs: Of the coordinates.
        height: Of the image in pixels.
        width: Of the image in pixels.

    Returns:
        Metres; None where the place is not known.
    """
    if transform is None or not crs:
        return None
    area = float(pixel_areas(transform, crs, [height / 2], [width / 2])[0])
    return float(np.sqrt(area)) if np.isfinite(area) and area > 0 else None
