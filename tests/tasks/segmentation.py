"""A second task, written outside the package: land cover of every pixel, from paired tiles.

Nothing of ackd knows it. It has what tasks of this kind have: two modalities that share a mask,
pixels that are ignored, a loss and metrics over the valid ones, masks that move with their images,
and predictions that are files of their own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
import torchmetrics
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.normalise import flips_and_turns
from ackd.modules.loading import LateLoader
from ackd.tasks import Answers, ClassMetric, Metric, Picture, Task
from ackd.utils.io import write_bytes, write_text

CLASSES = ("ground", "water", "building")
IGNORED = 255
SIZE = 16


# -- the task ----------------------------------------------------------------------------------


def overlaps(predicted: Tensor, target: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Intersection and union of each class in each tile, (N, C), over valid pixels."""
    valid = target != IGNORED
    said, true = (
        torch.stack([(masks == c) & valid for c in range(classes)], dim=1)
        for masks in (predicted, target)
    )
    both, either = (mask.flatten(2).sum(dim=2).double() for mask in (said & true, said | true))
    return both, either


def tile_scores(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    """Mean IoU of each tile over the classes that are there or named, (N,); 1 without any."""
    both, either = overlaps(predicted, target, classes)
    shares = (both / either).nanmean(dim=1)
    return shares.nan_to_num(1.0)


class TileIoU(torchmetrics.Metric):
    """The mean over tiles of their mean IoU."""

    total: Tensor
    tiles: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        for name in ("total", "tiles"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, target: Tensor) -> None:
        self.total += tile_scores(logits.argmax(dim=1), target, self.classes).sum()
        self.tiles += len(target)

    def compute(self) -> Tensor:
        return self.total / self.tiles


def iou_of_classes(answers: Answers, classes: int) -> Tensor:
    both, either = overlaps(answers.outputs, answers.targets, classes)
    return both.sum(dim=0) / either.sum(dim=0)


class PixelLoss(nn.Module):
    """Cross-entropy over valid pixels; 0 where a batch has none."""

    weights: Tensor | None

    def __init__(self, weights: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        weights = self.weights if self.training else None
        total = F.cross_entropy(
            logits, target, weight=weights, ignore_index=IGNORED, reduction="sum"
        )
        return total / (target != IGNORED).sum().clamp(min=1)


class LandCover(Task):
    """One class per pixel, some pixels ignored."""

    name = "land_cover"
    title = "land cover segmentation"
    metrics = (
        Metric(
            "miou", "mean IoU", "mIoU",
            build=lambda classes: MulticlassJaccardIndex(classes, ignore_index=IGNORED),
        ),
        Metric("tile_iou", "mean IoU of a tile", "Tile mIoU", build=TileIoU),
        Metric(
            "accuracy", "pixel accuracy", "Accuracy", percent=False,
            build=lambda classes: MulticlassAccuracy(
                classes, average="micro", ignore_index=IGNORED
            ),
        ),
    )  # fmt: skip
    selected_by = "miou"
    image_metric = "tile_iou"
    class_metrics = (ClassMetric("iou", "IoU", measure=iou_of_classes),)

    def criterion(self) -> nn.Module:
        return PixelLoss(self.class_weights)

    def transform(self, images: Tensor, target: Tensor, augment: Any) -> tuple[Tensor, Tensor]:
        images, target = augment(images, target)
        return images, target

    def answer(self, logits: Tensor) -> Tensor:
        return logits.argmax(dim=1).to(torch.uint8)

    def write_predictions(self, folder: Path, answers: Answers, files: Sequence[str]) -> None:
        scores = tile_scores(answers.outputs, answers.targets, len(self.classes))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["file", "tile_iou", "valid"])
        valid = (answers.targets != IGNORED).flatten(1).sum(dim=1)
        for file, mask, score, count in zip(files, answers.outputs, scores, valid, strict=True):
            place = folder / "predictions" / f"{file}.npy"
            place.parent.mkdir(parents=True, exist_ok=True)
            array = io.BytesIO()
            np.save(array, mask.numpy())
            write_bytes(place, array.getvalue())
            writer.writerow([file, f"{score:.6f}", int(count)])
        write_text(folder / "predictions.csv", text.getvalue())

    def pictures(self, answers: Answers, data: Any) -> list[Picture]:
        """A row per tile: image, truth, prediction; ignored pixels are grey."""
        colors = np.full((256, 3), 128, dtype=np.uint8)
        colors[: len(self.classes)] = np.eye(3, dtype=np.uint8) * 255
        rows = answers.rows[:4].numpy()
        shown = [
            data.visible(rows),
            *(colors[m[:4].numpy()] for m in (answers.targets, answers.outputs)),
        ]
        return [Picture("test/tiles", np.concatenate(np.concatenate(shown, axis=2), axis=0))]


class Mistakes(LandCover):
    """The same with the share of wrong pixels, of which less is better."""

    name = "mistakes"
    metrics = (
        Metric(
            "error", "pixel error", "Error", higher_is_better=False,
            build=lambda classes: _Error(classes, average="micro", ignore_index=IGNORED),
        ),
        *LandCover.metrics,
    )  # fmt: skip
    selected_by = "error"


class _Error(MulticlassAccuracy):
    def compute(self) -> Tensor:
        return 1 - super().compute()


# -- the data ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tiles:
    """Paired tiles with masks, as a reader of such a data set would return them.

    Attributes:
        optical: (N, 3, H, W) uint8.
        sar: (N, 2, H, W) float32, dB.
        masks: (N, H, W) int64, 255 where a pixel is ignored.
        split: (N,).
    """

    optical: npt.NDArray[np.uint8]
    sar: npt.NDArray[np.float32]
    masks: npt.NDArray[np.int64]
    split: npt.NDArray[np.int8]

    def rows(self, split: int) -> npt.NDArray[np.int64]:
        return np.flatnonzero(self.split == split).astype(np.int64)

    def names(self, split: int) -> dict[int, str]:
        return {int(row): f"tile_{row:03d}" for row in self.rows(split)}


def tiles(count: int = 40, seed: int = 0) -> Tiles:
    """Blocks of classes; speckle and noise; a swath edge without data, which is ignored."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(3, (count, 4, 4), p=(0.5, 0.3, 0.2))
    masks = blocks.repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2).astype(np.int64)
    level = np.array([[90, 100, 60], [30, 50, 110], [170, 160, 150]])[masks].transpose(0, 3, 1, 2)
    optical = (level + rng.normal(0, 25, level.shape)).clip(0, 255).astype(np.uint8)
    decibel = np.array([[-11.0, -17.0], [-19.0, -25.0], [-4.0, -13.0]])[masks].transpose(0, 3, 1, 2)
    sar = (decibel + 10 * np.log10(rng.gamma(4, 0.25, decibel.shape))).astype(np.float32)
    for tile, width in enumerate(rng.integers(0, 5, count)):
        masks[tile, :, :width] = IGNORED
        sar[tile, :, :, :width] = 0
    split = np.resize(np.array([TRAIN, TRAIN, TRAIN, VAL, TEST], dtype=np.int8), count)
    return Tiles(optical, sar, masks, split)


class _Pairs(Dataset[dict[str, Tensor]]):
    def __init__(self, found: Tiles) -> None:
        self.tiles = found

    def __getitem__(self, rows: Sequence[int]) -> dict[str, Tensor]:
        index = np.asarray(rows, dtype=np.int64)
        masks = torch.from_numpy(self.tiles.masks[index])
        return {
            "optical": torch.from_numpy(self.tiles.optical[index]).float() / 128 - 1,
            "sar": torch.from_numpy(self.tiles.sar[index]) / 10 + 1,
            "optical_target": masks, "sar_target": masks,
            "optical_index": torch.from_numpy(index), "sar_index": torch.from_numpy(index),
        }  # fmt: skip


class _Order(Sampler[list[int]]):
    """Batches of rows; shuffled as a function of seed and epoch alone, so that runs go on."""

    def __init__(self, rows: npt.NDArray[np.int64], batch_size: int, seed: int | None) -> None:
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        rows = self.rows
        if self.seed is not None:
            rows = np.random.default_rng([self.seed, self.epoch]).permutation(rows)
        for start in range(0, len(rows), self.batch_size):
            yield rows[start : start + self.batch_size].tolist()


class PairedTiles(pl.LightningDataModule):
    """Serves both modalities of the same tiles with their mask; flips and turns in training."""

    def __init__(self, found: Tiles, task: Task, *, seed: int = 0, augment: bool = True) -> None:
        super().__init__()
        self.tiles, self.task, self.seed, self.augment = found, task, seed, augment

    def _loader(self, split: int, seed: int | None = None) -> LateLoader:
        # A plain DataLoader would read the first batch before it is told which epoch it is in.
        order = _Order(self.tiles.rows(split), 8, seed)
        return LateLoader(_Pairs(self.tiles), sampler=order, batch_size=None)

    def train_dataloader(self) -> LateLoader:
        return self._loader(TRAIN, self.seed)

    def val_dataloader(self) -> LateLoader:
        return self._loader(VAL)

    def test_dataloader(self) -> LateLoader:
        return self._loader(TEST)

    def on_after_batch_transfer(self, batch: dict[str, Tensor], _: int) -> dict[str, Tensor]:
        """Both modalities and their mask move together."""
        if not (self.augment and self.trainer is not None and self.trainer.training):
            return batch
        bands = batch["optical"].shape[1]
        both = torch.cat([batch["optical"], batch["sar"]], dim=1)
        both, masks = self.task.transform(both, batch["sar_target"], flips_and_turns)
        optical, sar = both[:, :bands], both[:, bands:]
        moved = {"optical": optical, "sar": sar, "optical_target": masks, "sar_target": masks}
        return batch | moved

    def visible(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """(N, H, W, 3) for pictures."""
        return self.tiles.optical[rows].transpose(0, 2, 3, 1)


class Network(nn.Module):
    """Three convolutions with batch norm and dropout; logits (B, C, H, W)."""

    def __init__(self, bands: int, classes: int = len(CLASSES), width: int = 12) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(bands, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Dropout2d(0.1), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, classes, 1),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits
