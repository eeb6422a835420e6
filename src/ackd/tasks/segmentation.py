"""Labels that are masks: a class for each pixel, with pixels that do not count."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ackd.analysis.statistics import mean_interval, ratio_interval
from ackd.data.tiles import IGNORED
from ackd.losses import masked_bce, masked_cross_entropy
from ackd.tasks.base import Answers, Augment, ClassMetric, Metric, Picture, Task
from ackd.tasks.mask_files import write_masks, write_table
from ackd.tasks.tile_pictures import draw_tiles

if TYPE_CHECKING:  # loaded when a metric is made: readers of results do not need it
    import torchmetrics

    from ackd.metrics import PixelCounts, PixelMeasure

__all__ = ["MulticlassSegmentation", "SegmentationTask"]

TILES_AT_ONCE = 16  # counted together; all masks of large tiles would take much memory


class _MaskedLoss(nn.Module):
    """A loss over valid pixels, whose weights of classes and smoothing act in training alone."""

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None, label_smoothing: float) -> None:
        super().__init__()
        # They come from the options, so checkpoints do not hold them.
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing


class _MaskedBCE(_MaskedLoss):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, 1, H, W) and masks (B, H, W) to a scalar."""
        valid = target != IGNORED
        if not self.training:
            return masked_bce(logits, target, valid)
        shares = target.float() * (1 - self.label_smoothing) + self.label_smoothing / 2
        return masked_bce(logits, shares, valid, self.class_weights)


