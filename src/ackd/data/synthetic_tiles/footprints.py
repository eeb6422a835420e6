"""Buildings: where they stand in the blocks of a town, their outlines and their heights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rasterio.features import rasterize

from ackd.data.synthetic_tiles.ground import Array
from ackd.data.synthetic_tiles.streets import Plan

__all__ = ["HIGHEST", "Footprint", "build", "burn", "roof_heights"]

STOREY: Final = 3.0
"""Height of a storey in metres."""
HIGHEST: Final = 36.0
"""No roof is higher than this, in metres: as far as it reaches, tiles need to know the ground
around them."""

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Footprint:
    """The outline of one building and its roof.

    Attributes:
        corners: (m, 2) float64, metres east and south of the town's north-western corner, in
            order.
        eaves: Height of the walls in metres.
        ridge: How much the ridge of a gable roof lies above the eaves in metres; 0 for a flat one.
        axis: (2,) float64, unit vector across the ridge.
        half: Half of the building's width across the ridge in metres.
    """

    corners: NDArray[np.float64]
    eaves: float
    ridge: float
    axis: NDArray[np.float64]
    half: float


@dataclass(frozen=True)
class _House:
    """A building in the coordinates of the plan; ``notch`` is cut from its far corner."""

    rectangle: Rectangle
    eaves: float
    ridge: float = 0.0
    notch: tuple[float, float] | None = None


def build(rng: Generator, plan: Plan) -> list[Footprint]:
    """Draw the buildings of a town, block by block.

    Args:
        rng: Source of every draw.
        plan: Of the town.
    """
    return [
        _footprint(plan, house)
        for use, rectangle in plan.blocks()
        if use in _BUILDERS
        for house in _BUILDERS[use](rng, rectangle)
    ]


def burn(footprints: Sequence[Footprint], side: int, gsd: float) -> NDArray[np.int32]:
    """Write the number of each footprint into the pixels whose centres it holds.

    Args:
        footprints: Numbered from 1; where two overlap the later one is on top.
        side: Of the square grid in pixels.
        gsd: Side of a pixel in metres.

    Returns:
        (side, side) int32, 0 where there is none.
    """
    if not footprints:
        return np.zeros((side, side), dtype=np.int32)
    shapes = []
    for number, one in enumerate(footprints, start=1):
        ring = [*one.corners, one.corners[0]]
        outline = [tuple((point / gsd).tolist()) for point in ring]
        shapes.append(({"type": "Polygon", "coordinates": [outline]}, number))
    # without a transform, coordinates are columns and rows
    return np.asarray(rasterize(shapes, (side, side), dtype="int32"))


def roof_heights(footprints: Sequence[Footprint], building: NDArray[np.int32], gsd: float) -> Array:
    """The height of the roof above the ground at each pixel in metres; 0 without a building."""
    found = np.zeros(building.shape, dtype=np.float32)
    rows, columns = np.nonzero(building)
    if not len(rows):
        return found
    which = building[rows, columns] - 1
    middles = np.array([one.corners.mean(axis=0) for one in footprints])
    axes = np.array([one.axis for one in footprints])
    eaves, ridges, halves = (
        np.array([getattr(one, name) for one in footprints]) for name in ("eaves", "ridge", "half")
    )
    points = np.stack([columns + 0.5, rows + 0.5], axis=1) * gsd
    off = np.abs(((points - middles[which]) * axes[which]).sum(axis=1)) / halves[which]
    found[rows, columns] = eaves[which] + ridges[which] * np.clip(1.0 - off, 0.0, 1.0)
    return found


def _footprint(plan: Plan, house: _House) -> Footprint:
    u0, v0, u1, v1 = house.rectangle
    corners = [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]
    if house.notch is not None:
        du, dv = house.notch
        corners[2:3] = [(u1, v1 - dv), (u1 - du, v1 - dv), (u1 - du, v1)]
    # the ridge runs along the longer side
    long_u = u1 - u0 >= v1 - v0
    across = (0.0, 1.0) if long_u else (1.0, 0.0)
    tip = plan.place(np.array([across, (0.0, 0.0)]))
    return Footprint(
        corners=plan.place(np.array(corners)),
        eaves=min(house.eaves, HIGHEST),
        ridge=house.ridge,
        axis=tip[0] - tip[1],
        half=((v1 - v0) if long_u else (u1 - u0)) / 2,
    )


def _detached(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """Houses in gardens, one a plot, in two rows along the block."""
    u0, v0, u1, v1 = block
    if v1 - v0 < 24:
        return
    for top in (True, False):
        setback = rng.uniform(3.0, 7.0)
        u = u0 + rng.uniform(1.0, 6.0)
        while u < u1 - 8:
            width, depth = rng.uniform(8.0, 13.0), rng.uniform(7.5, 11.0)
            gap = rng.uniform(5.0, 12.0)
            start = setback + rng.uniform(-1.0, 1.5)
            low = v0 + start if top else v1 - start - depth
            if u + width < u1 - 1 and rng.random() < 0.88:
                storeys = 1 + int(rng.random() < 0.4)
                yield _House(
                    (u, low, u + width, low + depth),
                    storeys * STOREY + rng.uniform(0.0, 0.8),
                    rng.uniform(1.8, 3.2),
                )
                if rng.random() < 0.35:  # a garage beside it
                    far = u + width + min(gap - 1.0, 5.0)
                    yield _House((u + width + 0.4, low, far, low + 6.0), 2.6)
            u += width + gap


def _terraced(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """Rows of houses, wall to wall, with gaps between the rows."""
    u0, v0, u1, v1 = block
    if v1 - v0 < 26:
        return
    for top in (True, False):
        setback, depth = rng.uniform(2.5, 5.0), rng.uniform(8.5, 11.0)
        low = v0 + setback if top else v1 - setback - depth
        u = u0 + rng.uniform(2.0, 8.0)
        while u < u1 - 16:
            width, eaves = rng.uniform(5.5, 7.5), 2 * STOREY + rng.uniform(0.0, 3.0)
            ridge = rng.uniform(1.8, 3.0)
            for _ in range(int(rng.integers(3, 9))):
                if u + width > u1 - 2:
                    break
                yield _House((u, low, u + width, low + depth), eaves, ridge)
                u += width
            u += rng.uniform(5.0, 14.0)


def _slabs(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """High blocks of flats with lawns between them."""
    u0, v0, u1, v1 = block
    depth = rng.uniform(10.5, 13.5)
    upright = rng.random() < 0.5
    place = (u0 if upright else v0) + rng.uniform(5.0, 12.0)
    end = u1 if upright else v1
    while place + depth < end - 4:
        low, high = (v0, v1) if upright else (u0, u1)
        start, length = low + rng.uniform(4.0, 10.0), rng.uniform(26.0, 62.0)
        stop = min(start + length, high - 4.0)
        if stop - start > 16:
            far = place + depth
            span = (place, start, far, stop) if upright else (start, place, stop, far)
            yield _House(span, STOREY * float(rng.integers(4, 13)))
        place += depth + rng.uniform(22.0, 42.0)


def _courtyard(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """Houses of a town's centre: wall to wall along all four streets, around a yard."""
    u0, v0, u1, v1 = block
    depth = rng.uniform(10.0, 13.0)
    if u1 - u0 < 3 * depth or v1 - v0 < 2.6 * depth:
        return
    base = float(rng.integers(3, 7))
    for low in (v0 + 1.0, v1 - 1.0 - depth):
        u = u0 + 1.0
        while u < u1 - 10:
            width = min(rng.uniform(12.0, 24.0), u1 - 1.0 - u)
            if rng.random() < 0.85:
                yield _House(
                    (u, low, u + width, low + depth), STOREY * (base + float(rng.integers(-1, 2)))
                )
            u += width
    for left in (u0 + 1.0, u1 - 1.0 - depth):
        if rng.random() < 0.75:
            yield _House((left, v0 + 1.0 + depth, left + depth, v1 - 1.0 - depth), STOREY * base)


