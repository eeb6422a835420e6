"""From pixels of a raster to the coordinates of GeoJSON, and the files of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rasterio.warp import transform as reproject

from ackd.geo import pixel_areas
from ackd.predict.source import RasterSource

__all__ = ["PIXELS", "GeoJson", "Places"]

#: What a file of a raster without coordinates says of its own.
PIXELS: Final = (
    "pixels (column, row) of the image, from its upper left corner: it has no coordinate "
    "system that leads to longitude and latitude"
)
#: Decimals of degrees: a centimeter.
_DECIMALS: Final = 7


class Places:
    """Where pixels of a raster lie: longitude and latitude (WGS84), or pixels where nobody knows.

    Attributes:
        known: Whether the raster has a coordinate system that leads there.
    """

    def __init__(self, source: RasterSource) -> None:
        self._source = source
        # A drawing has a system of its own, which is nowhere on the earth.
        self.known = source.resolution is not None

    def coordinates(self, cols: ArrayLike, rows: ArrayLike) -> NDArray[np.float64]:
        """(N, 2) of corners of pixels, as GeoJSON has them.

        Args:
            cols: (N,) columns, 0 on the left of the first pixel.
            rows: (N,) rows, 0 above the first pixel.
        """
        x, y = np.asarray(cols, float), np.asarray(rows, float)
        if not self.known:
            return np.column_stack([x, y])
        t = self._source.transform
        found = reproject(
            self._source.crs, "EPSG:4326", t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
        )
        return np.round(np.column_stack(found), _DECIMALS)

    def areas(self, rows: ArrayLike) -> NDArray[np.float64]:
        """(N,) what a pixel in the middle of rows covers: square metres, or 1 pixel."""
        if not self.known:
            return np.ones(np.shape(rows))
        cols = np.full(np.shape(rows), self._source.width / 2)
        return pixel_areas(self._source.transform, self._source.crs, rows, cols)

    @property
    def unit_of_area(self) -> str:
        """The name that areas have in properties."""
        return "area_m2" if self.known else "area_px"


class GeoJson:
    """Writes a collection of polygons one by one."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """Begin a file.

        Args:
            path: Of the file.
            about: What else the collection says, beside its features.
        """
        self._file = path.open("w", encoding="utf-8")
        head = json.dumps({"type": "FeatureCollection", **about}, ensure_ascii=False)
        self._file.write(f'{head[:-1]}, "features": [')
        self._between = "\n"

    def add(self, rings: Sequence[Sequence[Any]], properties: Mapping[str, Any]) -> None:
        """Write a polygon.

        Args:
            rings: The outer one, counterclockwise, and its holes, clockwise; each (N, 2) and
                closed.
            properties: By name.
        """
        feature = {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": "Polygon", "coordinates": rings},
        }
        self._file.write(self._between + json.dumps(feature, ensure_ascii=False))
        self._between = ",\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._file.write("\n]}\n")
        self._file.close()