class _MaskedCrossEntropy(_MaskedLoss):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, C, H, W) and masks (B, H, W) to a scalar."""
        valid = target != IGNORED
        weights, smoothing = self.class_weights, self.label_smoothing
        if not self.training:
            weights, smoothing = None, 0.0
        return masked_cross_entropy(logits, target, valid, weights, smoothing)


def _pixels(measure: PixelMeasure) -> Callable[[int], torchmetrics.Metric]:
    def build(classes: int) -> torchmetrics.Metric:
        from ackd.metrics import PixelMetric

        return PixelMetric(measure, _channels(classes), ignore_index=IGNORED)

    return build


def _channels(classes: int) -> int:
    """Two classes are one against everything else."""
    return 1 if classes == 2 else classes


def _count(answers: Answers, classes: int) -> PixelCounts:
    """Pixels of each test tile that count: (N,), or (N, classes) of several classes."""
    from ackd.metrics import PixelCounts, pixel_counts

    parts = []
    for start in range(0, len(answers.outputs), TILES_AT_ONCE):
        chosen = slice(start, start + TILES_AT_ONCE)
        said, true = answers.outputs[chosen], answers.targets[chosen]
        parts.append(pixel_counts(said, true, true != IGNORED, classes=classes, per_tile=True))
    return PixelCounts(*(torch.cat(counts) for counts in zip(*parts, strict=True)))


def _wholes(counts: PixelCounts) -> dict[str, Tensor]:
    """What the true positives are a share of."""
    tp, fp, fn, _ = counts
    return {"iou": tp + fp + fn, "precision": tp + fp, "recall": tp + fn}


class SegmentationTask(Task):
    """One class against everything else: a logit for each pixel and the IoU of the class.

    The loss is the binary cross-entropy over valid pixels. The metrics are those of the second
    class; the IoU is that of all valid pixels of all tiles together. Beside it always stand the
    mean over tiles, precision, recall, how much of the ground the class covers, and the IoU of
    saying it everywhere, without which no IoU can be read. A metric that is 0 / 0 has no value.

    Weights of classes multiply the loss of their pixels. Label smoothing moves the target towards
    one half.
    """

    name = "segmentation"
    title = "segmentation"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("iou", "IoU", pooled=("tp", "fp", "fn"), build=_pixels("iou")),
        Metric("iou_tile_mean", "mean IoU of a tile", "Tile IoU", build=_pixels("iou_tile_mean")),
        Metric(
            "precision", "precision", "Precision", pooled=("tp", "fp"), build=_pixels("precision")
        ),
        Metric("recall", "recall", "Recall", pooled=("tp", "fn"), build=_pixels("recall")),
        Metric("prevalence", "share of the class", "Prevalence", build=_pixels("prevalence")),
        Metric(
            "all_positive_iou", "IoU of the class everywhere", "All-positive IoU",
            build=_pixels("all_positive_iou"),
        ),
    )  # fmt: skip
    selected_by = "iou"
    image_metric: ClassVar[str | None] = "iou_tile_mean"
    brief = ("iou", "precision", "recall")
    trivial: ClassVar[str | None] = "all_positive_iou"
    smooths_labels = True

    def __init__(
        self,
        classes: Sequence[str],
        *,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
    ) -> None:
        """Describe the classes, see :class:`Task`.

        Raises:
            ValueError: There are more or less classes than this task is for.
        """
        if not self._fits(len(classes)):
            raise ValueError(
                f"{type(self).__name__} is not for the {len(classes)} classes "
                f"{', '.join(classes)}; ackd.tasks.segmentation_task_of(classes) chooses the task."
            )
        super().__init__(classes, label_smoothing=label_smoothing, class_weights=class_weights)

    @staticmethod
    def _fits(classes: int) -> bool:
        return classes == 2

    @property
    def channels(self) -> int:
        """Of the logits: 1 for two classes."""
        return _channels(len(self.classes))

    # -- training ------------------------------------------------------------------------------

    def criterion(self) -> nn.Module:
        """Binary cross-entropy over valid pixels."""
        return _MaskedBCE(self.class_weights, self.label_smoothing)

    @classmethod
    def balanced(cls, labels: Iterable[Any], classes: int) -> Tensor:
        """1, and pixels without the class per pixel with it.

        Args:
            labels: N masks (H, W) of the training tiles.
            classes: How many there are.
        """
        negatives, positives = _pixels_of_classes(labels, classes)
        return torch.tensor([1.0, max(1, negatives) / max(1, positives)])

    def counted(self, target: Tensor) -> Tensor:
        """Valid pixels."""
        return (target != IGNORED).sum()

    def transform(self, images: Tensor, target: Tensor, augment: Augment) -> tuple[Tensor, Tensor]:
        """Masks move with their images."""
        images, target = augment(images, target)
        return images, target

    # -- measuring -----------------------------------------------------------------------------

    def intervals(
        self, values: Mapping[str, float | None], answers: Answers
    ) -> dict[str, list[float] | None]:
        """By bootstrap over tiles: pixels of one tile are not independent of each other."""
        found = super().intervals(values, answers)
        counts = self.tile_counts(answers)
        for name, whole in _wholes(counts).items():
            if values.get(name) is not None:
                found[name] = _pooled_interval(counts.tp, whole)
        tile_mean = self.image_metric
        if tile_mean is not None and values.get(tile_mean) is not None:
            scores = _tile_iou(counts)
            scores = scores[~scores.isnan()]
            found[tile_mean] = list(mean_interval(scores.numpy())) if len(scores) > 1 else None
        return found

    def tile_counts(self, answers: Answers) -> PixelCounts:
        """Count the valid pixels of each test tile: (N,), or (N, classes) of several classes."""
        return _count(answers, self.channels)

    # -- predictions ---------------------------------------------------------------------------

    def answer(self, logits: Tensor) -> Tensor:
        """The class of each pixel, (B, H, W) uint8: logits of all test tiles would fill memory."""
        return (logits.squeeze(1) > 0).to(torch.uint8)

    def write_predictions(self, folder: Path, answers: Answers, files: Sequence[str]) -> None:
        """Write a mask for each tile and a table of their counts.

        ``predictions/<file>.png`` has the class of each pixel as its value, shown in the class's
        color, and 255 (grey) where a pixel does not count. ``predictions.csv`` has a line per tile:
        its IoU (empty where the class neither is nor is predicted), true and false positives and
        negatives, and valid pixels.
        """
        counts = self.tile_counts(answers)
        scores = _tile_iou(counts)
        columns = {
            str(self.image_metric): [_text(score) for score in scores.tolist()],
            **{name: list(map(str, of.tolist())) for name, of in counts._asdict().items()},
            "valid": list(map(str, torch.stack(list(counts)).sum(dim=0).tolist())),
        }
        write_table(folder, files, columns)
        write_masks(folder, answers, files, len(self.classes))

    def pictures(self, answers: Answers, data: Any) -> Sequence[Picture]:
        """Some tiles: both images, truth, and prediction with its errors."""
        return [draw_tiles(answers, self.classes, data)]


class MulticlassSegmentation(SegmentationTask):
    """Several classes that exclude each other: cross-entropy and the mean of their IoUs.

    Measures are the mean over classes of what :class:`SegmentationTask` measures of one, without
    classes that have no value. Each class has tables of its own.
    """

    name = "multiclass_segmentation"
    title = "segmentation of several classes"
    metrics = (
        Metric("iou", "mean IoU", "mIoU", build=_pixels("iou")),
        Metric("precision", "mean precision", "Precision", build=_pixels("precision")),
        Metric("recall", "mean recall", "Recall", build=_pixels("recall")),
    )
    image_metric = None
    trivial = None
    class_metrics = tuple(
        ClassMetric(name, title, measure=measure)
        for name, title, measure in (
            ("iou", "IoU", lambda answers, classes: _by_class(answers, classes, "iou")),
            (
                "precision", "precision",
                lambda answers, classes: _by_class(answers, classes, "precision"),
            ),
            ("recall", "recall", lambda answers, classes: _by_class(answers, classes, "recall")),
        )
    )  # fmt: skip

    @staticmethod
    def _fits(classes: int) -> bool:
        return classes > 2

    def criterion(self) -> nn.Module:
        """Cross-entropy over valid pixels."""
        return _MaskedCrossEntropy(self.class_weights, self.label_smoothing)

    @classmethod
    def balanced(cls, labels: Iterable[Any], classes: int) -> Tensor:
        """N / (C N_c) of the valid pixels; a class without a pixel counts as having one."""
        counts = np.maximum(_pixels_of_classes(labels, classes), 1)
        return torch.as_tensor(counts.sum() / (classes * counts), dtype=torch.float32)

    def answer(self, logits: Tensor) -> Tensor:
        """The class of each pixel, (B, H, W) uint8."""
        return logits.argmax(dim=1).to(torch.uint8)

    def write_predictions(self, folder: Path, answers: Answers, files: Sequence[str]) -> None:
        """Write a mask for each tile and a table of the IoU of each class in it."""
        counts = self.tile_counts(answers)
        shares = counts.tp.double() / _wholes(counts)["iou"]
        valid = torch.stack(list(counts)).sum(dim=0)[:, 0]
        columns = {"valid": list(map(str, valid.tolist()))} | {
            f"iou {name}": [_text(score) for score in of.tolist()]
            for name, of in zip(self.classes, shares.T, strict=True)
        }
        write_table(folder, files, columns)
        write_masks(folder, answers, files, len(self.classes))


def _tile_iou(counts: PixelCounts) -> Tensor:
    """(N,) float64, NaN for a tile in which the class neither is nor is predicted."""
    return counts.tp.double() / _wholes(counts)["iou"]


def _by_class(answers: Answers, classes: int, measure: str) -> Tensor:
    counts = _count(answers, classes)
    return counts.tp.sum(dim=0).double() / _wholes(counts)[measure].sum(dim=0)


def _pooled_interval(part: Tensor, whole: Tensor) -> list[float] | None:
    over, under = (each.reshape(len(each), -1).double().numpy() for each in (part, whole))
    # One tile tells nothing of other ones.
    return list(ratio_interval(over, under)) if (under.sum(axis=1) > 0).sum() > 1 else None


def _pixels_of_classes(masks: Iterable[Any], classes: int) -> npt.NDArray[np.int64]:
    """(classes,) valid pixels of masks (H, W)."""
    counts = np.zeros(IGNORED + 1, dtype=np.int64)
    for mask in masks:
        counts += np.bincount(np.asarray(mask).reshape(-1), minlength=IGNORED + 1)
    return counts[:classes]


def _text(score: float) -> str:
    return "" if math.isnan(score) else f"{score:.6f}"
