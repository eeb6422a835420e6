"""An index.csv says where tiles lie whose files do not: arrays and png."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ackd.data.tiles import load_tiles
from ackd.errors import ConfigError, DataError
from tests.data.tiles.folders import (
    CRS,
    NAMES,
    SIDE,
    asked,
    mask_of,
    optical_of,
    origin,
    sar_of,
    write_pairs,
)

HEAD = "tile,left,bottom,right,top,crs"


def line(number: int, name: str) -> str:
    left, top = origin(number)
    return f"{name},{left},{top - SIDE / 2},{left + SIDE / 2},{top},{CRS}"


def write_index(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEAD, *lines]) + "\n")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    kinds: dict[str, Callable[[int], np.ndarray]] = {
        "optical": optical_of, "sar": sar_of, "masks": mask_of,
    }  # fmt: skip
    for kind, draw in kinds.items():
        (tmp_path / kind).mkdir()
        for number, name in enumerate(NAMES):
            np.save(tmp_path / kind / f"{name}.npy", draw(number))
    return tmp_path


@pytest.mark.parametrize("folder", ["optical", "sar"])
def test_arrays_with_an_index_have_places(root: Path, folder: str) -> None:
    assert load_tiles(asked(root, split=None)).notes["split"]["how"] == "blocks"
    with pytest.raises(ConfigError, match=r"index\.csv beside the images with the columns left"):
        load_tiles(asked(root, split="place"))
    lines = [line(number, name) for number, name in enumerate(NAMES)]
    write_index(root / folder / "index.csv", *reversed(lines), "another,0,0,1,1,EPSG:32631")
    tiles = load_tiles(asked(root, split=None))
    assert tiles.notes["split"]["how"] == "place"
    assert tiles.notes["split"]["test_ground_seen_in_training"] == 0
    expected = load_tiles(asked(write_pairs(root / "tifs")))
    assert tiles.crs == expected.crs
    assert (tiles.bounds == expected.bounds).all()


def test_footprints_fall_where_the_index_says(root: Path) -> None:
    write_index(root / "sar" / "index.csv", *(line(n, name) for n, name in enumerate(NAMES)))
    left, top = origin(2)
    ring = [[left, top], [left + 4, top], [left + 4, top - 2], [left, top - 2], [left, top]]
    crs = {"type": "name", "properties": {"name": CRS}}
    house = {"type": "Polygon", "crs": crs, "coordinates": [ring]}
    (root / "houses.geojson").write_text(json.dumps(house))
    tiles = load_tiles(asked(root, masks=str(root / "houses.geojson")))
    drawn = [int((tiles.masks[row] == 1).sum()) for row in range(len(NAMES))]
    assert drawn == [0, 0, 8 * 4, 0, 0]


def test_another_index_is_noticed_by_the_pack(root: Path) -> None:
    place = root / "optical" / "index.csv"
    lines = [line(number, name) for number, name in enumerate(NAMES)]
    write_index(place, *lines)
    how = {"packed": True, "packs": str(root / "packs")}
    first = load_tiles(asked(root, **how))
    write_index(place, *(line(number + 10, name) for number, name in enumerate(NAMES)))
    second = load_tiles(asked(root, **how))
    assert (first.bounds != second.bounds).any()
    assert first.fingerprint("sar") == second.fingerprint("sar")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line(0, "a1")], r"where 4 tiles of 5 lie: a2, b1, b2, c1"),
        ([line(0, "a1"), line(1, "a1")], "line 3: the tile 'a1' is listed twice"),
        (["a1,0,0,x,1,EPSG:32631"], r"line 2 \(a1\): could not convert"),
        (["a1,5,0,1,1,EPSG:32631"], r"line 2 \(a1\): bounds 5, 0, 1, 1 enclose nothing"),
        (["a1,0,0,1,1,EPSG:0"], r"line 2 \(a1\): "),
        (["a1,0,0,1,1,"], "does not say where 5 tiles"),
    ],
)
def test_a_wrong_index_is_refused(root: Path, lines: list[str], said: str) -> None:
    write_index(root / "optical" / "index.csv", *lines)
    with pytest.raises(DataError, match=said):
        load_tiles(asked(root))


def test_an_index_of_something_else_is_left_alone(root: Path) -> None:
    (root / "optical" / "index.csv").write_text("name,date\na1,2020\n")
    assert load_tiles(asked(root, split=None)).bounds is None


def test_a_band_is_named_once(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.sar_bands names b1 twice"):
        load_tiles(asked(root, sar_bands=("b1", "b2", "b1")))
