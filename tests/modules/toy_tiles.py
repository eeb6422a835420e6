"""Paired tiles and a network so small that a training takes a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.tiles import IGNORED, TileSet
from ackd.segmentation import SegmentationNetwork
from ackd.segmentation.layered import LayeredNetwork

CLASSES = ("ground", "building")
BANDS = {"optical": 3, "sar": 2}


def tile_set(count: int = 20, size: int = 16, seed: int = 0, classes: Any = CLASSES) -> TileSet:
    """Blocks of classes that both sensors see; swath edges of different widths."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(len(classes), (count, size // 4, size // 4))
    masks = blocks.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
    valid = np.ones((count, size, size), dtype=bool)
    for tile, width in enumerate(rng.integers(0, size // 2, count)):
        valid[tile, :, :width] = False
    optical = 60.0 + 80 * masks[:, None] + rng.normal(0, 20, (count, 3, size, size))
    sar = -18.0 + 9 * masks[:, None] + rng.normal(0, 3, (count, 2, size, size))
    keep = valid[:, None]
    return TileSet(
        "toy", np.where(keep, optical, 0).clip(0, 255).astype(np.uint8),
        np.where(keep, sar, 0).astype(np.float32), valid, np.where(valid, masks, IGNORED),
        np.array([f"tile_{n:02d}" for n in range(count)]),
        np.resize(np.array([TRAIN, TRAIN, TRAIN, VAL, TEST], dtype=np.int8), count),
        tuple(classes), ("R", "G", "B"), ("VV", "VH"),
    )  # fmt: skip


class Joined(nn.Module):
    """Doubles the resolution and looks at a skip as well."""

    def __init__(self, width: int, *, norm: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        mix = nn.Conv2d(2 * width, width, 3, padding=1, bias=not norm)
        self.mix = nn.Sequential(mix, *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU())

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        mixed: Tensor = self.mix(torch.cat([self.up(below), beside], dim=1))
        return mixed


def network(
    bands: int, channels: int = 1, *, norm: bool = True, seed: int = 0, width: int = 6
) -> SegmentationNetwork:
    """Layers e1, mid, d1 and fin; with batch normalization and dropout, or without either."""
    torch.manual_seed(seed)
    extra = [nn.BatchNorm2d(width), nn.Dropout2d(0.1)] if norm else []
    later = [nn.BatchNorm2d(width)] if norm else []
    first = nn.Conv2d(bands, width, 3, padding=1, bias=not norm)
    encoder = nn.Sequential(first, *extra, nn.ReLU())
    second = nn.Conv2d(width, width, 3, padding=1, bias=not norm)
    middle = nn.Sequential(nn.MaxPool2d(2), second, *later)
    return LayeredNetwork(
        {
            "e1": (encoder, ["images"]), "mid": (middle, ["e1"]),
            "d1": (Joined(width, norm=norm), ["mid", "e1"]),
            "fin": (nn.Conv2d(width, channels, 1), ["d1"]),
        },
        bands, channels, 2,
    )  # fmt: skip


def buffers_and_parameters(of: SegmentationNetwork, layers: Any) -> dict[str, Tensor]:
    """Copies of everything that belongs to some layers."""
    return {
        f"{layer}.{place}.{name}": value.detach().clone()
        for layer in layers
        for place, module in enumerate(of.modules_of(layer))
        for name, value in module.state_dict().items()
    }
