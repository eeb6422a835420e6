"""Polygons of a map of classes, as GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.windows
from numpy.typing import NDArray
from rasterio.features import shapes

from ackd.data.reading.multispectral import plain_tifs
from ackd.errors import ConfigError
from ackd.predict.places import PIXELS, GeoJson, Places
from ackd.predict.regions import ROWS, RegionFinder, Regions
from ackd.predict.source import RasterSource

__all__ = ["LEAST_PIXELS", "require_simplifying", "write_polygons"]

#: The least area of a polygon in pixels, unless it is said.
LEAST_PIXELS: Final = 4
#: Polygons that are turned into coordinates together.
_TOGETHER: Final = 4096

Rings = list[NDArray[np.float64]]


def write_polygons(
    path: Path,
    source: RasterSource,
    maps: tuple[Path, Path],
    classes: Mapping[int, str],
    scratch: Path,
    *,
    min_area: float | None = None,
    simplify: float = 0.0,
) -> int:
    """Write the outlines of all regions of some classes.

    Args:
        path: Of the GeoJSON: longitude and latitude, or pixels where the image has no coordinates.
        source: The image.
        maps: Its probabilities (a band for each class, or one of the only class that is outlined)
            and its mask.
        classes: Names of the classes that are outlined, by their value in the mask.
        scratch: A file that may be written to, and is removed.
        min_area: Square metres (pixels without coordinates) below which a region is left out; None
            for 4 pixels.
        simplify: By how many metres (pixels) outlines may move to have fewer corners.

    Returns:
        How many there are.
    """
    places = Places(source)
    middle = float(places.areas([source.height / 2])[0])
    least = LEAST_PIXELS * middle if min_area is None else min_area
    tolerance = simplify / float(np.sqrt(middle))
    count = 0
    with ExitStack() as open_files:
        open_files.enter_context(plain_tifs())
        shares, mask = (open_files.enter_context(rasterio.open(one)) for one in maps)
        reader = _Maps(mask, shares, source.width)
        finder = RegionFinder(
            reader.mask, reader.said, source.height, tuple(classes), places.areas,
            # 4 pixels are 4 pixels, however floats round
            least * (1 - 1e-9),
        )  # fmt: skip
        regions = finder.find()
        about: dict[str, Any] = {"image": source.path.name, "min_area": round(least, 3)}
        if not places.known:
            about["coordinates"] = PIXELS
        file = open_files.enter_context(GeoJson(path, about))
        outlines = _outlines(finder, regions, source, scratch)
        while several := list(islice(outlines, _TOGETHER)):
            if tolerance:
                several = [(_simplified(rings, tolerance), row) for rings, row in several]
            for rings, row in _placed(several, places):
                properties = {
                    "class": classes[int(regions.label[row])],
                    "probability": round(float(regions.probability[row]), 4),
                    places.unit_of_area: round(float(regions.area[row]), 3),
                }
                file.add(rings, properties)
                count += 1
    return count


class _Maps:
    """Reads rows of the maps that were written."""

    def __init__(self, mask: Any, shares: Any, width: int) -> None:
        self._mask, self._shares, self._width = mask, shares, width

    def _window(self, rows: slice) -> rasterio.windows.Window:
        return rasterio.windows.Window(0, rows.start, self._width, rows.stop - rows.start)

    def mask(self, rows: slice) -> NDArray[np.uint8]:
        """(n, W) classes."""
        found: NDArray[np.uint8] = self._mask.read(1, window=self._window(rows))
        return found

    def said(self, rows: slice) -> NDArray[np.float32]:
        """(n, W) the probability of the class that the mask says; anything without data."""
        found: NDArray[np.float32] = self._shares.read(window=self._window(rows))
        if len(found) == 1:
            only: NDArray[np.float32] = found[0]
            return only
        chosen = np.minimum(self.mask(rows), len(found) - 1).astype(np.int64)
        taken: NDArray[np.float32] = np.take_along_axis(found, chosen[None], axis=0)[0]
        return taken


def _outlines(
    finder: RegionFinder, regions: Regions, source: RasterSource, scratch: Path
) -> Iterator[tuple[Rings, int]]:
    """The rings of each region in pixels, and its row in ``regions``."""
    if not len(regions):
        return
    with rasterio.open(
        scratch, "w", driver="GTiff", height=source.height, width=source.width, count=1,
        dtype="int32", compress="deflate", zlevel=1, blockysize=16, bigtiff="IF_SAFER",
    ) as file:  # fmt: skip
        for part, numbers in enumerate(finder.numbered(regions)):
            window = rasterio.windows.Window(0, part * ROWS, source.width, len(numbers))
            file.write(numbers, 1, window=window)
    with rasterio.open(scratch) as file:
        # GDAL goes through the file line by line. It takes any number but 0 of a mask, whose type
        # rasterio wants to be uint8.
        band = rasterio.band(file, 1)
        for shape, number in shapes(band, mask=band._replace(dtype="uint8"), connectivity=4):
            yield [np.array(ring) for ring in shape["coordinates"]], int(number) - 1


def require_simplifying() -> Any:
    """The library that simplifies outlines.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import shapely
    except ImportError as error:
        raise ConfigError(
            "simplify needs shapely: pip install 'ackd[predict]'. Without it, outlines follow the "
            "pixels (simplify=0)."
        ) from error
    return shapely


def _simplified(rings: Rings, tolerance: float) -> Rings:
    shapely = require_simplifying()
    found = shapely.Polygon(rings[0], rings[1:]).simplify(tolerance, preserve_topology=True)
    return [np.array(ring.coords) for ring in (found.exterior, *found.interiors)]


def _placed(
    several: Sequence[tuple[Rings, int]], places: Places
) -> Iterator[tuple[list[list[list[float]]], int]]:
    """Turn pixels into coordinates; outer rings run counterclockwise, holes clockwise."""
    rings = [ring for found, _ in several for ring in found]
    joined = np.concatenate(rings)
    placed = places.coordinates(joined[:, 0], joined[:, 1])
    parts = iter(np.split(placed, np.cumsum([len(ring) for ring in rings])[:-1]))
    for found, row in several:
        yield (
            [
                _turned(next(parts), counterclockwise=place == 0).tolist()
                for place in range(len(found))
            ],
            row,
        )


def _turned(ring: NDArray[np.float64], *, counterclockwise: bool) -> NDArray[np.float64]:
    x, y = (ring - ring[0]).T  # degrees far from 0 would drown the area in rounding
    area = float(x[:-1] @ y[1:] - x[1:] @ y[:-1])
    return ring if (area > 0) == counterclockwise else ring[::-1]
