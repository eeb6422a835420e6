"""Files in the publishers' layouts, made of tiny images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.transform import from_origin

from ackd.data.datasets.class_map import load_class_map
from ackd.data.sensors import EUROSAT_BANDS
from ackd.data.sources.eurosat import EUROSAT_MS

PLACE = from_origin(500_000, 5_500_000, 10, 10)


def write_tif(
    path: Path,
    pixels: NDArray[Any],
    nodata: float | None = None,
    interleave: str = "pixel",
    descriptions: Sequence[str] | None = None,
) -> Path:
    """Write (C, H, W) as a GeoTIFF; ``descriptions`` names its bands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = pixels.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=bands,
        height=height,
        width=width,
        dtype=pixels.dtype,
        nodata=nodata,
        crs="EPSG:32632",
        transform=PLACE,
        interleave=interleave,
    ) as dataset:
        dataset.write(pixels)
        if descriptions is not None:
            dataset.descriptions = descriptions
    return path


def write_jpg(path: Path, seed: int = 0, size: int = 8) -> Path:
    """Write a photograph of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def ms_pixels(seed: int = 0, size: int = 8) -> NDArray[np.uint16]:
    """Thirteen bands in EuroSAT's file order; the thousands tell the position in the file."""
    noise = np.random.default_rng(seed).integers(0, 100, (len(EUROSAT_BANDS), size, size))
    return (noise + 1000 * np.arange(1, 14)[:, None, None]).astype(np.uint16)


def write_eurosat_ms(
    root: Path, per_class: int | Mapping[str, int] = 6, folder: str = "EuroSAT_MS"
) -> Path:
    """``EuroSAT_MS/<Class>/<Class>_<n>.tif``, n from 1."""
    for label, count in _counts(per_class).items():
        for number in range(1, count + 1):
            path = root / folder / label / f"{label}_{number}.tif"
            write_tif(path, ms_pixels(number))
    return root / folder


def write_eurosat_rgb(
    root: Path, per_class: int | Mapping[str, int] = 12, folder: str = "EuroSAT_RGB"
) -> Path:
    """``EuroSAT_RGB/<Class>/<Class>_<n>.jpg``; equal n is a twin of the tif."""
    for label, count in _counts(per_class).items():
        for number in range(1, count + 1):
            write_jpg(root / folder / label / f"{label}_{number}.jpg", number)
    return root / folder


def write_nwpu(root: Path, per_class: int = 2, extra: Iterable[str] = ("airplane",)) -> Path:
    """``NWPU-RESISC45/<class>/<class>_001.jpg``: the mapped classes and some of the others."""
    folder = root / "NWPU-RESISC45"
    for label in (*load_class_map("s2s_eu").rgb["nwpu_resisc45"], *extra):
        for number in range(1, per_class + 1):
            write_jpg(folder / label / f"{label}_{number:03}.jpg", number)
    return folder


def write_patternnet(root: Path, per_class: int = 2, inner: str = "images") -> Path:
    """``PatternNet/images/<class>/<class>001.jpg``; ``inner=""`` leaves the folder out."""
    folder = root / "PatternNet" / inner
    for label in (*load_class_map("s2s_eu").rgb["patternnet"], "oil_well"):
        for number in range(1, per_class + 1):
            write_jpg(folder / label / f"{label}{number:03}.jpg", number)
    return root / "PatternNet"


def _counts(per_class: int | Mapping[str, int]) -> Mapping[str, int]:
    if isinstance(per_class, int):
        return dict.fromkeys(EUROSAT_MS.classes, per_class)
    return per_class
