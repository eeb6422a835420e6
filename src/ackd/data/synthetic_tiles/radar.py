"""The SAR sensor: looks sideways, sorts echoes by their distance, and sees in four polarisations.

Rows are ground range and columns are azimuth: the sensor flies far away to the north of the first
row, from west to east or back, and looks south and down at ``incidence`` degrees from the
vertical. A point at height h is as far away as the ground h cot(incidence) nearer to the sensor,
which is where it appears (layover); behind a wall of height h the ground is hidden for
h tan(incidence) metres (shadow). Where the ground before a wall and the wall are both seen, what
bounces off both of them has the distance of the wall's foot, whatever the height of the bounce:
a bright line (double bounce). Each pixel adds up all echoes of its distance.

For a radar in the south the ground is turned by 180 degrees, imaged and turned back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ackd.data.synthetic_tiles.ground import COVERS, ROOFS, Array, Ground

__all__ = ["SAR_BANDS", "Echoes", "add_speckle", "backscatter", "decibels", "illuminate", "receive"]

#: Where a radar is, as seen from the ground.
Side = Literal["north", "south"]

#: Polarisations sent and received, in the order of SpaceNet 6.
SAR_BANDS: Final = ("HH", "HV", "VH", "VV")

# Backscatter per area (sigma nought) of HH, HV = VH and VV, of the order that X band has.
_SIGMA: Final = {
    "grass":      (0.050, 0.0100, 0.052),
    "dry_grass":  (0.042, 0.0080, 0.045),
    "crop":       (0.085, 0.0200, 0.080),
    "dry_soil":   (0.045, 0.0040, 0.055),
    "moist_soil": (0.090, 0.0070, 0.105),
    "asphalt":    (0.009, 0.0008, 0.011),
    "concrete":   (0.028, 0.0030, 0.032),
    "water":      (0.0008, 0.0001, 0.0014),
    "tree":       (0.130, 0.0480, 0.125),
    "clay_tile":  (0.060, 0.0090, 0.058),
    "slate":      (0.030, 0.0040, 0.032),
    "metal":      (0.100, 0.0080, 0.090),
    "facade":     (0.300, 0.0330, 0.310),
}  # fmt: skip
_CORNER: Final = np.array([13.0, 0.45, 11.0])
"""The double bounce of a wall of 6 m along the flight, relative to one pixel of sigma nought 1."""
_CLUTTER: Final = np.array([1.0, 0.2, 0.9])
"""Of small things in each polarisation, as :attr:`Ground.clutter` counts them."""
_SMALLEST_WALL: Final = 1.5
"""Steps below this height in metres are no walls with a corner at their foot."""
_LOBE: Final = math.radians(12.0)
"""A wall that is turned away from the flight direction by this angle has lost most of its corner
reflection."""

_LOBE_WIDTH: Final = 0.55
"""Standard deviation of the impulse response in pixels."""
_SIDE_WIDTH, _SIDE_SHARE = 5.0, 0.08
"""The same of its side lobes, and their share of the power."""
_NOISE: Final = np.array([1.5e-3, 3.5e-4, 1.4e-3])
"""Noise equivalent sigma nought of co-, cross- and co-polarised channels."""
_COHERENCE: Final = 0.5
"""Of the echoes in HH and VV; those in HV and VH are one and the same (reciprocity)."""

# SpaceNet 6 publishes intensities in decibels that are not calibrated between polarisations.
_LEVEL: Final = np.array([44.1, 58.9, 56.6, 41.65])
_RANGE: Final = (0.1, 92.9)


def _table(*names: str) -> NDArray[np.float64]:
    return np.array([_SIGMA[name] for name in names])


_COVER: Final = _table(*COVERS)
_ROOF: Final = _table(*(name if name in _SIGMA else "concrete" for name in ROOFS))
_TREE, _FACADE = _table("tree")[0], _table("facade")[0]


@dataclass(frozen=True, eq=False)
class Echoes:
    """What of the ground a radar in the north can see; rows run away from it.

    Attributes:
        lit: (n, m) in [0, 1], the share of each pixel's surface that is not in the shadow of what
            stands nearer to the sensor.
        wall: (n, m) metres, how much of the wall at each pixel's near edge is seen, from its top
            downwards; 0 where there is no wall.
        top: (n, m) metres, the height of the top of that wall above the ground.
        foot: (n, m) bool, whether all of that wall is seen, down to its foot.
    """

    lit: NDArray[np.float64]
    wall: NDArray[np.float64]
    top: NDArray[np.float64]
    foot: NDArray[np.bool_]


def illuminate(height: Array, gsd: float, incidence: float) -> Echoes:
    """Follow the rays of a radar in the north over a surface of level pixels and upright walls.

    A ray falls by cot(incidence) metres a metre, so that height + range * cot(incidence) is the
    same all along it. A point is seen if no surface before it reaches a higher ray; along a level
    pixel rays go up, and the seen part is the far one.

    Args:
        height: (n, m) of the surface in metres.
        gsd: Side of a pixel in metres.
        incidence: Between the rays and the vertical in degrees, above 0 and below 90.
    """
    slope = 1.0 / math.tan(math.radians(incidence))
    near = np.arange(len(height), dtype=np.float64)[:, None] * gsd * slope
    level = height.astype(np.float64)
    ray = level + near + gsd * slope
    before = np.full_like(ray, -np.inf)
    np.maximum.accumulate(ray[:-1], axis=0, out=before[1:])
    lit = np.clip((ray - before) / (gsd * slope), 0.0, 1.0)
    foot = np.vstack([level[:1], level[:-1]])
    # where the last ray that passes touches the wall
    hidden = np.maximum(before - near, foot)
    wall = np.clip(level - hidden, 0.0, None)
    return Echoes(lit, wall, level, (hidden <= foot + 1e-9) & (wall > 0))


def backscatter(ground: Ground, incidence: float, side: Side = "north") -> NDArray[np.float64]:
    """The power that comes back to a radar, in ground range.

    Args:
        ground: (n, m), with what reaches into the part that is wanted by layover or shadow.
        incidence: Between the rays and the vertical in degrees.
        side: Where the radar is.

    Returns:
        (3, n, m) HH, HV = VH and VV, per pixel and relative to sigma nought 1, without noise and
        speckle; north is up. What is laid over beyond the edge of the ground is lost.
    """
    if side == "south":
        return backscatter(ground.turned(), incidence)[:, ::-1, ::-1]
    gsd, slope = ground.gsd, 1.0 / math.tan(math.radians(incidence))
    height = ground.height
    seen = illuminate(height, gsd, incidence)
    sigma = _sigma(ground)
    shape = height.shape
    image = _Sum(shape)

    rows = np.arange(shape[0])[:, None]
    middle = (rows + 1.0 - seen.lit / 2.0) * gsd - height * slope
    columns = np.broadcast_to(np.arange(shape[1]), shape)
    small = _CLUTTER[:, None, None] * ground.clutter / gsd**2
    image.add(middle / gsd, columns, seen.lit * (sigma + small))

    # A step within one building is a slope of its roof, whose pixels are laid over each by itself.
    other = np.ones(shape, dtype=bool)
    other[1:] = (ground.building[1:] != ground.building[:-1]) | (ground.building[1:] == 0)
    row, column = np.nonzero((seen.wall > 0) & other)
    visible, top = seen.wall[row, column], seen.top[row, column]
    which = ground.building[row, column]
    facade = np.where(which > 0, _FACADE[:, None] * _material(ground, which), _TREE[:, None])

    # facades, sampled so finely that they leave no gap in range
    pieces = np.maximum(np.ceil(visible * slope / (0.5 * gsd)).astype(np.int64), 1)
    of = np.repeat(np.arange(len(row)), pieces)
    place = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    size = (visible / pieces)[of]
    at = top[of] - (place + 0.5) * size
    image.add(row[of] - at * slope / gsd, column[of], facade[:, of] * size / gsd)

    # double bounce, at the foot of each wall of a building
    corner = seen.foot[row, column] & (which > 0) & (visible > _SMALLEST_WALL)
    row, column, which, visible = row[corner], column[corner], which[corner], visible[corner]
    strength = ground.buildings.corner[which] * np.minimum(visible / 6.0, 2.5)
    strength *= _aspect(ground)[row, column] / gsd
    # of the two pixels that share the foot, the one on the ground
    image.add(row - 0.5, column, _CORNER[:, None] * strength)
    return image.power


def receive(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blur by the impulse response with its side lobes and add the receiver's noise.

    Args:
        power: (3, n, m) of :func:`backscatter`.

    Returns:
        (4, n, m) expected intensities in the order of :data:`SAR_BANDS`.
    """
    main = ndimage.gaussian_filter(power, (0.0, _LOBE_WIDTH, _LOBE_WIDTH))
    # side lobes lie along range and along azimuth
    beside = ndimage.gaussian_filter1d(main, _SIDE_WIDTH, axis=1, truncate=3.0)
    beside += ndimage.gaussian_filter1d(main, _SIDE_WIDTH, axis=2, truncate=3.0)
    blurred = (1.0 - _SIDE_SHARE) * main + _SIDE_SHARE / 2 * beside
    return np.asarray((blurred + _NOISE[:, None, None])[[0, 1, 1, 2]])


