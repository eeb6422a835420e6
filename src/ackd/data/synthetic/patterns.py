"""Spatial patterns of land: fractal patches, parcels, crowns, roads, buildings.

Every function takes a random generator and returns maps of shape (n, n). Lengths are in the unit
of the coordinates handed in (metres) unless a name ends in ``_px``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ackd.data.synthetic.spectra import Array

__all__ = [
    "Parcels",
    "buildings",
    "crowns",
    "curve",
    "fractal",
    "parcels",
    "patch",
    "rotate",
    "stripes",
]

Indices = NDArray[np.intp]


@lru_cache(maxsize=64)
def _filter(n: int, beta: float, scale_px: float) -> Array:
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    amplitude = (frequency**2 + scale_px**-2) ** (-beta / 2)
    amplitude[0, 0] = 0.0
    return np.asarray(amplitude, dtype=np.float32)


def fractal(rng: Generator, n: int, scale_px: float, beta: float = 2.0) -> Array:
    """Draw fractal noise: power falls with frequency beyond the largest feature.

    Args:
        rng: Source of randomness.
        n: Side of the map in pixels.
        scale_px: Size of the largest features in pixels, > 0.
        beta: Slope of the amplitude spectrum; 1 is rough, 2.5 is smooth.

    Returns:
        (n, n) map with mean 0 and standard deviation 1.
    """
    # The Fourier filter makes noise that repeats at the borders; the surplus is cut off so that
    # the left edge of a scene does not continue its right edge.
    wide = n + n // 4
    white = rng.standard_normal((wide, wide), dtype=np.float32)
    noise = np.fft.irfft2(np.fft.rfft2(white) * _filter(wide, beta, scale_px), s=(wide, wide))
    noise = noise[:n, :n] - noise[:n, :n].mean()
    return np.asarray(noise / (noise.std() + 1e-6))


def patch(field: Array, share: float, softness: float = 0.2) -> Array:
    """Cut a map so that about ``share`` of the area is 1 and the rest 0, with soft borders.

    Args:
        field: Map with standard deviation near 1; its high places are taken first.
        share: Share of the area to take, in [0, 1].
        softness: Width of the border in units of ``field``, > 0.
    """
    if share <= 0.0:
        return np.zeros_like(field)
    rank = round((1.0 - min(share, 1.0)) * (field.size - 1))
    level = np.partition(field, rank, axis=None)[rank]
    return np.asarray(np.clip((field - level) / softness + 0.5, 0.0, 1.0))


def rotate(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    """Turn coordinates by ``angle`` radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


def stripes(across: Array, spacing: float, width: float) -> Array:
    """Draw parallel soft lines: 1 on a line, 0 between, as tramlines and vine rows have."""
    off = np.abs((across / spacing) % 1.0 - 0.5) * spacing
    return np.asarray(np.clip((width - off) / width + 0.5, 0.0, 1.0))


def curve(rng: Generator, x: Array, y: Array, bend: float, reach: float) -> Array:
    """Return the distance to a gently bent line that crosses the scene.

    Args:
        rng: Source of randomness.
        x: (n, n) easting in metres, 0 at the centre.
        y: (n, n) way south in metres, 0 at the centre.
        bend: How far the line swings to either side, in metres.
        reach: The line passes the centre at most this far away, in metres.
    """
    u, v = rotate(x, y, rng.uniform(0.0, np.pi))
    swing = bend * np.sin(u / rng.uniform(60.0, 160.0) + rng.uniform(0.0, 2 * np.pi))
    return np.asarray(np.abs(v - rng.uniform(-reach, reach) - swing))


@dataclass(frozen=True, eq=False)
class Parcels:
    """A division of the scene into fields.

    Attributes:
        index: (n, n) number of the field, 0 .. count - 1.
        count: How many fields there are.
        edge: (n, n) distance to the nearest field border in metres.
        along: (n, n) coordinate across the working direction of each field in metres.
    """

    index: Indices
    count: int
    edge: Array
    along: Array


