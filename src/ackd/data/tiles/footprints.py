"""Footprints, polygons in map coordinates, and the masks they make."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.features import bounds as bounds_of
from rasterio.features import is_valid_geom, rasterize
from rasterio.warp import transform_bounds, transform_geom

from ackd.data.reading.multispectral import unreadable
from ackd.data.tiles.rasters import Place
from ackd.errors import DataError, ImageError

__all__ = ["Footprints", "rasterise", "read_footprints"]

#: Longitude and latitude, what GeoJSON has where it does not say otherwise (RFC 7946).
_WGS84: Final = "EPSG:4326"
_POLYGONS: Final = ("Polygon", "MultiPolygon")
_TEXT: Final = (".geojson", ".json")


@dataclass(frozen=True, eq=False)
class Footprints:
    """Polygons in one coordinate system.

    Attributes:
        path: Of their file.
        polygons: GeoJSON geometries, Polygon or MultiPolygon.
        bounds: (n, 4) left, bottom, right and top of each.
        crs: Of the coordinates.
    """

    path: Path
    polygons: Sequence[Mapping[str, Any]]
    bounds: NDArray[np.float64]
    crs: CRS

    def __len__(self) -> int:
        return len(self.polygons)

    def mask(self, place: Place, size: tuple[int, int]) -> tuple[NDArray[np.uint8], int]:
        """Draw the footprints into a tile.

        Args:
            place: Of the tile.
            size: (H, W) of the tile.

        Returns:
            (H, W), 1 where the centre of a pixel is inside of a footprint, 0 elsewhere; and how
            many footprints meet the bounds of the tile.
        """
        if not len(self):
            return np.zeros(size, np.uint8), 0
        tile = place.bounds(*size)
        if place.crs != self.crs:
            tile = transform_bounds(place.crs, self.crs, *tile)
        left, bottom, right, top = self.bounds.T
        meets = (left <= tile[2]) & (right >= tile[0]) & (bottom <= tile[3]) & (top >= tile[1])
        chosen = [self.polygons[number] for number in np.flatnonzero(meets).tolist()]
        if chosen and place.crs != self.crs:
            chosen = list(transform_geom(self.crs, place.crs, chosen))
        return rasterise(chosen, place.transform, size), len(chosen)


def rasterise(
    polygons: Sequence[Mapping[str, Any]],
    transform: Affine,
    size: tuple[int, int],
    all_touched: bool = False,
) -> NDArray[np.uint8]:
    """Draw polygons into a mask.

    Args:
        polygons: GeoJSON geometries in the coordinates of ``transform``.
        transform: From pixels (column, row) to coordinates.
        size: (H, W) of the mask.
        all_touched: Whether pixels count that a polygon merely touches. They make each building
            half a pixel larger on all sides, 9 % of the area of houses at 0.5 m.

    Returns:
        (H, W): 1 inside, 0 elsewhere.
    """
    if not polygons:
        return np.zeros(size, np.uint8)
    found: NDArray[np.uint8] = rasterize(
        polygons, out_shape=size, transform=transform, all_touched=all_touched, dtype=np.uint8
    )
    return found


def read_footprints(path: Path, crs: str | None = None) -> Footprints:
    """Read a file of footprints. One without any is legal.

    Args:
        path: GeoJSON; or GPKG and other formats of GDAL, which need pyogrio and shapely.
        crs: The coordinate system of a file that does not say its own (``data.masks_crs``);
            longitude and latitude for GeoJSON where None.

    Raises:
        ImageError: The file cannot be read, or holds something else than polygons.
        DataError: Its coordinate system is not known, or a package is missing.
    """
    found = _geojson(path) if path.suffix.lower() in _TEXT else _by_gdal(path)
    polygons = list(_polygons(path, found.geometries))
    boxes = np.array([bounds_of(polygon) for polygon in polygons]).reshape(-1, 4)
    stated = found.crs or crs
    if stated is None and found.default is None and polygons:
        raise DataError(
            f"{path} does not say which coordinate system it has; give data.masks_crs=EPSG:CODE."
        )
    degrees = np.array([180.0, 90.0, 180.0, 90.0])
    if stated is None and (np.abs(boxes) > degrees).any():
        example = ", ".join(f"{value:g}" for value in boxes[0][:2])
        raise DataError(
            f"{path} does not say which coordinate system it has, and its coordinates ({example}) "
            "are not longitude and latitude, which GeoJSON then has. Give data.masks_crs=EPSG:CODE."
        )
    name = stated or found.default or _WGS84
    try:
        return Footprints(path, polygons, boxes, CRS.from_user_input(name))
    except CRSError as error:
        raise DataError(
            f"{path} has the coordinate system '{name}', which is not known; give "
            "data.masks_crs=EPSG:CODE if the file says none."
        ) from error


@dataclass(frozen=True)
class _Found:
    geometries: Sequence[Mapping[str, Any] | None]
    crs: str | None
    default: str | None


def _geojson(path: Path) -> _Found:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = content["type"]
        if kind == "FeatureCollection":
            geometries = [feature["geometry"] for feature in content["features"]]
        elif kind == "Feature":
            geometries = [content["geometry"]]
        else:
            geometries = [content]
        stated = content.get("crs")
        crs = stated["properties"]["name"] if stated else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(path, "GeoJSON", error) from error
    # the name that OGC has for longitude and latitude, in this order
    return _Found(geometries, _WGS84 if crs and "CRS84" in crs else crs, _WGS84)


def _by_gdal(path: Path) -> _Found:
    try:
        import pyogrio
        import shapely
        from shapely.geometry import mapping
    except ImportError as error:
        raise DataError(
            f"{path.name} needs the packages pyogrio and shapely: pip install 'ackd[footprints]'. "
            "GeoJSON needs neither: ogr2ogr footprints.geojson FILE converts it."
        ) from error
    try:
        about, _, blobs, _ = pyogrio.raw.read(path, columns=[], force_2d=True)
    except Exception as error:  # pyogrio's errors have no common base that it names
        raise unreadable(path, "a file of footprints", error) from error
    shapes = [None if blob is None else mapping(shapely.from_wkb(blob)) for blob in blobs]
    return _Found(shapes, about.get("crs"), None)


def _polygons(
    path: Path, geometries: Sequence[Mapping[str, Any] | None]
) -> Iterator[Mapping[str, Any]]:
    """The polygons of a file; what is empty is left out."""
    for number, geometry in enumerate(geometries):
        if not geometry:
            continue
        if geometry.get("type") == "GeometryCollection":
            yield from _polygons(path, geometry.get("geometries", ()))
            continue
        if not geometry.get("coordinates"):
            continue
        if geometry.get("type") not in _POLYGONS:
            raise ImageError(
                f"{path} has a {geometry.get('type')} (feature {number}); footprints are Polygon "
                "or MultiPolygon.",
                "wrong geometry",
            )
        if not is_valid_geom(geometry):
            raise ImageError(
                f"{path} has a polygon that is not closed or has less than three corners (feature "
                f"{number}); repair it, e.g. by ogr2ogr -makevalid.",
                "wrong geometry",
            )
        yield geometry
