"""Towns: buildings on dry ground, beside streets, of many heights."""

from __future__ import annotations

import numpy as np
import pytest

from ackd.data.synthetic_tiles.footprints import HIGHEST, Footprint, burn, roof_heights
from ackd.data.synthetic_tiles.ground import Ground, cover
from ackd.data.synthetic_tiles.optical import LOWEST_SUN, Sun, draw_sun, photograph, shaded
from ackd.data.synthetic_tiles.town import make_town


@pytest.fixture(scope="module")
def towns() -> list[Ground]:
    return [make_town(np.random.default_rng(seed), 220, 1.0) for seed in range(24)]


def test_no_building_and_no_tree_stands_on_water(towns: list[Ground]) -> None:
    assert sum(town.water.any() for town in towns) >= 4
    for town in towns:
        assert not ((town.building > 0) & town.water).any()
        assert not ((town.canopy > 0) & town.water).any()
        assert not ((town.canopy > 0) & (town.building > 0)).any()


def test_buildings_differ_in_height_and_are_never_too_high(towns: list[Ground]) -> None:
    heights = np.concatenate([town.roof[town.building > 0] for town in towns])
    assert heights.min() > 2.0
    assert heights.max() <= HIGHEST + 0.01
    low, high = np.quantile(heights, [0.1, 0.9])
    assert high > 2 * low
    for town in towns:
        assert ((town.roof > 0) == (town.building > 0)).all()
        assert town.building.max() < len(town.buildings.roof)


def test_streets_are_free(towns: list[Ground]) -> None:
    # yards may be of asphalt too, so that not all of it is street
    on = sum(((town.cover == cover("asphalt")) & (town.building > 0)).sum() for town in towns)
    streets = sum((town.cover == cover("asphalt")).sum() for town in towns)
    assert streets > 0.05 * sum(town.cover.size for town in towns)
    assert on < 0.2 * streets


def test_a_gable_roof_is_highest_along_its_ridge() -> None:
    corners = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 20.0], [10.0, 20.0]])
    house = Footprint(corners, eaves=5.0, ridge=3.0, axis=np.array([0.0, 1.0]), half=5.0)
    building = burn([house], 40, 1.0)
    height = roof_heights([house], building, 1.0)
    assert (building > 0).sum() == 200
    np.testing.assert_allclose(height[10:20, 15], 5.0 + 3.0 * np.array(
        [0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1]
    ), rtol=1e-6)  # fmt: skip
    assert (height[building == 0] == 0).all()


@pytest.mark.parametrize(
    ("azimuth", "where"), [(180.0, (-1, 0)), (90.0, (0, -1)), (135.0, (-1, -1))]
)
def test_shadows_fall_away_from_the_sun(azimuth: float, where: tuple[int, int]) -> None:
    height = np.zeros((80, 80), dtype=np.float32)
    height[38:42, 38:42] = 10.0
    taken = shaded(height, 1.0, Sun(45.0, azimuth))
    assert (taken[38:42, 38:42] == 0).all()
    rows, columns = np.nonzero(taken > 0.5)
    for middle, sign in zip((rows.mean() - 39.5, columns.mean() - 39.5), where, strict=True):
        assert np.sign(round(middle / 2)) == sign


def test_the_shadow_of_a_wall_is_h_over_the_tangent_of_the_elevation_long() -> None:
    height = np.zeros((80, 9), dtype=np.float32)
    height[50:] = 12.0
    taken = shaded(height, 1.0, Sun(40.0, 180.0))
    assert taken[:, 4].sum() == pytest.approx(12.0 / np.tan(np.radians(40.0)), abs=0.6)
    assert (taken[50:] == 0).all()


def test_the_sun_is_never_so_low_that_a_shadow_comes_from_beyond_the_margin() -> None:
    rng = np.random.default_rng(0)
    assert min(draw_sun(rng).elevation for _ in range(200)) >= LOWEST_SUN


def test_photographs_have_no_pixel_that_reads_as_no_data(towns: list[Ground]) -> None:
    image = photograph(np.random.default_rng(0), towns[0], Sun(40.0, 160.0))
    assert image.dtype == np.uint8
    assert image.shape == (3, 220, 220)
    assert image.min() >= 1


def test_turning_twice_gives_the_same_ground(towns: list[Ground]) -> None:
    again = towns[0].turned().turned()
    np.testing.assert_array_equal(again.cover, towns[0].cover)
    np.testing.assert_array_equal(towns[0].turned().roof, towns[0].roof[::-1, ::-1])
