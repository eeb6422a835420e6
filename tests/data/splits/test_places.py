"""Splits by place, and how much ground their parts share."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.splits.places import UNUSED, ground_seen, overlaps, split_by_place
from ackd.data.splits.tile_splits import split_tiles

TILES = Path("../shared/golden/sar/sn6_tiles.csv")
SIDE = 450.0


@pytest.fixture(scope="module")
def places() -> tuple[np.ndarray, np.ndarray]:
    """The names and bounds of the 3,401 tiles of SpaceNet 6."""
    if not TILES.exists():
        pytest.skip(f"{TILES} is not there")
    with TILES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    corners = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    ids = np.array([f"{row['strip']}_tile_{row['tile']}" for row in rows])
    x, y = corners.T
    return ids, np.stack([x, y - SIDE, x + SIDE, y], axis=1)


def counts(split: np.ndarray) -> tuple[int, int, int]:
    return tuple(int((split == part).sum()) for part in (TRAIN, VAL, TEST))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("test", "val", "expected"),
    [
        (0.15, 0.10, (1860, 342, 509)),
        (0.20, 0.10, (1689, 342, 679)),
        (0.10, 0.05, (2266, 171, 339)),
    ],
)
def test_the_split_of_spacenet_6_by_place(
    places: tuple[np.ndarray, np.ndarray], test: float, val: float, expected: tuple[int, int, int]
) -> None:
    ids, bounds = places
    made = split_tiles(ids, bounds, how="place", val=val, test=test)
    assert counts(made.split) == expected
    assert made.seen == 0.0
    in_test, in_val = made.split == TEST, made.split == VAL
    assert not overlaps(bounds[in_val], bounds[in_test]).any()
    assert not overlaps(bounds[in_val], bounds[made.split == TRAIN]).any()
    middle = bounds[:, [0, 2]].mean(axis=1)
    if expected[0] == 1860:
        assert middle[in_val].max() == pytest.approx(592419.9, abs=0.1)
        assert np.sort(middle[~in_test])[-1] == pytest.approx(595764.4, abs=30.0)
        assert (made.split == UNUSED).sum() == 2550 - 1860


def test_a_random_split_of_spacenet_6_shows_nearly_all_test_ground_in_training(
    places: tuple[np.ndarray, np.ndarray],
) -> None:
    ids, bounds = places
    seen = []
    for seed in range(8):
        made = split_tiles(ids, bounds, how="random", val=0.05, test=0.05, seed=seed)
        assert counts(made.split) == (3061, 170, 170)
        assert made.seen is not None
        seen.append(made.seen)
    assert min(seen) > 0.98
    assert 0.993 <= np.mean(seen) <= 0.997


def test_the_baseline_split_of_spacenet_6_leaks_23_percent(
    places: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    ids, bounds = places
    # five groups by x, of which the last one validates
    edges = np.linspace(591550.0, 596250.0, 6)
    last = bounds[:, 0] >= edges[-2]
    file = tmp_path / "baseline.csv"
    lines = [f"{name},{'test' if held else 'train'}" for name, held in zip(ids, last, strict=True)]
    file.write_text("id,split\n" + "\n".join(lines))
    made = split_tiles(ids, bounds, how="file", file=file)
    assert counts(made.split) == (2696, 0, 705)
    assert made.seen == pytest.approx(0.23, abs=0.005)
    assert (~overlaps(bounds[~last], bounds[last])).sum() == 2359


def box(left: float, bottom: float, right: float, top: float) -> list[float]:
    return [left, bottom, right, top]


def test_ground_that_several_tiles_show_counts_once() -> None:
    image = np.array([box(0, 0, 10, 10)])
    others = np.array([box(-5, 0, 4, 10), box(2, 0, 5, 10), box(0, 0, 5, 3), box(20, 20, 30, 30)])
    assert ground_seen(image, others) == pytest.approx(0.5)
    assert ground_seen(image, np.array([box(3, 3, 5, 5), box(4, 4, 6, 6)])) == pytest.approx(0.07)
    assert ground_seen(image, image) == 1.0
    assert ground_seen(image, np.empty((0, 4))) == 0.0


def test_ground_seen_agrees_with_a_raster() -> None:
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 40, (60, 2))
    size = rng.integers(3, 16, (60, 2))
    bounds = np.concatenate([corner, corner + size], axis=1).astype(np.float64)
    for count in (1, 5, 20, 50):
        images, others = bounds[-10:], bounds[:count]
        seen = np.zeros((60, 60), dtype=bool)
        for left, bottom, right, top in others.astype(int):
            seen[bottom:top, left:right] = True
        shares = [seen[b:t, a:c] for a, b, c, t in images.astype(int)]
        expected = sum(one.sum() for one in shares) / sum(one.size for one in shares)
        assert ground_seen(images, others) == pytest.approx(expected)


def test_tiles_that_only_share_an_edge_do_not_overlap() -> None:
    # corners as a transform gives them, which rounding puts a little inside of each other
    left, right = 0.1 * 3, 0.1 + 0.2
    assert left > right - 1e-9
    tiles = np.array([box(0, 0, 0.1 + 0.2, 1), box(0.3, 0, 0.6, 1), box(0.59, 0.5, 0.9, 1.5)])
    assert overlaps(tiles[:1], tiles[1:2]).tolist() == [False]
    assert overlaps(tiles[1:2], tiles[2:]).tolist() == [True]


def test_east_is_test_west_is_validation_and_neighbours_are_left_out() -> None:
    left = np.arange(20) * 6.0  # each overlaps the next one
    bounds = np.stack([left, left * 0, left + 10, left * 0 + 10], axis=1)
    split = split_by_place(bounds, val=0.1, test=0.2)
    assert split.tolist() == [VAL] * 2 + [UNUSED] + [TRAIN] * 12 + [UNUSED] + [TEST] * 4
    assert ground_seen(bounds[split == TEST], bounds[split == TRAIN]) == 0.0


def test_validation_that_overlaps_test_is_left_out_too() -> None:
    bounds = np.array([box(0, 0, 10, 10), box(0, 0, 11, 10), box(5, 0, 15, 10), box(50, 0, 60, 1)])
    split = split_by_place(bounds, val=0.5, test=0.25)
    assert split.tolist() == [VAL, VAL, UNUSED, TEST]
    split = split_by_place(bounds[:3], val=0.4, test=0.4)
    assert split.tolist()[-1] == TEST
    assert (split != VAL).all()
