"""Footprints become masks as the reference numbers say, in any coordinate system."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform_geom
from scipy import ndimage

from ackd.data.tiles.footprints import rasterise, read_footprints
from ackd.data.tiles.rasters import Place, read_head
from ackd.errors import DataError, ImageError
from tests.conftest import SHARED

UTM = "EPSG:32631"
GRID = from_origin(592000, 5749000, 0.5, 0.5)
SIZE = (64, 64)
PLACE = Place(GRID, CRS.from_string(UTM))


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def turned(corners: list[tuple[float, float]], degrees: float) -> list[tuple[float, float]]:
    x, y = np.mean(corners, axis=0)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (x + cos * (a - x) - sin * (b - y), y + sin * (a - x) + cos * (b - y)) for a, b in corners
    ]


def polygon(*rings: list[tuple[float, float]]) -> dict[str, Any]:
    """From pixels (x right, y down) to map coordinates."""
    coordinates = [
        [(592000 + 0.5 * x, 5749000 - 0.5 * y) for x, y in (*ring, ring[0])] for ring in rings
    ]
    return {"type": "Polygon", "coordinates": coordinates}


SHAPES = {
    "a_aligned_10x8_px": polygon(box(4, 4, 14, 12)),
    "b_shifted_quarter_px": polygon(box(20.25, 4.25, 30.25, 12.25)),
    "c_half_px_edges": polygon(box(36.5, 4.5, 46.5, 12.5)),
    "d_triangle": polygon([(4, 20), (24, 20), (4, 40)]),
    "e_square_with_hole": polygon(box(30, 20, 46, 36), box(34.3, 24.3, 41.7, 31.7)),
    "f_L_shape": polygon(
        [(4.2, 44.2), (20.6, 44.2), (20.6, 50.1), (10.3, 50.1), (10.3, 60.4), (4.2, 60.4)]
    ),
    "g_sliver_0.4px_wide": polygon(box(28.05, 42, 28.45, 58)),
    "h_rotated_30deg_12x6": polygon(turned(box(36, 44, 48, 50), 30)),
    "i_over_the_edge": polygon(box(58, 50, 70, 70)),
    "j_outside": polygon(box(80, 80, 90, 90)),
}
# (all_touched False, True) of SAR.md e.2
COUNTS = [(80, 80), (80, 99), (90, 99), (210, 230), (192, 220), (162, 189), (0, 16), (70, 98),
          (84, 84), (0, 0)]  # fmt: skip


@pytest.mark.parametrize(("name", "counts"), list(zip(SHAPES, COUNTS, strict=True)))
def test_counts_of_pixels_are_those_of_the_reference(name: str, counts: tuple[int, int]) -> None:
    for all_touched, count in zip((False, True), counts, strict=True):
        assert rasterise([SHAPES[name]], GRID, SIZE, all_touched).sum() == count


def test_the_counts_are_those_of_the_golden_file() -> None:
    path = SHARED / "golden" / "sar" / "c2_raster.json"
    if not path.is_file():
        pytest.skip("the reference numbers (../shared/golden) are not on this machine")
    golden = json.loads(path.read_text())
    for name, (less, more) in zip(SHAPES, COUNTS, strict=True):
        known = next(case for key, case in golden.items() if key[0] == name[0] and key[1] == "_")
        assert (known["false"], known["true"]) == (less, more)
    assert rasterise(list(SHAPES.values()), GRID, SIZE).sum() == golden["all_together"]["false"]
    assert (
        rasterise(list(SHAPES.values()), GRID, SIZE, True).sum() == golden["all_together"]["true"]
    )


def test_walls_and_gaps() -> None:
    assert rasterise(list(SHAPES.values()), GRID, SIZE).sum() == 968
    wall = [polygon(box(4, 4, 12, 12)), polygon(box(12, 4, 20, 12))]
    assert rasterise(wall, GRID, SIZE).sum() == rasterise(wall, GRID, SIZE, True).sum() == 128
    gap = [polygon(box(4, 4, 12, 12)), polygon(box(12.8, 4, 20, 12))]
    for all_touched, count, parts in ((False, 120, 2), (True, 128, 1)):
        mask = rasterise(gap, GRID, SIZE, all_touched)
        assert (mask.sum(), ndimage.label(mask)[1]) == (count, parts)


def test_the_real_houses_of_spacenet_4(shared_data: Path) -> None:
    folder = shared_data / "SpaceNet4-sample"
    footprints = read_footprints(folder / "geotiff_labels.geojson")
    head = read_head(folder / "sample_geotiff.tif")
    assert head.place is not None
    assert len(footprints) == 43
    mask, count = footprints.mask(head.place, head.size)
    assert (mask.sum(), count, ndimage.label(mask)[1]) == (33818, 43, 44)


def write(path: Path, geometries: list[Any], crs: str | None = UTM) -> Path:
    content: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries],
    }
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("crs", [UTM, "urn:ogc:def:crs:EPSG::32631"])
def test_geojson_says_its_coordinate_system(tmp_path: Path, crs: str) -> None:
    footprints = read_footprints(write(tmp_path / "f.geojson", list(SHAPES.values()), crs))
    mask, count = footprints.mask(PLACE, SIZE)
    assert (mask == rasterise(list(SHAPES.values()), GRID, SIZE)).all()
    assert count == 9  # all but the one outside


@pytest.mark.parametrize("crs", [None, "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"])
def test_longitude_and_latitude_are_transformed(tmp_path: Path, crs: str | None) -> None:
    shapes = [SHAPES[name] for name in SHAPES if name[0] in "befh"]  # no corner on a centre
    degrees = transform_geom(UTM, "EPSG:4326", shapes)
    footprints = read_footprints(write(tmp_path / "f.geojson", list(degrees), crs))
    assert (footprints.mask(PLACE, SIZE)[0] == rasterise(shapes, GRID, SIZE)).all()


def test_metres_without_a_coordinate_system_are_refused_unless_it_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "f.geojson", [SHAPES["a_aligned_10x8_px"]], None)
    with pytest.raises(DataError, match=r"not longitude and latitude.*data.masks_crs=EPSG:CODE"):
        read_footprints(path)
    assert read_footprints(path, UTM).mask(PLACE, SIZE)[0].sum() == 80


def test_what_is_empty_is_legal(tmp_path: Path) -> None:
    nothing: list[Any] = [[], [None], [{"type": "Polygon", "coordinates": []}]]
    for geometries in nothing:
        footprints = read_footprints(write(tmp_path / "f.geojson", geometries, None))
        mask, count = footprints.mask(PLACE, SIZE)
        assert (mask.shape, mask.sum(), count) == (SIZE, 0, 0)


def test_parts_and_collections(tmp_path: Path) -> None:
    a, b = SHAPES["a_aligned_10x8_px"], SHAPES["b_shifted_quarter_px"]
    parts = {"type": "MultiPolygon", "coordinates": [a["coordinates"], b["coordinates"]]}
    several = {"type": "GeometryCollection", "geometries": [a, b]}
    for one in (parts, several):
        assert (
            read_footprints(write(tmp_path / "f.geojson", [one])).mask(PLACE, SIZE)[0].sum() == 160
        )


def test_many_footprints_are_looked_up_by_place(tmp_path: Path) -> None:
    """One file for all tiles: each tile draws its own."""
    houses = [polygon(box(64 * n + 4, 4, 64 * n + 14, 12)) for n in range(20)]
    footprints = read_footprints(write(tmp_path / "f.geojson", houses))
    for n in (0, 7, 19):
        place = Place(from_origin(592000 + 32 * n, 5749000, 0.5, 0.5), PLACE.crs)
        mask, count = footprints.mask(place, SIZE)
        assert (mask.sum(), count) == (80, 1)


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        ({"type": "Point", "coordinates": [592000, 5749000]}, "has a Point .* Polygon or MultiP"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "not closed or has less than"),
    ],
)
def test_what_is_no_footprint_is_refused(tmp_path: Path, geometry: Any, text: str) -> None:
    with pytest.raises(ImageError, match=text):
        read_footprints(write(tmp_path / "f.geojson", [SHAPES["d_triangle"], geometry]))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"type": "FeatureCollection"}', "<html>"])
def test_what_is_no_geojson_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "f.geojson"
    path.write_text(content)
    with pytest.raises(ImageError, match=r"f\.geojson"):
        read_footprints(path)


def test_an_unknown_coordinate_system_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "f.geojson", [SHAPES["d_triangle"]], "EPSG:999999")
    with pytest.raises(DataError, match="coordinate system 'EPSG:999999', which is not known"):
        read_footprints(path)


def test_gpkg_gives_the_same_mask(tmp_path: Path) -> None:
    pyogrio = pytest.importorskip("pyogrio")
    shapely = pytest.importorskip("shapely")
    path = tmp_path / "f.gpkg"
    blobs = np.array([shapely.to_wkb(shapely.geometry.shape(one)) for one in SHAPES.values()])
    pyogrio.raw.write(
        path, blobs.astype(object), [], [], geometry_type="Polygon", crs=UTM, driver="GPKG"
    )
    footprints = read_footprints(path)
    assert (footprints.mask(PLACE, SIZE)[0] == rasterise(list(SHAPES.values()), GRID, SIZE)).all()


def test_without_its_packages_gpkg_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(DataError, match=r"pip install 'ackd\[footprints\]'"):
        read_footprints(tmp_path / "f.gpkg")
