"""What the eight kinds of land look like: one function a class paints it over a whole canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ackd.data.synthetic.canvas import Canvas
from ackd.data.synthetic.patterns import buildings, crowns, curve, parcels, patch, rotate, stripes
from ackd.data.synthetic.spectra import Array

__all__ = ["CLASSES", "LAYOUTS", "NEIGHBOURS"]


def _fields(canvas: Canvas, states: Array) -> None:
    """Paint parcels whose states are drawn with the odds (green, ripe, bare, ploughed)."""
    rng = canvas.rng
    width = rng.uniform(*canvas.region.parcel)
    plots = parcels(rng, canvas.x, canvas.y, width, width * rng.uniform(1.0, 2.2))
    table = np.empty((canvas.bands, plots.count), dtype=np.float32)
    lanes = np.zeros(plots.count, dtype=np.float32)
    for k, state in enumerate(rng.choice(4, size=plots.count, p=states)):
        if state == 0:
            table[:, k] = canvas.plants("crop", rng.uniform(0.65, 1.0), greener=0.25)
            lanes[k] = rng.uniform(0.1, 0.5)
        elif state == 1:
            table[:, k] = canvas.plants("crop", rng.uniform(0.6, 0.95), greener=-0.6)
            lanes[k] = rng.uniform(0.0, 0.3)
        elif state == 2:
            table[:, k] = canvas.plants("meadow", rng.uniform(0.0, 0.25))
        else:
            table[:, k] = canvas.soil(wetter=0.1)
            lanes[k] = rng.uniform(0.0, 0.35)
    canvas.paint(np.take(table, plots.index, axis=1))
    canvas.mottle(0.05, 40.0, 1.5)
    rows = stripes(plots.along, rng.uniform(12.0, 27.0), 1.8) * lanes[plots.index]
    canvas.paint(canvas.soil(), rows)
    furrows = np.sin(2 * np.pi * plots.along / rng.uniform(7.0, 12.0))
    canvas.ground *= 1.0 + 0.06 * furrows
    border = rng.uniform(1.0, 5.0)
    canvas.paint(canvas.plants("meadow", 0.9), np.clip(border - plots.edge, 0.0, 1.0))
    if rng.random() < 0.35:
        hedge = np.clip(1.0 - plots.edge / 6.0, 0.0, 1.0) * (canvas.noise(40.0) > 0.2)
        canvas.paint(canvas.material("broadleaf"), hedge)
        canvas.cast(hedge, 6.0)


def _road(canvas: Canvas, chance: float, width: tuple[float, float], name: str) -> None:
    """Lead a road with its verges through the scene, or leave it out."""
    rng = canvas.rng
    if rng.random() >= chance:
        return
    half = 0.5 * rng.uniform(*width)
    distance = curve(rng, canvas.x, canvas.y, rng.uniform(0.0, 25.0), 0.3 * canvas.n * canvas.gsd)
    verge = np.clip((half + 5.0 - distance) / canvas.gsd + 0.5, 0.0, 1.0)
    canvas.paint(canvas.plants("meadow", 0.85), 0.7 * verge)
    lane = np.clip((half - distance) / canvas.gsd + 0.5, 0.0, 1.0)
    canvas.paint(canvas.material(name), lane)


def cropland(canvas: Canvas) -> None:
    """Fields most of which carry a green crop, with lanes, borders, hedges and farm tracks."""
    _fields(canvas, np.array([0.66, 0.18, 0.08, 0.08]))
    _road(canvas, 0.35, (4.0, 9.0), "asphalt")


def bare_soil(canvas: Canvas) -> None:
    """Ploughed and fallow fields, dry or moist, a few of them sprouting."""
    _fields(canvas, np.array([0.08, 0.10, 0.32, 0.50]))
    _road(canvas, 0.35, (4.0, 9.0), "asphalt")


def grassland(canvas: Canvas) -> None:
    """Dry pasture: straw-coloured sward, greener hollows, shrubs, trodden paths and bare spots."""
    rng = canvas.rng
    canvas.paint(canvas.plants("meadow", rng.uniform(0.75, 1.0), greener=-0.55))
    hollows = patch(canvas.noise(90.0, 2.0), rng.uniform(0.05, 0.35), 0.8)
    canvas.paint(canvas.plants("meadow", 0.95, greener=0.1), hollows)
    canvas.paint(canvas.soil(-0.1), patch(canvas.noise(40.0), rng.uniform(0.0, 0.25), 0.6))
    canvas.mottle(0.10, 25.0)
    shrubs = crowns(rng, canvas.n, 6.0 / canvas.gsd + 1.0)
    shrubs *= patch(canvas.noise(50.0), rng.uniform(0.02, 0.18))
    canvas.paint(canvas.plants("broadleaf", 0.9), shrubs)
    canvas.cast(shrubs, 3.0)
    _road(canvas, 0.4, (2.0, 5.0), "dry_soil")


def forest(canvas: Canvas) -> None:
    """Closed canopy, mostly conifers in stands, with crowns, clearings and forest roads."""
    rng = canvas.rng
    floor = canvas.plants("meadow", 0.6)
    canvas.paint(floor)
    leafy = rng.beta(0.6, 1.4)
    stands = patch(canvas.noise(110.0, 2.2), leafy, 0.3)
    height = crowns(rng, canvas.n, rng.uniform(5.5, 9.0) / canvas.gsd)
    closed = np.clip(0.35 + height, 0.0, 1.0)
    canvas.paint(canvas.material("conifer"), closed)
    canvas.paint(canvas.plants("broadleaf", 1.0, greener=0.25), closed * stands)
    canvas.mottle(0.10, 15.0, 1.0)
    clearing = patch(canvas.noise(70.0, 2.2), rng.uniform(-0.1, 0.2), 0.15)
    canvas.paint(canvas.plants("meadow", 0.8), clearing)
    canvas.cast(height * (1.0 - clearing), 7.0, 0.7)
    _road(canvas, 0.35, (3.0, 6.0), "dry_soil")


def wetland(canvas: Canvas) -> None:
    """Bog and reed bed: wet peat, sedge in hummocks and strings, pools of brown water."""
    rng = canvas.rng
    canvas.paint(canvas.material("peat", 0.2))
    level = canvas.noise(rng.uniform(40.0, 120.0), 1.7)
    reed = patch(level, rng.uniform(0.35, 0.75), 0.9)
    canvas.paint(0.8 * canvas.material("reed") + 0.2 * canvas.plants("reed", 1.0, -0.3), reed)
    scrub = crowns(rng, canvas.n, 7.0 / canvas.gsd) * patch(level, rng.uniform(0.0, 0.2), 0.3)
    canvas.paint(canvas.material("conifer"), scrub)
    canvas.mottle(0.12, 20.0)
    pools = patch(-level + 0.3 * canvas.noise(20.0), rng.uniform(0.08, 0.4), 0.25)
    canvas.paint(canvas.material("humic_water", 0.25), pools)
    canvas.cast(scrub, 4.0)


def burnt(canvas: Canvas) -> None:
    """A recent fire scar: char of varying severity, streaks of ash, unburnt islands and snags."""
    rng = canvas.rng
    before = "conifer" if rng.random() < 0.6 else "meadow"
    canvas.paint(canvas.plants(before, 0.9, greener=-0.2))
    severity = patch(canvas.noise(120.0, 2.0), rng.uniform(0.6, 0.95), 1.2)
    canvas.paint(canvas.material("char", 0.22), 0.95 * severity)
    streaks = patch(canvas.noise(30.0, 1.4), rng.uniform(0.0, 0.2), 0.7)
    canvas.paint(canvas.material("ash"), 0.7 * streaks * severity)
    canvas.paint(canvas.soil(-0.2), 0.6 * patch(canvas.noise(50.0), rng.uniform(0.0, 0.3), 0.8))
    canvas.mottle(0.12, 12.0, 1.0)
    if before == "conifer":
        snags = crowns(rng, canvas.n, 9.0 / canvas.gsd)
        canvas.cast(0.6 * snags, 7.0, 0.5)
    _road(canvas, 0.3, (3.0, 6.0), "dry_soil")


def water(canvas: Canvas) -> None:
    """Open water: clear, brown or turbid, shallower to one side, with waves and weed."""
    rng = canvas.rng
    kind = rng.choice(["clear_water", "humic_water", "turbid_water"], p=[0.5, 0.2, 0.3])
    canvas.paint(canvas.material(str(kind), 0.2))
    u, _ = rotate(canvas.x, canvas.y, rng.uniform(0.0, 2 * np.pi))
    plume = np.clip(0.3 * u / u.std() + 0.3 * canvas.noise(120.0, 2.2), 0.0, 1.0)
    canvas.paint(canvas.material("turbid_water", 0.2), rng.uniform(0.0, 0.8) * plume)
    weed = patch(canvas.noise(60.0, 1.8), rng.uniform(-0.15, 0.15), 0.6)
    canvas.paint(canvas.material("reed"), 0.4 * weed)
    across, _ = rotate(canvas.x, canvas.y, rng.uniform(0.0, np.pi))
    phase = 2 * np.pi * across / rng.uniform(9.0, 24.0) + 1.5 * canvas.noise(60.0)
    glint = rng.uniform(0.0, 0.012) * np.exp(0.6 * np.sin(phase) + 0.3 * canvas.noise(10.0, 1.0))
    canvas.ground += glint


def built_up(canvas: Canvas) -> None:
    """A town: streets with houses and gardens, or yards with halls, turf and parked asphalt."""
    rng = canvas.rng
    homes = rng.random() < 0.6
    angle = rng.uniform(0.0, np.pi)
    u, v = rotate(canvas.x, canvas.y, angle)
    if homes:
        canvas.paint(canvas.plants("meadow", rng.uniform(0.5, 0.95)))
        trees = crowns(rng, canvas.n, 8.0 / canvas.gsd)
        trees *= patch(canvas.noise(30.0), rng.uniform(0.1, 0.4))
        canvas.paint(canvas.plants("broadleaf", 1.0), trees)
        canvas.paint(canvas.material("concrete"), 0.5 * patch(canvas.noise(20.0, 1.2), 0.25))
        pitch, size, tall = rng.uniform(17.0, 28.0), (8.0, 15.0), 7.0
        roofs = ["clay_tile", "clay_tile", "asphalt", "metal", "concrete"]
    else:
        trees = np.zeros_like(u)
        canvas.paint(canvas.material("asphalt" if rng.random() < 0.6 else "concrete"))
        canvas.paint(canvas.plants("meadow", 0.7), patch(canvas.noise(70.0), rng.uniform(0, 0.35)))
        pitch, size, tall = rng.uniform(50.0, 95.0), (25.0, 60.0), 10.0
        roofs = ["metal", "concrete", "green_paint", "asphalt", "plastic", "clay_tile"]
    canvas.mottle(0.08, 15.0, 1.0)
    block = pitch * (2.0 if homes else 1.0)
    lane = np.minimum(np.abs((u / block) % 1.0 - 0.5), np.abs((v / (2 * block)) % 1.0 - 0.5) * 2)
    street = np.clip((rng.uniform(3.0, 5.0) - lane * block) / canvas.gsd + 0.5, 0.0, 1.0)
    canvas.paint(canvas.material("asphalt"), street)
    kind = buildings(rng, u, v, pitch, size, len(roofs))
    table = np.stack([canvas.material(name, 0.2) for name in roofs], axis=1)
    roofed = (kind >= 0).astype(np.float32)
    canvas.paint(np.take(table, kind, axis=1, mode="clip"), roofed)
    canvas.cast(np.maximum(roofed, 0.6 * trees), tall)


LAYOUTS: Final[dict[str, Callable[[Canvas], None]]] = {
    "Cropland": cropland,
    "Forest": forest,
    "Water": water,
    "BuiltUp": built_up,
    "Grassland": grassland,
    "BareSoil": bare_soil,
    "Wetland": wetland,
    "BurntArea": burnt,
}
"""How each class is painted."""

CLASSES: Final[tuple[str, ...]] = tuple(LAYOUTS)
"""The classes, in the order of their labels."""

NEIGHBOURS: Final[dict[str, tuple[str, ...]]] = {
    "Cropland": ("BareSoil", "Grassland", "Forest", "BuiltUp"),
    "Forest": ("Grassland", "Cropland", "Water", "Wetland", "BurntArea"),
    "Water": ("Forest", "Grassland", "Wetland", "Cropland", "BuiltUp"),
    "BuiltUp": ("Cropland", "BareSoil", "Grassland", "Forest"),
    "Grassland": ("BareSoil", "Cropland", "Forest", "BurntArea"),
    "BareSoil": ("Cropland", "Grassland", "BuiltUp"),
    "Wetland": ("Water", "Forest", "Grassland"),
    "BurntArea": ("Forest", "Grassland", "BareSoil"),
}
"""Which land may reach into a scene of each class, as it lies side by side in nature."""
