"""Own pairs: which pixels have no data, and in which unit SAR images are."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ackd.data.tiles import IGNORED, load_tiles
from tests.data.tiles.folders import SIDE, asked, optical_of, refused, sar_of, with_pixels

# -- where there is no data ---------------------------------------------------------------------


def test_nodata_of_either_sensor_is_0_in_both_images_and_ignored_in_the_mask(root: Path) -> None:
    sar, optical = sar_of(0), optical_of(0)
    sar[:, 0, 0] = 0  # both bands
    sar[0, 0, 1] = 0  # one band: a number
    sar[1, 0, 2] = np.nan
    sar[0, 0, 3] = np.inf
    optical[:, 1, 0] = 0
    optical[:2, 1, 1] = 0
    with_pixels(root, "sar", 0, sar)
    with_pixels(root, "optical", 0, optical)
    tiles = load_tiles(asked(root))
    invalid = np.argwhere(~tiles.valid[0]).tolist()
    assert invalid == [[0, 0], [0, 2], [0, 3], [1, 0]]
    for y, x in invalid:
        assert not tiles.sar[0, :, y, x].any()
        assert not tiles.optical[0, :, y, x].any()
        assert tiles.masks[0, y, x] == IGNORED
    assert tiles.sar[0, :, 0, 1].tolist() == [0, sar[1, 0, 1]]
    assert np.isfinite(tiles.sar).all()
    kept = load_tiles(asked(root, zero_is_nodata=False))
    assert np.argwhere(~kept.valid[0]).tolist() == [[0, 2], [0, 3]]


def test_masks_of_files_tags_and_given_values_mark_nodata(root: Path) -> None:
    sar, optical = sar_of(0), optical_of(0, 4)
    sar[0, 0, 0] = -9999
    with_pixels(root, "sar", 0, sar, nodata=-9999)
    optical[3] = 255
    optical[3, 0, 1] = 0  # alpha
    with_pixels(root, "optical", 0, optical, photometric="RGB", alpha="yes")
    inside = np.full((SIDE, SIDE), 255, np.uint8)
    inside[0, 2] = 0
    with_pixels(root, "optical", 1, optical_of(1), mask=inside)
    sar = sar_of(2)
    sar[1, 0, 3] = -50
    with_pixels(root, "sar", 2, sar)
    tiles = load_tiles(asked(root, sar_nodata=-50))
    assert tiles.optical.shape[1] == 3  # alpha is no band
    invalid = [np.argwhere(~tiles.valid[number]).tolist() for number in range(3)]
    assert invalid == [[[0, 0], [0, 1]], [[0, 2]], [[0, 3]]]


def test_a_tag_of_0_leaves_single_bands_of_0_valid(root: Path) -> None:
    sar = sar_of(0)
    sar[0, 0, 0] = 0
    sar[:, 0, 1] = 0
    with_pixels(root, "sar", 0, sar, nodata=0)
    tiles = load_tiles(asked(root, zero_is_nodata=False))
    assert np.argwhere(~tiles.valid[0]).tolist() == [[0, 1]]


def test_a_number_that_must_be_nodata_is_asked_for(root: Path) -> None:
    sar = sar_of(1)
    sar[0, 0, :4] = -9999
    with_pixels(root, "sar", 1, sar)
    refused(root, "1 of 5 tiles cannot be used: a2", "data.sar_nodata=-9999")
    assert not load_tiles(asked(root, sar_nodata=-9999)).valid[1, 0, :4].any()


def test_an_all_invalid_tile_is_legal_and_counted(
    root: Path, said: list[logging.LogRecord]
) -> None:
    with_pixels(root, "sar", 2, np.full((2, SIDE, SIDE), np.nan, np.float32))
    tiles = load_tiles(asked(root))
    assert not tiles.valid[2].any()
    assert (tiles.masks[2] == IGNORED).all()
    assert tiles.notes["tiles_without_data"] == 1
    assert tiles.notes["valid_share"] == pytest.approx(0.8)
    assert any("1 tile without data" in one.getMessage() for one in said)


# -- the unit of SAR images ----------------------------------------------------------------------


def test_linear_intensities_are_refused_and_converted_when_said(root: Path) -> None:
    for number in range(5):
        with_pixels(root, "sar", number, 10 ** (sar_of(number) / 10))
    refused(root, "5 of 5 tiles hold linear intensities where decibels", "a1, a2, b1, b2 and 1")
    tiles = load_tiles(asked(root, sar_unit="linear"))
    np.testing.assert_allclose(tiles.sar[3], sar_of(3), atol=1e-4)
    other = load_tiles(asked(root, sar_unit="other"))
    assert other.sar[3].max() < 1.5
    assert other.notes["sar_unit"] == "other"


def test_a_set_of_two_units_is_refused(root: Path) -> None:
    with_pixels(root, "sar", 3, 10 ** (sar_of(3) / 10))
    for unit in ("db", "linear"):
        refused(root, "two units: 4 of 5", "1 hold linear intensities (b2:", sar_unit=unit)
