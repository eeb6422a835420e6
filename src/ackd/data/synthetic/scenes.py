"""One scene: its own land, a neighbour that reaches into it, shores, relief and light."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from ackd.data.synthetic.canvas import Canvas, Light, Region
from ackd.data.synthetic.layouts import LAYOUTS, NEIGHBOURS
from ackd.data.synthetic.patterns import patch, rotate
from ackd.data.synthetic.spectra import Array

__all__ = ["paint_scene"]

_STRAIGHT = {"Cropland", "BareSoil", "BuiltUp"}
"""Land that people have bounded with straight lines."""


def paint_scene(
    rng: Generator, name: str, n: int, gsd: float, region: Region, bands: int
) -> tuple[Array, Light]:
    """Paint one scene of a class; no scene is pure.

    Args:
        rng: Source of every draw.
        name: Class of the scene, one of `CLASSES`; it holds the larger part of the area.
        n: Side in pixels.
        gsd: Size of a pixel in metres.
        region: Where and when it lies.
        bands: How many of the thirteen bands to paint, from B01 on.

    Returns:
        (bands, n, n) surface reflectance with its shadows, and the light it was painted in.
    """
    light = Light.draw(rng, region)
    canvas = Canvas(rng, n, gsd, region, light, bands)
    LAYOUTS[name](canvas)
    share = 1.0 - 0.45 * float(rng.beta(1.1, 1.3))
    if share < 0.95:
        other = str(rng.choice(NEIGHBOURS[name]))
        beside = Canvas(rng, n, gsd, region, light, bands)
        LAYOUTS[other](beside)
        _join(canvas, beside, name, other, share)
    slope = region.relief / math.tan(light.elevation) * canvas.noise(150.0, 2.4)
    canvas.ground *= np.clip(1.0 + slope, 0.4, 1.6)
    return np.clip(canvas.ground, 0.0, 1.0), light


def _join(canvas: Canvas, beside: Canvas, name: str, other: str, share: float) -> None:
    """Let ``beside`` take what ``share`` leaves, behind a straight, winding or river-like edge."""
    rng = canvas.rng
    u, v = rotate(canvas.x, canvas.y, rng.uniform(0.0, 2 * np.pi))
    wild = canvas.noise(120.0, 2.8)
    if {name, other} <= _STRAIGHT or "BuiltUp" in (name, other):
        field = u / u.std()
    elif name == "Water" and rng.random() < 0.35:
        field = -np.abs(v / v.std() + 0.5 * np.sin(u / 70.0)) + 0.08 * wild
    else:
        field = rng.uniform(0.3, 1.2) * u / u.std() + wild
    own = patch(field, share, 0.1)
    canvas.paint(beside.ground, 1.0 - own)
    if "Water" in (name, other):
        bank = canvas.material("sand") if rng.random() < 0.4 else canvas.plants("reed", 0.9)
        canvas.paint(bank, 0.8 * np.clip(1.0 - np.abs(own - 0.5) * 2.0, 0.0, 1.0))
