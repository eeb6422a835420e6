"""Batches of tiles: windows by (seed, epoch, row), borders that are not valid, labels on demand."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ackd.data.benchmark import TRAIN, VAL
from ackd.data.tiles import IGNORED, PairedTiles, TileBatches, TileRequest, crop_back
from ackd.data.tiles.crops import choose_window, pad, padding_for
from ackd.data.tiles.statistics import MaskedNormaliser
from ackd.errors import ConfigError
from tests.data.tiles.small import tile_set

ROWS = np.array([0, 2, 5, 6])


def plain() -> dict[Any, MaskedNormaliser]:
    """Normalisers that change nothing, so that pixels can be recognised."""
    return {
        "optical": MaskedNormaliser(np.zeros(2), np.ones(2)),
        "sar": MaskedNormaliser(np.zeros(3), np.ones(3)),
    }


def windows(tiles: PairedTiles, epoch: int | None, rows: np.ndarray = ROWS) -> dict[str, Any]:
    return tiles[TileRequest(rows, epoch)]


def test_a_batch_has_both_sensors_their_targets_and_their_rows() -> None:
    batch = windows(PairedTiles(tile_set(), "both", normalisers=plain()), None)
    shapes = {key: (tuple(value.shape), value.dtype) for key, value in batch.items()}
    assert shapes == {
        "optical": ((4, 2, 24, 20), torch.float32),
        "sar": ((4, 3, 24, 20), torch.float32),
        "optical_index": ((4,), torch.int64),
        "sar_index": ((4,), torch.int64),
        "optical_target": ((4, 24, 20), torch.uint8),
        "sar_target": ((4, 24, 20), torch.uint8),
        "valid": ((4, 24, 20), torch.bool),
    }
    tiles = tile_set()
    assert (batch["sar"].numpy() == tiles.sar[ROWS]).all()
    assert (batch["optical"].numpy() == tiles.optical[ROWS]).all()
    assert (batch["sar_target"].numpy() == tiles.masks[ROWS]).all()
    assert (batch["sar_index"].numpy() == ROWS).all()


@pytest.mark.parametrize(("side", "other"), [("sar", "optical"), ("optical", "sar")])
def test_one_sensor_brings_nothing_of_the_other(side: Any, other: str) -> None:
    batch = windows(PairedTiles(tile_set(), side, labels=False), None)
    assert set(batch) == {side, f"{side}_index", "valid"}
    assert not [key for key in batch if key.startswith(other)]


def test_without_labels_no_mask_is_read() -> None:
    class Closed:
        shape, ndim, dtype = (12, 24, 20), 3, np.dtype(np.uint8)

        def __getitem__(self, key: Any) -> Any:
            raise AssertionError("a mask was read")

    tiles = tile_set(masks=Closed())
    windows(PairedTiles(tiles, "both", labels=False, crop=8), 0)
    with pytest.raises(AssertionError, match="a mask was read"):
        windows(PairedTiles(tiles, "both", crop=8), 0)
    with pytest.raises(ConfigError, match="small has no masks"):
        PairedTiles(tiles.without_labels(), "sar")


def test_all_that_moves_moves_together() -> None:
    """A pixel of SAR names its tile and place: optical, mask and validity are of the same place."""
    tiles = tile_set()
    served = PairedTiles(tiles, "both", crop=8, normalisers=plain())
    for epoch in range(4):
        batch = windows(served, epoch)
        for row, sar, optical, target, valid in zip(
            ROWS, *(batch[key] for key in ("sar", "optical", "sar_target", "valid")), strict=True
        ):
            place = sar[0][valid].numpy().astype(int) - 1
            assert (place // 10000 == row).all()
            y, x = place // 100 % 100, place % 100
            assert (optical[0][valid].numpy() == tiles.optical[row, 0, y, x]).all()
            assert (target[valid].numpy() == tiles.masks[row, y, x]).all()
            assert (target[~valid] == IGNORED).all()
            assert (sar[:, ~valid] == 0).all()


def test_windows_are_a_function_of_seed_epoch_and_row() -> None:
    served = PairedTiles(tile_set(), "sar", crop=8, normalisers=plain(), seed=3)
    batch = windows(served, 7)["sar"]
    # alone, in another order, in another object
    again = PairedTiles(tile_set(), "sar", crop=8, normalisers=plain(), seed=3)
    for position, row in enumerate(ROWS):
        assert torch.equal(windows(again, 7, np.array([row]))["sar"][0], batch[position])
    places = batch[:, 0, 7, 7] % 10000  # far from the corner without data
    assert len({int(place) for place in places}) > 1
    other_seed = PairedTiles(tile_set(), "sar", crop=8, normalisers=plain(), seed=4)
    for other in (windows(served, 8)["sar"], windows(other_seed, 7)["sar"]):
        assert not torch.equal(other, batch)


def test_half_of_the_windows_are_mirrored_and_none_is_upside_down() -> None:
    served = PairedTiles(tile_set(), "sar", crop=8, normalisers=plain())
    # windows of tile 0 without the corner that has no data
    seen = [windows(served, epoch, np.array([0]))["sar"][0, 0] for epoch in range(60)]
    whole = [part for part in seen if (part > 0).all()]
    across = torch.stack([part[0, 1] - part[0, 0] for part in whole])
    down = torch.stack([part[1, 0] - part[0, 0] for part in whole])
    assert (down == 100).all()
    assert set(across.tolist()) == {1.0, -1.0}
    assert 0.25 < float((across < 0).float().mean()) < 0.75
    plainly = PairedTiles(tile_set(), "sar", crop=8, normalisers=plain(), mirror=False)
    for epoch in range(10):
        part = windows(plainly, epoch, np.array([0]))["sar"][0, 0]
        assert part[7, 7] - part[7, 6] == 1


def test_quarter_turns_are_possible_and_told_to_be_wrong_for_sar(
    said: list[logging.LogRecord],
) -> None:
    served = PairedTiles(tile_set(), "sar", crop=8, normalisers=plain(), quarter_turns=True)
    assert "from which the radar never looked" in said[0].getMessage()
    seen = [windows(served, epoch, np.array([0]))["sar"][0, 0] for epoch in range(40)]
    down = {float(part[7, 7] - part[6, 7]) for part in seen if (part[6:] > 0).all()}
    assert {100.0, -100.0, 1.0, -1.0} <= down
    said.clear()
    PairedTiles(tile_set(), "optical", crop=8, quarter_turns=True)
    assert not said
    with pytest.raises(ConfigError, match="needs square windows, but tiles are 24x20"):
        PairedTiles(tile_set(), "optical", quarter_turns=True)


def test_whole_tiles_get_a_border_that_is_not_valid() -> None:
    tiles = tile_set(height=20, width=23)
    served = PairedTiles(tiles, "both", stride=8, normalisers=plain())
    assert served.padding == (2, 2, 0, 1)
    for epoch in (None, 0):  # also in training, where no window is asked for
        batch = windows(served, epoch)
        assert batch["sar"].shape == (4, 3, 24, 24)
        inside = torch.zeros(24, 24, dtype=torch.bool)
        inside[2:22, 0:23] = True
        assert not batch["valid"][:, ~inside].any()
        assert (batch["sar_target"][:, ~inside] == IGNORED).all()
    batch = windows(served, None)
    assert (crop_back(batch["sar"], served.padding).numpy() == tiles.sar[ROWS]).all()
    assert (crop_back(batch["valid"].numpy(), served.padding) == tiles.valid[ROWS]).all()
    assert torch.equal(batch["sar"][..., 23], batch["sar"][..., 21])  # mirrored at its edge


def test_padding_of_900_pixels_is_14_and_14() -> None:
    assert padding_for(900, 900, 32) == (14, 14, 14, 14)
    assert padding_for(512, 900, 32) == (0, 0, 14, 14)


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 2, 8, 32]))
def test_a_border_comes_off_again(height: int, width: int, stride: int) -> None:
    image = np.arange(height * width).reshape(1, height, width)
    padding = padding_for(height, width, stride)
    padded = pad(image, padding)
    assert padded.shape[1] % stride == padded.shape[2] % stride == 0
    assert max(padding) <= stride // 2
    assert (crop_back(padded, padding) == image).all()
    assert (crop_back(pad(image, padding, -1), padding) == image).all()


def test_a_window_shows_enough_where_one_can() -> None:
    valid = np.zeros((64, 64), bool)
    valid[:, 40:] = True
    draws = [np.random.default_rng(seed) for seed in range(50)]
    shares = [valid[choose_window(draw, valid, (16, 16), 0.3)].mean() for draw in draws]
    assert np.mean(np.array(shares) >= 0.3) > 0.9
    # none shows 0.9 of this: the best of ten is taken, and no draw goes on for ever
    valid[::2] = False
    best = choose_window(np.random.default_rng(0), valid, (16, 16), 0.9)
    assert valid[best].mean() > 0.1
    nothing = np.zeros((64, 64), bool)
    window = choose_window(np.random.default_rng(0), nothing, (16, 16), 0.3)
    assert nothing[window].shape == (16, 16)


@pytest.mark.parametrize(
    ("crop", "stride", "text"),
    [
        (32, 1, "data.crop=32 is larger than the tiles, which are 24x20 pixels; give at most 20"),
        (32, 8, "give at most 16"),
        (20, 8, "data.crop=20 is not divisible by 8, the stride of the network; give data.crop=16"),
        (3, 8, "give data.crop=8"),
    ],
)
def test_a_window_that_cannot_be_is_refused(crop: int, stride: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        PairedTiles(tile_set(), "sar", crop=crop, stride=stride)


def test_training_is_windows_of_its_epoch_and_evaluation_whole_tiles() -> None:
    tiles = tile_set()
    training = TileBatches(tiles.rows(TRAIN), 4, shuffle=True, drop_last=True)
    training.set_epoch(5)
    assert [request.epoch for request in training] == [5, 5]
    seen = np.concatenate([request.rows for request in training])
    assert sorted(seen) == sorted(tiles.rows(TRAIN))
    assert [request.epoch for request in TileBatches(tiles.rows(VAL), 4)] == [None]


def test_an_all_invalid_tile_is_zeros_that_nothing_counts() -> None:
    batch = windows(PairedTiles(tile_set(), "both"), 0, np.array([1]))
    assert not batch["valid"].any()
    assert not batch["sar"].any()
    assert not batch["optical"].any()
    assert (batch["sar_target"] == IGNORED).all()


def test_the_names_of_a_split_are_its_ids() -> None:
    assert tile_set().names(VAL) == {3: "tile_3", 9: "tile_9"}


def test_fingerprints_know_their_own_part_only() -> None:
    tiles = tile_set()
    parts = ("optical", "sar", "masks", "splits")

    def changed(other: Any) -> set[str]:
        return {part for part in parts if other.fingerprint(part) != tiles.fingerprint(part)}

    def with_pixel(name: str, value: Any) -> Any:
        array = np.array(getattr(tiles, name))
        array[4, ..., 10, 10] = value
        return replace(tiles, **{name: array})

    assert changed(replace(tiles, name="other", notes={"a": 1}, crs="EPSG:4326")) == set()
    assert changed(with_pixel("sar", 3)) == {"sar"}
    assert changed(with_pixel("optical", 3)) == {"optical"}
    assert changed(with_pixel("masks", IGNORED)) == {"masks"}
    assert changed(with_pixel("valid", False)) == {"optical", "sar"}
    assert changed(tiles.with_split(tiles.split[::-1].copy())) == {"splits"}
    assert changed(replace(tiles, classes=("other", "water"))) == {"masks"}
    assert changed(replace(tiles, ids=tiles.ids[::-1])) == set(parts)
    with pytest.raises(ValueError, match="read without labels"):
        tiles.without_labels().fingerprint("masks")