def parcels(rng: Generator, x: Array, y: Array, width: float, length: float) -> Parcels:
    """Divide the scene into strips and each strip into fields, as land consolidation leaves them.

    Args:
        rng: Source of randomness.
        x: (n, n) easting in metres.
        y: (n, n) way south in metres.
        width: Typical width of a strip in metres.
        length: Typical length of a field within its strip in metres.
    """
    u, v = rotate(x, y, rng.uniform(0.0, np.pi))
    start = float(u.min()) - width * rng.uniform(0.1, 1.0)
    steps = width * rng.uniform(0.6, 1.5, size=int((u.max() - start) / (0.6 * width)) + 2)
    bounds = start + np.concatenate([[0.0], np.cumsum(steps)])
    strip = np.clip(np.searchsorted(bounds, u, side="right") - 1, 0, len(bounds) - 2)
    sizes = length * rng.uniform(0.6, 1.6, size=len(bounds))
    shifts = rng.uniform(0.0, length, size=len(bounds))
    place = (v - v.min() + shifts[strip]) / sizes[strip]
    field = np.floor(place).astype(np.intp)
    inside = (place - field) * sizes[strip]
    edge = np.minimum.reduce(
        [u - bounds[strip], bounds[strip + 1] - u, inside, sizes[strip] - inside]
    )
    keys = strip * (int(field.max()) + 1) + field
    found, index = np.unique(keys.ravel(), return_inverse=True)
    index = index.reshape(u.shape)
    turned = rng.random(len(found)) < 0.3
    return Parcels(index, len(found), np.asarray(edge), np.where(turned[index], v, u))


def crowns(rng: Generator, n: int, spacing_px: float) -> Array:
    """Draw a canopy: the height of tree crowns in [0, 1], zero between them.

    Args:
        rng: Source of randomness.
        n: Side of the map in pixels.
        spacing_px: Mean distance between stems in pixels; below about 1.5 the crowns merge into
            a rough surface, as they do for a coarse sensor.
    """
    side = max(2, round(n / max(spacing_px, 1.0)))
    base = (np.arange(side) + 0.5) * (n / side)
    jitter = rng.uniform(-0.8, 0.8, size=(2, side, side)) * (n / side)
    rows = np.clip(base[:, None] + jitter[0], 0, n - 1).astype(np.intp)
    columns = np.clip(base[None, :] + jitter[1], 0, n - 1).astype(np.intp)
    standing = rng.random((side, side)) < 0.92
    stems = np.ones((n, n), dtype=bool)
    stems[rows[standing], columns[standing]] = False
    distance = ndimage.distance_transform_edt(stems).astype(np.float32)
    height = 1.0 - (distance / (0.8 * max(spacing_px, 1.0))) ** 2
    return np.asarray(np.clip(height, 0.0, 1.0))


def buildings(
    rng: Generator, u: Array, v: Array, pitch: float, size: tuple[float, float], kinds: int
) -> Indices:
    """Place one upright rectangle or none in each cell of a grid of plots.

    Args:
        rng: Source of randomness.
        u: (n, n) coordinate along the street in metres.
        v: (n, n) coordinate across the street in metres.
        pitch: Size of a plot in metres.
        size: Smallest and largest side of a building in metres.
        kinds: How many kinds of roof there are.

    Returns:
        (n, n) kind of the roof, 0 .. kinds - 1, and -1 where there is none.
    """
    i = np.floor((u - u.min()) / pitch).astype(np.intp)
    j = np.floor((v - v.min()) / pitch).astype(np.intp)
    shape = (int(i.max()) + 1, int(j.max()) + 1)
    kind = rng.integers(0, kinds, size=shape)
    kind[rng.random(shape) < 0.15] = -1
    half = 0.5 * rng.uniform(*size, size=(2, *shape))
    room = np.maximum(0.5 * pitch - half, 0.0)
    shift = rng.uniform(-0.6, 0.6, size=(2, *shape)) * room
    du = (u - u.min()) - (i + 0.5) * pitch - shift[0][i, j]
    dv = (v - v.min()) - (j + 0.5) * pitch - shift[1][i, j]
    inside = (np.abs(du) < half[0][i, j]) & (np.abs(dv) < half[1][i, j])
    return np.where(inside, kind[i, j], -1)