def add_speckle(rng: Generator, intensity: NDArray[np.float64], looks: int) -> NDArray[np.float64]:
    """Multiply expected intensities by fully developed speckle.

    The field of each look is a circular complex normal variable; the mean of L intensities follows
    a gamma distribution of shape L and mean 1 (Lee and Pottier, Polarimetric Radar Imaging, ch. 4).
    In decibels it has the mean 10 / ln 10 (psi(L) - ln L) and the standard deviation
    10 / ln 10 sqrt(psi'(L)).

    Args:
        rng: Source of the speckle.
        intensity: (4, n, m) in the order of :data:`SAR_BANDS`.
        looks: L, how many independent looks are averaged, >= 1.

    Returns:
        (4, n, m) intensities. HH and VV are correlated, HV and VH are the same but for what of
        them is the receiver's noise.
    """
    shape = intensity.shape[1:]
    # The share of the receiver's noise in each channel is independent of all others.
    noise = np.clip(_NOISE[[0, 1, 1, 2], None, None] / intensity, 0.0, 1.0)
    together = np.zeros_like(intensity)
    for _ in range(looks):
        for _ in range(2):  # real and imaginary part
            scattered = rng.standard_normal((3, *shape), dtype=np.float32)
            own = rng.standard_normal((4, *shape), dtype=np.float32)
            scattered[2] *= math.sqrt(1.0 - _COHERENCE**2)
            scattered[2] += _COHERENCE * scattered[0]
            field = np.sqrt(1.0 - noise) * scattered[[0, 1, 1, 2]] + np.sqrt(noise) * own
            together += field**2
    return np.asarray(intensity * together / (2 * looks))


