"""Folders of small pairs: GeoTIFFs of two sensors and masks, each tile at a place of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from ackd.data.tiles import load_tiles
from ackd.data.tiles.options import PairsOptions
from ackd.errors import ConfigError, DataError

SIDE = 16
CRS = "EPSG:32631"
NAMES = ("a1", "a2", "b1", "b2", "c1")


def origin(number: int) -> tuple[float, float]:
    """The upper left corner of a tile: side by side, 0.5 m pixels."""
    return 592000.0 + number * SIDE * 0.5, 5749000.0


def write_tif(path: Path, pixels: np.ndarray, number: int = 0, **about: Any) -> Path:
    """Write (C, H, W) with coordinates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = about.pop("names", None)
    mask = about.pop("mask", None)
    known = {
        "driver": "GTiff",
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype.name,
        "crs": CRS,
        "transform": from_origin(*origin(number), 0.5, 0.5),
    }
    with rasterio.open(path, "w", **{**known, **about}) as file:
        file.write(pixels)
        if names:
            file.descriptions = names
        if mask is not None:
            file.write_mask(mask)
    return path


def optical_of(number: int, bands: int = 3) -> np.ndarray:
    """(bands, SIDE, SIDE) uint8, never 0."""
    draw = np.random.default_rng([1, number])
    return draw.integers(1, 256, (bands, SIDE, SIDE), dtype=np.uint8)


def sar_of(number: int, bands: int = 2) -> np.ndarray:
    """(bands, SIDE, SIDE) float32 decibels around -12."""
    draw = np.random.default_rng([2, number])
    return draw.normal(-12, 3, (bands, SIDE, SIDE)).astype(np.float32)


def mask_of(number: int) -> np.ndarray:
    """(1, SIDE, SIDE) uint8 of 0 and 1; that of tile 4 has no 1."""
    draw = np.random.default_rng([3, number])
    return (draw.random((1, SIDE, SIDE)) < (0.3 if number != 4 else 0)).astype(np.uint8)


def write_pairs(root: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Write ``optical/a1_optical.tif``, ``sar/a1_sar.tif``, ``masks/a1.tif``, ..."""
    for number, name in enumerate(names):
        write_tif(root / "optical" / f"{name}_optical.tif", optical_of(number), number)
        write_tif(root / "sar" / f"{name}_sar.tif", sar_of(number), number)
        write_tif(root / "masks" / f"{name}.tif", mask_of(number), number)
    return root


def asked(root: Path, **options: Any) -> PairsOptions:
    """The options of such a folder, read into memory unless told otherwise."""
    known: dict[str, Any] = {
        "name": "pairs",
        "optical": str(root / "optical"),
        "sar": str(root / "sar"),
        "masks": str(root / "masks"),
        "packed": False,
        "split": "random",
        "val": 0.2,
        "test": 0.2,
    }
    return PairsOptions(**known | options)


def with_pixels(root: Path, side: str, number: int, pixels: np.ndarray, **about: Any) -> None:
    """Write the image of one sensor of a tile anew."""
    write_tif(root / side / f"{NAMES[number]}_{side}.tif", pixels, number, **about)


def refused(root: Path, *texts: str, **options: Any) -> str:
    """Read what must be refused; the error says each of the texts."""
    with pytest.raises((DataError, ConfigError)) as error:
        load_tiles(asked(root, **options))
    for text in texts:
        assert text in str(error.value)
    return str(error.value)
