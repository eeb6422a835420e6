"""The geometry and the statistics of the synthetic radar, against numbers from elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ackd.data.synthetic_tiles.ground import Buildings, Ground, cover
from ackd.data.synthetic_tiles.radar import (
    SAR_BANDS,
    add_speckle,
    backscatter,
    decibels,
    illuminate,
    receive,
)
from ackd.data.synthetic_tiles.town import make_town

GSD = 0.5
INCIDENCE = 35.0
# Of a wall of 3, 10 and 50 m at 35 degrees: layover and shadow in metres.
WALLS = {3.0: (4.285, 2.100), 10.0: (14.281, 7.002), 50.0: (71.407, 35.010)}


def plain(rows: int = 400, columns: int = 60, gsd: float = GSD, lying: str = "grass") -> Ground:
    """Level ground without anything on it."""
    one = np.ones(2, dtype=np.float32)
    return Ground(
        gsd=gsd,
        cover=np.full((rows, columns), cover(lying), dtype=np.uint8),
        building=np.zeros((rows, columns), dtype=np.int32),
        roof=np.zeros((rows, columns), dtype=np.float32),
        canopy=np.zeros((rows, columns), dtype=np.float32),
        clutter=np.zeros((rows, columns), dtype=np.float32),
        texture=np.zeros((rows, columns), dtype=np.float32),
        buildings=Buildings(
            np.zeros(2, dtype=np.int64), np.ones((2, 3), np.float32), one, one, one
        ),
    )


def with_house(height: float, first: int = 200, last: int = 260, **options: int) -> Ground:
    """A house across rows ``first`` to ``last - 1`` and columns 20 to 39."""
    ground = plain(**options)  # type: ignore[arg-type]
    ground.building[first:last, 20:40] = 1
    ground.roof[first:last, 20:40] = height
    return ground


@pytest.mark.parametrize(("height", "lengths"), WALLS.items())
def test_the_shadow_behind_a_wall_is_h_tan_theta_long(
    height: float, lengths: tuple[float, float]
) -> None:
    ground = with_house(height)
    seen = illuminate(ground.height, GSD, INCIDENCE)
    dark = (1.0 - seen.lit)[:, 30].sum() * GSD
    assert dark == pytest.approx(lengths[1], abs=1e-3)
    assert dark == pytest.approx(height * math.tan(math.radians(INCIDENCE)))
    # it begins right behind the house, on the side away from the radar
    np.testing.assert_allclose(seen.lit[:260, 30], 1.0)
    assert seen.lit[260, 30] < 1
    np.testing.assert_allclose(seen.lit[:, 10], 1.0)


@pytest.mark.parametrize(("height", "lengths"), WALLS.items())
def test_a_roof_is_laid_over_by_h_cot_theta(height: float, lengths: tuple[float, float]) -> None:
    flat = backscatter(plain(), INCIDENCE)
    ground = with_house(height, first=250, last=252)
    ground.building[:] = 0  # a hedge: no corner at its foot
    ground.canopy[:], ground.roof[:] = ground.roof, 0
    seen = illuminate(ground.height, GSD, INCIDENCE)
    image = backscatter(ground, INCIDENCE)[0, :, 30]
    rows = np.flatnonzero(np.abs(image - flat[0, :, 30]) > 1e-9)
    nearest = 250 * GSD - lengths[0]
    assert rows[0] * GSD == pytest.approx(nearest, abs=1.5 * GSD)  # shared by two pixels
    assert seen.wall[250, 30] == height


def test_a_point_on_a_roof_is_shifted_by_h_cot_theta() -> None:
    # a wide roof of two materials, from one of which nothing comes back
    ground = plain()
    ground.building[:], ground.roof[:] = 1, 10.0
    ground.building[300, 30] = 2
    look = Buildings(
        roof=np.zeros(3, dtype=np.int64),
        tone=np.ones((3, 3), np.float32),
        rough=np.array([1.0, 0.0, 1.0], np.float32),
        crossed=np.ones(3, np.float32),
        corner=np.ones(3, np.float32),
    )
    image = backscatter(replace(ground, buildings=look), INCIDENCE)[0]
    assert (image > 0).sum() == 2  # the two pixels that share the echo
    rows = (np.arange(400) + 0.5)[:, None]
    assert 300.5 * GSD - (image * rows).sum() / image.sum() * GSD == pytest.approx(14.281, abs=1e-3)


def test_layover_points_to_the_radar_and_the_shadow_away_from_it() -> None:
    flat, image = backscatter(plain(), INCIDENCE), backscatter(with_house(10.0), INCIDENCE)
    before, behind = slice(175, 198), slice(262, 272)
    assert (image[:, before, 30] > 1.5 * flat[:, before, 30]).all()
    assert (image[:, behind, 30] == 0).all()
    # nothing reaches farther than 28.56 pixels before the wall, or beside the house
    np.testing.assert_allclose(image[:, :170, 30], flat[:, :170, 30])
    np.testing.assert_allclose(image[..., 5], flat[..., 5])


def test_a_higher_house_has_a_longer_layover_and_shadow() -> None:
    flat = backscatter(plain(), INCIDENCE)[0, :, 30]
    laid, dark = [], []
    for height in (3.0, 6.0, 12.0, 24.0):
        image = backscatter(with_house(height), INCIDENCE)[0, :, 30]
        laid.append((np.abs(image[:200] - flat[:200]) > 1e-9).sum())
        dark.append((image[260:] == 0).sum())
    assert laid == sorted(set(laid))
    assert dark == sorted(set(dark))


def test_the_double_bounce_lies_at_the_foot_whatever_the_height() -> None:
    for height in (4.0, 10.0, 30.0):
        image = backscatter(with_house(height), INCIDENCE)
        assert image[0, :, 30].argmax() == 199  # the ground before the wall
        # far brighter in HH than in VV, and weak in cross-polarisation
        hh, cross, vv = image[:, 199, 30] - image[:, 195, 30]
        assert hh > vv > 5 * cross > 0


def test_without_ground_before_it_a_wall_has_no_double_bounce() -> None:
    # another house stands so near that its shadow hides the foot, though not all of the wall
    ground = with_house(10.0)
    ground.building[150:194, 20:40] = 1
    ground.roof[150:194, 20:40] = 10.0
    ground.building[200:260, 20:40] = 1
    assert 3.0 < illuminate(ground.height, GSD, INCIDENCE).wall[200, 30] < 7.0
    alone, hidden = backscatter(with_house(10.0), INCIDENCE), backscatter(ground, INCIDENCE)
    assert alone[0, 199, 30] > 5.0
    assert hidden[0, 199, 30] < 1.0


def test_a_wall_that_is_turned_away_has_a_weak_double_bounce() -> None:
    straight = with_house(10.0)
    turned = plain()
    for column in range(60):  # a wall at 45 degrees
        turned.building[150 + column : 260, column] = 1
        turned.roof[150 + column : 260, column] = 10.0
    brightest = [backscatter(one, INCIDENCE)[0, :, 25:35].max() for one in (straight, turned)]
    assert brightest[0] > 4 * brightest[1]


def test_a_turned_scene_from_the_other_side_is_the_same_image_turned() -> None:
    town = make_town(np.random.default_rng(5), 180, 1.0)
    north = backscatter(town, INCIDENCE)
    south = backscatter(town.turned(), INCIDENCE, "south")
    np.testing.assert_array_equal(south, north[:, ::-1, ::-1])
    # what is different is the speckle alone
    seen = decibels(add_speckle(np.random.default_rng(0), receive(north), 4))
    again = decibels(add_speckle(np.random.default_rng(1), receive(south), 4))[:, ::-1, ::-1]
    assert (seen != again).mean() > 0.99
    assert abs((seen - again).mean()) < 0.1
    assert (seen - again).std() == pytest.approx(math.sqrt(2) * 2.3137, rel=0.05)
    # the same scene from the other side is another image
    other = backscatter(town, INCIDENCE, "south")
    assert np.abs(np.log(other + 1e-3) - np.log(north + 1e-3)).mean() > 0.3


def test_from_the_south_layover_points_south_and_shadows_fall_north() -> None:
    flat, image = backscatter(plain(), INCIDENCE), backscatter(with_house(10.0), INCIDENCE, "south")
    assert (image[:, 262:285, 30] > 1.5 * flat[:, 262:285, 30]).all()
    assert (image[:, 188:198, 30] == 0).all()
    assert image[0, :, 30].argmax() == 260


def test_level_ground_sends_back_sigma_nought() -> None:
    level = backscatter(plain(), INCIDENCE)
    # half of the first row's echo is shared with nobody
    np.testing.assert_allclose(
        level[:, 1:-1], np.array([0.05, 0.01, 0.052])[:, None, None] + 0 * level[:, 1:-1]
    )


@pytest.mark.parametrize(
    ("looks", "mean", "deviation"),
    [
        (1, -2.5068, 5.5700),
        (2, -1.1742, 3.4877),
        (4, -0.5654, 2.3137),
        (8, -0.2771, 1.5847),
        (16, -0.1371, 1.1029),
    ],
)
def test_speckle_has_the_statistics_of_the_gamma_distribution(
    looks: int, mean: float, deviation: float
) -> None:
    intensity = receive(backscatter(plain(320, 320, lying="concrete"), INCIDENCE))
    seen = decibels(add_speckle(np.random.default_rng(looks), intensity, looks))
    without = decibels(intensity)
    inner = (slice(20, -20), slice(20, -20))
    for band, name in enumerate(SAR_BANDS):
        speckle = (seen[band] - without[band])[inner]
        tolerance = 6 * deviation / math.sqrt(speckle.size)
        assert speckle.mean() == pytest.approx(mean, abs=tolerance), name
        assert speckle.std() == pytest.approx(deviation, abs=1.5 * tolerance), name


def test_speckle_of_crosspolarised_channels_is_the_same_and_of_copolarised_ones_is_not() -> None:
    intensity = np.full((4, 300, 300), 0.5)
    seen = np.log(add_speckle(np.random.default_rng(0), intensity, 2)).reshape(4, -1)
    together = np.corrcoef(seen)
    assert together[1, 2] > 0.98  # HV, VH
    assert 0.1 < together[0, 3] < 0.5  # HH, VV
    assert abs(together[0, 1]) < 0.02


def test_decibels_stay_in_the_published_range_and_leave_0_for_no_data() -> None:
    seen = decibels(np.full((4, 2, 2), 0.0))
    assert seen.dtype == np.float32
    assert seen.min() == np.float32(0.1)
    assert decibels(np.full((4, 2, 2), 1e9)).max() == np.float32(92.9)
