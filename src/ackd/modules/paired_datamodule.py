"""One data module for all stages of segmentation: it serves paired tiles, with masks or without."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.row_batches import RowBatches
from ackd.data.tiles import IGNORED, MaskedNormaliser, PairedTiles, TileBatches, TileSet
from ackd.data.tiles.tile_set import Side
from ackd.errors import ConfigError
from ackd.modules.loading import Batch
from ackd.modules.serving import ServingDataModule

__all__ = ["PairedDataModule"]

log = logging.getLogger("ackd")

PARTS = {TRAIN: "training", VAL: "validation", TEST: "test"}


class PairedDataModule(ServingDataModule):
    """Serves tiles of one sensor or of both: windows in training, whole tiles in evaluation.

    See :class:`~ackd.data.tiles.PairedTiles` for what a batch has. In evaluation it also has the
    ``padding`` that makes tiles fit the network's stride, and as many pixels at most as a batch of
    training.
    """

    def __init__(
        self,
        tiles: TileSet,
        side: Literal["optical", "sar", "both"],
        batch_size: int,
        *,
        labels: bool = True,
        labelled: NDArray[np.int64] | None = None,
        crop: int | None = None,
        min_valid: float = 0.0,
        mirror: bool = True,
        quarter_turns: bool = False,
        stride: int = 1,
        normalisers: Mapping[Side, MaskedNormaliser] | None = None,
        seed: int = 0,
        stage: str = "student",
        **loader: Any,
    ) -> None:
        """Describe what is served.

        Args:
            tiles: All tiles, with their split.
            side: The sensor that is seen, or both.
            batch_size: Tiles a batch and rank, in training.
            labels: Whether batches have targets. Without them no mask is ever read.
            labelled: Training rows to which training is limited, see
                :func:`ackd.data.tiles.labelled_rows`; None for all. Validation and test keep all
                their tiles.
            crop: Side of a training window in pixels; None trains on whole tiles.
            min_valid: The share of valid pixels that a training window should have.
            mirror: Whether training windows are mirrored left to right at random.
            quarter_turns: Whether they are also turned at random, which is wrong for SAR.
            stride: Of the network.
            normalisers: By sensor; made from all valid training pixels, labelled or not, if None.
            seed: Of order, windows and mirroring.
            stage: Whose options errors should name.
            **loader: Options of :class:`ServingDataModule`.

        Raises:
            ConfigError: The options do not fit the tiles; the training tiles do not fill a batch;
                or the validation part cannot choose an epoch.
            DataError: No training tile has a valid pixel.
        """
        super().__init__(batch_size, seed=seed, stage=stage, **loader)
        self.tiles = tiles
        self.side = side
        self.labels = labels
        self.labelled = None if labelled is None else np.sort(labelled)
        self.served = PairedTiles(
            tiles, side, labels=labels, crop=crop, min_valid=min_valid, mirror=mirror,
            quarter_turns=quarter_turns, stride=stride, seed=seed, normalisers=normalisers,
        )  # fmt: skip
        self._require_parts()
        self.require_a_batch()
        if labels:
            self._require_classes()
        height, width = tiles.size
        window = (crop or height) * (crop or width)
        self.batch_size_of_evaluation = max(1, batch_size * window // (height * width))

    @property
    def kind(self) -> str:
        """Tiles, of which few may be labelled."""
        return "tiles" if self.labelled is None else "tiles that are labelled"

    def rows(self, split: int) -> NDArray[np.int64]:
        """Rows of a split, of the training part those that training is limited to."""
        if split == TRAIN and self.labelled is not None:
            return self.labelled
        return self.tiles.rows(split)

    def names(self, split: int) -> dict[int, str]:
        """The id of each tile of a split by its row."""
        return {int(row): str(self.tiles.ids[row]) for row in self.rows(split)}

    # -- loaders -------------------------------------------------------------------------------

    def training_batches(self, **how: Any) -> RowBatches[Any]:
        """Requests for windows."""
        return TileBatches(self.rows(TRAIN), self.batch_size, **how)

    def batches_of(self, split: int, **share: Any) -> RowBatches[Any]:
        """Requests for whole tiles."""
        return TileBatches(self.rows(split), self.batch_size_of_evaluation, **share)

    def reads(self) -> Dataset[Batch]:
        """The tiles."""
        return self.served

    def on_after_batch_transfer(
        self, batch: dict[str, Tensor], dataloader_idx: int
    ) -> dict[str, Any]:
        """Say of whole tiles how wide their border is."""
        training = self.trainer is not None and self.trainer.training
        return batch if training else {**batch, "padding": self.served.padding}

    # -- what cannot be learned from -----------------------------------------------------------

    def _require_parts(self) -> None:
        for split, part in PARTS.items():
            rows = self.rows(split)
            if not len(rows):
                raise ConfigError(
                    f"{self.tiles.name} has no {part} tile; choose another split (data.split)."
                )
            empty = len(rows) - self._with_data(rows)
            if empty == len(rows):
                raise ConfigError(
                    f"None of the {len(rows)} {part} tiles of {self.tiles.name} has a valid pixel; "
                    "look at the nodata value, and at the split (data.split)."
                )
            if empty:
                log.info(
                    "%d of %d %s tiles have no valid pixel; they have no part in the %s",
                    empty, len(rows), part, "loss" if split == TRAIN else "measures",
                )  # fmt: skip

    def _with_data(self, rows: NDArray[np.int64]) -> int:
        """How many of some tiles have a valid pixel."""
        known = self.tiles.moments.get("sar")
        if known is not None:
            return int((np.asarray(known[0])[rows] > 0).sum())
        return sum(bool(np.asarray(self.tiles.valid[row]).any()) for row in rows.tolist())

    def _require_classes(self) -> None:
        """See that validation can choose an epoch, and say where the test measures nothing.

        Where a class is nowhere in the validation part, its IoU is 0 in every epoch or has no value
        at all, and the first epoch would be chosen without a word.
        """
        classes = self.tiles.classes
        # Of two classes, the second one is measured.
        measured = classes[1:] if len(classes) == 2 else classes
        for split in (TRAIN, VAL, TEST):
            missing = self._missing(self.rows(split), [classes.index(name) for name in measured])
            if not missing:
                continue
            names = ", ".join(classes[label] for label in missing)
            tiles = f"the {len(self.rows(split))} {PARTS[split]} tiles of {self.tiles.name}"
            if len(missing) == len(measured) and split != TEST:
                does = "chosen by their IoU" if split == VAL else "learned"
                raise ConfigError(
                    f"None of {tiles} has a valid pixel of {names}, so nothing could be {does}; "
                    "choose another split (data.split, data.split_seed)"
                    + (", or more labels (labels.fraction)." if self.labelled is not None else ".")
                )
            then = "be learned" if split == TRAIN else "be measured"
            log.warning("none of %s has a valid pixel of %s, which cannot %s", tiles, names, then)

    def _missing(self, rows: NDArray[np.int64], labels: list[int]) -> list[int]:
        """Those of some classes that none of the tiles shows; stops as soon as all were seen."""
        assert self.tiles.masks is not None  # PairedTiles has looked
        missing = set(labels)
        for row in rows.tolist():
            if not missing:
                break
            counts = np.bincount(np.asarray(self.tiles.masks[row]).ravel(), minlength=IGNORED + 1)
            missing -= set(np.flatnonzero(counts).tolist())
        return sorted(missing)
