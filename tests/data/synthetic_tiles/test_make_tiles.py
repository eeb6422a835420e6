"""Paired tiles of synthetic towns: the same by seed, whatever else is asked for, and learnable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.open_tiles import open_tiles
from ackd.data.splits.tile_splits import split_tiles
from ackd.data.synthetic_tiles import SyntheticTileOptions, SyntheticTowns, make_tiles
from ackd.data.tiles import IGNORED, TileSet
from ackd.errors import ConfigError

PIXELS = ("optical", "sar", "valid", "masks")


@pytest.fixture(scope="module")
def tiles() -> TileSet:
    return make_tiles(train=54, val=16, test=24, size=96)


def pixels(tiles: TileSet, name: str) -> np.ndarray:
    return np.asarray(getattr(tiles, name)[:])


def test_a_tenth_of_the_valid_pixels_are_buildings(tiles: TileSet) -> None:
    masks, valid = pixels(tiles, "masks"), pixels(tiles, "valid")
    assert 0.08 < masks[valid].mean() < 0.13
    shares = [mask[seen].mean() for mask, seen in zip(masks, valid, strict=True) if seen.any()]
    assert min(shares) < 0.01  # open country
    assert max(shares) > 0.2  # a town's centre


def test_levels_are_near_the_published_ones(tiles: TileSet) -> None:
    sar, valid = pixels(tiles, "sar"), pixels(tiles, "valid")
    published = [(28.6, 8.41), (36.1, 8.27), (33.8, 8.32), (26.2, 8.64)]
    for band, (mean, deviation) in enumerate(published):
        seen = sar[:, band][valid]
        assert seen.mean() == pytest.approx(mean, abs=1.0)
        assert seen.std() == pytest.approx(deviation, abs=1.0)


def test_beyond_the_swath_there_is_no_data_in_either_sensor(tiles: TileSet) -> None:
    masks, valid = pixels(tiles, "masks"), pixels(tiles, "valid")
    outside = ~valid
    assert 0.03 < outside.mean() < 0.25
    assert (masks[outside] == IGNORED).all()
    assert (masks[valid] <= 1).all()
    for name in ("optical", "sar"):
        images = np.moveaxis(pixels(tiles, name), 1, -1)
        assert (images[outside] == 0).all()
        assert (images[valid] != 0).all()


def test_the_same_seed_gives_the_same_bytes_however_many_tiles_are_asked_for() -> None:
    few, many = (
        make_tiles(train=3, val=1, test=2, size=48),
        make_tiles(train=5, test=4, val=2, size=48),
    )
    other = make_tiles(seed=1, train=3, val=1, test=2, size=48)
    rows = {name: row for row, name in enumerate(many.ids.tolist())}
    for row, name in enumerate(few.ids.tolist()):
        for kind in PIXELS:
            wanted = getattr(few, kind)[row]
            assert wanted.tobytes() == getattr(many, kind)[rows[name]].tobytes(), (name, kind)
        assert few.sar[row].tobytes() != other.sar[row].tobytes()
        np.testing.assert_array_equal(few.bounds[row], many.bounds[rows[name]])
    assert few.split.tolist() == [TRAIN] * 3 + [VAL] + [TEST] * 2


def test_a_split_by_place_finds_the_parts_again(tiles: TileSet) -> None:
    made = split_tiles(tiles.ids, tiles.bounds, val=16, test=24)
    np.testing.assert_array_equal(made.split, tiles.split)
    assert made.seen == 0.0


def test_a_random_split_shows_test_ground_in_training(tiles: TileSet) -> None:
    made = split_tiles(tiles.ids, tiles.bounds, how="random", val=0.1, test=0.2)
    assert made.seen is not None
    assert 0.2 < made.seen < 0.8


def test_two_passes_show_the_same_ground_on_different_days() -> None:
    up = make_tiles(train=8, val=0, test=0, size=96, align=False, swath_edges=0.0)
    for town in range(0, 8, 2):
        left, _, _, top = (up.bounds[town + 1] - up.bounds[town]).tolist()
        shift = (round(left), round(-top))
        there = [slice(max(s, 0), 96 + min(s, 0)) for s in (shift[1], shift[0])]
        here = [slice(max(-s, 0), 96 + min(-s, 0)) for s in (shift[1], shift[0])]
        first, second = up.masks[town][tuple(there)], up.masks[town + 1][tuple(here)]
        np.testing.assert_array_equal(first, second)
        assert (up.sar[town][0][tuple(there)] != up.sar[town + 1][0][tuple(here)]).mean() > 0.99


def test_tiles_from_the_south_are_turned_unless_north_is_to_be_up() -> None:
    options: dict[str, Any] = {"train": 4, "val": 0, "test": 0, "size": 64}
    aligned, up = make_tiles(**options), make_tiles(align=False, **options)
    for row, name in enumerate(up.ids.tolist()):
        for kind in PIXELS:
            expected = getattr(up, kind)[row]
            if name.endswith("south"):
                expected = expected[..., ::-1, ::-1]
            np.testing.assert_array_equal(getattr(aligned, kind)[row], expected)


def test_layover_points_to_the_radar_in_every_aligned_tile(tiles: TileSet) -> None:
    # Before a building it is brighter than behind it, in towns that are seen from either side.
    for side in ("north", "south"):
        chosen = [row for row, name in enumerate(tiles.ids.tolist()) if name.endswith(side)]
        built = np.asarray(tiles.masks)[chosen] == 1
        sar = np.asarray(tiles.sar)[chosen, 0]
        edge = built[:, 1:] & ~built[:, :-1]  # the first row of a building
        before = np.stack([sar[:, 4:-4][edge[:, 4:-3]]]).mean()
        edge = ~built[:, 1:] & built[:, :-1]  # the first row behind it
        behind = np.stack([sar[:, 5:-3][edge[:, 4:-3]]]).mean()
        assert before > behind + 6.0, side


@pytest.mark.slow
def test_buildings_are_learnt_from_either_sensor_and_more_easily_from_optical_images(
    tiles: TileSet,
) -> None:
    # An independent classifier that sees each pixel and a little around it, nothing of shapes.
    found = {}
    for side in ("optical", "sar"):
        forest = RandomForestClassifier(60, min_samples_leaf=5, random_state=0)
        forest.fit(*_sample(tiles, side, TRAIN))
        features, labels = _sample(tiles, side, TEST)
        found[side] = average_precision_score(labels, forest.predict_proba(features)[:, 1])
    assert 3 * labels.mean() < found["sar"] < found["optical"] < 0.95, found


def _sample(tiles: TileSet, side: str, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of some pixels of each tile of a part, and whether they are buildings."""
    rng = np.random.default_rng(0)
    features, labels = [], []
    for row in tiles.rows(part):
        inner = np.flatnonzero(tiles.valid[row])
        if not len(inner):
            continue
        chosen = rng.choice(inner, 150)
        image = pixels(tiles, side)[row].astype(np.float32)
        layers = [ndimage.gaussian_filter(image, (0, blur, blur)) for blur in (1, 3)]
        # what lies towards the radar and away from it
        layers += [np.roll(layers[1], shift, axis=1) for shift in (-8, 8)]
        features.append(np.concatenate(layers).reshape(-1, tiles.valid[row].size).T[chosen])
        labels.append(np.asarray(tiles.masks[row]).ravel()[chosen])
    return np.concatenate(features), np.concatenate(labels)


