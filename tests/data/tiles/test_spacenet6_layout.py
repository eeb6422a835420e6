"""Pairs in the folders, names and formats of SpaceNet 6 are read as own pairs, without a copy.

Three passes over one place and one over another; corners lie off each other's grid. SAR is in dB of
a sensor that is not calibrated, 0.1 to 92, and nodata is 0 in both sensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import from_origin
from rasterio.warp import transform_geom

from ackd.data.benchmark import TEST, TRAIN
from ackd.data.tiles import IGNORED, TileSet, load_tiles
from ackd.data.tiles.options import PairsOptions
from ackd.errors import DataError
from tests.data.tiles.folders import CRS, write_tif

SIDE = 64
NAME = "SN6_Train_AOI_11_Rotterdam_{}_{}"
# strip and number of each tile, with its upper left corner
TILES = {
    "20190804111224_20190804111453_tile_8681": (592953.6485, 5749000.0),
    "20190804113009_20190804113242_tile_2300": (592953.6485 + 0.15, 5749000.15),
    "20190822072404_20190822072650_tile_17": (592953.6485 + 3, 5749004.0),
    "20190823140724_20190823140955_tile_9": (595000.2, 5749000.0),
}
SWATH = 48  # columns of tile_2300 that the radar saw


def ring(left: float, top: float, width: float, height: float) -> list[list[float]]:
    right, bottom = left + width, top - height
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def houses(number: int, left: float, top: float) -> list[dict[str, Any]]:
    """A house with a yard, two that share a wall as one MultiPolygon, one over the edge."""
    if number == 3:
        return []
    yard = [ring(left + 5, top - 5, 8, 8), ring(left + 7.1, top - 7.1, 3.8, 3.8)]
    pair = [[ring(left + 15, top - 5, 4, 4)], [ring(left + 19, top - 5, 4, 4)]]
    edge = [ring(left + 28, top - 20, 20, 4)]
    return [
        {"type": "Polygon", "coordinates": yard},
        {"type": "MultiPolygon", "coordinates": pair},
        {"type": "Polygon", "coordinates": edge},
    ]


def write(root: Path, degrees: bool = False, nodata: float = 0.0) -> Path:
    draw = np.random.default_rng(6)
    means = np.array([28.6, 36.1, 33.8, 26.2])[:, None, None]
    for number, (tile, (left, top)) in enumerate(TILES.items()):
        sar = np.clip(draw.normal(means, 8.4, (4, SIDE, SIDE)), 0.1, 92).astype(np.float32)
        rgb = draw.integers(1, 255, (3, SIDE, SIDE), dtype=np.uint8)
        if number == 1:
            sar[..., SWATH:] = nodata
            rgb[..., SWATH:] = 0
            sar[0, 5, 5] = 0  # one band alone
        about = {"transform": from_origin(left, top, 0.5, 0.5)}
        for kind, pixels in (("SAR-Intensity", sar), ("PS-RGB", rgb)):
            write_tif(root / kind / f"{NAME.format(kind, tile)}.tif", pixels, **about)
        shapes = houses(number, left, top)
        if degrees and shapes:
            shapes = list(transform_geom(CRS, "EPSG:4326", shapes))
        content: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {"TileBuildingId": n}, "geometry": shape}
                for n, shape in enumerate(shapes)
            ],
        }
        if not degrees and shapes:
            content["crs"] = {
                "type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"},
            }  # fmt: skip
        path = root / "geojson_buildings" / f"{NAME.format('Buildings', tile)}.geojson"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return root


def load(root: Path, **options: Any) -> TileSet:
    known: dict[str, Any] = {"split": "random", "val": 1, "test": 1, "packed": False}
    asked = PairsOptions(
        name="pairs",
        optical=str(root / "PS-RGB"),
        sar=str(root / "SAR-Intensity"),
        masks=str(root / "geojson_buildings"),
        classes={"background": 0, "building": 1},
        **known | options,
    )
    return load_tiles(asked)


def test_the_published_names_are_understood(tmp_path: Path) -> None:
    tiles = load(write(tmp_path))
    assert tiles.ids.tolist() == sorted(TILES)
    assert tiles.notes["file_names"] == {
        "optical": "SN6_Train_AOI_11_Rotterdam_PS-RGB_*",
        "sar": "SN6_Train_AOI_11_Rotterdam_SAR-Intensity_*",
    }
    left, top = TILES[str(tiles.ids[0])]
    assert tiles.bounds[0].tolist() == pytest.approx([left, top - 32, left + 32, top])
    # 16 x 16 with a yard whose centres lie strictly inside of 7.6 pixels, 16 x 8, and 8 x 8 in it
    counts = [int((mask == 1).sum()) for mask in tiles.masks]
    yard = 256 - 64
    assert counts == [yard + 128 + 64, yard + 128, yard + 128 + 64, 0]
    assert tiles.notes["tiles_without_class"] == 1


@pytest.mark.parametrize("nodata", [0.0, np.nan])
def test_outside_of_the_swath_nothing_counts(tmp_path: Path, nodata: float) -> None:
    tiles = load(write(tmp_path, nodata=nodata))
    row = 1
    assert not tiles.valid[row, :, SWATH:].any()
    assert tiles.valid[row, :, :SWATH].all()  # also where one band alone is 0
    assert (tiles.masks[row, :, SWATH:] == IGNORED).all()
    assert tiles.notes["valid_share"] == pytest.approx(1 - 16 / 64 / 4)


def test_footprints_in_degrees_give_the_same_masks(tmp_path: Path) -> None:
    metres = load(write(tmp_path / "metres"))
    degrees = load(write(tmp_path / "degrees", degrees=True))
    assert (metres.masks == degrees.masks).mean() > 0.999  # walls on the centres of pixels aside


def test_passes_over_one_place_leak_unless_split_by_place(tmp_path: Path) -> None:
    root = write(tmp_path)
    listed = tmp_path / "split.txt"
    parts = ["train", "test", "val", "unused"]
    listed.write_text("\n".join(f"{tile} {part}" for tile, part in zip(TILES, parts, strict=True)))
    tiles = load(root, split="file", split_file=str(listed), val=0.1, test=0.15)
    assert tiles.notes["split"]["test_ground_seen_in_training"] > 0.98
    place = load(root, split="place", val=0.0, test=0.25)
    assert place.split.tolist() == [TRAIN, TRAIN, TRAIN, TEST]
    assert place.notes["split"]["test_ground_seen_in_training"] == 0


def test_a_folder_one_level_too_high_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path)
    asked = PairsOptions(
        name="pairs", optical=str(root), sar=str(root / "SAR-Intensity"), packed=False
    )
    with pytest.raises(DataError, match="4 tiles of 8 with an optical image have no SAR image"):
        load_tiles(asked, labels=False)
