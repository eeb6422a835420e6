"""The ground that a scene is painted on: spectra, light and the region they belong to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ackd.data.synthetic.patterns import fractal
from ackd.data.synthetic.spectra import SPECTRA, WAVELENGTH, Array

__all__ = ["MS_REGION", "RGB_REGION", "Canvas", "Light", "Region"]

_SKYLIGHT = np.clip(0.10 * (WAVELENGTH / 0.55) ** -1.6, 0.01, 0.35)
"""Share of the light that comes from the sky and so still reaches a shadow, a band."""


@dataclass(frozen=True)
class Region:
    """Where and when the scenes of one modality were taken; pairs are (low, high).

    Attributes:
        name: Word that goes into the scene ids.
        sun: Elevation of the sun in degrees.
        azimuth: Direction of the sun in degrees, clockwise from north.
        aerosol: Aerosol optical depth at 0.55 um.
        vigour: Share of the plants that is green rather than dry.
        moisture: Share of the open soil that is moist.
        parcel: Width of a field in metres.
        relief: Strength of slopes in the light, 0 is flat.
    """

    name: str
    sun: tuple[float, float]
    azimuth: tuple[float, float]
    aerosol: tuple[float, float]
    vigour: tuple[float, float]
    moisture: tuple[float, float]
    parcel: tuple[float, float]
    relief: float


MS_REGION = Region(
    name="lowland",
    sun=(38.0, 62.0),
    azimuth=(140.0, 170.0),
    aerosol=(0.03, 0.30),
    vigour=(0.45, 1.0),
    moisture=(0.1, 1.0),
    parcel=(70.0, 160.0),
    relief=0.04,
)
RGB_REGION = Region(
    name="upland",
    sun=(24.0, 45.0),
    azimuth=(160.0, 215.0),
    aerosol=(0.05, 0.20),
    vigour=(0.35, 1.0),
    moisture=(0.0, 0.7),
    parcel=(45.0, 100.0),
    relief=0.07,
)


@dataclass(frozen=True)
class Light:
    """How one scene is lit.

    Attributes:
        elevation: Elevation of the sun in radians.
        azimuth: Direction of the sun in radians, clockwise from north, which is up.
        aerosol: Aerosol optical depth at 0.55 um.
    """

    elevation: float
    azimuth: float
    aerosol: float

    @classmethod
    def draw(cls, rng: Generator, region: Region) -> Light:
        """Draw the light of one scene within the limits of its region."""
        return cls(
            elevation=float(np.radians(rng.uniform(*region.sun))),
            azimuth=float(np.radians(rng.uniform(*region.azimuth))),
            aerosol=float(rng.uniform(*region.aerosol)),
        )


class Canvas:
    """A square piece of ground whose reflectance is painted layer over layer.

    Attributes:
        ground: (bands, n, n) reflectance, light and shadow of the surface included.
        bands: How many of the bands are painted, from B01 on; a camera needs no infrared.
        n: Side in pixels.
        gsd: Size of a pixel in metres.
        x: (n, n) easting in metres, 0 at the centre.
        y: (n, n) way south in metres, 0 at the centre.
        rng: Source of every draw.
        region: Where the scene lies.
        light: How it is lit.
        vigour: Share of green in this scene's plants, in [0, 1].
        moisture: Share of moist soil in this scene, in [0, 1].
    """

    def __init__(
        self, rng: Generator, n: int, gsd: float, region: Region, light: Light, bands: int
    ) -> None:
        self.rng, self.n, self.gsd, self.region, self.light = rng, n, gsd, region, light
        axis = ((np.arange(n) - 0.5 * (n - 1)) * gsd).astype(np.float32)
        self.x, self.y = np.meshgrid(axis, axis)
        self.bands = bands
        self.ground = np.zeros((bands, n, n), dtype=np.float32)
        self.vigour = float(rng.uniform(*region.vigour))
        self.moisture = float(rng.uniform(*region.moisture))

    def material(self, name: str, spread: float = 0.14) -> Array:
        """Draw one specimen of a material: no two fields or roofs are the same.

        Args:
            name: Row of the spectral table.
            spread: Standard deviation of the brightness, relative.

        Returns:
            (bands,) reflectance.
        """
        bright = math.exp(self.rng.normal(0.0, spread))
        tilt = (WAVELENGTH[: self.bands] / 0.9) ** self.rng.normal(0.0, 0.08)
        return np.asarray(SPECTRA[name][: self.bands] * bright * tilt)

    def soil(self, wetter: float = 0.0) -> Array:
        """Draw a soil between dry and moist; ``wetter`` shifts it, in [-1, 1]."""
        wet = float(np.clip(self.moisture + wetter + self.rng.normal(0.0, 0.2), 0.0, 1.0))
        return (1.0 - wet) * self.material("dry_soil") + wet * self.material("moist_soil")

    def plants(self, name: str, cover: float, greener: float = 0.0) -> Array:
        """Draw a plant cover over soil: green parts, dry parts and the soil between.

        Args:
            name: Row of the spectral table for the green parts.
            cover: Share of the ground that is covered, in [0, 1].
            greener: Shift of the region's vigour, in [-1, 1].
        """
        green = float(np.clip(self.vigour + greener + self.rng.normal(0.0, 0.12), 0.0, 1.0))
        plant = green * self.material(name) + (1.0 - green) * self.material("dry_grass")
        return cover * plant + (1.0 - cover) * self.soil()

    def paint(self, spectrum: Array, alpha: NDArray[np.floating[Any]] | float = 1.0) -> None:
        """Lay a material over the ground, mixed linearly with what is there.

        Args:
            spectrum: (bands,) reflectance, or (bands, n, n) where it differs from place to place.
            alpha: Cover in [0, 1], one number or an (n, n) map.
        """
        layer = spectrum[:, None, None] if spectrum.ndim == 1 else spectrum
        self.ground += (layer - self.ground) * alpha

    def mottle(self, amount: float, scale: float, beta: float = 1.3) -> None:
        """Vary the brightness of the ground by fractal noise with features of ``scale`` metres."""
        self.ground *= np.exp(amount * self.noise(scale, beta))

    def noise(self, scale: float, beta: float = 2.0) -> Array:
        """Draw fractal noise with features of ``scale`` metres; mean 0, deviation 1."""
        return fractal(self.rng, self.n, max(scale / self.gsd, 1.0), beta)

    def cast(self, height: Array, metres: float, depth: float = 0.8) -> None:
        """Darken what lies in the shadow of ``height``, (n, n) in [0, 1], which stays lit itself.

        Args:
            height: Relative height of what throws the shadow.
            metres: Height in metres where ``height`` is 1.
            depth: How much of the direct light is taken, in [0, 1].
        """
        reach = metres / math.tan(self.light.elevation) / self.gsd
        dx, dy = -math.sin(self.light.azimuth), math.cos(self.light.azimuth)
        shadow = np.zeros_like(height)
        steps = max(1, math.ceil(reach))
        around = np.pad(height, steps, mode="edge")
        for step in range(1, steps + 1):
            far = reach * step / steps
            top, left = steps - round(far * dy), steps - round(far * dx)
            moved = around[top : top + self.n, left : left + self.n]
            np.maximum(shadow, moved - height - step / (steps + 1), out=shadow)
        self.shade(np.clip(2.0 * shadow, 0.0, 1.0) * depth)

    def shade(self, amount: Array) -> None:
        """Take direct light away, (n, n) in [0, 1]; skylight remains, and more so in the blue."""
        self.ground *= 1.0 - amount * (1.0 - _SKYLIGHT[: self.bands, None, None])
