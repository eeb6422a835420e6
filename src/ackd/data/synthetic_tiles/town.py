"""A town from its plan: water, streets and fields on the ground, buildings and trees above it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ackd.data.synthetic.patterns import crowns, curve, fractal
from ackd.data.synthetic_tiles.footprints import build, burn, roof_heights
from ackd.data.synthetic_tiles.ground import Array, Buildings, Ground, cover
from ackd.data.synthetic_tiles.streets import USES, Plan, lay_out

__all__ = ["make_town"]

_BANK: Final = 4.0
"""No building stands nearer to water than this, in metres."""

#: How much of a block is under trees, and how much of its ground is sealed.
_TREES: Final = {
    "detached": 0.11, "terraced": 0.08, "slabs": 0.13, "courtyard": 0.03, "halls": 0.02,
    "park": 0.45, "field": 0.006,
}  # fmt: skip
_SEALED: Final = {
    "detached": 0.06, "terraced": 0.12, "slabs": 0.18, "courtyard": 0.80, "halls": 0.80,
    "park": 0.03, "field": 0.0,
}  # fmt: skip


def make_town(rng: Generator, side: int, gsd: float) -> Ground:
    """Draw a town with what lies around it.

    Args:
        rng: Source of every draw.
        side: Of the square piece of ground in pixels.
        gsd: Side of a pixel in metres.
    """
    axis = ((np.arange(side) + 0.5) * gsd).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    plan = lay_out(rng, side * gsd)
    u, v = plan.locate(x, y)
    uses = plan.block_of(u, v)
    water = _water(rng, x - side * gsd / 2, y - side * gsd / 2, gsd)
    standing = build(rng, plan)
    wet = ndimage.distance_transform_edt(~water) * gsd < _BANK if water.any() else water
    drowned = set(np.unique(burn(standing, side, gsd)[wet]).tolist())
    standing = [one for number, one in enumerate(standing, start=1) if number not in drowned]
    building = burn(standing, side, gsd)
    lying = _cover(rng, plan, uses, u, v, gsd)
    lying[water] = cover("water")
    return Ground(
        gsd=gsd,
        cover=lying,
        building=building,
        roof=roof_heights(standing, building, gsd),
        canopy=_trees(rng, uses, lying, building, gsd),
        clutter=_clutter(rng, uses, lying, building, gsd),
        texture=_texture(rng, side, gsd),
        buildings=Buildings.draw(rng, np.array([one.ridge > 0 for one in standing], dtype=bool)),
    )


def _water(rng: Generator, x: Array, y: Array, gsd: float) -> NDArray[np.bool_]:
    """Nothing in most towns; else a river, or ponds and lakes."""
    kind = rng.random()
    if kind < 0.22:
        return curve(rng, x, y, rng.uniform(5.0, 40.0), 90.0) < rng.uniform(4.0, 22.0)
    if kind < 0.42:
        hollows = fractal(rng, len(x), 110.0 / gsd, 2.4)
        return np.asarray(hollows > rng.uniform(0.9, 1.9))
    return np.zeros(x.shape, dtype=bool)


def _cover(
    rng: Generator, plan: Plan, uses: NDArray[np.int64], u: Array, v: Array, gsd: float
) -> NDArray[np.uint8]:
    """What lies on the ground but for water: lawns, yards, fields and streets."""
    side = len(u)
    lawn = np.where(fractal(rng, side, 30.0 / gsd) > 0.9, cover("dry_grass"), cover("grass"))
    sealed = _share_of(_SEALED, uses) > _ranks(fractal(rng, side, 22.0 / gsd, 2.6))
    yard = cover("concrete") if rng.random() < 0.3 else cover("asphalt")
    found = np.where(sealed, yard, lawn)
    # Fields are strips of about the width of a block, each with a crop of its own.
    grown = [cover(name) for name in ("crop", "dry_soil", "moist_soil", "dry_grass", "grass")]
    kinds = rng.choice(grown, size=64, p=(0.34, 0.2, 0.16, 0.12, 0.18))
    width = rng.uniform(25.0, 70.0)
    strip = np.floor(u / width).astype(np.int64) + 7 * np.searchsorted(plan.along, v)
    field = uses == USES.index("field")
    found = np.where(field, kinds[strip % len(kinds)], found)
    street = cover("asphalt") if rng.random() < 0.8 else cover("concrete")
    return np.asarray(np.where(plan.street_at(u, v), street, found), dtype=np.uint8)


def _trees(
    rng: Generator,
    uses: NDArray[np.int64],
    lying: NDArray[np.uint8],
    building: NDArray[np.int32],
    gsd: float,
) -> Array:
    """Height of the trees in metres: woods, parks, gardens; none on roofs, streets or water."""
    side = len(uses)
    wooded = _share_of(_TREES, uses) > _ranks(fractal(rng, side, 14.0 / gsd, 2.0))
    woods = fractal(rng, side, 90.0 / gsd, 2.2) > rng.uniform(1.2, 3.0)
    wooded |= woods & (uses == USES.index("field"))
    height = crowns(rng, side, 6.0 / gsd) * rng.uniform(6.0, 13.0)
    height *= np.clip(1.0 + 0.25 * fractal(rng, side, 12.0 / gsd, 1.0), 0.3, 1.6)
    bare = (lying == cover("asphalt")) | (lying == cover("water")) | (building > 0)
    height[~wooded | bare | (height < 2.0)] = 0.0
    return np.asarray(height, dtype=np.float32)


def _clutter(
    rng: Generator,
    uses: NDArray[np.int64],
    lying: NDArray[np.uint8],
    building: NDArray[np.int32],
    gsd: float,
) -> Array:
    """Echoes of cars, fences, masts and chimneys: rare, and as bright as the corners of houses."""
    sealed = (lying == cover("asphalt")) | (lying == cover("concrete"))
    lived_in = (uses != USES.index("field")) & (uses != USES.index("park"))
    often = np.where(sealed & lived_in, 0.016, np.where(lived_in, 0.012, 0.0012))
    often = np.where(building > 0, 0.012, np.where(lying == cover("water"), 0.0, often))
    found = rng.random(uses.shape, dtype=np.float32) < often * gsd**2
    echoes = np.zeros(uses.shape, dtype=np.float32)
    # a few are far brighter than most
    echoes[found] = np.exp(rng.normal(0.6, 1.3, int(found.sum())))
    return echoes


def _texture(rng: Generator, side: int, gsd: float) -> Array:
    fine, coarse = fractal(rng, side, 3.0 / gsd, 0.8), fractal(rng, side, 25.0 / gsd, 1.6)
    return np.asarray(0.7 * fine + 0.7 * coarse, dtype=np.float32)


def _share_of(shares: dict[str, float], uses: NDArray[np.int64]) -> Array:
    return np.array([shares[name] for name in USES], dtype=np.float32)[uses]


def _ranks(field: Array) -> Array:
    """Turn a field with a normal distribution into one that is even in [0, 1]."""
    # the logistic curve is near enough to the normal distribution's
    return np.asarray(1.0 / (1.0 + np.exp(-1.702 * field)))
