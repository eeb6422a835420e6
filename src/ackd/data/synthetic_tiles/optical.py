"""The optical sensor: looks straight down, sees colours, and shadows that the sun casts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ackd.data.synthetic.spectra import BANDS, SPECTRA
from ackd.data.synthetic_tiles.ground import COVERS, ROOFS, Array, Ground

__all__ = ["LOWEST_SUN", "Sun", "draw_sun", "photograph", "shaded"]

LOWEST_SUN: Final = 30.0
"""Elevation in degrees; a building of h metres has a shadow of at most h / tan(30°) metres."""

_CAMERA: Final = [BANDS.index(name) for name in ("B04", "B03", "B02")]
_SKYLIGHT: Final = np.array([0.20, 0.25, 0.33], dtype=np.float32)
"""Share of the light that comes from the sky and reaches shadows, in red, green and blue."""


def _reflectance(*names: str) -> Array:
    return np.array([SPECTRA[name][_CAMERA] for name in names], dtype=np.float32)


_ALIAS: Final = {"grass": "meadow", "water": "turbid_water"}
_COVER: Final = _reflectance(*(_ALIAS.get(name, name) for name in COVERS))
# Slate is darker and bluer than asphalt; flat roofs of concrete are covered with light gravel.
_SLATE, _GRAVEL = (0.085, 0.105, 0.135), 1.35
_ROOF: Final = np.array(
    [
        _SLATE
        if name == "slate"
        else _reflectance(name)[0] * (_GRAVEL if name == "concrete" else 1.0)
        for name in ROOFS
    ],
    dtype=np.float32,
)
_TREE: Final = _reflectance("broadleaf", "conifer")


@dataclass(frozen=True)
class Sun:
    """Where the sun stands.

    Attributes:
        elevation: Above the horizon in degrees.
        azimuth: Clockwise from north in degrees.
    """

    elevation: float
    azimuth: float


def draw_sun(rng: Generator) -> Sun:
    """Draw the sun of a morning north of the tropics: in the south-east to the south-west."""
    return Sun(float(rng.uniform(LOWEST_SUN, 60.0)), float(rng.uniform(130.0, 200.0)))


def shaded(height: Array, gsd: float, sun: Sun) -> Array:
    """Which pixels lie in the shadow of a higher surface.

    Args:
        height: (n, m) of the surface in metres; rows run from north to south.
        gsd: Side of a pixel in metres.
        sun: Where it stands.

    Returns:
        (n, m) float32 in [0, 1], how much of the direct light is taken. Over a plain, the shadow
        of a wall of h metres is h / tan(elevation) metres long.
    """
    rise = math.tan(math.radians(sun.elevation)) * gsd
    azimuth = math.radians(sun.azimuth)
    # one step towards the sun, in rows and columns
    down, right = -math.cos(azimuth), math.sin(azimuth)
    highest, lowest = float(height.max()), float(height.min())
    steps = math.ceil((highest - lowest) / rise)
    taken = np.zeros_like(height)
    around = np.pad(height, steps + 1, mode="edge")
    rows, columns = height.shape
    for step in range(1, steps + 1):
        top = steps + 1 + round(step * down)
        left = steps + 1 + round(step * right)
        higher = around[top : top + rows, left : left + columns]
        # the edge of a shadow is one pixel wide
        np.maximum(taken, (higher - height) / rise - step + 0.5, out=taken)
    return np.clip(taken, 0.0, 1.0)


def photograph(rng: Generator, ground: Ground, sun: Sun, margin: int = 0) -> NDArray[np.uint8]:
    """Photograph the ground from above.

    Args:
        rng: Source of the noise, the exposure and the haze.
        ground: (n, m), with what casts shadows from outside of the part that is wanted.
        sun: Where it stands.
        margin: How many pixels at each edge are not wanted.

    Returns:
        (3, n - 2 margin, m - 2 margin) red, green and blue; never 0, which is "no data".
    """
    light = 1.0 - shaded(ground.height, ground.gsd, sun)
    rows, columns = (slice(margin, side - margin) for side in ground.cover.shape)
    ground = ground.window(rows, columns)
    light = light[rows, columns] * _slopes(ground, sun)
    lit = _SKYLIGHT + (1.0 - _SKYLIGHT) * light[..., None]
    colour = _colours(rng, ground) * lit * np.exp(0.07 * ground.texture)[..., None]
    # optics and pixels of about the size of the grid
    colour = ndimage.gaussian_filter(colour, (0.45, 0.45, 0.0))
    haze = rng.uniform(0.0, 0.02) * np.array([0.8, 1.0, 1.35], dtype=np.float32)
    exposure = math.exp(rng.normal(0.0, 0.08)) / 0.42
    colour = (colour + haze) * exposure * np.exp(rng.normal(0.0, 0.03, 3)).astype(np.float32)
    colour += 0.006 * rng.standard_normal(colour.shape, dtype=np.float32)
    shown = np.clip(colour, 0.0, 1.0) ** (1.0 / 2.2) * 255.0
    return np.asarray(np.clip(np.rint(shown), 1, 255).astype(np.uint8).transpose(2, 0, 1))


def _colours(rng: Generator, ground: Ground) -> Array:
    """(n, m, 3) reflectance without light and shadow."""
    season = np.exp(
        rng.normal(0.0, 0.12, (len(COVERS), 1)) + rng.normal(0.0, 0.03, (len(COVERS), 3))
    )
    colour = (_COVER * season.astype(np.float32))[ground.cover]
    leaves = rng.uniform(0.2, 0.9)
    tree = leaves * _TREE[0] + (1.0 - leaves) * _TREE[1]
    # crowns are darker at their rims, which are seen through leaves of their own
    wooded = ground.canopy > 0
    crown = np.clip(0.55 + 0.06 * ground.canopy[wooded], 0.5, 1.3)
    colour[wooded] = tree * crown[:, None]
    built = ground.building > 0
    which = ground.building[built]
    colour[built] = _ROOF[ground.buildings.roof[which]] * ground.buildings.tone[which]
    return colour


def _slopes(ground: Ground, sun: Sun) -> Array:
    """Direct light on the sides of gable roofs, relative to level ground."""
    down, right = np.gradient(ground.roof, ground.gsd)
    azimuth, elevation = math.radians(sun.azimuth), math.radians(sun.elevation)
    # towards the sun, in rows and columns: a slope that falls that way faces it
    falls = down * math.cos(azimuth) - right * math.sin(azimuth)
    facing = (falls / math.tan(elevation) + 1.0) / np.sqrt(1.0 + down**2 + right**2)
    inner = ndimage.minimum_filter(ground.building, 3) == ndimage.maximum_filter(ground.building, 3)
    return np.where(inner & (ground.building > 0), np.clip(facing, 0.0, 1.8), 1.0).astype(
        np.float32
    )
