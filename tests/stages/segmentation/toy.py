"""Paired tiles and a network so small that whole runs of segmentation take seconds."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from ackd.config.programs import SEGMENT
from ackd.config.schema.segmentation import SegmentConfig
from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.tiles import IGNORED, TileSet
from ackd.segment import check
from ackd.stages.pipeline import run_pipeline
from ackd.stages.segmentation.context import SegmentContext, open_context
from tests.config.composing import compose_config

SIZE = 32
CLASSES = ("ground", "building")


def tiles(count: int = 30, seed: int = 0) -> TileSet:
    """Bright squares on noise; the first columns of every third tile have no data."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, SIZE, SIZE), np.uint8)
    for mask in masks:
        for top, left in rng.integers(0, SIZE - 10, (2, 2)):
            mask[top : top + 10, left : left + 10] = 1
    noise = rng.normal(0, 20, (count, 3, SIZE, SIZE))
    optical = (80.0 + 120.0 * masks[:, None] + noise).clip(1, 255).astype(np.uint8)
    sar = -15.0 + 9.0 * masks[:, None] + rng.normal(0, 3, (count, 2, SIZE, SIZE))
    valid = np.ones((count, SIZE, SIZE), bool)
    valid[::3, :, :6] = False
    masks[~valid] = IGNORED
    split = np.resize(np.array([TRAIN, TRAIN, TRAIN, VAL, TEST], np.int8), count)
    return TileSet(
        name="toy", optical=optical * valid[:, None], sar=(sar * valid[:, None]).astype(np.float32),
        valid=valid, masks=masks, ids=np.array([f"tile_{i:02d}" for i in range(count)]),
        split=split, classes=CLASSES, optical_bands=("R", "G", "B"), sar_bands=("VV", "VH"),
    )  # fmt: skip


def composed(folder: Path, *overrides: str) -> DictConfig:
    """The default configuration, made small; ``folder`` gets runs and artifacts."""
    made = copy.deepcopy(_composed(overrides))
    for place in ("outputs", "artifacts"):
        OmegaConf.update(made, place, f"{folder}/{place}")
    return made


@lru_cache(maxsize=100)
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    small = [
        "trainer.accelerator=cpu",
        "network.width=4", "epochs.teacher=2", "epochs.reconstruction=2", "epochs.finetune=2",
        *(f"{stage}.batch_size=6" for stage in SegmentConfig.trained()),
        "+trainer.enable_progress_bar=false",
    ]  # fmt: skip
    return compose_config(*small, *overrides, program=SEGMENT)


def config(folder: Path, *overrides: str) -> SegmentConfig:
    found = check(composed(folder, *overrides))
    assert isinstance(found, SegmentConfig)
    return found


def context(folder: Path, *overrides: str, found: TileSet | None = None) -> SegmentContext:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "ackd.stages.segmentation.context.load", lambda _: tiles() if found is None else found
        )
        return open_context(config(folder, *overrides))


def run(folder: Path, *overrides: str, resume: bool = False, name: str = "run") -> dict[str, Any]:
    """Run a row; its folder is ``folder / name``."""
    place = folder / name
    place.mkdir(exist_ok=True, parents=True)
    return run_pipeline(context(folder, *overrides), place, resume=resume)
