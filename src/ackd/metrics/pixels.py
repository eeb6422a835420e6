"""Measures of segmentation from counts of pixels."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
import torchmetrics
from torch import Tensor

from ackd.errors import unknown

__all__ = ["PixelCounts", "PixelMeasure", "PixelMetric", "pixel_counts", "pixel_metrics"]

PixelMeasure = Literal[
    "iou", "iou_tile_mean", "precision", "recall", "prevalence", "all_positive_iou"
]


class PixelCounts(NamedTuple):
    """Numbers of valid pixels, int64; see :func:`pixel_counts` for their shape.

    Attributes:
        tp: True positives: of the class, and said to be.
        fp: False positives: not of the class, but said to be.
        fn: False negatives: of the class, but not said to be.
        tn: True negatives: neither.
    """

    tp: Tensor
    fp: Tensor
    fn: Tensor
    tn: Tensor


def pixel_counts(
    prediction: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    *,
    classes: int = 1,
    per_tile: bool = False,
) -> PixelCounts:
    """Count the valid pixels by what they are and what they are said to be.

    Args:
        prediction: Any shape, e.g. (B, H, W) or (B, 1, H, W): bool, or integers. Classes from 0 to
            ``classes`` - 1, or 0 and 1 for a single class. Scores need a threshold or argmax first.
        target: The same shape, in the same way; floating-point numbers are accepted if they are
            whole. Pixels that are not valid may hold anything.
        valid: The same shape, bool; None for all.
        classes: How many classes exclude each other; 1 for a class against everything else.
        per_tile: Count each image of the batch by itself.

    Returns:
        tp, fp, fn, tn, scalars; (classes,) for several classes, each against all others; with
        ``per_tile`` a first dimension B is added.

    Raises:
        TypeError: The prediction holds scores, or ``valid`` is not bool.
        ValueError: Shapes differ, or a valid pixel has a value that is not a class.
    """
    _check(prediction, target, valid)
    valid = torch.ones_like(target, dtype=torch.bool) if valid is None else valid
    for name, labels in (("prediction", prediction), ("target", target)):
        _require_classes(name, labels[valid], max(classes, 2))
    if classes == 1:
        return PixelCounts(*_counts_of(1, prediction, target, valid, per_tile))
    each = [_counts_of(c, prediction, target, valid, per_tile) for c in range(classes)]
    return PixelCounts(*(torch.stack(counts, dim=-1) for counts in zip(*each, strict=True)))


def _counts_of(
    label: int, prediction: Tensor, target: Tensor, valid: Tensor, per_tile: bool
) -> list[Tensor]:
    said, true = prediction == label, target == label
    masks = (said & true, said & ~true, ~said & true, ~said & ~true)
    kept = (mask & valid for mask in masks)
    return [mask.flatten(1).sum(dim=1) if per_tile else mask.sum() for mask in kept]


class PixelMetric(torchmetrics.Metric):
    """A measure of segmentation, from the counts of all valid pixels of all tiles and ranks.

    With TP, FP, FN and TN of a class, summed over all tiles:

    - ``iou``: TP / (TP + FP + FN)
    - ``precision``: TP / (TP + FP); ``recall``: TP / (TP + FN)
    - ``prevalence``: (TP + FN) / (TP + FP + FN + TN), the share of the class
    - ``all_positive_iou``: the IoU of saying the class everywhere, which any result must be held
      against. TP becomes TP + FN then and FP becomes FP + TN: it equals the prevalence.

    ``iou_tile_mean`` is the mean over tiles of each tile's IoU, without the tiles in which the
    class neither is nor is said to be. It gives a tile with one house the weight of a city.

    The IoU is that of Nair and Haensch (CVPR Workshops), of the class alone: a mean with the
    background, or all pixels of both classes together, is several times higher where the class is
    rare. A value of 0 / 0 is NaN.

    Args:
        measure: One of the six.
        classes: 1 for one logit a pixel, where above 0 is a yes; else (B, classes, H, W) logits.
        of: The class to measure if there are several; None for the mean over those with a value.
        ignore_index: Target value of pixels that do not count.

    Raises:
        ConfigError: The measure is unknown.
        ValueError: There is no class ``of``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    counts: Tensor
    tile_iou: Tensor
    tiles: Tensor

    def __init__(
        self,
        measure: PixelMeasure = "iou",
        classes: int = 1,
        of: int | None = None,
        ignore_index: int = 255,
    ) -> None:
        super().__init__()
        if measure not in get_args(PixelMeasure):
            raise unknown("measure of pixels", str(measure), get_args(PixelMeasure), "measure")
        if classes < 1:
            raise ValueError(f"classes must be at least 1, but it is {classes}.")
        if of is not None and not 0 <= of < classes:
            raise ValueError(f"of={of} is not one of the {classes} classes, 0 to {classes - 1}.")
        self.measure, self.classes, self.of, self.ignore_index = measure, classes, of, ignore_index
        # Metrics with the same states are updated once in a MetricCollection.
        self.add_state("counts", torch.zeros(4, classes, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("tile_iou", torch.zeros(classes, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("tiles", torch.zeros(classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Count a batch.

        Args:
            logits: (B, 1, H, W) for one class, or (B, classes, H, W).
            target: (B, H, W) or (B, 1, H, W), ``ignore_index`` where a pixel does not count.
            valid: The same shape, bool; pixels that count, if others do not either.
        """
        if logits.ndim != 4 or logits.shape[1] != self.classes:
            raise ValueError(
                f"logits must have the shape (B, {self.classes}, H, W), but it has "
                f"{tuple(logits.shape)}."
            )
        prediction = logits[:, 0] > 0 if self.classes == 1 else logits.argmax(dim=1)
        target = _maps(target)
        keep = target != self.ignore_index
        if valid is not None:
            keep = keep & _maps(valid)
        counts = torch.stack(
            pixel_counts(prediction, target, keep, classes=self.classes, per_tile=True)
        ).view(4, len(target), self.classes)
        tp, fp, fn, _ = counts
        union = tp + fp + fn
        self.counts += counts.sum(dim=1)
        self.tile_iou += (tp.double() / union.clamp(min=1)).sum(dim=0)
        self.tiles += (union > 0).sum(dim=0)

    def compute(self) -> Tensor:
        """The measure of one class, or its mean over classes: a scalar, float64."""
        values = self.per_class()
        return values.nanmean() if self.of is None else values[self.of]

    def per_class(self) -> Tensor:
        """The measure of each class, (classes,) float64, NaN for 0 / 0."""
        tp, fp, fn, tn = self.counts.double()
        share, whole = {
            "iou": (tp, tp + fp + fn),
            "iou_tile_mean": (self.tile_iou, self.tiles),
            "precision": (tp, tp + fp),
            "recall": (tp, tp + fn),
            "prevalence": (tp + fn, tp + fp + fn + tn),
            "all_positive_iou": (tp + fn, tp + fp + fn + tn),  # the same number
        }[self.measure]
        return torch.div(share, whole)


def pixel_metrics(
    classes: int = 1, of: int | None = None, ignore_index: int = 255, prefix: str | None = None
) -> torchmetrics.MetricCollection:
    """All measures of :class:`PixelMetric` side by side, which count each batch once.

    Args:
        classes: See :class:`PixelMetric`.
        of: See :class:`PixelMetric`.
        ignore_index: See :class:`PixelMetric`.
        prefix: Of their names, e.g. ``"val/"``.
    """
    measures: tuple[PixelMeasure, ...] = get_args(PixelMeasure)
    return torchmetrics.MetricCollection(
        {name: PixelMetric(name, classes, of, ignore_index) for name in measures}, prefix=prefix
    )


def _maps(value: Tensor) -> Tensor:
    """(B, H, W), without the channel."""
    return value.squeeze(1) if value.ndim == 4 and value.shape[1] == 1 else value


def _check(prediction: Tensor, target: Tensor, valid: Tensor | None) -> None:
    if prediction.is_floating_point():
        raise TypeError(
            f"prediction holds {prediction.dtype}: classes are counted, and scores do not say "
            "where the threshold is. Give logits > 0, probabilities > 0.5, or argmax."
        )
    if valid is not None and valid.dtype != torch.bool:
        raise TypeError(
            f"valid must hold bool, True where a pixel counts, but it holds {valid.dtype}. A mask "
            "of 0 and 1 becomes one by .bool()."
        )
    if target.shape != prediction.shape or (valid is not None and valid.shape != target.shape):
        shapes = [tuple(each.shape) for each in (prediction, target, valid) if each is not None]
        raise ValueError(
            "prediction, target and valid must have the same shape, but they have "
            f"{', '.join(map(str, shapes))}."
        )


def _require_classes(name: str, labels: Tensor, classes: int) -> None:
    """Refuse values that are not classes: they would count as negatives without a word."""
    wrong = (labels < 0) | (labels >= classes)
    if labels.is_floating_point():
        wrong = ~(labels == labels.round()) | wrong
    if bool(wrong.any()):
        raise ValueError(
            f"{name} holds {labels[wrong][0].item():g} at a valid pixel, but classes run from 0 to "
            f"{classes - 1}. If that value means 'ignore', set valid to False there."
        )
