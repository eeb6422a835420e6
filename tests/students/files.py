"""``student.pt`` of both tasks, written without a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ackd.backbones import build_backbone
from ackd.segmentation import build_network

SEVERAL = "multi-label scene classification"
SIZE = 24
SAR_MEAN, SAR_STD = (-12.0, -18.0), (4.0, 5.0)


def scene_file(path: Path, **changed: Any) -> Path:
    """A student of three classes that was trained on RGB images of 24 pixels."""
    classes = changed.pop("classes", ["forest", "river", "town"])
    backbone = {"name": "shufflenetv2_x0_5", "head": "paper", "pretrained": False}
    torch.manual_seed(1)
    network = build_backbone(**backbone, bands=3, classes=len(classes))
    # With the first statistics of batch normalization it would say the same of every image.
    for _ in range(0 if "state_dict" in changed else 40):
        network(torch.randn(8, 3, SIZE, SIZE))
    content: dict[str, Any] = {
        "format": 2, "task": "scene classification", "backbone": backbone, "sensor": "rgb",
        "bands": ["R", "G", "B"], "classes": classes, "size": SIZE,
        "resize": {"height": SIZE, "width": SIZE}, "nodata": "error", "rgb_max": None,
        "mean": torch.tensor([90.0, 100.0, 80.0])[:, None, None],
        "std": torch.tensor([50.0, 45.0, 40.0])[:, None, None],
        "test": {"oa": 0.9, "f1": 0.88}, "ackd": "0.1.0", "state_dict": network.state_dict(),
        **changed,
    }  # fmt: skip
    torch.save({key: value for key, value in content.items() if value != "left out"}, path)
    return path


def tile_file(path: Path, **changed: Any) -> Path:
    """A student that finds buildings in decibels of VV and VH."""
    classes = changed.pop("classes", ["ground", "building"])
    network = {"name": "tiny", "width": 4}
    torch.manual_seed(2)
    built = build_network(**network, bands=2, classes=len(classes))
    for _ in range(40):
        built(torch.randn(2, 2, 32, 32))
    content: dict[str, Any] = {
        "format": 2, "task": "segmentation", "network": network, "stride": built.stride,
        "sensor": "sar", "bands": ["VV", "VH"], "classes": classes, "size": [32, 32],
        "unit": "db", "nodata": None, "zero_is_nodata": True,
        "mean": torch.tensor(SAR_MEAN)[:, None, None], "std": torch.tensor(SAR_STD)[:, None, None],
        "test": {"iou": 0.4}, "ackd": "0.1.0", "state_dict": built.state_dict(), **changed,
    }  # fmt: skip
    torch.save({key: value for key, value in content.items() if value != "left out"}, path)
    return path
