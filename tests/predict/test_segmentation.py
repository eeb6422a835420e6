"""Maps of rasters have no seams, keep the grid of the image, and take little memory."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.crs
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.warp import transform as reproject

from ackd.data.tiles import IGNORED
from ackd.predict import predict_raster
from ackd.predict import segmentation as room
from ackd.predict.source import RasterSource
from tests.predict.rasters import CRS, PLACE, features, read, segmenter, smooth, town, write

#: Probabilities are rounded to so much at most, and floats of blended windows beside it.
STEP = 0.5 / room.STEPS + 2e-6
SIZES = [(70, 90), (64, 64), (65, 33), (20, 100), (7, 5)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [0, 8, 20])
def test_blended_windows_are_the_whole_image(
    size: tuple[int, int], overlap: int, tmp_path: Path
) -> None:
    student = segmenter(tmp_path)
    path = write(tmp_path / "scene.tif", smooth(*size))
    whole = student.predict(path)
    shares, mask, _ = predict_raster(student, path, tmp_path / "out", window=32, overlap=overlap)
    np.testing.assert_allclose(read(shares)[0], whole.probabilities[1], atol=STEP)
    sure = np.abs(whole.probabilities[1] - 0.5) > 1e-5
    np.testing.assert_array_equal(read(mask)[0][sure], whole.mask[sure])
    assert len(np.unique(whole.mask)) == 2


def test_a_network_that_looks_around_has_no_seam(tmp_path: Path) -> None:
    """At the border of a window it sees nothing beyond; a pixel there hardly counts."""
    student = segmenter(tmp_path, reach=1)
    path = write(tmp_path / "scene.tif", smooth(100, 120))
    whole = student.predict(path).probabilities[1]
    blended, cut = (
        read(predict_raster(student, path, tmp_path / str(lap), window=40, overlap=lap)[0])[0]
        for lap in (20, 0)
    )
    assert np.abs(blended - whole).max() < 0.01
    assert np.abs(cut - whole).max() > 0.1


def test_several_classes_have_a_band_each(tmp_path: Path) -> None:
    student = segmenter(tmp_path, classes=["a", "b", "c"], task="segmentation of several classes")
    path = write(tmp_path / "scene.tif", smooth(50, 60))
    whole = student.predict(path)
    shares, mask, polygons = predict_raster(student, path, tmp_path / "o", window=32, min_area=0)
    np.testing.assert_allclose(read(shares), whole.probabilities, atol=STEP)
    with rasterio.open(shares) as file:
        assert file.descriptions == ("a", "b", "c")
    assert (read(mask)[0] == whole.mask).mean() > 0.999
    found = features(polygons)
    assert {one["properties"]["class"] for one in found} == set(
        np.array(student.classes)[np.unique(whole.mask)]
    )
    covered = sum(one["properties"]["area_m2"] for one in found)
    assert covered == pytest.approx(50 * 60 * 0.25, rel=2e-3)


def test_the_grid_of_the_image_is_kept(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    image = smooth(60, 50)
    image[:, :10] = -9999
    image[1, 20:25, 30:40] = np.nan
    turned = PLACE @ Affine.rotation(12) if hasattr(Affine, "__matmul__") else PLACE
    path = write(tmp_path / "scene.tif", image, nodata=-9999, transform=turned)
    shares, mask, _ = predict_raster(student, path, tmp_path / "out", window=32)
    for one in (shares, mask):
        with rasterio.open(one) as file:
            assert file.crs == CRS
            assert file.transform == turned
            assert (file.height, file.width) == (60, 50)
            assert file.profile["tiled"]
            assert file.compression.name == "deflate"
    empty = np.zeros((60, 50), bool)
    empty[:10] = empty[20:25, 30:40] = True
    np.testing.assert_array_equal(np.isnan(read(shares)[0]), empty)
    np.testing.assert_array_equal(read(mask)[0] == IGNORED, empty)
    with rasterio.open(shares) as file:
        assert math.isnan(file.nodata)
        np.testing.assert_array_equal(file.dataset_mask() == 0, empty)
    with rasterio.open(mask) as file:
        assert file.nodata == IGNORED
        tags = file.tags()
        assert (tags["CLASS_0"], tags["CLASS_1"]) == ("ground", "building")
        assert file.colormap(1)[1][:3] == (245, 245, 245)


def test_a_raster_without_coordinates_says_so(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    place = Affine(2.0, 0.0, 7.0, 0.0, -3.0, 9.0)
    image = town(40, 50, [(10, 20, 5, 6)])
    path = write(tmp_path / "scene.tif", image, crs=None, transform=place)
    shares, _, polygons = predict_raster(student, path, tmp_path / "out", window=32)
    with rasterio.open(shares) as file:
        assert file.crs is None
        assert file.transform == place
    assert '"coordinates": "pixels (column, row) of the image' in polygons.read_text()
    (one,) = features(polygons)
    assert one["properties"]["area_px"] == 30
    xs, ys = np.array(one["geometry"]["coordinates"][0]).T
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (20, 26, 10, 15)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_ground_control_points_are_kept(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    points = [
        GroundControlPoint(row, col, x, y)
        for row, col, x, y in ((0, 0, 4.0, 52.0), (40, 0, 4.0, 51.9), (0, 50, 4.2, 52.0))
    ]
    path = write(tmp_path / "scene.tif", smooth(40, 50), crs=None, transform=Affine.identity())
    with rasterio.open(path, "r+") as file:
        file.gcps = (points, rasterio.crs.CRS.from_epsg(4326))
    shares, *_ = predict_raster(student, path, tmp_path / "out")
    with rasterio.open(shares) as file:
        found, crs = file.gcps
        assert crs == "EPSG:4326"
        assert [(p.row, p.col, p.x, p.y) for p in found] == [
            (p.row, p.col, p.x, p.y) for p in points
        ]


def test_polygons_have_place_area_and_probability(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    # The last one touches another by a corner alone, and is too small.
    boxes = [(10, 20, 30, 4), (300, 5, 200, 40), (40, 24, 1, 2), (100, 100, 50, 50)]
    image = town(600, 300, boxes)
    image[:, 120:130, 120:130] = town(10, 10, [])
    path = write(tmp_path / "scene.tif", image)
    shares, mask, polygons = predict_raster(student, path, tmp_path / "out", window=64)
    found = sorted(features(polygons), key=lambda one: one["properties"]["area_m2"])
    areas = [one["properties"]["area_m2"] for one in found]
    expected = [30 * 4, 50 * 50 - 100, 200 * 40]
    # UTM is smaller than the ground by up to 0.04 %.
    assert areas == pytest.approx([0.25 * pixels for pixels in expected], rel=1e-3)
    said = read(shares)[0]
    assert found[2]["properties"]["probability"] == pytest.approx(
        said[300:500, 5:45].mean(), abs=1e-4
    )
    assert {one["properties"]["class"] for one in found} == {"building"}
    assert [len(one["geometry"]["coordinates"]) for one in found] == [1, 2, 1]
    outer, hole = (np.array(ring) for ring in found[1]["geometry"]["coordinates"])
    assert turn(outer) > 0 > turn(hole)  # RFC 7946
    x, y = reproject("EPSG:4326", CRS, *outer.T)
    cols, rows = ~PLACE * (np.array(x), np.array(y))
    assert (cols.min(), cols.max()) == pytest.approx((100, 150), abs=0.1)
    assert (rows.min(), rows.max()) == pytest.approx((100, 150), abs=0.1)
    assert (read(mask)[0][40, 24:26] == 1).all()


def turn(ring: np.ndarray) -> float:
    """Positive where a ring runs counterclockwise."""
    x, y = (ring - ring[0]).T
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1])


def test_small_regions_are_left_out(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    boxes = [(5, 5, 1, 3), (20, 20, 2, 2), (40, 40, 10, 10)]
    path = write(tmp_path / "scene.tif", town(60, 60, boxes))

    def areas(**options: float) -> list[int]:
        *_, polygons = predict_raster(student, path, tmp_path / "out", **options)
        return sorted(round(4 * one["properties"]["area_m2"]) for one in features(polygons))

    assert areas() == [4, 100]
    assert areas(min_area=0) == [3, 4, 100]
    assert areas(min_area=20) == [100]
    assert areas(min_area=26) == []


def test_outlines_are_simplified(tmp_path: Path) -> None:
    pytest.importorskip("shapely", reason="the extra 'predict' is not installed")
    student = segmenter(tmp_path)
    stairs = [(10 + k, 10 + k, 1, 40) for k in range(30)]
    path = write(tmp_path / "scene.tif", town(60, 100, stairs))
    exact, simple = (
        features(predict_raster(student, path, tmp_path / "out", simplify=metres)[-1])[0]
        for metres in (0.0, 1.0)
    )
    corners = [len(one["geometry"]["coordinates"][0]) for one in (exact, simple)]
    assert corners[0] > 100 > 12 > corners[1]
    assert exact["properties"] == simple["properties"]


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    path = write(tmp_path / "scene.tif", town(40, 40, [(5, 5, 9, 9)]))
    out = tmp_path / "out"
    written = predict_raster(student, path, out, write=["polygons"], stem="deep/a")
    assert written == [out / "deep" / "a_polygons.geojson"]
    assert [one for one in out.rglob("*") if one.is_file()] == written


def test_wide_images_are_worked_on_in_panels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = segmenter(tmp_path)
    path = write(tmp_path / "scene.tif", smooth(150, 1300))
    one, *_ = predict_raster(student, path, tmp_path / "one", window=64, overlap=16)
    monkeypatch.setattr(room, "_STRIP", 4 * 2 * 64 * 512)
    read_parts: list[int] = []
    before = RasterSource.read

    def counted(self: RasterSource, rows: slice, cols: slice):  # type: ignore[no-untyped-def]
        read_parts.append(cols.stop - cols.start)
        return before(self, rows, cols)

    monkeypatch.setattr(RasterSource, "read", counted)
    two, *_ = predict_raster(student, path, tmp_path / "two", window=64, overlap=16)
    np.testing.assert_allclose(read(two), read(one), atol=2 * STEP)
    assert max(read_parts) < 512 + 2 * 64


def test_rows_are_read_once_and_windows_without_data_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = segmenter(tmp_path)
    image = smooth(400, 96)
    image[:, :100] = 0
    path = write(tmp_path / "scene.tif", image)
    parts: list[tuple[int, int]] = []
    before = RasterSource.read

    def counted(self: RasterSource, rows: slice, cols: slice):  # type: ignore[no-untyped-def]
        parts.append((rows.start, rows.stop))
        return before(self, rows, cols)

    monkeypatch.setattr(RasterSource, "read", counted)
    monkeypatch.setattr(
        RasterSource, "sample", lambda self, windows: before(self, slice(100, 200), slice(0, 96))
    )
    predict_raster(student, path, tmp_path / "out", window=32, overlap=8, batch_size=3)
    assert sum(stop - start for start, stop in parts) == 400
    assert max(stop - start for start, stop in parts) <= 32
    assert student.network.shapes == {(32, 32)}
    rows = [*range(0, 400 - 32, 24), 400 - 32]
    seen = sum(start + 32 > 100 for start in rows)
    assert student.network.windows == seen * 4
