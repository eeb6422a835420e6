"""Overall accuracy and macro F1, by torchmetrics."""

from __future__ import annotations

from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MultilabelF1Score,
)

__all__ = ["classification_metrics", "selection_metric"]


def classification_metrics(classes: int, *, multilabel: bool, prefix: str) -> MetricCollection:
    """Metrics of a scene classifier that takes raw logits.

    Args:
        classes: Number of classes.
        multilabel: Several labels an image: macro F1 only, a label counts from sigmoid 0.5 on.
        prefix: E.g. ``"val/"``.
    """
    if multilabel:
        f1 = MultilabelF1Score(num_labels=classes, average="macro", threshold=0.5)
        return MetricCollection({"f1": f1}, prefix=prefix)
    return MetricCollection(
        {
            "oa": MulticlassAccuracy(num_classes=classes, average="micro"),
            "f1": MulticlassF1Score(num_classes=classes, average="macro"),
        },
        prefix=prefix,
    )


def selection_metric(*, multilabel: bool) -> str:
    """The validation metric that chooses the checkpoint; higher is better."""
    return "val/f1" if multilabel else "val/oa"
