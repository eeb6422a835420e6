"""The two instruments: a Sentinel-2-like sensor in orbit and a colour camera on a survey flight."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ackd.data.synthetic.canvas import Light
from ackd.data.synthetic.spectra import BANDS, RESOLUTION, WAVELENGTH, Array

__all__ = ["CAMERA_BANDS", "MS_GSD", "RGB_GSD", "fine_side", "observe", "photograph"]

MS_GSD = 10.0
"""Size of a pixel of the multispectral images in metres."""
RGB_GSD = 5.0
"""Size of a pixel of the photographs in metres."""

_RAYLEIGH = 0.00864 * WAVELENGTH**-4.05
# Water vapour takes about half of B09, and almost all of B10, the cirrus band.
_VAPOUR = np.array([0.45 if band == "B09" else 0.004 if band == "B10" else 1.0 for band in BANDS])
CAMERA_BANDS = 5
"""How many bands, from B01 on, the camera's film sees."""
# Rows R, G, B over the bands B01 .. B05: the dyes of a camera overlap, narrow bands do not.
_CAMERA = np.array(
    [
        [0.00, 0.00, 0.14, 0.82, 0.04],
        [0.00, 0.14, 0.74, 0.12, 0.00],
        [0.22, 0.68, 0.10, 0.00, 0.00],
    ],
    dtype=np.float32,
)


def fine_side(size: int) -> int:
    """Side of the ground grid for an image of ``size`` pixels.

    The ground is painted at half a pixel, on a grid that the 20 m and 60 m pixels divide.
    """
    return -(-2 * size // 12) * 12


def _atmosphere(ground: Array, light: Light, path: float) -> Array:
    """Turn surface into top-of-atmosphere reflectance: haze is added, contrast is lost."""
    mu = math.sin(light.elevation)
    aerosol = light.aerosol * (WAVELENGTH / 0.55) ** -1.3
    haze = path * (0.30 * _RAYLEIGH + 0.09 * aerosol) / mu
    clear = np.exp(-path * (0.5 * _RAYLEIGH + 0.18 * aerosol) * (1.0 / mu + 1.0))
    seen = slice(len(ground))
    gain, offset = (clear * _VAPOUR)[seen], (haze * _VAPOUR)[seen]
    return np.asarray(gain[:, None, None] * ground + offset[:, None, None], dtype=np.float32)


def _average(image: Array, factor: int) -> Array:
    bands, rows, columns = image.shape
    blocks = image.reshape(bands, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float32))


def observe(rng: Generator, ground: Array, light: Light, size: int) -> NDArray[np.uint16]:
    """Image the ground from orbit, every band at its own resolution.

    Args:
        rng: Source of the sensor noise.
        ground: (13, m, m) surface reflectance on a 5 m grid, m = `fine_side(size)`.
        light: Light of the scene.
        size: Side of the image in pixels of 10 m.

    Returns:
        (13, size, size) top-of-atmosphere reflectance x 10000; bands of 20 m and 60 m are
        brought to the 10 m grid by bilinear interpolation.
    """
    signal = _atmosphere(ground, light, 1.0)
    image = np.empty((len(BANDS), size, size))
    for metres in sorted(set(RESOLUTION)):
        rows = [k for k, resolution in enumerate(RESOLUTION) if resolution == metres]
        native = _average(signal[rows], metres // 5)
        # Noise is that of the detector: it enters at the native pixel, before resampling.
        deviation = 0.0012 + 0.010 * native
        native += deviation * rng.standard_normal(native.shape)
        native *= np.exp(rng.normal(0.0, 0.015, size=(len(rows), 1, 1)))
        step = metres // 10
        if step > 1:
            zoom = (1, step, step)
            native = ndimage.zoom(native, zoom, order=1, mode="nearest", grid_mode=True)
        image[rows] = native[:, :size, :size]
    return np.rint(np.clip(image, 0.0, 2.0) * 10000.0).astype(np.uint16)


def photograph(rng: Generator, ground: Array, light: Light, size: int) -> NDArray[np.uint8]:
    """Photograph the ground from an aircraft and store the picture as JPEG does.

    Args:
        rng: Source of exposure, colour cast, noise and compression.
        ground: (5, m, m) surface reflectance in B01 .. B05 on a 2.5 m grid, m = `fine_side(size)`.
        light: Light of the scene.
        size: Side of the image in pixels of 5 m.

    Returns:
        (3, size, size) red, green, blue.
    """
    # Most of the air lies above the aircraft, most of the dust below it.
    signal = _atmosphere(_average(ground, 2)[:, :size, :size], light, 0.3)
    colour = np.einsum("cb,bhw->chw", _CAMERA, signal)
    # A low sun is warm, and the white balance of the flight does not take that back entirely.
    cast = np.array([1.03, 1.0, 0.95]) * np.exp(rng.normal(0.0, 0.05, size=3))
    exposure = np.exp(rng.normal(0.0, 0.18)) / 0.30
    colour *= (cast * exposure)[:, None, None]
    colour += (0.004 + 0.012 * np.sqrt(np.clip(colour, 0.0, None))) * rng.standard_normal(
        colour.shape
    )
    shown = np.clip(colour, 0.0, 1.0) ** (1.0 / rng.uniform(1.9, 2.3))
    pixels = np.rint(shown * 255.0).astype(np.uint8)
    buffer = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    picture.save(buffer, format="JPEG", quality=int(rng.integers(72, 95)))
    stored = np.asarray(Image.open(buffer), dtype=np.uint8)
    return np.ascontiguousarray(stored.transpose(2, 0, 1))
