"""Own pairs whose masks are footprints: in one file, or in one per tile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ackd.data.tiles import load_tiles
from tests.data.tiles.folders import CRS, NAMES, asked, optical_of, origin, refused, sar_of


def house(number: int) -> dict[str, Any]:
    """A square of 4 x 4 pixels in the corner of a tile."""
    left, top = origin(number)
    corners = [(0, 0), (2, 0), (2, -2), (0, -2), (0, 0)]
    ring = [[left + 1 + x, top - 1 + y] for x, y in corners]
    return {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(path: Path, features: list[Any], crs: str | None = CRS) -> str:
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def test_footprints_of_all_tiles_in_one_file(root: Path) -> None:
    file = collection(root / "houses.geojson", [house(0), house(3)])
    tiles = load_tiles(asked(root, masks=file))
    assert np.asarray(tiles.masks).sum(axis=(1, 2)).tolist() == [16, 0, 0, 16, 0]
    assert tiles.masks[0, 2:6, 2:6].all()
    assert tiles.notes["footprints"] == 2
    assert tiles.notes["tiles_without_class"] == 3


def test_footprints_per_tile_where_a_file_without_features_is_empty(root: Path) -> None:
    for number, name in enumerate(NAMES):
        features = [] if number == 2 else [house(number)]
        collection(root / "houses" / f"{name}.geojson", features)
    named = {"classes": {"background": 0, "building": 1}}
    tiles = load_tiles(asked(root, masks=str(root / "houses"), **named))
    assert np.asarray(tiles.masks).sum(axis=(1, 2)).tolist() == [16, 16, 0, 16, 16]
    assert tiles.classes == ("background", "building")
    (root / "houses" / "a2.geojson").unlink()
    refused(root, "1 of 5 tiles has no mask", masks=str(root / "houses"))


def test_footprints_elsewhere_are_refused(root: Path) -> None:
    file = collection(root / "houses.geojson", [house(900)])
    refused(root, "No footprint of data.masks", "Tile a1 is in EPSG:32631", masks=file)


def test_footprints_need_tiles_with_coordinates(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        for side, pixels in (("optical", optical_of(number)), ("sar", sar_of(number))):
            (tmp_path / side).mkdir(exist_ok=True)
            np.save(tmp_path / side / f"{name}.npy", pixels)
    file = collection(tmp_path / "houses.geojson", [house(0)])
    refused(tmp_path, "need tiles with coordinates", masks=file)