def decibels(intensity: NDArray[np.float64]) -> Array:
    """Turn (4, n, m) intensities into decibels at the levels of the published tiles.

    The levels and limits are those of SpaceNet 6, whose polarisations are not calibrated against
    each other; 0 is left for "no data".
    """
    level = 10.0 * np.log10(np.maximum(intensity, 1e-12)) + _LEVEL[:, None, None]
    return np.asarray(np.clip(level, *_RANGE), dtype=np.float32)


def _sigma(ground: Ground) -> NDArray[np.float64]:
    """(3, n, m) backscatter of each pixel's surface per area."""
    sigma = _COVER[ground.cover]
    wooded, built = ground.canopy > 0, ground.building > 0
    sigma[wooded] = _TREE
    which = ground.building[built]
    sigma[built] = _ROOF[ground.buildings.roof[which]] * _material(ground, which).T
    sigma *= 10.0 ** (0.09 * ground.texture)[..., None]
    return np.ascontiguousarray(np.moveaxis(sigma, -1, 0))


def _material(ground: Ground, which: NDArray[np.int32]) -> NDArray[np.float64]:
    """(3, k) factors on the backscatter of k parts of buildings."""
    rough = ground.buildings.rough[which].astype(np.float64)
    return np.stack([rough, rough * ground.buildings.crossed[which], rough])


def _aspect(ground: Ground) -> NDArray[np.float64]:
    """(n, m) how well a wall at each pixel faces the sensor: 1 straight on, near 0 if turned."""
    built = ndimage.gaussian_filter((ground.building > 0).astype(np.float64), 1.5)
    down, right = np.gradient(built)
    angle = np.arctan2(np.abs(right), np.abs(down) + 1e-12)
    return np.asarray(0.06 + 0.94 * np.exp(-((angle / _LOBE) ** 2)))


class _Sum:
    """An image that echoes are added to."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.power = np.zeros((3, *shape))

    def add(
        self,
        row: NDArray[np.floating[Any]],
        column: NDArray[np.int64],
        power: NDArray[np.float64],
    ) -> None:
        """Add echoes at rows between the pixels, whose centres are at 0.5, 1.5, ...

        Each one is shared by the two nearest pixels, so that the centre of its power stays where
        it is; what falls outside of the image is lost.

        Args:
            row: (...) place in range, in pixels from the first row's near edge.
            column: (...) column.
            power: (3, ...) of each echo.
        """
        rows, columns = self.power.shape[1:]
        where = np.ravel(row) - 0.5
        low = np.floor(where).astype(np.int64)
        share = where - low
        for index, part in ((low, 1.0 - share), (low + 1, share)):
            inside = (index >= 0) & (index < rows) & (part > 0)
            flat = index[inside] * columns + np.ravel(column)[inside]
            weight = part[inside]
            for channel, total in zip(power, self.power, strict=True):
                total += np.bincount(
                    flat, np.ravel(channel)[inside] * weight, rows * columns
                ).reshape(rows, columns)
