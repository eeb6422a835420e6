"""Statistics of bands count valid training pixels and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ackd.data.benchmark import TEST, TRAIN
from ackd.data.tiles import MaskedNormaliser, labelled_rows
from ackd.data.tiles.statistics import band_statistics, moments_of
from ackd.errors import ConfigError, DataError
from tests.data.tiles.small import tile_set


def test_mean_and_deviation_are_those_of_valid_training_pixels() -> None:
    tiles = tile_set()
    rows = tiles.rows(TRAIN)
    valid = tiles.valid[rows]
    for side in ("optical", "sar"):
        pixels = getattr(tiles, side)[rows].astype(np.float64).transpose(1, 0, 2, 3)[:, valid]
        mean, deviation = band_statistics(tiles, side)
        np.testing.assert_allclose(mean, pixels.mean(axis=1), rtol=1e-13)
        np.testing.assert_allclose(deviation, pixels.std(axis=1), rtol=1e-13)


def test_what_other_tiles_and_invalid_pixels_hold_does_not_matter() -> None:
    tiles = tile_set()
    sar = tiles.sar.copy()
    sar[tiles.split == TEST] = 1e6
    sar.transpose(0, 2, 3, 1)[~tiles.valid] = -9999
    changed = band_statistics(replace(tiles, sar=sar), "sar")
    np.testing.assert_array_equal(changed, band_statistics(tiles, "sar"))


def test_known_moments_give_the_same_without_a_pixel() -> None:
    tiles = tile_set()
    known = moments_of(tiles.sar, tiles.valid)
    blank = replace(tiles, sar=np.zeros_like(tiles.sar), moments={"sar": known})
    np.testing.assert_array_equal(band_statistics(blank, "sar"), band_statistics(tiles, "sar"))
    rows = np.array([3, 4])
    again = band_statistics(blank, "sar", rows)
    np.testing.assert_array_equal(again, band_statistics(tiles, "sar", rows))


def test_large_numbers_with_a_small_spread_keep_their_deviation() -> None:
    draw = np.random.default_rng(0)
    sar = draw.normal(1e4, 0.5, (12, 3, 24, 20)).astype(np.float32)
    tiles = tile_set(sar=sar, valid=np.ones((12, 24, 20), bool))
    mean, deviation = band_statistics(tiles, "sar", np.arange(12))
    expected = sar.astype(np.float64)
    np.testing.assert_allclose(deviation, expected.std(axis=(0, 2, 3)), rtol=1e-10)
    np.testing.assert_allclose(mean, expected.mean(axis=(0, 2, 3)), rtol=1e-13)


def test_a_constant_band_is_named_and_gets_the_deviation_1() -> None:
    tiles = tile_set()
    sar = tiles.sar.copy()
    sar[:, 1] = np.float32(0.1)
    with pytest.warns(UserWarning, match="Constant over all valid sar training pixels: HV"):
        mean, deviation = band_statistics(replace(tiles, sar=sar), "sar")
    assert deviation[1] == 1.0
    assert mean[1] == pytest.approx(0.1)


def test_tiles_without_data_are_refused() -> None:
    tiles = tile_set(valid=np.zeros((12, 24, 20), bool))
    with pytest.raises(DataError, match="None of the 8 training tiles of small has a valid pixel"):
        band_statistics(tiles, "sar")


def test_normalised_images_have_mean_0_deviation_1_and_0_where_invalid() -> None:
    tiles = tile_set()
    rows = tiles.rows(TRAIN)
    valid = torch.from_numpy(tiles.valid[rows])
    normaliser = MaskedNormaliser.of_tiles(tiles, "sar")
    found = normaliser(torch.from_numpy(tiles.sar[rows]), valid)
    assert found.dtype == torch.float32
    inside = found.transpose(0, 1)[:, valid].double()
    np.testing.assert_allclose(inside.mean(dim=1), 0, atol=1e-5)
    np.testing.assert_allclose(inside.std(dim=1, correction=0), 1, atol=1e-5)
    assert (found.transpose(0, 1)[:, ~valid] == 0).all()
    nan = torch.full_like(torch.from_numpy(tiles.sar[rows]), float("nan"))
    assert (normaliser(nan, torch.zeros_like(valid)) == 0).all()


def test_labelled_rows_are_nested_and_the_same_for_a_seed() -> None:
    tiles = tile_set(count=120)
    training = tiles.rows(TRAIN)
    before: set[int] = set()
    for fraction in (0.01, 0.1, 0.25, 0.5, 1.0):
        rows = labelled_rows(tiles, fraction, seed=4)
        assert (np.diff(rows) > 0).all()
        assert len(rows) == max(8, round(fraction * len(training)))
        assert before <= set(rows.tolist()) <= set(training.tolist())
        assert (labelled_rows(tiles, fraction, seed=4) == rows).all()
        before = set(rows.tolist())
    assert (rows == training).all()
    assert set(labelled_rows(tiles, 0.1, seed=5)) != set(labelled_rows(tiles, 0.1, seed=4))
    assert len(labelled_rows(tile_set(count=4), 0.1, seed=0)) == 3  # all there are


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="is not a share of the training"):
        labelled_rows(tile_set(), fraction, seed=0)