def test_drawn_tiles_are_kept_in_packs(tmp_path: Path) -> None:
    options: dict[str, Any] = {"train": 2, "val": 1, "test": 1, "size": 48}
    told: list[int] = []
    first = make_tiles(**options, packs=tmp_path, progress=lambda done, _: told.append(done))
    assert told == [1, 2, 3, 4] * 2  # images, then masks
    again = make_tiles(**options, packs=tmp_path, progress=lambda done, _: told.append(done))
    assert len(told) == 8
    drawn = make_tiles(**options)
    for kind in PIXELS:
        np.testing.assert_array_equal(pixels(again, kind), pixels(drawn, kind))
        np.testing.assert_array_equal(pixels(first, kind), pixels(drawn, kind))
    assert again.fingerprint("sar") == drawn.fingerprint("sar")
    make_tiles(**options, looks=4, packs=tmp_path, progress=lambda done, _: told.append(done))
    assert len(told) == 16


def test_without_labels_no_mask_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SyntheticTileOptions(train=2, val=0, test=0, size=48, packed=False)

    def refuse(self: SyntheticTowns) -> None:
        raise AssertionError("a mask was asked for")

    monkeypatch.setattr(SyntheticTowns, "masks", refuse)
    assert open_tiles(options, labels=False).masks is None
    with pytest.raises(AssertionError, match="a mask was asked for"):
        open_tiles(options)


def test_masks_do_not_depend_on_whether_images_were_drawn_before() -> None:
    for align in (True, False):
        options = SyntheticTileOptions(train=4, val=0, test=0, size=48, align=align)
        after, alone = SyntheticTowns(options), SyntheticTowns(options)
        for row in range(4):
            after.read(row)
            np.testing.assert_array_equal(after.masks().read(row), alone.masks().read(row))


def test_other_splits_take_the_same_numbers_of_tiles() -> None:
    options = SyntheticTileOptions(train=6, val=2, test=4, size=48, packed=False, split="random")
    made = open_tiles(options)
    assert [len(made.rows(part)) for part in (TRAIN, VAL, TEST)] == [6, 2, 4]
    assert made.notes["split"]["how"] == "random"
    assert 0 <= made.notes["split"]["test_ground_seen_in_training"] <= 1
    by_place = open_tiles(replace(options, split=None))
    assert by_place.notes["split"]["test_ground_seen_in_training"] == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, r"data\.seed of the synthetic tiles is -1; expected a whole number of at"),
        ({"train": 0}, r"data\.train .* is 0"),
        ({"size": 16}, r"data\.size .* from 32 to 1024"),
        ({"incidence": 5}, r"data\.incidence .* from 20 to 60"),
        ({"looks": 1.5}, r"data\.looks .* is 1\.5; expected a whole number"),
        ({"swath_edges": 2}, r"data\.swath_edges .* from 0 to 1"),
        ({"resolution": float("nan")}, r"data\.resolution .* is nan"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_tiles(**{"train": 1, "val": 0, "test": 0, **options})
