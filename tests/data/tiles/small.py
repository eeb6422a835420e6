"""A small tile set in memory whose every pixel says where it is from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.tiles import IGNORED, TileSet


def tile_set(count: int = 12, height: int = 24, width: int = 20, **other: Any) -> TileSet:
    """Two optical and three SAR bands: row * 10000 + y * 100 + x, and the band after the point."""
    place = np.arange(height)[:, None] * 100.0 + np.arange(width)
    whole = np.arange(count)[:, None, None] * 10000.0 + place + 1
    sar = np.stack([whole + 0.25 * band for band in range(3)], axis=1).astype(np.float32)
    optical = np.stack([np.broadcast_to(place + band, whole.shape) for band in range(2)], axis=1)
    valid = np.ones((count, height, width), bool)
    valid[:, :3, :5] = False
    valid[1] = False
    masks = (np.indices((count, height, width)).sum(axis=0) % 3 == 0).astype(np.uint8)
    masks[~valid] = IGNORED
    split = np.array([TRAIN, TRAIN, TRAIN, VAL, TEST, TRAIN] * count, np.int8)[:count]
    about: dict[str, Any] = {
        "name": "small",
        "optical": np.where(valid[:, None], optical, 0).astype(np.uint16),
        "sar": np.where(valid[:, None], sar, 0).astype(np.float32),
        "valid": valid,
        "masks": masks,
        "ids": np.array([f"tile_{row}" for row in range(count)]),
        "split": split,
        "classes": ("other", "building"),
        "optical_bands": ("R", "G"),
        "sar_bands": ("HH", "HV", "VV"),
    }
    return TileSet(**about | other)
