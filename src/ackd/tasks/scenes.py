"""Labels of whole images: one class per scene, or several."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ackd.analysis.statistics import f1_interval, wilson
from ackd.tasks.base import Answers, ConfusionChart, Metric, Task
from ackd.utils.io import write_text

if TYPE_CHECKING:  # loaded when a metric is made: readers of results do not need it
    import torchmetrics

__all__ = ["MultiLabelClassification", "SceneClassification"]


class _TargetLoss(nn.Module):
    """A loss whose weights of the classes act in training alone."""

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None, label_smoothing: float) -> None:
        super().__init__()
        # It comes from the options, so checkpoints do not hold it.
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing


class _CrossEntropy(_TargetLoss):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, C) and classes (B,) to a scalar."""
        if not self.training:
            return F.cross_entropy(logits, target)
        return F.cross_entropy(
            logits, target, weight=self.class_weights, label_smoothing=self.label_smoothing
        )


class _BinaryCrossEntropy(_TargetLoss):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, C) and labels (B, C) of 0 and 1 to a scalar."""
        weights = self.class_weights if self.training else None
        return F.binary_cross_entropy_with_logits(
            logits, target.to(logits.dtype), pos_weight=weights
        )


def _overall(classes: int) -> torchmetrics.Metric:
    from torchmetrics.classification import MulticlassAccuracy

    return MulticlassAccuracy(num_classes=classes, average="micro")


def _macro_f1(classes: int) -> torchmetrics.Metric:
    from torchmetrics.classification import MulticlassF1Score

    return MulticlassF1Score(num_classes=classes, average="macro")


def _macro_f1_of_several(classes: int) -> torchmetrics.Metric:
    from torchmetrics.classification import MultilabelF1Score

    return MultilabelF1Score(num_labels=classes, average="macro", threshold=0.5)


def _share_interval(value: float, answers: Answers) -> tuple[float, float]:
    return wilson(value, len(answers.rows))


def _f1_bootstrap(value: float, answers: Answers) -> tuple[float, float]:
    classes = answers.outputs.shape[1]
    true, said = (
        F.one_hot(chosen, classes).bool().numpy()
        for chosen in (answers.targets, answers.outputs.argmax(dim=1))
    )
    return f1_interval(true, said)


def _f1_bootstrap_of_several(value: float, answers: Answers) -> tuple[float, float]:
    true, said = answers.targets.bool().numpy(), (answers.outputs > 0).numpy()
    return f1_interval(true, said, absent_as_zero=True)


class SceneClassification(Task):
    """One class per image: cross-entropy, overall accuracy (OA) and macro F1.

    Weights of classes are those of :func:`torch.nn.functional.cross_entropy`.
    """

    name = "scene"
    title = "scene classification"
    metrics = (
        Metric("oa", "OA", build=_overall, interval=_share_interval),
        Metric("f1", "macro F1", "F1", build=_macro_f1, interval=_f1_bootstrap),
    )
    selected_by = "oa"
    image_metric = "oa"
    smooths_labels = True

    def criterion(self) -> nn.Module:
        """Cross-entropy."""
        return _CrossEntropy(self.class_weights, self.label_smoothing)

    @classmethod
    def balanced(cls, labels: Iterable[Any], classes: int) -> Tensor:
        """N / (C N_c), as scikit-learn has it; a class without an image counts as having one."""
        counts = np.bincount(np.fromiter(labels, dtype=np.int64), minlength=classes)
        weights = counts.sum() / (classes * counts.clip(min=1))
        return torch.as_tensor(weights, dtype=torch.float32)

    def write_predictions(self, folder: Path, answers: Answers, files: Sequence[str]) -> None:
        """Write ``predictions.csv``: file, true class, predicted class, logits."""
        _write_table(
            folder, self.classes, files, answers.outputs,
            (self.classes[int(label)] for label in answers.targets),
            (self.classes[int(torch.argmax(scores))] for scores in answers.outputs),
        )  # fmt: skip

    def pictures(self, answers: Answers, data: Any) -> Sequence[ConfusionChart]:
        """Which class is taken for which."""
        predicted = answers.outputs.argmax(dim=1)
        return [ConfusionChart("test/confusion", answers.targets, predicted, self.classes)]


class MultiLabelClassification(Task):
    """Several classes per image: binary cross-entropy and macro F1; a sigmoid above 0.5 is a yes.

    Weights of classes are those of their positives, ``pos_weight`` of
    :func:`torch.nn.functional.binary_cross_entropy_with_logits`.
    """

    name = "multilabel"
    title = "multi-label scene classification"
    metrics = (
        # Not defined here; null in results, where readers look for it.
        Metric("oa", "OA"),
        Metric(
            "f1", "macro F1", "F1", build=_macro_f1_of_several, interval=_f1_bootstrap_of_several
        ),
    )
    selected_by = "f1"
    sigmoid = True

    def criterion(self) -> nn.Module:
        """Binary cross-entropy on logits."""
        return _BinaryCrossEntropy(self.class_weights, self.label_smoothing)

    @classmethod
    def balanced(cls, labels: Iterable[Any], classes: int) -> Tensor:
        """Negatives per positive; a class without an image counts as having one."""
        present = np.array([*labels], dtype=bool)
        counts = present.sum(axis=0).clip(min=1)
        weights = (len(present) - counts) / counts
        # A class that every image has would not be learned at all.
        return torch.as_tensor(np.where(weights > 0, weights, 1.0), dtype=torch.float32)

    def write_predictions(self, folder: Path, answers: Answers, files: Sequence[str]) -> None:
        """Write ``predictions.csv``: file, true classes and predicted ones with | between."""
        _write_table(
            folder, self.classes, files, answers.outputs,
            (self._named(present) for present in answers.targets.bool()),
            (self._named(scores > 0) for scores in answers.outputs),
        )  # fmt: skip

    def _named(self, present: Tensor) -> str:
        return "|".join(c for c, there in zip(self.classes, present.tolist(), strict=True) if there)


def _write_table(
    folder: Path, classes: tuple[str, ...], files: Sequence[str], logits: Tensor,
    true: Iterable[str], said: Iterable[str],
) -> None:  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "true", "predicted", *classes])
    for file, truth, answer, scores in zip(files, true, said, logits.tolist(), strict=True):
        writer.writerow([file, truth, answer, *(f"{score:.6g}" for score in scores)])
    write_text(folder / "predictions.csv", text.getvalue())
