"""Splits of tiles by blocks, by file and at random, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.splits.places import UNUSED
from ackd.data.splits.tile_splits import TileSplit, split_tiles
from ackd.errors import ConfigError, DataError

IDS = np.array([f"tile_{number}" for number in range(100)])
LEFT = np.arange(100) * 10.0
BOUNDS = np.stack([LEFT, 0 * LEFT, LEFT + 10, 0 * LEFT + 10], axis=1)


def of(made: TileSplit, part: int, ids: np.ndarray = IDS) -> set[str]:
    return set(ids[made.split == part].tolist())


def test_places_are_used_where_they_are_known_and_blocks_where_they_are_not() -> None:
    assert split_tiles(IDS, BOUNDS).how == "place"
    assert split_tiles(IDS).how == "blocks"


def test_the_share_of_test_ground_seen_is_unknown_without_places_never_0() -> None:
    made = split_tiles(IDS, how="random", val=0.05, test=0.05)
    assert made.seen is None
    assert made.notes["test_ground_seen_in_training"] is None
    assert "not known" in made.sentence
    known = split_tiles(IDS, BOUNDS, how="random", val=0.05, test=0.05)
    assert known.seen == 0.0
    assert "0.0 % of the test ground is seen in training" in known.sentence
    assert "5 / 5 for" in known.sentence


@pytest.mark.parametrize("how", ["blocks", "random"])
def test_the_order_of_the_tiles_does_not_matter(how: Any) -> None:
    shuffled = IDS[np.random.default_rng(1).permutation(100)]
    first, second = split_tiles(IDS, how=how), split_tiles(shuffled, how=how)
    for part in (TRAIN, VAL, TEST):
        assert of(first, part) == of(second, part, shuffled)
    other = split_tiles(IDS, how=how, seed=1)
    assert of(first, TEST) != of(other, TEST)


def test_random_takes_shares_and_numbers() -> None:
    made = split_tiles(IDS, how="random", val=0.05, test=20)
    assert [len(of(made, part)) for part in (TRAIN, VAL, TEST)] == [75, 5, 20]


def test_blocks_are_runs_of_neighbours() -> None:
    made = split_tiles(IDS, how="blocks", val=0.1, test=0.15)
    assert [len(of(made, part)) for part in (TRAIN, VAL, TEST)] == [75, 10, 15]
    # numbers in ids count as numbers: tile_9 is before tile_10
    borders = (np.diff(made.split) != 0).sum()
    assert borders <= 2 * 5
    few = split_tiles(IDS[:7], how="blocks")
    assert len(of(few, TEST, IDS[:7])) == len(of(few, VAL, IDS[:7])) == 1


def test_place_takes_numbers_as_well() -> None:
    made = split_tiles(IDS, BOUNDS, val=10, test=20)
    assert [len(of(made, part)) for part in (TRAIN, VAL, TEST)] == [70, 10, 20]
    assert made.split[-20:].tolist() == [TEST] * 20


def test_a_file_says_which_tile_is_for_what(tmp_path: Path) -> None:
    file = tmp_path / "split.txt"
    file.write_text("\n".join(f"tile_{k} {'test' if k < 30 else 'train'}" for k in range(99)))
    with file.open("a") as lines:
        lines.write("\n\ntile_99 unused\n")
    made = split_tiles(IDS, BOUNDS, how="file", file=file)
    assert [len(of(made, part)) for part in (TRAIN, VAL, TEST, UNUSED)] == [69, 0, 30, 1]
    assert made.seen == 0.0
    assert "1 tile left out" in made.sentence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tile_0,train\n", r"says nothing of 99 tiles: tile_1, .* and 94 more"),
        ("\n".join(f"tile_{k},train" for k in range(101)), r"1 tile that do not exist: tile_100"),
        ("tile_0,train\ntile_0,val\n", r"line 2: the tile 'tile_0' is listed twice"),
        ("tile_0,trian\n", r"line 1: 'trian' is no part of a split\. .*Did you mean 'train'"),
        ("tile_0,train,1\n", r"line 1 has 3 fields"),
        ("\n".join(f"tile_{k},test" for k in range(100)), r"leaves no tile for training"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "split.csv"
    file.write_text("id,split\n" + text if "line" not in message else text)
    with pytest.raises(DataError, match=message):
        split_tiles(IDS, how="file", file=file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "place"}, r"data\.split=place needs the places .* data\.split=blocks"),
        ({"how": "plaice"}, r"no split of tiles 'plaice' .*Did you mean 'place'"),
        ({"val": 1.5}, r"data\.val=1\.5 is neither a share"),
        ({"test": -1}, r"data\.test=-1 is neither a share"),
        ({"val": 0.5, "test": 0.5}, r"leave nothing to train on"),
        ({"seed": -1}, r"data\.split_seed=-1 is negative"),
        ({"how": "file"}, r"data\.split=file needs data\.split_file=FILE"),
        ({"file": Path("x.csv")}, r"is not read under data\.split=blocks"),
        ({"how": "file", "file": Path("no/such.csv")}, r"There is no file no/such\.csv"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        split_tiles(IDS, **options)


def test_parts_that_stay_empty_are_refused() -> None:
    one_column = BOUNDS.copy()
    one_column[:, [0, 2]] = (0.0, 10.0)
    with pytest.raises(DataError, match=r"leaves no tile for (training|test).*data\.split=blocks"):
        split_tiles(IDS, one_column)
    with pytest.raises(DataError, match="leaves no tile for training"):
        split_tiles(IDS[:2], how="blocks", val=1, test=1)
