"""What the labels are: all that lies between what a network says and a number in a report."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ackd.tasks.description import MetricDescription, TaskDescription

if TYPE_CHECKING:  # it loads matplotlib, for which readers of results need not wait
    import torchmetrics
    from torchmetrics import MetricCollection

__all__ = ["Answers", "Augment", "ClassMetric", "ConfusionChart", "Metric", "Picture", "Task"]

Augment = Callable[..., Any]
"""Images (B, C, H, W), and any maps (B, ..., H, W) that move with them, to the same, augmented.

Called with images alone it returns a tensor, with maps as well a tuple, as the transforms of
torchvision.transforms.v2 do.
"""


class Answers(NamedTuple):
    """What a network says of the test images, in ascending order of their rows, on the CPU.

    Attributes:
        rows: (N,) int64 of the data set.
        outputs: (N, ...) what :meth:`Task.answer` keeps of each image.
        targets: (N, ...) the labels.
    """

    rows: Tensor
    outputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Metric(MetricDescription):
    """A metric with the way in which it is measured.

    Attributes:
        build: Makes it from the number of classes; it is updated with logits and target. None where
            it is not defined for these labels: its value is null.
        interval: Its 95 % confidence interval over the choice of test images, from the value and
            the answers; None where there is no formula for it.
    """

    build: Callable[[int], torchmetrics.Metric] | None = None
    interval: Callable[[float, Answers], tuple[float, float]] | None = None


@dataclass(frozen=True)
class ClassMetric(MetricDescription):
    """A metric of each class, a table of its own in the report.

    Attributes:
        measure: From the answers and the number of classes C to (C,), NaN where a class has no
            value.
    """

    measure: Callable[[Answers, int], Tensor] = field(kw_only=True)


@dataclass(frozen=True)
class Picture:
    """An image for the dashboards.

    Attributes:
        name: Its key, e.g. ``"test/tiles"``.
        image: (H, W, 3) uint8.
        caption: What it shows.
    """

    name: str
    image: npt.NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True)
class ConfusionChart:
    """Which class is taken for which: a chart in W&B, a table in TensorBoard.

    Attributes:
        name: Its key, e.g. ``"test/confusion"``.
        true: (N,) int64 classes.
        predicted: (N,) int64 classes.
        classes: Their names.
    """

    name: str
    true: Tensor
    predicted: Tensor
    classes: tuple[str, ...]

    @property
    def counts(self) -> Tensor:
        """(C, C) int64, rows the true class, columns the predicted one."""
        size = len(self.classes)
        return torch.bincount(self.true * size + self.predicted, minlength=size**2).view(size, size)


class Task(ABC):
    """A kind of labels: loss, metrics, choice of the epoch, predictions and pictures.

    A new metric is one entry of ``metrics``. It is then logged, stored in ``result.json`` and shown
    in every table. A new kind of labels is a subclass, which need not be part of ackd.

    Attributes:
        name: A word for it, stored with results.
        title: The same for readers.
        metrics: In the order of tables.
        selected_by: The metric that chooses the epoch, on validation images.
        image_metric: The metric that is the mean of a score of each test image; None without one.
        class_metrics: Metrics of each class, with a table each.
        brief: Names of the metrics that a narrow table shows, such as that of a sweep; all of them
            where there are none.
        trivial: The metric that says what a network reaches that has learned nothing.
        sigmoid: Whether classes are judged each by itself; otherwise they exclude each other.
        smooths_labels: Whether label smoothing is defined for these labels.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    selected_by: ClassVar[str]
    image_metric: ClassVar[str | None] = None
    class_metrics: ClassVar[tuple[ClassMetric, ...]] = ()
    brief: ClassVar[tuple[str, ...]] = ()
    trivial: ClassVar[str | None] = None
    sigmoid: ClassVar[bool] = False
    smooths_labels: ClassVar[bool] = False

    def __init__(
        self,
        classes: Sequence[str],
        *,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
    ) -> None:
        """Describe the labels of one data set.

        Args:
            classes: Names, in the order of the labels.
            label_smoothing: Share of the target that goes to all classes alike, in training.
            class_weights: (classes,) weights of the classes in training.

        Raises:
            ValueError: Smoothing is not defined here, or the weights do not fit the classes.
        """
        if label_smoothing and not self.smooths_labels:
            raise ValueError(f"label_smoothing={label_smoothing} is not defined for {self.title}.")
        if class_weights is not None and len(class_weights) != len(classes):
            raise ValueError(
                f"class_weights has {len(class_weights)} values, but there are {len(classes)} "
                "classes."
            )
        self.classes = tuple(classes)
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    @classmethod
    def description(cls) -> TaskDescription:
        """What readers of results need."""
        metrics, class_metrics = (
            tuple(MetricDescription.of(metric) for metric in each)
            for each in (cls.metrics, cls.class_metrics)
        )
        return TaskDescription(
            cls.name, cls.title, metrics, cls.selected_by, cls.image_metric, class_metrics,
            cls.brief, cls.trivial,
        )  # fmt: skip

    @property
    def monitor(self) -> str:
        """The logged value that chooses the epoch, e.g. ``"val/oa"``."""
        return self.description().monitor

    @property
    def mode(self) -> Literal["max", "min"]:
        """``"max"`` or ``"min"``: in which direction it does."""
        return self.description().mode

    # -- training ------------------------------------------------------------------------------

    @abstractmethod
    def criterion(self) -> nn.Module:
        """Make the loss against the target: ``loss(logits, target)`` is a scalar.

        Weights and smoothing belong to training: in eval mode it is the plain loss, which can be
        compared between runs. It has no entry in a state_dict.
        """

    @classmethod
    def balanced(cls, labels: Iterable[Any], classes: int) -> Tensor:
        """Weigh classes by how rare they are (``class_weights=balanced``).

        Args:
            labels: Of the training images, one after the other; all masks of a data set would not
                fit into memory.
            classes: How many there are.

        Returns:
            (classes,) float32.

        Raises:
            NotImplementedError: The task has no rule for it.
        """
        raise NotImplementedError(f"class_weights=balanced is not defined for {cls.title}.")

    def counted(self, target: Tensor) -> Tensor | None:
        """How many labels the loss of a batch is the mean of.

        Batches, of several processes too, are weighted by it, so that each label counts alike.

        Args:
            target: (B, ...) the labels.

        Returns:
            A scalar; None where it is the same for all batches of as many images.
        """
        return None

    def transform(self, images: Tensor, target: Tensor, augment: Augment) -> tuple[Tensor, Tensor]:
        """Augment a batch in training.

        Here a label is one of the whole image, and stays when the image is flipped, turned or
        cropped. A task whose labels are maps returns ``augment(images, target)``.

        Args:
            images: (B, C, H, W).
            target: (B, ...) their labels.
            augment: See :data:`Augment`.
        """
        return augment(images), target

    # -- measuring -----------------------------------------------------------------------------

    def measures(self, prefix: str) -> MetricCollection:
        """Make the metrics, to be updated with logits and target.

        Args:
            prefix: Of their names, e.g. ``"val/"``.
        """
        from torchmetrics import MetricCollection

        built: dict[str, torchmetrics.Metric | MetricCollection] = {
            metric.name: metric.build(len(self.classes)) for metric in self.metrics if metric.build
        }
        return MetricCollection(built, prefix=prefix)

    def values(self, measured: Mapping[str, Any], prefix: str) -> dict[str, float | None]:
        """Find the metrics among logged values.

        One that is not defined here is None, and so is one without a value (NaN), such as the IoU
        of a class that neither is there nor is predicted.

        Args:
            measured: E.g. what ``Trainer.test`` returns.
            prefix: Of their names there.
        """
        found: dict[str, float | None] = {}
        for metric in self.metrics:
            value = float(measured[f"{prefix}{metric.name}"]) if metric.build else math.nan
            found[metric.name] = None if math.isnan(value) else value
        return found

    def intervals(
        self, values: Mapping[str, float | None], answers: Answers
    ) -> dict[str, list[float] | None]:
        """95 % confidence intervals over the choice of test images, for metrics that have one."""
        return {
            metric.name: None
            if metric.interval is None or (value := values[metric.name]) is None
            else list(metric.interval(value, answers))
            for metric in self.metrics
        }

    def by_class(self, answers: Answers) -> dict[str, dict[str, float | None]]:
        """Measure each class by itself (``class_metrics``).

        Args:
            answers: Of all test images.

        Returns:
            By metric and class; None for a class of which nothing can be said.
        """
        found: dict[str, dict[str, float | None]] = {}
        for metric in self.class_metrics:
            values = metric.measure(answers, len(self.classes)).tolist()
            known = (None if math.isnan(value) else float(value) for value in values)
            found[metric.name] = dict(zip(self.classes, known, strict=True))
        return found

    # -- predictions ---------------------------------------------------------------------------

    def answer(self, logits: Tensor) -> Tensor:
        """What is kept of a batch of test images until the end of the test: (B, ...).

        The logits of all test images in float32; a task with larger ones keeps less.
        """
        return logits.float()

    @abstractmethod
    def write_predictions(self, folder: Path, answers: Answers, files: Sequence[str]) -> None:
        """Write what the network said of each test image.

        ``predictions.csv`` has one line per test image, which starts with the column ``file``. If
        the task has an ``image_metric``, it has the columns ``true`` and ``predicted``, whose
        agreement is the score of an image, or else a column of the scores with the metric's name,
        empty for an image that has none.

        Args:
            folder: Of the run or the stage; files are written whole or not at all.
            answers: Of N images.
            files: Their N names, unique.
        """

    def pictures(self, answers: Answers, data: Any) -> Sequence[Picture | ConfusionChart]:
        """What dashboards show of a test.

        Args:
            answers: Of all test images.
            data: The data module that served them, for pictures that show the images themselves.
        """
        return ()
