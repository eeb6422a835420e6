"""What a stage of segmentation trains with: tiles of one sensor with masks, or pairs without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ackd.config.schema.segmentation import SegmentConfig, SegmenterConfig
from ackd.data.benchmark import TEST, TRAIN
from ackd.data.tiles import TileSet, labelled_rows
from ackd.data.tiles.tile_set import Side
from ackd.modules.execution import memory_format_of, prepare
from ackd.modules.paired_datamodule import PairedDataModule
from ackd.segmentation import SegmentationNetwork, build_network
from ackd.stages.class_weights import weights_of_classes
from ackd.stages.training import Training
from ackd.tasks import SegmentationTask, segmentation_task_of

__all__ = ["SegmentTraining"]

#: The side of a stage that sees pairs, and no labels.
BOTH = "both"


@dataclass(frozen=True)
class SegmentTraining(Training):
    """What one stage trains with.

    Attributes:
        name: Of the stage.
        config: Of the run.
        tiles: All tiles with their split; a stage without labels does not look at the masks.
    """

    config: SegmentConfig
    tiles: TileSet

    @property
    def sensor(self) -> Side:
        """What its network sees."""
        return "sar" if self.side == BOTH else cast(Side, self.side)

    @property
    def notes(self) -> Mapping[str, Any]:
        """Those of the tiles."""
        return self.tiles.notes

    def test_names(self) -> Mapping[int, str]:
        """The id of each test tile by its row."""
        return self.tiles.names(TEST)

    @property
    def data(self) -> PairedDataModule:
        """Serves the tiles.

        Raises:
            ConfigError: The options do not fit the tiles, or these do not fill a batch.
        """
        return self._data

    @cached_property
    def _data(self) -> PairedDataModule:
        options, labels = self.config.data, self.side != BOTH
        side = cast(Literal["optical", "sar", "both"], self.side)
        labelled = None
        if self.name == "student":
            # The teacher keeps all its labels; what is limited is labelled SAR.
            labelled = labelled_rows(self.tiles, self.config.labels.fraction, self.config.seed)
        return PairedDataModule(
            self.tiles if labels else self.tiles.without_labels(),
            side,
            self.options.batch_size,
            labels=labels,
            labelled=labelled,
            crop=options.crop,
            min_valid=options.min_valid,
            mirror=options.mirror,
            quarter_turns=options.quarter_turns,
            stride=self.stride,
            seed=self.seed,
            stage=self.name,
            **self.config.loader.model_dump(),
        )

    @cached_property
    def stride(self) -> int:
        """Of the network."""
        with torch.random.fork_rng(devices=[]):
            return self.network().stride

    def network(self, side: Side | None = None, *, start: str | None = None) -> SegmentationNetwork:
        """Build the network for the images of a sensor.

        Args:
            side: The sensor; None for that of the stage.
            start: ``"imagenet"`` or a file of weights; None for random ones.

        Raises:
            ConfigError: An option of it is wrong, or the weights cannot be had.
        """
        config = self.config
        network = build_network(
            **config.network.model_dump(), bands=len(self.tiles.bands(side or self.sensor)),
            classes=len(self.tiles.classes), weights=None if start == "random" else start,
        )  # fmt: skip
        layout = memory_format_of(config.execution.memory_format, config.trainer.get("accelerator"))
        prepare(network, layout, compiled=config.execution.compile)
        return network

    def task(self) -> SegmentationTask:
        """What the masks are, with their loss, metrics and predictions.

        Raises:
            ConfigError: There is another number of weights than of classes.
            TypeError: The stage does not learn from masks.
        """
        options, classes = self.options, self.tiles.classes
        if not isinstance(options, SegmenterConfig):
            raise TypeError(f"the {self.name} does not learn from masks")
        kind = segmentation_task_of(classes)
        weights = weights_of_classes(options.class_weights, kind, self._masks(), classes, self.name)
        return kind(classes, label_smoothing=options.label_smoothing, class_weights=weights)

    def _masks(self) -> Iterator[NDArray[np.uint8]]:
        """Those of the training part one after the other: together they may not fit into memory."""
        assert self.tiles.masks is not None
        for row in self.data.rows(TRAIN).tolist():
            yield np.asarray(self.tiles.masks[row])

    def shape(self) -> dict[str, Any]:
        """What shapes any network that is trained on tiles, for its fingerprint."""
        data = self.config.data
        return {
            "network": self.config.network.model_dump(mode="json"),
            "windows": {
                "crop": data.crop, "min_valid": data.min_valid, "mirror": data.mirror,
                "quarter_turns": data.quarter_turns,
            },
            "splits": self.tiles.fingerprint("splits"),
            **super().shape(),
        }  # fmt: skip

    def check(self) -> None:
        """See that the options fit the tiles, and that an epoch has a step.

        Raises:
            ConfigError: They do not, before hours are spent.
        """
        if isinstance(self.options, SegmenterConfig):
            self.task()
        self.require_steps(len(self.data.rows(TRAIN)), self.data.batch_size)
