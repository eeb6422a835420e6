"""Students whose networks are traced in a second, and images for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import ackd
from ackd.backbones import Backbone, Outputs
from ackd.students import SceneStudent, SegmentationStudent
from tests.data.tiles.folders import write_tif
from tests.students.files import SAR_MEAN, SAR_STD, SIZE, scene_file, tile_file

CLASSES = ("forest", "river", "town")


class Small(Backbone):
    """A network of two convolutions with batch normalization between."""

    def __init__(self, bands: int, classes: int, width: int = 8) -> None:
        super().__init__(width, width, bands, classes)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(bands, width, 3, stride=2, padding=1, bias=False),
            torch.nn.BatchNorm2d(width), torch.nn.ReLU6(),
            torch.nn.Conv2d(width, width, 3, padding=1), torch.nn.ReLU(),
        )  # fmt: skip
        self.head = torch.nn.Linear(width, classes)

    def run(self, x: torch.Tensor) -> Outputs:
        maps = self.body(x)
        zbar = maps.mean(dim=(2, 3))
        return Outputs(maps.flatten(2).mT, zbar, self.head(zbar), (12, 12))


TRUST = f"{__name__}.Small"


def small_file(path: Path, **changed: Any) -> Path:
    """A student of scenes with a :class:`Small` network."""
    torch.manual_seed(0)
    network = Small(3, len(CLASSES))
    for _ in range(20):
        network(torch.randn(8, 3, SIZE, SIZE))
    backbone = {"name": "", "_target_": TRUST, "width": 8}
    return scene_file(path, backbone=backbone, state_dict=network.state_dict(), **changed)


def scenes(path: Path, **changed: Any) -> SceneStudent:
    found = ackd.load_student(small_file(path, **changed), trust=TRUST)
    assert isinstance(found, SceneStudent)
    return found


def tiles(path: Path, **changed: Any) -> SegmentationStudent:
    found = ackd.load_student(tile_file(path, **changed))
    assert isinstance(found, SegmentationStudent)
    return found


def write_scenes(root: Path, each: int = 4) -> Path:
    """Folders called like the classes."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for row in range(each):
            pixels = draw.normal(60 + 40 * number, 40, (30, 26, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{row}.png")
    return root


def decibels(height: int, width: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed).normal(size=(2, height, width))
    mean, std = (np.array(each)[:, None, None] for each in (SAR_MEAN, SAR_STD))
    return (mean + std * draw).astype(np.float32)


def write_tiles(root: Path, count: int = 4, *, foreground: int = 1) -> tuple[Path, Path]:
    """Images of several sizes with a hole each, and their masks."""
    (root / "sar").mkdir(parents=True)
    (root / "masks").mkdir()
    for number in range(count):
        pixels = decibels(37 + 8 * (number % 2), 50, number)
        pixels[:, :5, :5] = np.nan
        write_tif(root / "sar" / f"t{number}_sar.tif", pixels)
        mask = np.where(pixels[0] > -12, foreground, 0).astype(np.uint8)
        write_tif(root / "masks" / f"t{number}_mask.tif", mask[None])
    return root / "sar", root / "masks"
