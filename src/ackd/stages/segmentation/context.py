"""What every stage of segmentation has at hand: the tiles, and what they mean for the options."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from ackd.config.schema.segmentation import SegmentConfig
from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.row_batches import Indices
from ackd.data.tiles import TileSet, labelled_rows
from ackd.data.tiles.tile_set import Part
from ackd.stages.batches import fitting_batches
from ackd.stages.plan import plan
from ackd.stages.segmentation.tiles import load, packs_of
from ackd.stages.segmentation.training import SegmentTraining
from ackd.stages.stage import Context

__all__ = ["SegmentContext", "open_context"]

log = logging.getLogger("ackd")

SPLITS = {"train": TRAIN, "val": VAL, "test": TEST}


def open_context(config: SegmentConfig, chosen: Collection[str] = ()) -> SegmentContext:
    """Read or make the tiles, and see that batches, networks and layers of the run fit them.

    Args:
        config: The options; the context has them with batches that the tiles fill.
        chosen: The options given on the command line; a batch size among them stays as it is.

    Raises:
        DataError: A folder, a file or a tile is not what it should be.
        ConfigError: The options do not fit the tiles.
    """
    tiles = load(config.data)
    images = dict.fromkeys(config.trained(), len(tiles.rows(TRAIN)))
    images["student"] = len(labelled_rows(tiles, config.labels.fraction, config.seed))
    context = SegmentContext(fitting_batches(config, images, chosen), tiles)
    for stage in plan(context.config):
        stage.check(context)
    return context


@dataclass(frozen=True)
class SegmentContext(Context):
    """The configuration and the tiles of a run; stages take what they need from it."""

    config: SegmentConfig
    tiles: TileSet

    def training(self, stage: str) -> SegmentTraining:
        """What a stage trains with."""
        return SegmentTraining(stage, self.config, self.tiles)

    @cached_property
    def labelled(self) -> Indices:
        """(n,) the rows of the training tiles whose labels the student may see."""
        return labelled_rows(self.tiles, self.config.labels.fraction, self.config.seed)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Of the images of each sensor, of the masks and of the split."""
        return {part: self.tiles.fingerprint(part) for part in get_args(Part)}

    @property
    def notes(self) -> Mapping[str, Any]:
        """Those of the tiles."""
        return self.tiles.notes

    def describe(self) -> dict[str, Any]:
        """The tiles with their splits, the labels, and what the student was shown."""
        config, tiles = self.config, self.tiles
        sizes = {name: len(tiles.rows(split)) for name, split in SPLITS.items()}
        return {
            "kd": [],
            "network": config.network.called,
            "labels": {"fraction": config.labels.fraction, "tiles": len(self.labelled)},
            "shown": {
                "layers": list(config.reconstruction.layers),
                "then": list(config.reconstruction2.layers),
                "start": config.student.start,
                "finetune": config.student.finetune,
            },
            "data": {
                "name": tiles.name,
                "classes": list(tiles.classes),
                "bands": {"optical": list(tiles.optical_bands), "sar": list(tiles.sar_bands)},
                "split_seed": config.data.split_seed,
                "fold": None,
                "split_sizes": {"optical": sizes, "sar": sizes},
                **tiles.notes,
                "partial": bool(tiles.notes.get("partial", False)),
            },
            "protocol": config.data.split,
        }

    def packs(self) -> set[Path]:
        """The packs that the tiles are read from, where ackd keeps them."""
        return packs_of(self.config.data, self.tiles)

    def introduce(self) -> None:
        """Say what the run learns from, and how much of the test ground was seen in training."""
        tiles, config = self.tiles, self.config
        height, width = tiles.size
        log.info(
            "%s: %s; train/val/test %s tiles of %dx%d pixels; optical %d bands, SAR %d bands",
            tiles.name, " and ".join(tiles.classes),
            "/".join(str(len(tiles.rows(split))) for split in SPLITS.values()), height, width,
            len(tiles.optical_bands), len(tiles.sar_bands),
        )  # fmt: skip
        if "student" in config.stages and config.student.finetune != "none":
            count = len(tiles.rows(TRAIN))
            log.info("labels of %d of %d SAR training tiles", len(self.labelled), count)