def _halls(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """Wide and low halls in yards; some have an L-shaped outline."""
    u0, v0, u1, v1 = block
    u = u0 + rng.uniform(4.0, 14.0)
    while u < u1 - 20:
        width = min(rng.uniform(22.0, 60.0), u1 - 4.0 - u)
        depth = min(rng.uniform(18.0, 45.0), v1 - v0 - 8.0)
        if width > 15 and depth > 12 and rng.random() < 0.75:
            low = v0 + 4.0 + rng.random() * (v1 - v0 - 8.0 - depth)
            notch = (width * rng.uniform(0.3, 0.6), depth * rng.uniform(0.3, 0.6))
            yield _House(
                (u, low, u + width, low + depth),
                rng.uniform(5.0, 13.0),
                notch=notch if rng.random() < 0.35 else None,
            )
        u += width + rng.uniform(10.0, 35.0)


def _park(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """Nothing, or a pavilion."""
    u0, v0, u1, v1 = block
    if rng.random() < 0.25 and min(u1 - u0, v1 - v0) > 30:
        u, v = rng.uniform(u0 + 6, u1 - 20), rng.uniform(v0 + 6, v1 - 18)
        yield _House((u, v, u + rng.uniform(7, 13), v + rng.uniform(6, 11)), 3.5, 1.5)


def _field(rng: Generator, block: Rectangle) -> Iterator[_House]:
    """Nothing, or a farm: a house and a barn."""
    u0, v0, u1, v1 = block
    if rng.random() < 0.12 and u1 - u0 > 50 and v1 - v0 > 40:
        u, v = rng.uniform(u0 + 5, u1 - 45), rng.uniform(v0 + 5, v1 - 32)
        yield _House((u, v, u + 13, v + 9), 4.5, 2.5)
        yield _House((u + 18, v + 2, u + 18 + rng.uniform(18, 26), v + 14), 5.5, 3.0)


_BUILDERS: Final = MappingProxyType[str, Callable[[Generator, Rectangle], Iterator[_House]]](
    {
        "detached": _detached,
        "terraced": _terraced,
        "slabs": _slabs,
        "courtyard": _courtyard,
        "halls": _halls,
        "park": _park,
        "field": _field,
    }
)
