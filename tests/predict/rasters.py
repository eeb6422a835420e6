"""Students and small rasters whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.transform import from_origin
from torch import Tensor, nn

import ackd
from ackd.segmentation import SegmentationNetwork
from ackd.segmentation.base import FIN, MID
from ackd.students import SceneStudent, SegmentationStudent
from tests.data.tiles.folders import write_tif
from tests.students.files import SAR_MEAN, SAR_STD, scene_file, tile_file

CRS = "EPSG:32631"
PLACE = from_origin(592000.0, 5749000.0, 0.5, 0.5)
#: Decibels of the two bands that the student below takes for ground, and for a building.
GROUND, BUILDING = (-16.0, -23.0), (-8.0, -13.0)


class Pixelwise(SegmentationNetwork):
    """Sees a pixel, or a few around it: what it says of a window is what it says of the image."""

    def __init__(self, bands: int = 2, channels: int = 1, reach: int = 0) -> None:
        super().__init__(bands, channels, 1, (MID, FIN))
        side = 2 * reach + 1
        self.convolution = nn.Conv2d(bands, channels, side, padding=reach)
        with torch.no_grad():
            self.convolution.weight.fill_(2.0 / side**2)
            self.convolution.bias.fill_(0.1)  # type: ignore[union-attr]
            if channels > 1:
                self.convolution.weight *= torch.linspace(-1, 1, channels)[:, None, None, None]
        self.windows = 0
        self.shapes: set[tuple[int, ...]] = set()

    def modules_of(self, layer: str) -> Sequence[nn.Module]:
        """All is of the logits."""
        return [self.convolution] if layer == FIN else []

    def run(self, images: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        """One convolution, and a count of what it sees."""
        self.windows += len(images)
        self.shapes.add(tuple(images.shape[2:]))
        return {FIN: self.convolution(images)}


def segmenter(folder: Path, *, reach: int = 0, **changed: Any) -> SegmentationStudent:
    """A student of VV and VH that finds what is bright in both."""
    student = ackd.load_student(tile_file(folder / "student.pt", **changed))
    assert isinstance(student, SegmentationStudent)
    channels = len(student.classes) if len(student.classes) > 2 else 1
    student.network = Pixelwise(2, channels, reach).requires_grad_(False).eval()
    return student


def classifier(folder: Path, **changed: Any) -> SceneStudent:
    """A student of photographs of 24 pixels."""
    student = ackd.load_student(scene_file(folder / "scenes.pt", **changed))
    assert isinstance(student, SceneStudent)
    return student


def smooth(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """(2, H, W) decibels of noise around those of training."""
    draw = np.random.default_rng(seed).normal(size=(2, height, width))
    mean, std = (np.array(each)[:, None, None] for each in (SAR_MEAN, SAR_STD))
    return (mean + std * draw).astype(np.float32)


def town(height: int, width: int, boxes: Sequence[tuple[int, int, int, int]]) -> NDArray[Any]:
    """(2, H, W) decibels: ground with buildings at (row, column, height, width)."""
    image = np.empty((2, height, width), np.float32)
    image[:] = np.array(GROUND)[:, None, None]
    for row, col, down, across in boxes:
        image[:, row : row + down, col : col + across] = np.array(BUILDING)[:, None, None]
    return image


def write(path: Path, pixels: NDArray[Any], **about: Any) -> Path:
    """A GeoTIFF with pixels of 0.5 m in UTM 31."""
    return write_tif(path, pixels, **{"crs": CRS, "transform": PLACE, **about})


def read(path: Path) -> NDArray[Any]:
    """All bands."""
    with rasterio.open(path) as file:
        pixels: NDArray[Any] = file.read()
    return pixels


def features(path: Path) -> list[dict[str, Any]]:
    """Of a GeoJSON."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["features"]
    return found
